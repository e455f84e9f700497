import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { clientTypes } from '../../scripts/generate.mjs'

// Reading the whole document takes a busy machine its time.
test('the client types are those of the checked-in API document', async () => {
  const types = readFileSync(new URL('./schema.d.ts', import.meta.url), 'utf8')
  const fresh = types === (await clientTypes())
  expect(fresh, 'src/api/schema.d.ts is stale: run "npm run generate" in console/').toBe(true)
}, 60_000)
