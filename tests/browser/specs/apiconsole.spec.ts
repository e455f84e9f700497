import { request } from '@playwright/test'
import { expect, test, type Person } from '../support/test'

test('signed out, the API Console says how to sign in', async ({ page }) => {
  await page.goto('/apiconsole/')
  await expect(page.getByRole('status')).toContainText('Sign in to the Console, then refresh this page')
  await expect(page.getByRole('link', { name: 'Sign in to the Console' })).toHaveAttribute('href', '/sign-in')
  await expect(page.getByRole('button', { name: 'Authorize' })).toBeVisible()
})

test('signed in, "Try it out" works without typing anything', async ({ console: page, demo }) => {
  const outside: string[] = []
  page.on('request', (request) => {
    if (!request.url().startsWith(demo.console_url) && !request.url().startsWith('data:')) outside.push(request.url())
  })
  const violations: string[] = []
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) violations.push(message.text())
  })
  await page.goto('/apiconsole/')
  await expect(page.getByRole('status')).toContainText('Requests are sent as you')

  // Only operations in view are drawn, so the list is narrowed first.
  await page.getByPlaceholder('Filter by tag or path').fill('Users')
  const operation = page.locator('.opblock-get').filter({ has: page.locator('[data-path="/v1/user"]') })
  await operation.getByRole('button').first().click()
  await operation.getByRole('button', { name: 'Try it out' }).click()
  const call = page.waitForRequest((request) => request.url().endsWith('/v1/user'))
  await operation.getByRole('button', { name: 'Execute' }).click()
  expect((await call).headers()['authorization']).toMatch(/^Bearer bzs_/)
  await expect(operation.locator('.live-responses-table .response .response-col_status')).toContainText('200')
  await expect(operation.locator('.live-responses-table')).toContainText(demo.email)

  const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]))
  expect(stored).not.toContain('bzs_')
  expect(outside).toEqual([])
  expect(violations).toEqual([])
})

test('the help menu leads to the API Console, grouped and signed in', async ({ console: page }) => {
  await page.goto('/attacks')
  await page.getByRole('button', { name: 'Help' }).click()
  const opened = page.waitForEvent('popup')
  await page.getByRole('menuitem', { name: 'API Console' }).click()
  const apiConsole = await opened
  await expect(apiConsole.getByRole('status')).toContainText('Requests are sent as you')
  // Groups are drawn when they come into view, so each is looked for; the document is read first.
  const find = apiConsole.getByPlaceholder('Filter by tag or path')
  await expect(find).toBeVisible({ timeout: 30_000 })
  for (const group of ['Sessions', 'Users', 'API tokens']) {
    await find.fill(group)
    await expect(apiConsole.locator('.opblock-tag').filter({ hasText: group }).first()).toBeVisible({ timeout: 30_000 })
  }
})

test('keys entered under Authorize are used instead of the session', async ({ page, demo }) => {
  await page.goto('/apiconsole/')
  await page.getByRole('button', { name: 'Authorize' }).click()
  const form = page.locator('.auth-container').filter({ hasText: 'X-WallarmApi-Token' })
  await form.getByRole('textbox').fill(demo.api_token)
  await form.getByRole('button', { name: 'Apply credentials' }).click()
  await page.locator('.modal-ux').getByRole('button', { name: 'Close' }).last().click()

  // Only operations in view are drawn, so the list is narrowed first.
  await page.getByPlaceholder('Filter by tag or path').fill('Users')
  const operation = page.locator('.opblock-get').filter({ has: page.locator('[data-path="/v1/user"]') })
  await operation.getByRole('button').first().click()
  await operation.getByRole('button', { name: 'Try it out' }).click()
  await operation.getByRole('button', { name: 'Execute' }).click()
  await expect(operation.locator('.live-responses-table .response .response-col_status')).toContainText('200')
})

interface Keys {
  uuid: string
  secret: string
}

/** A new pair of keys, as the page for them asks for it. */
async function pairOf(origin: string, { email, password }: Person): Promise<Keys> {
  const api = await request.newContext({ baseURL: origin })
  const signedIn = await api.post('/v1/login', { data: { username: email, password } })
  expect(signedIn.status(), await signedIn.text()).toBe(200)
  const session = (await (await api.get('/v1/session')).json()) as { body: { csrf: string } }
  const headers = { Origin: origin, 'X-CSRF-Token': session.body.csrf }
  const renewed = await api.post('/v1/user/credentials/renew', { headers, data: { password } })
  expect(renewed.status(), await renewed.text()).toBe(200)
  const { body } = (await renewed.json()) as { body: Keys }
  await api.dispose()
  return body
}

test('UUID and secret under Authorize are used until they are removed', async ({ page, demo, newPerson }) => {
  const person = await newPerson()
  const keys = await pairOf(new URL(demo.console_url).origin, person)
  await page.goto('/apiconsole/')
  const authorize = page.getByRole('button', { name: 'Authorize' })
  const modal = page.locator('.modal-ux')
  const form = (header: string) => modal.locator('.auth-container').filter({ hasText: header })
  await authorize.click()
  for (const [header, value] of [['X-WallarmAPI-UUID', keys.uuid], ['X-WallarmAPI-Secret', keys.secret]] as const) {
    await form(header).getByRole('textbox').fill(value)
    await form(header).getByRole('button', { name: 'Apply credentials' }).click()
  }
  await modal.getByRole('button', { name: 'Close' }).last().click()

  await page.getByPlaceholder('Filter by tag or path').fill('Users')
  const operation = page.locator('.opblock-get').filter({ has: page.locator('[data-path="/v1/user"]') })
  await operation.getByRole('button').first().click()
  await operation.getByRole('button', { name: 'Try it out' }).click()
  const execute = async () => {
    const call = page.waitForRequest((request) => request.url().endsWith('/v1/user'))
    await operation.getByRole('button', { name: 'Execute' }).click()
    return (await call).headers()
  }
  const answer = operation.locator('.live-responses-table')
  const status = answer.locator('.response .response-col_status')
  const sent = await execute()
  expect(sent['x-wallarmapi-uuid']).toBe(keys.uuid)
  expect(sent['x-wallarmapi-secret']).toBe(keys.secret)
  await expect(status).toContainText('200')
  await expect(answer).toContainText(person.email)

  await authorize.click()
  for (const header of ['X-WallarmAPI-UUID', 'X-WallarmAPI-Secret']) {
    await form(header).getByRole('button', { name: 'Remove authorization' }).click()
    await expect(form(header).getByRole('textbox')).toBeEmpty()
  }
  await modal.getByRole('button', { name: 'Close' }).last().click()
  const without = await execute()
  expect(Object.keys(without).filter((name) => name.startsWith('x-wallarmapi-'))).toEqual([])
  await expect(status).toContainText('403')
})

test('a call is shown as a program, and its address leads back to it', async ({ console: page }) => {
  await page.goto('/apiconsole/#/Users/user_self_read')
  const operation = page.locator('#operations-Users-user_self_read')
  await operation.getByRole('button', { name: 'Try it out' }).click()
  await operation.getByRole('button', { name: 'Execute' }).click()
  const snippets = operation.locator('.request-snippets')
  await snippets.getByText('Python', { exact: true }).click()
  await expect(snippets).toContainText('requests.request(')
  await snippets.getByText('JavaScript', { exact: true }).click()
  await expect(snippets).toContainText('fetch(')
  await snippets.getByText('curl', { exact: true }).click()
  await expect(snippets).toContainText("curl")
  await snippets.getByText('Go', { exact: true }).click()
  await expect(snippets).toContainText('http.NewRequest("GET"')
  await expect(snippets).not.toContainText('bzs_')
})

test('on a phone nothing is wider than the screen', async ({ console: page }) => {
  await page.setViewportSize({ width: 390, height: 844 })
  await page.goto('/apiconsole/#/Users/user_self_read')
  // The whole document is read first, which takes a busy machine its time.
  const tryIt = page.locator('#operations-Users-user_self_read').getByRole('button', { name: 'Try it out' })
  await expect(tryIt).toBeVisible({ timeout: 30_000 })
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
  expect(overflow).toBeLessThanOrEqual(0)
})
