import { expect, signIn, test, type Person } from '../support/test'
import { codeOf } from '../support/totp'
import type { Page } from '@playwright/test'

async function act(page: Page, row: string, action: string): Promise<void> {
  await page.getByRole('row').filter({ hasText: row }).getByRole('button', { name: /^Actions for/ }).click()
  await page.getByRole('menuitem', { name: action, exact: true }).click()
}

test('a person is invited by a link that is shown once, gets another, and joins', async ({ console: page, browser, demo }) => {
  // Many steps, several sign-ins, each slow by design.
  test.slow()
  const email = `guest-${Date.now()}@demo.test`
  await page.goto('/settings/users')
  await page.getByRole('button', { name: 'Invite', exact: true }).click()
  const form = page.getByRole('dialog', { name: 'Invite a person' })
  await form.getByRole('textbox', { name: 'Email' }).fill(demo.email)
  await form.getByRole('button', { name: 'Make the link' }).click()
  await expect(form.getByRole('textbox', { name: 'Email' })).toHaveAccessibleDescription(/Somebody has this address already/)
  await form.getByRole('textbox', { name: 'Email' }).fill(email)
  await form.getByRole('button', { name: 'Make the link' }).click()
  const shown = page.getByRole('dialog', { name: `Invitation of ${email}` })
  const first = (await shown.getByLabel('Link', { exact: true }).textContent()) ?? ''
  expect(first).toContain('/invitation#bzi_')
  await shown.getByRole('button', { name: 'I have copied it' }).click()

  await page.getByText('Open invitations').click()
  const row = page.getByRole('row').filter({ hasText: email })
  await expect(row).toContainText('Analyst')
  await expect(page.getByText(first)).toBeHidden()
  await row.getByRole('button', { name: `Invite ${email} again` }).click()
  await page.getByRole('button', { name: 'Make a new link' }).click()
  const second = (await shown.getByLabel('Link', { exact: true }).textContent()) ?? ''
  expect(second).not.toBe(first)
  await shown.getByRole('button', { name: 'I have copied it' }).click()
  await expect(row).toHaveCount(1)

  const visitor = await (await browser.newContext({ baseURL: demo.console_url })).newPage()
  const open = (link: string) => visitor.goto(new URL(link).pathname + new URL(link).hash)
  await open(first)
  await expect(visitor.getByRole('alert')).toContainText('It is not complete, was used or withdrawn')
  await visitor.goto('about:blank')
  await open(second)
  await visitor.getByRole('textbox', { name: 'Your name' }).fill('Gisela Guest')
  await visitor.getByRole('textbox', { name: 'New password' }).fill('Correct2horse')
  await visitor.getByRole('textbox', { name: 'The same again' }).fill('Correct2horse')
  await visitor.getByRole('button', { name: 'Accept the invitation' }).click()
  await expect(visitor.getByRole('status')).toContainText('You can sign in now')
  await visitor.context().close()

  await page.reload()
  await expect(page.getByText('Open invitations', { exact: true })).toBeVisible()
  await expect(page.locator('[aria-busy="true"]')).toHaveCount(0)
  await expect(row).toBeHidden()
  await page.goto('/settings/users?q=Gisela')
  await expect(page.getByRole('row').filter({ hasText: email })).toContainText('Active')
})

test('a revoked invitation lets nobody in', async ({ console: page, api }) => {
  const email = `revoked-${Date.now()}@demo.test`
  const answer = await api.post('/v1/invitations', { data: { email, permissions: ['auditor'] } })
  const { body } = (await answer.json()) as { body: { url: string } }
  await page.goto('/settings/users/invitations')
  await page.getByRole('button', { name: `Revoke the invitation of ${email}` }).click()
  await page.getByRole('button', { name: 'Revoke invitation' }).click()
  await expect(page.getByRole('row').filter({ hasText: email })).toBeHidden()
  await page.goto(new URL(body.url).pathname + new URL(body.url).hash)
  await expect(page.getByRole('alert')).toContainText('It is not complete, was used or withdrawn')
})

test('a user is found, changed, disabled and deleted', async ({ console: page, api, newPerson }) => {
  // Many steps, several sign-ins, each slow by design.
  test.slow()
  const person = await newPerson()
  const stored = async () => {
    const answer = await api.post('/v1/objects/user', { data: { filter: { email: person.email } } })
    return ((await answer.json()) as { body: { realname: string; permissions: string[]; enabled: boolean }[] }).body[0]
  }
  await page.goto('/settings/users')
  await page.getByRole('textbox', { name: 'Find a person' }).fill(person.email)
  const row = page.getByRole('row').filter({ hasText: person.email })
  await expect(page.getByRole('row')).toHaveCount(2)

  await act(page, person.email, 'Change')
  const form = page.getByRole('dialog', { name: /^Change Person/ })
  await form.getByRole('textbox', { name: 'Full name' }).fill('Petra Person')
  await form.getByRole('combobox', { name: 'Role' }).click()
  await page.getByRole('option', { name: 'Read only' }).click()
  await form.getByRole('button', { name: 'Save' }).click()
  await expect(row).toContainText('Read only')
  expect(await stored()).toMatchObject({ realname: 'Petra Person', permissions: ['auditor'] })

  await act(page, person.email, 'Disable')
  await expect(row).toContainText('Inactive')
  expect(await stored()).toMatchObject({ enabled: false })
  await page.getByRole('combobox', { name: 'State' }).click()
  await page.getByRole('option', { name: 'Active', exact: true }).click()
  await expect(page.getByText('Nothing matches')).toBeVisible()
  await expect(page).toHaveURL(/state=active/)
  // Chosen once more, it is chosen no longer.
  await page.getByRole('combobox', { name: 'State' }).click()
  await page.getByRole('option', { name: 'Active', exact: true }).click()

  await act(page, person.email, 'Delete')
  await page.getByRole('button', { name: 'Delete user' }).click()
  await expect(row).toBeHidden()
  expect(await stored()).toBeUndefined()
})

test('what cannot be done to a user says why', async ({ console: page, demo }) => {
  await page.goto('/settings/users')
  await page.getByRole('row').filter({ hasText: demo.email }).getByRole('button', { name: /^Actions for/ }).click()
  const item = (name: string) => page.getByRole('menuitem', { name, exact: true })
  await expect(item('Delete')).toHaveAccessibleDescription('You cannot change your own access')
  await expect(item('Turn second factor off')).toHaveAccessibleDescription('There is no second factor')
  await expect(item('Sign in by single sign-on')).toHaveAccessibleDescription('Single sign-on is not active')
  await expect(item('Allow API tokens')).toHaveAccessibleDescription('Who signs in by password has it anyway')
  await item('Delete').press('Enter')
  await expect(page.getByRole('dialog')).toBeHidden()
})

test('an administrator turns the second factor of somebody off, by the own password', async ({ console: page, browser, demo, newPerson }) => {
  // Many steps, several sign-ins, each slow by design.
  test.slow()
  const person: Person = await newPerson()
  const context = await browser.newContext({ baseURL: demo.console_url })
  const theirs = await context.newPage()
  await theirs.goto('/settings/security')
  await signIn(theirs, person)
  await theirs.getByRole('button', { name: 'Set up' }).click()
  const setup = theirs.getByRole('dialog', { name: 'Set up a second factor' })
  await setup.getByRole('button', { name: 'Begin' }).click()
  const secret = (await setup.getByLabel('Key', { exact: true }).textContent()) ?? ''
  await setup.getByRole('textbox', { name: 'Your password' }).fill(person.password)
  await setup.getByRole('textbox', { name: 'Code it shows' }).fill(codeOf(secret))
  await setup.getByRole('button', { name: 'Turn it on' }).click()
  await expect(setup.getByRole('list', { name: 'Recovery codes' })).toBeVisible()

  await page.goto(`/settings/users?q=${encodeURIComponent(person.email)}`)
  const factor = page.getByRole('row').filter({ hasText: person.email }).getByRole('cell', { name: 'On', exact: true })
  await expect(factor).toBeVisible()
  await act(page, person.email, 'Turn second factor off')
  const form = page.getByRole('dialog', { name: /^Turn the second factor of/ })
  await form.getByRole('textbox', { name: 'Your own password' }).fill(person.password)
  await form.getByRole('button', { name: 'Turn off' }).click()
  await expect(form.getByRole('alert')).toContainText('Invalid password')
  await form.getByRole('textbox', { name: 'Your own password' }).fill(demo.password)
  await form.getByRole('button', { name: 'Turn off' }).click()
  await expect(factor).toBeHidden()

  await context.clearCookies()
  await theirs.goto('/nodes')
  await signIn(theirs, person)
  await expect(theirs.getByRole('heading', { level: 1, name: 'Nodes' })).toBeVisible()
  await context.close()
})
