import { expect, test } from '../support/test'

test('a node is created, its token shown once, and deleted', async ({ console: page }) => {
  await page.goto('/nodes')
  await page.getByRole('button', { name: 'Create node' }).click()
  const form = page.getByRole('dialog', { name: 'Create a node' })
  await form.getByRole('textbox', { name: 'Name' }).fill('edge-browser')
  await form.getByRole('button', { name: 'Create node' }).click()
  const ready = page.getByRole('dialog', { name: 'edge-browser is ready to start' })
  await expect(ready.getByLabel('Node token', { exact: true })).toHaveText(/^[A-Za-z0-9+/=]{64,66}$/)
  await ready.getByRole('button', { name: 'Done' }).click()

  const row = page.getByRole('row').filter({ hasText: 'edge-browser' })
  await expect(row).toContainText('Inactive')
  await row.getByRole('button', { name: 'Delete edge-browser' }).click()
  await page.getByRole('button', { name: 'Delete node' }).click()
  await expect(row).toBeHidden()
})

test('the demo\'s own node is active', async ({ console: page }) => {
  await page.goto('/nodes')
  await expect(page.getByRole('row').filter({ hasText: 'Active' }).first()).toBeVisible()
})

test('an address is added to the denylist and removed', async ({ console: page }) => {
  await page.goto('/ip-lists')
  await page.getByRole('button', { name: 'Add addresses' }).first().click()
  const form = page.getByRole('dialog', { name: 'Add to the denylist' })
  await form.getByRole('textbox', { name: 'Addresses and subnets' }).fill('203.0.113.300')
  await form.getByRole('button', { name: 'Add', exact: true }).click()
  await expect(form.getByText('203.0.113.300 is not an IP address or subnet')).toBeVisible()
  await form.getByRole('textbox', { name: 'Addresses and subnets' }).fill('203.0.113.7, 198.51.100.0/24')
  await form.getByRole('textbox', { name: 'Reason' }).fill('Browser test')
  await form.getByRole('button', { name: 'Add', exact: true }).click()

  const row = page.getByRole('row').filter({ hasText: '203.0.113.7' })
  await expect(row).toContainText('Browser test')
  await expect(page.getByRole('row').filter({ hasText: '198.51.100.0/24' })).toBeVisible()
  for (const source of ['203.0.113.7', '198.51.100.0/24']) {
    await page.getByRole('button', { name: `Remove ${source}` }).click()
    await page.getByRole('button', { name: 'Remove', exact: true }).click()
    await expect(page.getByRole('row').filter({ hasText: source })).toBeHidden()
  }
})

test('a rule written by hand shows its scope and can be deleted', async ({ console: page }) => {
  await page.goto('/rules')
  await page.getByRole('button', { name: 'Create rule' }).click()
  const form = page.getByRole('dialog', { name: 'Create a rule' })
  await form.getByRole('radio', { name: 'Custom detection' }).check()
  await form.getByRole('button', { name: 'Create rule' }).click()
  await expect(form.getByText('An expression is needed')).toBeVisible()
  await form.getByRole('textbox', { name: 'Host' }).fill('shop.test')
  await form.getByRole('textbox', { name: 'Path' }).fill('/api/v1/users')
  await form.getByRole('textbox', { name: 'Parameter name' }).fill('name')
  await form.getByRole('textbox', { name: 'Regular expression' }).fill('^ad(min|duser)$')
  await form.getByRole('button', { name: 'Create rule' }).click()

  const row = page.getByRole('row').filter({ hasText: '^ad(min|duser)$' })
  await expect(row).toContainText('shop.test/api/v1/users')
  await row.getByRole('button', { name: /^Delete rule/ }).click()
  await page.getByRole('button', { name: 'Delete rule', exact: true }).click()
  await expect(row).toBeHidden()
})

test('the general filtration mode is listed and cannot be deleted', async ({ console: page }) => {
  await page.goto('/rules?kind=wallarm_mode')
  const row = page.getByRole('row').filter({ hasText: 'All traffic' })
  await expect(row.getByRole('button', { name: /^Delete rule/ })).toHaveAttribute('aria-disabled', 'true')
})

test('a user is added, disabled and deleted', async ({ console: page }) => {
  await page.goto('/settings/users')
  await page.getByRole('button', { name: 'Add user' }).click()
  const form = page.getByRole('dialog', { name: 'Add a user' })
  await form.getByRole('textbox', { name: 'Full name' }).fill('Wanda Wall')
  await form.getByRole('textbox', { name: 'Email' }).fill('wanda@browser.test')
  await form.getByRole('textbox', { name: 'First password' }).fill('Turret-7-Wall')
  await form.getByRole('button', { name: 'Add user' }).click()
  const row = page.getByRole('row').filter({ hasText: 'wanda@browser.test' })
  await row.getByRole('button', { name: 'Actions for Wanda Wall' }).click()
  await page.getByRole('menuitem', { name: 'Disable', exact: true }).click()
  await expect(row).toContainText('Inactive')
  await row.getByRole('button', { name: 'Actions for Wanda Wall' }).click()
  await page.getByRole('menuitem', { name: 'Delete', exact: true }).click()
  await page.getByRole('button', { name: 'Delete user' }).click()
  await expect(row).toBeHidden()
})

test('an application is added, renamed and deleted', async ({ console: page }) => {
  await page.goto('/settings/applications')
  await page.getByRole('button', { name: 'Add application' }).click()
  const form = page.getByRole('dialog', { name: 'Add an application' })
  await form.getByRole('textbox', { name: 'Name' }).fill('Shop')
  await form.getByRole('button', { name: 'Add application' }).click()
  await page.getByRole('button', { name: 'Rename Shop', exact: true }).click()
  const rename = page.getByRole('dialog', { name: 'Rename Shop' })
  await rename.getByRole('textbox', { name: 'Name' }).fill('Shop Europe')
  await rename.getByRole('button', { name: 'Rename' }).click()
  await page.getByRole('button', { name: 'Delete Shop Europe' }).click()
  await page.getByRole('button', { name: 'Delete application' }).click()
  await expect(page.getByRole('row').filter({ hasText: 'Shop Europe' })).toBeHidden()
})
