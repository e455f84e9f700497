/** The pairs of conditions and addresses that the server's own rendering is tested with. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { scopeView, type ScopeCondition } from './scope'

interface Example {
  conditions: ScopeCondition[]
  path: string
  domain?: string
  instance?: string
}

const file = new URL('../../../crates/rules/tests/data/actions_examples.json', import.meta.url)
const examples: Example[] = JSON.parse(readFileSync(file, 'utf8'))

test.each(examples.map((example, index) => ({ index, ...example })))('example $index reads as $path', ({ conditions, path, domain, instance }) => {
  const view = scopeView(conditions)
  expect(view.path).toBe(path)
  expect(view.domain).toBe(domain ?? null)
  expect(view.application).toBe(instance ?? null)
})
