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
