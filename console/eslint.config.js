import jsxA11y from 'eslint-plugin-jsx-a11y'
import reactHooks from 'eslint-plugin-react-hooks'
import tseslint from 'typescript-eslint'

export default tseslint.config(
  { ignores: ['dist', 'src/api/schema.d.ts', 'public'] },
  ...tseslint.configs.recommended,
  reactHooks.configs.flat.recommended,
  jsxA11y.flatConfigs.recommended,
  {
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_', argsIgnorePattern: '^_' }],
      // A scrolling region must be reachable by keyboard, and a sign-in page has one obvious first field.
      'jsx-a11y/no-noninteractive-tabindex': ['error', { roles: ['region'], tags: [] }],
      'jsx-a11y/no-autofocus': 'off',
      'no-console': 'error',
      eqeqeq: 'error',
      // The API has one caller: src/api/client.ts.
      'no-restricted-globals': ['error', { name: 'fetch', message: 'Call the generated client in src/api/client.ts.' }],
    },
  },
  { files: ['src/apiconsole/**'], rules: { 'no-restricted-globals': 'off' } },
)
