import { expect, test } from '../support/test'

test('an administrator sets a directory up, and is told what is missing to require it', async ({ console: page, demo }) => {
  await page.goto('/settings/sso')
  await page.getByText('LDAP', { exact: true }).click()
  await page.getByLabel('Address', { exact: true }).fill('https://ldap.example.com')
  await page.getByLabel('Where people and groups are').fill('dc=example,dc=com')
  await page.getByLabel('Account that searches').fill('cn=search,dc=example,dc=com')
  await page.getByRole('textbox', { name: 'Its password' }).fill('hush hush')
  await page.getByRole('button', { name: 'Save provider' }).click()
  await expect(page.getByRole('alert')).toContainText('url must begin with ldaps://')
  await page.getByLabel('Address', { exact: true }).fill('ldaps://ldap.example.com:636')
  await page.getByRole('button', { name: 'Save provider' }).click()

  await page.getByRole('button', { name: 'Add a group' }).click()
  await page.getByLabel('Group 1', { exact: true }).fill('cn=security,dc=example,dc=com')
  await page.getByRole('combobox', { name: 'Role 1' }).click()
  await page.getByRole('option', { name: 'Analyst', exact: true }).click()
  await page.getByRole('button', { name: 'Save groups' }).click()
  await expect(page.getByText('Groups saved')).toBeVisible()

  await page.getByRole('switch', { name: 'Everybody must use it' }).check({ force: true })
  await page.getByRole('button', { name: 'Save options' }).click()
  const dialog = page.getByRole('dialog', { name: 'Change how people sign in' })
  await dialog.getByRole('textbox', { name: 'Your password' }).fill(demo.password)
  await dialog.getByRole('button', { name: 'Change' }).click()
  await expect(dialog.getByRole('alert')).toContainText('a test sign-in must succeed first')
  await dialog.getByRole('button', { name: 'Cancel' }).click()

  // What was saved is there again, the password is not.
  await page.reload()
  await expect(page.getByLabel('Address', { exact: true })).toHaveValue('ldaps://ldap.example.com:636')
  await expect(page.getByRole('textbox', { name: 'Its password' })).toHaveValue('')
  await expect(page.getByLabel('Group 1', { exact: true })).toHaveValue('cn=security,dc=example,dc=com')
  await expect(page.getByRole('switch', { name: 'Everybody must use it' })).not.toBeChecked()
})

test('SAML shows what the provider needs, and says what is wrong with what it gave', async ({ console: page, demo }) => {
  await page.goto('/settings/sso')
  await page.getByText('SAML', { exact: true }).click()
  const metadata = page.getByText(/\/v1\/sso\/saml\/[0-9a-f-]{36}\/metadata$/)
  const address = new URL((await metadata.textContent()) ?? '').pathname
  const answer = await page.request.get(demo.api_url.replace(/\/$/, '') + address)
  expect(await answer.text()).toContain('/v1/sso/saml/acs')
  await page.getByLabel('Metadata of the provider').fill('<not-metadata/>')
  await page.getByRole('button', { name: 'Save provider' }).click()
  await expect(page.getByRole('alert')).toContainText('metadata_xml')
})

test('what was set beside the usual is there again, a test sign-in tells its result, and all of it can be removed', async ({ console: page, demo }) => {
  await page.goto('/settings/sso')
  await page.getByText('OpenID Connect', { exact: true }).click()
  await page.getByLabel('Issuer').fill('https://login.example.com')
  await page.getByLabel('Client id').fill('bartizan')
  await page.getByRole('textbox', { name: 'Client secret' }).fill('hush hush')
  await page.getByLabel('Claim with the groups').fill('teams')
  await page.getByLabel('Scopes').fill('openid, email, teams')
  await page.getByRole('button', { name: 'Save provider' }).click()
  await expect(page.getByText('Provider saved')).toBeVisible()
  await page.reload()
  await expect(page.getByLabel('Claim with the groups')).toHaveValue('teams')
  await expect(page.getByLabel('Scopes')).toHaveValue('openid, email, teams')

  // The provider is not there; its answer is played, first as long as nobody signed in.
  let asked = 0
  await page.route('**/v1/sso/test', (route) => route.fulfill({ json: { status: 200, body: { id: 'played', url: 'about:blank' } } }))
  await page.route('**/v1/sso/test/played', (route) => {
    asked += 1
    const done = { state: 'success', role: 'analytic', attributes: { email: 'eve@example.com', teams: ['security', 'shop'] } }
    return route.fulfill({ json: { status: 200, body: asked === 1 ? { state: 'waiting', attributes: {} } : done } })
  })
  await page.getByRole('button', { name: 'Test sign-in' }).click()
  await expect(page.getByText('The result appears here.')).toBeVisible()
  const result = page.getByRole('status').filter({ hasText: 'Signed in; role: Analyst' })
  await expect(result).toContainText('security, shop')

  await page.getByRole('button', { name: 'Remove', exact: true }).click()
  const dialog = page.getByRole('dialog', { name: 'Remove single sign-on' })
  await dialog.getByRole('textbox', { name: 'Your password' }).fill(demo.password)
  await dialog.getByRole('button', { name: 'Remove' }).click()
  await expect(page.getByText('Single sign-on is removed')).toBeVisible()
  await expect(page.getByRole('button', { name: 'Activate' })).toBeHidden()
})
