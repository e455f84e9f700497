import AxeBuilder from '@axe-core/playwright'
import type { Page } from '@playwright/test'
import { attack, expect, test } from '../support/test'

const pages = [
  ['/attacks', 'Attacks'],
  ['/incidents', 'Incidents'],
  ['/vulnerabilities', 'Vulnerabilities'],
  ['/rules', 'Rules'],
  ['/ip-lists', 'IP lists'],
  ['/nodes', 'Nodes'],
  ['/settings/credentials', 'Settings'],
  ['/settings/api-tokens', 'Settings'],
  ['/settings/users', 'Settings'],
  ['/settings/users/invitations', 'Settings'],
  ['/settings/applications', 'Settings'],
  ['/settings/company', 'Settings'],
  ['/settings/security', 'Settings'],
  ['/settings/sso', 'Settings'],
  ['/settings/subscription', 'Settings'],
] as const

async function problems(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']).analyze()
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`)
}

async function settled(page: Page): Promise<void> {
  await expect(page.locator('[aria-busy="true"]')).toHaveCount(0)
  // Colours of an animation half-way through say nothing about the page.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().map((animation) => animation.finished)))
}

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`in ${colorScheme}`, () => {
    test.use({ colorScheme })

    for (const [path, heading] of pages) {
      test(`${path} has no accessibility problems`, async ({ console: page }) => {
        await page.goto(path)
        await expect(page.getByRole('heading', { level: 1, name: heading })).toBeVisible()
        await settled(page)
        expect(await problems(page)).toEqual([])
      })
    }

    test('sign-in has no accessibility problems', async ({ page }) => {
      await page.goto('/')
      await expect(page.getByRole('heading', { name: 'Sign in to Bartizan' })).toBeVisible()
      await settled(page)
      expect(await problems(page)).toEqual([])
    })

    test('attack details have no accessibility problems', async ({ console: page, demo, request }) => {
      const path = `/browser/accessible-${colorScheme}`
      await attack(request, demo, path)
      await page.goto('/attacks')
      await page.getByRole('row').filter({ hasText: path }).getByRole('button', { name: /details$/ }).click()
      const details = page.getByRole('dialog', { name: 'Attack details' })
      await details.getByRole('region', { name: 'Hits' }).getByRole('button').first().click()
      await expect(details.getByRole('region', { name: 'Request' })).toBeVisible()
      await settled(page)
      expect(await problems(page)).toEqual([])
    })
  })
}

test('the keyboard alone opens an attack and comes back to its row', async ({ console: page, demo, request }) => {
  const path = '/browser/keyboard'
  await attack(request, demo, path)
  await page.goto('/attacks')
  const open = page.getByRole('row').filter({ hasText: path }).getByRole('button', { name: /details$/ })
  await open.focus()
  await page.keyboard.press('Enter')
  const details = page.getByRole('dialog', { name: 'Attack details' })
  await expect(details).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(details).toBeHidden()
  await expect(open).toBeFocused()
})

test('the skip link leads to the content', async ({ console: page }) => {
  await page.goto('/attacks')
  await expect(page.getByRole('heading', { level: 1, name: 'Attacks' })).toBeVisible()
  await page.keyboard.press('Tab')
  await expect(page.getByRole('link', { name: 'Skip to the content' })).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('main')).toBeFocused()
})
