import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

const page = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// Paths that belong to the cloud; in development they are passed to a running one.
const cloud = 'http://127.0.0.1:8080'
const cloudPaths = ['/v1', '/v2', '/v3', '/v4', '/openapi.json']

export default defineConfig({
  base: '/',
  plugins: [react()],
  build: {
    // The content security policy allows fonts and scripts from files only.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1600,
    // The licences of everything bundled travel with it.
    license: { fileName: 'licenses.txt' },
    rollupOptions: {
      input: {
        console: page('index.html'),
        apiconsole: page('apiconsole/index.html'),
      },
    },
  },
  server: {
    proxy: Object.fromEntries(cloudPaths.map((path) => [path, cloud])),
  },
  test: {
    environment: 'node',
    include: ['src/**/*.test.{ts,tsx}'],
  },
})
