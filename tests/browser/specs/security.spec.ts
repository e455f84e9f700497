import type { Page } from '@playwright/test'
import { expect, signIn, test, type Person } from '../support/test'
import { codeOf } from '../support/totp'

/** Sets the second factor up on the page of a person who just signed in; returns its seed and a recovery code. */
async function setUp(page: Page, person: Person): Promise<{ secret: string; recovery: string }> {
  await page.goto('/settings/security')
  await signIn(page, person)
  await page.getByRole('button', { name: 'Set up' }).click()
  const form = page.getByRole('dialog', { name: 'Set up a second factor' })
  await form.getByRole('button', { name: 'Begin' }).click()
  await expect(form.getByRole('img', { name: 'QR code for the authenticator' })).toBeVisible()
  const secret = (await form.getByLabel('Key', { exact: true }).textContent()) ?? ''
  await form.getByRole('textbox', { name: 'Your password' }).fill(person.password)
  await form.getByRole('textbox', { name: 'Code it shows' }).fill(codeOf(secret))
  await form.getByRole('button', { name: 'Turn it on' }).click()
  const codes = form.getByRole('list', { name: 'Recovery codes' }).getByRole('listitem')
  await expect(codes).toHaveCount(10)
  const recovery = (await codes.first().textContent()) ?? ''
  await form.getByRole('button', { name: 'I have kept them' }).click()
  await expect(page.getByRole('button', { name: 'Turn off' })).toBeVisible()
  await page.context().clearCookies()
  return { secret, recovery }
}

test('a second factor is set up and asked for at sign-in', async ({ page, newPerson }) => {
  const person = await newPerson()
  const { secret } = await setUp(page, person)
  await page.goto('/nodes')
  await signIn(page, person)
  await expect(page.getByRole('heading', { name: 'Second factor' })).toBeVisible()
  // The step of the set-up is used up; the next one is within the tolerance.
  await page.getByRole('textbox', { name: 'Code' }).fill(codeOf(secret, 1))
  await page.getByRole('button', { name: 'Go on' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Nodes' })).toBeVisible()
})

test('a recovery code stands in for the authenticator', async ({ page, newPerson }) => {
  const person = await newPerson()
  const { recovery } = await setUp(page, person)
  await page.goto('/nodes')
  await signIn(page, person)
  await page.getByRole('button', { name: 'Use a recovery code' }).click()
  await page.getByRole('textbox', { name: 'Recovery code' }).fill(recovery)
  await page.getByRole('button', { name: 'Go on' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Nodes' })).toBeVisible()
})

test('sessions are listed and ended', async ({ page, browser, demo, newPerson }) => {
  const person = await newPerson()
  await page.goto('/settings/security')
  await signIn(page, person)
  const elsewhere = await browser.newContext({ baseURL: demo.console_url })
  const other = await elsewhere.newPage()
  await other.goto('/nodes')
  await signIn(other, person)
  await expect(other.getByRole('heading', { level: 1, name: 'Nodes' })).toBeVisible()

  await page.reload()
  const sessions = page.getByRole('list', { name: 'Sessions' }).getByRole('listitem')
  await expect(sessions).toHaveCount(2)
  await sessions.getByRole('button', { name: /^End the session from/ }).click()
  await expect(sessions).toHaveCount(1)
  expect((await other.request.get('/v1/session')).status()).toBe(401)
  await elsewhere.close()
})

test('an invited person chooses a password and signs in', async ({ page, api }) => {
  const email = `invited-${Date.now()}@demo.test`
  const answer = await api.post('/v1/invitations', { data: { email, permissions: ['auditor'], ttl: 'week' } })
  const { body } = (await answer.json()) as { body: { url: string } }
  await page.goto(new URL(body.url).pathname + new URL(body.url).hash)
  await expect(page.getByText(`You are invited as ${email}.`)).toBeVisible()
  await page.getByRole('textbox', { name: 'Your name' }).fill('Ida Invited')
  await page.getByRole('textbox', { name: 'New password' }).fill('Correct2horse')
  await page.getByRole('textbox', { name: 'The same again' }).fill('Correct2house')
  await expect(page.getByText('The passwords differ')).toBeVisible()
  await page.getByRole('textbox', { name: 'The same again' }).fill('Correct2horse')
  await page.getByRole('button', { name: 'Accept the invitation' }).click()
  await expect(page.getByRole('status')).toContainText('You can sign in now')
  await page.getByRole('link', { name: 'Sign in' }).click()
  await signIn(page, { email, password: 'Correct2horse' })
  await expect(page.getByRole('heading', { level: 1, name: 'Attacks' })).toBeVisible()
})

test('every page forbids to load anything from elsewhere, and to be shown inside of another', async ({ request }) => {
  for (const path of ['/', '/sign-in', '/settings/users', '/attacks/no-such', '/apiconsole/']) {
    const answer = await request.get(path)
    expect(answer.status(), path).toBe(200)
    const policy = new Map(
      (answer.headers()['content-security-policy'] ?? '').split(';').map((rule) => {
        const [name = '', ...sources] = rule.trim().split(/\s+/)
        return [name, sources.join(' ')]
      }),
    )
    for (const [name, sources] of [
      ['default-src', "'self'"],
      ['script-src', "'self'"],
      ['connect-src', "'self'"],
      ['object-src', "'none'"],
      ['base-uri', "'self'"],
      ['form-action', "'self'"],
      ['frame-ancestors', "'none'"],
    ] as const) {
      expect(policy.get(name), `${path} ${name}`).toBe(sources)
    }
    expect(answer.headers()['x-content-type-options'], path).toBe('nosniff')
    expect(answer.headers()['referrer-policy'], path).toBe('same-origin')
  }
})

test('a link that does not work says so', async ({ page }) => {
  await page.goto('/invitation#bzi_nothing')
  await expect(page.getByRole('alert')).toContainText('It is not complete, was used or withdrawn')
  await page.goto('/reset#bzr_nothing')
  await page.getByRole('textbox', { name: 'New password' }).fill('Correct2horse')
  await page.getByRole('textbox', { name: 'The same again' }).fill('Correct2horse')
  await page.getByRole('button', { name: 'Change password' }).click()
  await expect(page.getByRole('alert')).toContainText('the link is invalid, used or expired')
})

test('asking for a reset never tells whether there is an account', async ({ page }) => {
  await page.goto('/sign-in')
  await page.getByRole('link', { name: 'Forgot your password?' }).click()
  await page.getByLabel('Email').fill('nobody@demo.test')
  await page.getByRole('button', { name: 'Send the link' }).click()
  await expect(page.getByRole('status')).toContainText('If the address has an account')
})
