/** The test function of this suite: a running Bartizan, a signed-in page, and ways to attack it. */
import { test as base, expect, request, type APIRequestContext, type BrowserContext, type Page } from '@playwright/test'
import { startDemo, type Credentials } from './demo'

/** A person other than the administrator, with sign-in limits of its own. */
export interface Person {
  email: string
  password: string
}

interface WorkerFixtures {
  demo: Credentials
  /** Cookies of the administrator, signed in once through the page. */
  session: Awaited<ReturnType<BrowserContext['storageState']>>
}

interface TestFixtures {
  /** A page of the signed-in administrator. */
  console: Page
  /** Calls to the API with the demo's token. */
  api: APIRequestContext
  newPerson: () => Promise<Person>
}

let people = 0

export async function signIn(page: Page, who: Person): Promise<void> {
  await page.getByLabel('Email').fill(who.email)
  await page.getByRole('textbox', { name: 'Password' }).fill(who.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  demo: [
    async ({}, use) => {
      const demo = await startDemo()
      await use(demo.credentials)
      await demo.stop()
    },
    { scope: 'worker', timeout: 60_000 },
  ],
  session: [
    async ({ browser, demo }, use) => {
      const context = await browser.newContext()
      const page = await context.newPage()
      await page.goto(demo.console_url)
      await signIn(page, demo)
      await expect(page.getByRole('heading', { level: 1, name: 'Attacks' })).toBeVisible()
      await use(await context.storageState())
      await context.close()
    },
    { scope: 'worker' },
  ],
  baseURL: async ({ demo }, use) => {
    await use(demo.console_url)
  },
  console: async ({ page, session }, use) => {
    await page.context().addCookies(session.cookies)
    await use(page)
  },
  api: async ({ demo }, use) => {
    const api = await request.newContext({
      baseURL: demo.api_url,
      extraHTTPHeaders: { 'X-WallarmApi-Token': demo.api_token },
    })
    await use(api)
    await api.dispose()
  },
  newPerson: async ({ api }, use) => {
    await use(async () => {
      people += 1
      const person = { email: `person${people}@browser.test`, password: `Turret-${people}-Wall` }
      const answer = await api.post('/v1/objects/user/create', {
        data: { ...person, username: person.email, realname: `Person ${people}`, permissions: ['analytic'] },
      })
      expect(answer.status(), await answer.text()).toBe(200)
      return person
    })
  },
})

/** Sends an SQL injection through the node; it must be refused there. */
export async function attack(request: APIRequestContext, demo: Credentials, path: string): Promise<void> {
  const answer = await request.get(`${demo.node_url}${path}?q=${encodeURIComponent("1' UNION SELECT password FROM users -- ")}`)
  expect(answer.status()).toBe(403)
}

export { expect }
