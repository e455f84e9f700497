import { expect, test } from 'vitest'
import { emptyRule, ruleInput, ruleProblems } from './ruleForm'

test('a virtual patch carries its point, type and scope', () => {
  const form = { ...emptyRule, kind: 'vpatch' as const, domain: 'shop.test', key: ' q ', attackType: 'sqli', comment: ' until 4.2 ' }
  expect(ruleProblems(form)).toEqual({})
  expect(ruleInput(form)).toEqual({
    type: 'vpatch',
    action: [{ type: 'iequal', point: ['header', 'HOST'], value: 'shop.test' }],
    point: ['get', 'q'],
    attack_type: 'sqli',
    comment: 'until 4.2',
  })
})

test('a mode has neither point nor attack type, and an empty comment is not sent', () => {
  expect(ruleInput({ ...emptyRule, kind: 'wallarm_mode', mode: 'block', path: '/api/**/*.*' })).toEqual({
    type: 'wallarm_mode', mode: 'block', action: [{ type: 'equal', point: ['path', 0], value: 'api' }],
  })
})

test('what is missing is said at its field', () => {
  expect(ruleProblems({ ...emptyRule, kind: 'regex', path: 'api', domain: 'a/b' })).toMatchObject({
    key: expect.any(String), regex: expect.any(String), path: expect.any(String), domain: expect.any(String),
  })
  expect(ruleProblems({ ...emptyRule, preset: 'post' })).toEqual({})
})
