import { expect, signIn, test } from '../support/test'

test('a wrong password is refused in words', async ({ page, newPerson }) => {
  const person = await newPerson()
  await page.goto('/')
  await signIn(page, { ...person, password: 'not it' })
  await expect(page.getByRole('alert')).toContainText('Invalid login or password')
  await expect(page.getByRole('textbox', { name: 'Password' })).toHaveValue('')
})

test('signing in leads to the page that was asked for, signing out ends the session', async ({ page, newPerson }) => {
  const person = await newPerson()
  await page.goto('/rules?kind=vpatch')
  await expect(page.getByRole('heading', { name: 'Sign in to Bartizan' })).toBeVisible()
  await signIn(page, person)
  await expect(page.getByRole('heading', { level: 1, name: 'Rules' })).toBeVisible()
  await expect(page).toHaveURL(/\/rules\?kind=vpatch/)

  await page.getByRole('button', { name: /^Account menu/ }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await expect(page.getByRole('heading', { name: 'Sign in to Bartizan' })).toBeVisible()
  expect((await page.request.get('/v1/session')).status()).toBe(401)
})

test('a session that ended leads back to sign-in and then to the same page', async ({ page, newPerson }) => {
  const person = await newPerson()
  await page.goto('/nodes')
  await signIn(page, person)
  await expect(page.getByRole('heading', { level: 1, name: 'Nodes' })).toBeVisible()

  await page.context().clearCookies()
  await page.getByRole('link', { name: 'IP lists' }).click()
  await expect(page.getByText('Your session ended.')).toBeVisible()
  await signIn(page, person)
  await expect(page.getByRole('heading', { level: 1, name: 'IP lists' })).toBeVisible()
})

test('what a role may not do is disabled and says why', async ({ page, newPerson }) => {
  await page.goto('/nodes')
  await signIn(page, await newPerson())
  const create = page.getByRole('button', { name: 'Create node' })
  await expect(create).toHaveAttribute('aria-disabled', 'true')
  await expect(create).toHaveAccessibleDescription('Your role cannot add nodes')
})

test('nobody is led to another site by signing in', async ({ page, newPerson }) => {
  await page.goto('/sign-in?redirect=https%3A%2F%2Fevil.example%2F')
  await signIn(page, await newPerson())
  await expect(page.getByRole('heading', { level: 1, name: 'Attacks' })).toBeVisible()
})

test('a refused single sign-on tells whether it is the account or the company that has none', async ({ page }) => {
  await page.goto('/login?error=saml_auth_not_found&clientid=3')
  await expect(page.getByRole('alert')).toContainText('Your company has no single sign-on here')
  await page.goto('/login?error=saml_auth_not_found&userid=5')
  await expect(page.getByRole('alert')).toContainText('Single sign-on is not switched on for your account')
})

test('the role for adding nodes has the pages of its own account, and is told why', async ({ page, api }) => {
  const person = { email: `deployer-${Date.now()}@browser.test`, password: 'Turret-9-Wall' }
  const answer = await api.post('/v1/objects/user/create', { data: { ...person, realname: 'Dora Deploy', permissions: ['deploy'] } })
  expect(answer.status()).toBe(200)
  await page.goto('/attacks')
  await signIn(page, person)
  await expect(page.getByRole('heading', { level: 2, name: 'API credentials' })).toBeVisible()
  await expect(page.getByText('Your role is for adding nodes by programs.')).toBeVisible()
  await expect(page.getByRole('tab')).toHaveText(['API credentials', 'My sign-in'])
  await expect(page.getByRole('link', { name: 'Attacks' })).toBeHidden()
  await page.getByRole('tab', { name: 'My sign-in' }).click()
  await expect(page.getByRole('button', { name: 'Change password' })).toBeVisible()
  await page.goto('/settings/users')
  await expect(page.getByRole('heading', { level: 2, name: 'API credentials' })).toBeVisible()
  await expect(page.getByText('did not load')).toBeHidden()
})
