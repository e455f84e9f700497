/** What single sign-on lets an administrator switch for one user; the cloud is asked whether it took effect. */
import type { APIResponse, Page } from '@playwright/test'
import { startDemo } from '../support/demo'
import { provide } from '../support/saml'
import { expect, signIn, test as base } from '../support/test'
import { codeOf } from '../support/totp'

// Everybody's way to sign in changes here: a cloud of its own for each test.
const test = base.extend({
  demo: [
    async ({}, use) => {
      const demo = await startDemo()
      await use(demo.credentials)
      await demo.stop()
    },
    { scope: 'worker', timeout: 60_000 },
  ],
})

async function bodyOf<Body>(answer: APIResponse): Promise<Body> {
  expect(answer.status(), await answer.text()).toBe(200)
  return ((await answer.json()) as { body: Body }).body
}

/** Calls the API by the session of the page, as the Console does. */
async function call<Body>(page: Page, method: string, path: string, data: unknown = {}, proof?: string): Promise<Body> {
  const { csrf } = await bodyOf<{ csrf: string }>(await page.request.get('/v1/session'))
  const headers = { 'X-CSRF-Token': csrf, Origin: new URL(page.url()).origin, ...(proof === undefined ? {} : { 'X-Reauth': proof }) }
  return bodyOf<Body>(await page.request.fetch(path, { method, headers, data }))
}

async function act(page: Page, row: string, action: string): Promise<void> {
  await page.getByRole('row').filter({ hasText: row }).getByRole('button', { name: /^Actions for/ }).click()
  await page.getByRole('menuitem', { name: action, exact: true }).click()
}

/** Makes a provider the one of the company, tests it, and brings it into force. */
async function activate(page: Page, email: string): Promise<void> {
  const settings = await provide(page, () => email)
  await call(page, 'PUT', '/v1/sso/saml', { ...settings, domains: [email.split('@')[1]] })
  await call(page, 'PUT', '/v1/sso/mapping', [{ group: 'staff', role: 'admin' }])
  const { url } = await call<{ url: string }>(page, 'POST', '/v1/sso/test')
  // A redirect cannot be answered in place of the provider, a page that is opened can.
  const begun = await page.request.get(url, { maxRedirects: 0 })
  await page.goto(begun.headers()['location'] ?? '')
  await page.waitForURL(/tested=true/)
  await call(page, 'POST', '/v1/sso/activate')
}

/** Sets a second factor up for the signed-in account and proves the password: its ticket. */
async function prove(page: Page, password: string): Promise<string> {
  const { secret } = await call<{ secret: string }>(page, 'POST', '/v1/user/mfa')
  await call(page, 'POST', '/v1/user/mfa/confirm', { otp: codeOf(secret), password })
  // A code counts once; the next one is taken a little early.
  const { ticket } = await call<{ ticket: string }>(page, 'POST', '/v1/session/reauth', { password, otp: codeOf(secret, 1) })
  return ticket
}

test('an administrator switches a person to single sign-on and back, and gives API access where all must use it', async ({ page, api, demo }) => {
  // Several sign-ins, each slow by design.
  test.slow()
  // Of the administrator's own domain: others would be the operator's to give.
  const person = { email: `sara@${demo.email.split('@')[1] ?? ''}`, password: 'Turret-9-Wall', realname: 'Sara Switch' }
  const made = await bodyOf<{ id: number }>(await api.post('/v1/objects/user/create', { data: { ...person, permissions: ['admin'] } }))
  const ways = async () => {
    const found = await api.post('/v1/objects/user', { data: { filter: { id: made.id } } })
    return (await bodyOf<{ available_authentications: string[] }[]>(found))[0]?.available_authentications
  }
  /** Without the cookies of the page. */
  const byPassword = async () => {
    const data = { username: person.email, password: person.password }
    return (await api.post('/v1/login', { data })).status()
  }
  await page.goto('/nodes')
  await signIn(page, demo)
  await expect(page.getByRole('heading', { level: 1, name: 'Nodes' })).toBeVisible()
  await activate(page, person.email)

  await page.goto(`/settings/users?q=${encodeURIComponent(person.email)}`)
  const row = page.getByRole('row').filter({ hasText: person.email })
  expect(await ways()).toEqual(['default'])
  expect(await byPassword()).toBe(200)
  await act(page, person.email, 'Sign in by single sign-on')
  await page.getByRole('button', { name: 'Switch', exact: true }).click()
  await expect(row).toContainText('SAML')
  expect(await ways()).toEqual(['saml'])
  expect(await byPassword()).toBe(401)
  await row.getByRole('button', { name: /^Actions for/ }).click()
  const allow = page.getByRole('menuitem', { name: 'Allow API tokens', exact: true })
  await expect(allow).toHaveAccessibleDescription('Only where everybody must use single sign-on')
  await page.keyboard.press('Escape')
  await act(page, person.email, 'Sign in by password again')
  await page.getByRole('button', { name: 'Switch', exact: true }).click()
  await expect(row).toContainText('Password')
  expect(await ways()).toEqual(['default'])
  expect(await byPassword()).toBe(200)

  const { id } = await call<{ id: number }>(page, 'GET', '/v1/user')
  const ticket = await prove(page, demo.password)
  await call(page, 'PUT', '/v1/sso', { strict: true, fallback_user_id: id }, ticket)
  await page.reload()
  await expect(row).toContainText('SAML')
  expect(await byPassword()).toBe(401)
  await act(page, person.email, 'Allow API tokens')
  await expect(row).toContainText('SAML, with API')
  expect(await ways()).toEqual(['saml', 'api'])
  await act(page, person.email, 'End API access')
  await expect(row).not.toContainText('with API')
  expect(await ways()).toEqual(['saml'])
})
