import type { APIResponse } from '@playwright/test'
import { expect, signIn, test } from '../support/test'

const settingsOf = async (answer: APIResponse) => ((await answer.json()) as { body: Record<string, unknown> }).body

test('an administrator changes how the company signs in, and is told at the field what does not fit', async ({ console: page, api, demo }) => {
  const path = `/v1/clients/${demo.client_id}/settings`
  const before = await settingsOf(await api.get(path))
  await page.goto('/settings/company')
  const save = page.getByRole('button', { name: 'Save changes' })
  await expect(save).toHaveAccessibleDescription('Nothing was changed')

  const idle = page.getByRole('combobox', { name: 'Ends without activity after' })
  await idle.fill('5 minutes')
  await page.getByLabel('Not used again').fill('25')
  await save.click()
  await expect(idle).toHaveAccessibleDescription(/Between 15 minutes and 7 days/)
  await expect(page.getByLabel('Not used again')).toHaveAccessibleDescription(/A whole number from 0 to 24/)
  expect(await settingsOf(await api.get(path))).toEqual(before)

  await idle.fill('8 h')
  await page.getByLabel('Not used again').fill('5')
  await page.getByLabel('Changed every').fill('90')
  await page.getByLabel('Kept for').fill('365')
  await save.click()
  await expect(page.getByText('Settings saved')).toBeVisible()
  expect(await settingsOf(await api.get(path))).toEqual({
    ...before,
    idle_timeout: 28_800,
    audit_retention_days: 365,
    password_policy: { min_length: 8, require_special: false, rotation_days: 90, history: 5 },
  })
  await expect(idle).toHaveValue('8 hours')

  // Rotation goes again, and so does the history, for the tests that follow.
  await page.getByLabel('Changed every').fill('')
  await page.getByLabel('Not used again').fill('0')
  await save.click()
  await expect(save).toHaveAttribute('aria-disabled', 'true')
  const { password_policy: policy } = await settingsOf(await api.get(path))
  expect(policy).toEqual({ min_length: 8, require_special: false, rotation_days: null, history: 0 })
})

test('nobody locks themselves out by networks', async ({ console: page, api, demo }) => {
  await page.goto('/settings/company')
  const networks = page.getByLabel('Networks', { exact: true })
  await networks.fill('the office')
  await page.getByRole('button', { name: 'Save changes' }).click()
  await expect(networks).toHaveAccessibleDescription(/is not an IP address or subnet/)
  await networks.fill('203.0.113.0/24')
  await page.getByRole('button', { name: 'Save changes' }).click()
  await expect(networks).toHaveAccessibleDescription(/allowed_networks must hold your own address/)
  const { allowed_networks: stored } = await settingsOf(await api.get(`/v1/clients/${demo.client_id}/settings`))
  expect(stored).toEqual([])
})

test('a second factor is required of others only by who has one', async ({ console: page }) => {
  await page.goto('/settings/company')
  const needed = page.getByRole('switch', { name: 'Everybody needs a second factor' })
  await expect(needed).toBeDisabled()
  await expect(page.getByText('Set up a second factor of your own first')).toBeVisible()
})

test('who is no administrator is told so, instead of an error', async ({ page, newPerson }) => {
  await page.goto('/settings/company')
  await signIn(page, await newPerson())
  await expect(page.getByText('Your role cannot see the sign-in settings of the company')).toBeVisible()
  await page.getByRole('tab', { name: 'Users' }).click()
  await expect(page.getByText('Your role cannot see the users of the company')).toBeVisible()
  await page.getByRole('tab', { name: 'Single sign-on' }).click()
  await expect(page.getByText('Your role cannot see single sign-on')).toBeVisible()
})
