/**
 * A search means the same in the Console and in the API: each query is typed into the Console's search field, and the
 * rows that the page asks for and shows must be those that `/v1/search` and `/v1/objects/attack` answer.
 */
import { request, type APIRequestContext, type Page } from '@playwright/test'
import { registerNode, requestId, upload, uploadHits, type HitChanges } from '../support/hits'
import { expect, test as base } from '../support/test'

const hour = 3600

/** Attacks that differ in what can be searched; the path tells them apart. */
const hits: Record<string, HitChanges> = {
  plain: { path: '/lang/01', age: 300, attack_type: 'sqli', ip: '10.0.0.1', stamps: [7, 12], known_attack: ['generic_sqli'] },
  mixed1: { path: '/lang/02', age: 3 * hour, attack_type: 'sqli', attack_subtype: 'sqli_union_based', ip: '10.0.0.1', domain: 'api.test', method: 'POST' },
  mixed2: { path: '/lang/02', age: 3 * hour - 60, attack_type: 'sqli', attack_subtype: 'sqli_union_based', ip: '192.0.2.5', domain: 'api.test', method: 'POST', statuscode: 200, block_status: 'monitored', mode: 'monitoring' },
  germany: { path: '/lang/03', age: 600, attack_type: 'xss', ip: '198.51.100.7', statuscode: 200, block_status: 'monitored', mode: 'monitoring', value: '<script>alert(1)</script>', context: { country: 'DE' } },
  website: { path: '/lang/04', age: 700, attack_type: 'xss', application: 1, statuscode: 404, block_status: 'monitored', mode: 'monitoring', method: 'PUT' },
  mobile: { path: '/lang/05', age: 800, attack_type: 'rce', application: 2, method: 'POST', value: '; cat /etc/passwd', point: ['post', 'json_doc', 'hash', 'note'], parameter: 'POST_JSON_DOC_HASH_note_value' },
  known: { path: '/lang/06', age: 900, attack_type: 'ptrav', known_attack: ['CVE-2018-6008'], statuscode: 500, domain: 'files.test', response_size: 90_000 },
  cased: { path: '/Lang/07-Upper', age: 1000, attack_type: 'crlf', domain: 'api.test', response_time: 900 },
  falsely: { path: '/lang/08', age: 1100, attack_type: 'sqli', ip: '10.0.0.8' },
  graph: { path: '/lang/09', age: 1200, attack_type: 'nosqli', api_protocol: 'graphql', auth_protocol: ['jwt'], method: 'POST' },
  guessing: { path: '/lang/10', age: 1300, attack_type: 'brute', value: '', context: { counter: 'b:1:abc' } },
  cloudy: { path: '/lang/11', age: 1400, attack_type: 'scanner', context: { datacenter: 'aws', country: 'US' } },
  onion: { path: '/lang/12', age: 1500, attack_type: 'ssrf', context: { tor: true, proxy_type: 'TOR', country: 'NL' } },
  older: { path: '/lang/13', age: 20 * hour, attack_type: 'sqli', ip: '2001:db8::1' },
  words: { path: '/lang/14 two', age: 1600, attack_type: 'xss', value: "say 'hello there' again", point: ['get', 'user id'], parameter: 'GET_user id_value' },
  depth: { path: '/lang/15', age: 1700, attack_type: 'gql_depth', api_protocol: 'graphql', method: 'POST' },
  dropped: { path: '/lang/16', age: 1800, attack_type: 'sqli', aggregated_count: 40, ip: '10.0.0.16' },
  half1: { path: '/lang/17', age: 1900, attack_type: 'rce', ip: '10.0.0.17' },
  half2: { path: '/lang/17', age: 1890, attack_type: 'rce', ip: '10.9.9.9' },
  patched: { path: '/lang/18', age: 2000, attack_type: 'vpatch', regex: [55], method: 'DELETE' },
  exploited: { path: '/lang/19', age: 2100, attack_type: 'ptrav', domain: 'files.test', statuscode: 200, block_status: 'monitored', mode: 'monitoring' },
  underscore: { path: '/lang_20%', age: 2200, attack_type: 'mail_injection', domain: 'a_b.test' },
  internal: { path: '/lang/21', age: 2300, attack_type: 'warn' },
}

interface Row {
  attackid: string
  path: string
}

/** Calls to the API as the page makes them. */
async function bodyOf<Body>(api: APIRequestContext, path: string, data: unknown): Promise<Body> {
  const answer = await api.post(path, { data })
  expect(answer.status(), `${path} ${JSON.stringify(data)}: ${await answer.text()}`).toBe(200)
  return ((await answer.json()) as { body: Body }).body
}

const test = base.extend<object, { traffic: undefined }>({
  traffic: [
    async ({ demo }, use) => {
      const api = await request.newContext({ baseURL: demo.api_url, extraHTTPHeaders: { 'X-WallarmApi-Token': demo.api_token } })
      const node = await registerNode(api, 'search')
      await uploadHits(api, node, hits)
      const proof = {
        kind: 'vuln_evidence', event_id: 'proof-of-the-search', request_id: requestId('exploited'), ts_ms: Date.now() - 2100_000,
        application: -1, vuln_type: 'ptrav', exploited: true, attack_type: 'ptrav', parameter: 'GET_q_value',
        domain: 'files.test', path: '/lang/19', method: 'GET', scheme: 'http', statuscode: 200, sign: 'password file',
        description: 'The answer holds a file of the system.', evidence: 'root:x:0:0',
        raw: { method: 'GET', uri: '/lang/19?q=x', proto: 'HTTP/1.1', headers: { HOST: ['files.test'] }, body: '' },
      }
      await upload(api, node, [proof], 'proof')
      for (const filter of [{ path: '/lang/08' }, { request_id: requestId('half2') }]) {
        const found = await bodyOf<{ id: string[] }[]>(api, '/v1/objects/hit', { filter })
        expect(found).toHaveLength(1)
        await bodyOf(api, '/v1/objects/hit/mark_false', { filter: { id: found.map(({ id }) => id) } })
      }
      await api.dispose()
      await use(undefined)
    },
    { scope: 'worker', auto: true },
  ],
})

/** What the Console never shows (`spec/events.md`, section 7.1). */
const internal = ['warn', 'marker', 'bot', 'vectors']

/** Rows of the API for these words. */
async function rowsOfApi(api: APIRequestContext, list: 'attacks' | 'incidents', query: string, time_zone: string): Promise<Row[]> {
  const filters = await bodyOf<Record<string, Record<string, unknown>>>(api, '/v1/search', { query, time_zone })
  const { '!type': excluded = [], ...filter } = filters[list] ?? {}
  return bodyOf<Row[]>(api, '/v1/objects/attack', {
    filter: { ...filter, '!type': [...internal, ...(excluded as string[])] },
    order_by: 'last_time', order_desc: true, limit: 25,
  })
}

/** Paths of the rows that the page shows. */
function pathsShown(page: Page, list: string): Promise<(string | undefined)[]> {
  return page.getByRole('table', { name: list }).locator('tbody tr').evaluateAll((rows) =>
    rows.map((row) => (row.querySelectorAll('td')[2]?.querySelector('span, div > *')?.textContent ?? undefined)))
}

/** Types a query and returns the rows that the page then asked for. */
async function typed(page: Page, query: string): Promise<Row[]> {
  let isUnderstood = false
  const listing = page.waitForResponse((answer) => {
    const { pathname } = new URL(answer.url())
    if (pathname === '/v1/search' && (answer.request().postDataJSON() as { query: string }).query === query) {
      isUnderstood = true
      return answer.status() !== 200
    }
    return isUnderstood && pathname === '/v1/objects/attack'
  })
  const search = page.getByLabel(/^Search, such as/)
  await search.fill(query)
  await search.press('Enter')
  const listed = await listing
  expect(listed.status(), `${query}: ${await listed.text()}`).toBe(200)
  return ((await listed.json()) as { body: Row[] }).body
}

/** Types each query and compares; returns how many rows each found. */
async function compared(page: Page, api: APIRequestContext, list: 'Attacks' | 'Incidents', queries: string[]): Promise<Map<string, number>> {
  const name = list === 'Attacks' ? 'attacks' : 'incidents'
  await page.goto(`/${name}`)
  await expect(page.getByRole('table', { name: list })).toBeVisible()
  // What is typed asks once, and nothing else does.
  const live = page.getByRole('switch', { name: 'Auto refresh' })
  await live.uncheck()
  await expect(live).not.toBeChecked()
  const zone = await page.evaluate(() => Intl.DateTimeFormat().resolvedOptions().timeZone)
  const found = new Map<string, number>()
  for (const query of queries) {
    const asked = await typed(page, query)
    const expected = await rowsOfApi(api, name, query, zone)
    expect(asked.map(({ attackid }) => attackid), query).toEqual(expected.map(({ attackid }) => attackid))
    await expect.poll(() => pathsShown(page, list), { message: query }).toEqual(expected.map(({ path }) => path))
    found.set(query, expected.length)
  }
  return found
}

/** Queries that find none or everything would prove little. */
function mostlyTelling(found: Map<string, number>, all: number): void {
  const telling = [...found.values()].filter((count) => count > 0 && count < all)
  expect(telling.length, JSON.stringify([...found])).toBeGreaterThan(found.size * 0.7)
}

test('types, sources, applications and groups of words', async ({ console: page, api }) => {
  test.setTimeout(180_000)
  const found = await compared(page, api, 'Attacks', [
    'attacks',
    'sqli', 'SQLi', '!sqli', '!sqli !xss', 'sqli,xss', 'sqli xss', 'rce ptrav !u:/lang/05', 'graphql_attacks', 'sqli_union_based',
    '!sqli_union_based sqli', 'owasp_api8_2023', '!owasp_a03_2021', 'warn',
    'ip:10.0.0.1', '!ip:10.0.0.0/8', '10.0.0.1', '192.0.2.0/24', 'ip:10.0.0.1-10.0.0.16', 'ip:10.', 'ip:2001:db8::1', '2001:db8::/32',
    'ip:2+', '!ip:2+', 'ip:10.0.0.1 ip:198.51.100.7',
    'country:DE', '!country:DE country:us,NL', 'source:aws', 'source:tor', '!source:aws', 'source:unknown',
    'application:Website', 'app:2', '!app:Website', 'application:"Mobile API"', 'app:1,2',
    'client', 'database', '!server', 'high', 'low', 'medium', '!high',
  ])
  mostlyTelling(found, found.get('attacks') ?? 0)
})

test('statuses, requests, payloads and marks', async ({ console: page, api }) => {
  test.setTimeout(180_000)
  const found = await compared(page, api, 'Attacks', [
    'attacks',
    'blocked', 'monitored', 'partially_blocked', '!blocked', 'statuscode:404', 'statuscode:2xx', 'statuscode:400-499', 'statuscode:500+',
    '!statuscode:403', 'statuscode:>=404', 'statuscode:200,500',
    'method:POST', 'PUT', '!GET', 'd:api.test', 'domain:*.test', 'd:a_b.test', '!d:shop.test', 'd:FILES.*',
    'u:/lang/03', 'url:lang/04', '/lang/05', 'u:/lang/0?', 'u:/LANG/*', '!u:/lang/*', 'u:/lang_20%', 'u:"/lang/14 two"',
    'p:q', '!p:q', 'p:note', 'p:*JSON_DOC*', 'p:"GET_user id_value"',
    'known', '!known', 'known:CVE-2018-6008', 'proto:graphql', '!proto:rest', 'auth:jwt', 'size:>1000', 's:90000', 'time:500+', 'rt:<100',
    'N:>10', 'n:1', 'sampled', '!sampled', 'custom_rule', '!custom_rule', 'request_id', `request_id:${requestId('known')}`,
    'falsepositive', '!falsepositive', 'falsepositive ip:10.0.0.8',
    'lang', '"lang/14 two"', "'FILES'", '!files', '"sqli"', '404', 'true', '"404"', 'lang_20%', 'say\\ what', '"a \\"quoted\\" word"',
    'sqli ip:10.0.0.0/8 statuscode:403 !u:/lang/02', 'xss blocked', 'sqli xss !monitored GET shop',
  ])
  mostlyTelling(found, found.get('attacks') ?? 0)
})

test.describe('far from Greenwich', () => {
  test.use({ timezoneId: 'Asia/Tokyo' })

  test('periods are those of the reader, and those of the words win over the page', async ({ console: page, api }) => {
    test.setTimeout(120_000)
    const day = (ago: number) => new Date(Date.now() - ago * 24 * hour * 1000 + 9 * hour * 1000).toISOString().slice(0, 10)
    const written = (iso: string) => iso.split('-').reverse().join('/')
    await compared(page, api, 'Attacks', [
      'today', 'yesterday', 'last hour', 'last 2 hours', 'last 40 minutes', 'last day', 'last 7 days', 'this week', 'this month', 'last month',
      'last 1 month', 'last 2 months', day(0), day(1), `${day(1)}-${day(0)}`, written(day(0)), `>${written(day(1))}`, `<${written(day(0))}`,
      `${day(1)} 00:00-${day(0)} 23:59`, 'sqli today yesterday', 'last hour yesterday !xss', '>=2020-01-01',
    ])
    // The page says whose period it is.
    await expect(page.getByRole('combobox', { name: 'Period' })).toHaveValue('As searched')
    await typed(page, 'sqli')
    await expect(page.getByRole('combobox', { name: 'Period' })).toHaveValue('Last 24 hours')
    // Asked before, so perhaps not asked again.
    const search = page.getByLabel(/^Search, such as/)
    await search.fill('last 1 month')
    await search.press('Enter')
    await expect(page.getByRole('combobox', { name: 'Period' })).toHaveValue('As searched')
  })
})

test('incidents are searched as attacks are', async ({ console: page, api }) => {
  const found = await compared(page, api, 'Incidents', [
    'incidents', 'ptrav', '!ptrav', 'd:files.test', 'statuscode:403', 'ip:203.0.113.7 last hour', 'monitored',
  ])
  expect(found.get('ptrav')).toBe(1)
  expect(found.get('!ptrav')).toBe(0)
})

test('a period of the page and one of the words without anything in common find nothing', async ({ console: page }) => {
  await page.goto('/attacks?period=1h&q=2020-01-01')
  await expect(page.getByText('Nothing matches')).toBeVisible()
  await expect(page.getByText(/did not load/)).toBeHidden()
})

test('a mistake is marked where the API says it is', async ({ console: page, api }) => {
  await page.goto('/attacks')
  const form = page.getByRole('search')
  const search = page.getByLabel(/^Search, such as/)
  for (const query of [
    'sqli color:red', 'xss statuscode:abc', 'last 0 hours', 'sqli "open', 'app:nope xss', 'sqli ! xss', 'ip:10.0.0.9-10.0.0.1',
    'proto:rest auth:nope', '!today', 'sqli 31/02/2026', 'owasp_api11_2023', 'größer color:red', 'u:', 'statuscode:500-400', 'country:ZZ',
  ]) {
    const refused = await api.post('/v1/search', { data: { query, time_zone: 'UTC' } })
    expect(refused.status(), query).toBe(400)
    const { body } = (await refused.json()) as { body: { query: { error: string; column: number } } }
    await search.fill(query)
    await search.press('Enter')
    await expect(form.getByText(`, at character ${body.query.column}`), query).toBeVisible()
    await expect(form.getByText(body.query.error), query).toBeVisible()
    const [words, mark] = ((await form.locator('[aria-hidden="true"]', { hasText: '^' }).textContent()) ?? '').split('\n')
    expect([words, mark?.indexOf('^')], query).toEqual([query, body.query.column - 1])
    await expect(page.getByText('Nothing was searched'), query).toBeVisible()
  }
})
