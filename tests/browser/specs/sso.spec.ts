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
  await page.getByLabel('Role 1', { exact: true }).fill('analytic')
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
