import { readFile } from 'node:fs/promises'
import { attack, expect, test } from '../support/test'

test('an attack on a real service is blocked and appears by itself', async ({ console: page, demo, request }) => {
  const path = '/browser/seen'
  await page.goto('/attacks')
  await expect(page.getByRole('switch', { name: 'Auto refresh' })).toBeChecked()
  await attack(request, demo, path)

  const row = page.getByRole('row').filter({ hasText: path })
  await expect(row).toContainText('SQL injection')
  await expect(row).toContainText('Blocked')

  await row.getByRole('button', { name: /details$/ }).click()
  const details = page.getByRole('dialog', { name: 'Attack details' })
  await details.getByRole('region', { name: 'Hits' }).getByRole('button').first().click()
  await expect(details.getByLabel('Payload', { exact: true })).toContainText('UNION SELECT')
  await expect(details.getByRole('region', { name: 'Request' })).toContainText(`GET ${path}?q=`)
  // The sign is marked where it stands, decoded and as it travelled.
  const marked = details.getByLabel('Payload', { exact: true }).locator('mark')
  await expect(marked).toContainText('UNION SELECT')
  await expect(marked).not.toHaveCSS('background-color', 'rgba(0, 0, 0, 0)')
  await expect(details.getByRole('region', { name: 'Request' }).locator('mark')).toHaveText(/^[^ ]*UNION(%20|\+)SELECT/)
  await details.getByRole('button', { name: 'Explain this hit' }).click()
  const explanation = details.getByRole('region', { name: 'Explanation' })
  await expect(explanation).toContainText('Signatures match')
  await expect(explanation.getByRole('list', { name: 'Attacks found' })).toContainText(/SQL injection \(sqli_\w+\) in Query q, stamps? \d+/)
  await expect(explanation.getByRole('row', { name: /sqli_union/ })).toContainText('UNION SELECT')

  await page.keyboard.press('Escape')
  await expect(details).toBeHidden()
})

test('filters are in the address and survive a reload', async ({ console: page, demo, request }) => {
  const path = '/browser/filtered'
  await attack(request, demo, path)
  await page.goto('/attacks')
  await expect(page.getByRole('row').filter({ hasText: path })).toBeVisible()

  await page.getByRole('combobox', { name: 'Attack types' }).click()
  await page.getByRole('option', { name: 'Cross-site scripting' }).click()
  await expect(page.getByRole('row').filter({ hasText: path })).toBeHidden()
  await expect(page).toHaveURL(/types=/)
  await page.reload()
  await expect(page.getByRole('heading', { level: 1, name: 'Attacks' })).toBeVisible()
  await expect(page.getByText('Nothing matches')).toBeVisible()
})

test('the search language narrows the list', async ({ console: page, demo, request }) => {
  await attack(request, demo, '/browser/needle')
  await attack(request, demo, '/browser/haystack')
  await page.goto('/attacks')
  await expect(page.getByRole('row').filter({ hasText: '/browser/haystack' })).toBeVisible()
  const search = page.getByLabel(/^Search, such as/)
  await search.fill('sqli u:/browser/needle')
  await search.press('Enter')
  await expect(page.getByRole('row').filter({ hasText: '/browser/haystack' })).toBeHidden()
  await expect(page.getByRole('row').filter({ hasText: '/browser/needle' })).toBeVisible()
})

test('the search field completes words and points at mistakes', async ({ console: page, demo, request }) => {
  await attack(request, demo, '/browser/completed')
  await page.goto('/attacks')
  const search = page.getByLabel(/^Search, such as/)
  await search.pressSequentially('sq')
  await page.getByRole('option', { name: /^sqli/ }).click()
  await expect(search).toHaveValue('sqli ')
  await search.pressSequentially('proto:gra')
  await expect(page.getByRole('option').first()).toBeVisible()
  await search.press('ArrowDown')
  await search.press('Enter')
  await expect(search).toHaveValue('sqli proto:graphql ')

  await search.fill('sqli color:red')
  await search.press('Enter')
  await expect(page.getByText(/\^unknown attribute: color, at character 6$/)).toBeVisible()
  // Told once, at the field; in place of the list stands that nothing was searched.
  await expect(page.getByText(/at character/)).toHaveCount(1)
  await expect(page.getByText('Nothing was searched')).toBeVisible()
  await search.fill('sqli u:/browser/completed')
  await search.press('Enter')
  await expect(page.getByText(/at character/)).toBeHidden()
  await expect(page.getByRole('row').filter({ hasText: '/browser/completed' })).toBeVisible()
})

test('a vulnerability is closed and reopened, and called false', async ({ console: page, api }) => {
  const made = await api.post('/v1/objects/vuln/create', {
    data: { type: 'xss', domain: 'browser.test', path: '/vuln', method: 'GET', title: 'Script in the search page' },
  })
  expect(made.status(), await made.text()).toBe(200)
  await page.goto('/vulnerabilities')
  const row = page.getByRole('row').filter({ hasText: 'Script in the search page' })
  await expect(row).toContainText('Open')
  await row.getByRole('button', { name: /details$/ }).click()
  const details = page.getByRole('dialog', { name: 'Vulnerability details' })
  await details.getByRole('button', { name: 'Close as fixed' }).click()
  await expect(details.getByRole('button', { name: 'Reopen' })).toBeVisible()
  await details.getByRole('button', { name: 'Close details' }).click()
  await expect(row).toContainText('Closed')
  await row.getByRole('button', { name: /details$/ }).click()
  await details.getByRole('button', { name: 'Reopen' }).click()
  await details.getByRole('button', { name: 'Mark as false positive' }).click()
  await details.getByRole('button', { name: 'Close details' }).click()
  await expect(row).toContainText('False positive')
})

test('a false positive leaves the list and can be brought back', async ({ console: page, demo, request }) => {
  const path = '/browser/false-positive'
  await attack(request, demo, path)
  await page.goto('/attacks')
  const row = page.getByRole('row').filter({ hasText: path })
  await row.getByRole('button', { name: /details$/ }).click()
  const details = page.getByRole('dialog', { name: 'Attack details' })
  await details.getByRole('button', { name: 'Mark as false positive', exact: true }).click()
  await expect(page.getByRole('alert')).toContainText('Marked as a false positive')
  await expect(details.getByRole('button', { name: 'Unmark false positive' })).toBeVisible()
  await details.getByRole('button', { name: 'Close details' }).click()
  await expect(row).toBeHidden()

  await page.getByRole('combobox', { name: 'False positives' }).click()
  await page.getByRole('option', { name: 'False positives only' }).click()
  await row.getByRole('button', { name: /details$/ }).click()
  await details.getByRole('button', { name: 'Unmark false positive' }).click()
  await expect(details.getByRole('button', { name: 'Mark as false positive', exact: true })).toBeVisible()
})

test('an attack is answered by a virtual patch that the node enforces', async ({ console: page, demo, request }) => {
  const path = '/browser/patched'
  const harmless = () => request.get(`${demo.node_url}${path}?q=hello`).then((answer) => answer.status())
  expect(await harmless()).not.toBe(403)
  await attack(request, demo, path)

  await page.goto('/attacks')
  await page.getByRole('row').filter({ hasText: path }).getByRole('button', { name: /details$/ }).click()
  await page.getByRole('button', { name: 'Create virtual patch' }).click()
  const form = page.getByRole('dialog', { name: 'Create a virtual patch' })
  await expect(form.getByRole('radio', { name: new RegExp(path) })).toBeChecked()
  await form.getByRole('combobox', { name: 'Block' }).click()
  await page.getByRole('option', { name: 'Any attack' }).click()
  await form.getByRole('textbox', { name: 'Comment' }).fill('Until the next release')
  await form.getByRole('button', { name: 'Create virtual patch' }).click()
  await expect(page.getByText(/Virtual patch #\d+ created/)).toBeVisible()

  await expect.poll(harmless, { message: 'the node refuses even a harmless value of the patched parameter' }).toBe(403)

  await page.goto('/rules')
  const rule = page.getByRole('row').filter({ hasText: 'Until the next release' })
  await expect(rule).toContainText(path)
  await rule.getByRole('button', { name: /^Delete rule/ }).click()
  await page.getByRole('button', { name: 'Delete rule', exact: true }).click()
  await expect(rule).toBeHidden()
  await expect.poll(harmless, { message: 'the node forgets the deleted patch' }).not.toBe(403)
})

test('the list is taken away as CSV', async ({ console: page, demo, request }) => {
  await attack(request, demo, '/browser/exported')
  await page.goto('/attacks?sort=-first_time')
  await expect(page.getByRole('row').filter({ hasText: '/browser/exported' })).toBeVisible()
  await page.getByRole('button', { name: 'Export', exact: true }).click()
  const download = page.waitForEvent('download')
  await page.getByRole('menuitem', { name: 'CSV, as shown' }).click()
  const file = await download
  expect(file.suggestedFilename()).toBe('attacks.csv')
  const lines = (await readFile(await file.path(), 'utf8')).trim().split('\r\n')
  expect(lines[0]).toBe('Type,Hits,Address,Parameter,Source IPs,Status,Last seen')
  expect(lines.some((line) => line.startsWith('sqli,1,') && line.includes('/browser/exported'))).toBe(true)
})
