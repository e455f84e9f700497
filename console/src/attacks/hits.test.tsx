import { MantineProvider } from '@mantine/core'
import type { ReactNode } from 'react'
import { renderToStaticMarkup } from 'react-dom/server'
import { expect, test } from 'vitest'
import type { Explanation } from '../api/types'
import { ExplanationView } from './HitExplanation'
import { Payload } from './Payload'

function render(shown: ReactNode): string {
  return renderToStaticMarkup(<MantineProvider>{shown}</MantineProvider>)
}

/** What is marked, in order. */
function marks(html: string): string[] {
  return Array.from(html.matchAll(/<mark[^>]*>(.*?)<\/mark>/g), ([, text]) => text ?? '')
}

/** What is read, without the elements. */
function text(html: string): string {
  return html.replace(/<style.*?<\/style>/gs, '').replace(/<[^>]+>/g, '').replaceAll('&#x27;', "'")
}

test('the sign is marked in its payload', () => {
  const html = render(<Payload hit={{ value: '1 <svg onload=x> 2', payload_span: [2, 16] }} />)
  expect(marks(html)).toEqual(['&lt;svg onload=x&gt;'])
  expect(html).toContain('aria-label="Payload"')
})

test('a payload without a span, or all of which is the sign, is shown without marks', () => {
  for (const payload_span of [null, undefined, [0, 3], [9, 12]]) {
    const html = render(<Payload hit={{ value: 'abc', ...(payload_span === undefined ? {} : { payload_span }) }} />)
    expect(marks(html)).toEqual([])
    expect(html).toContain('abc')
  }
  expect(text(render(<Payload hit={{ value: '', payload_span: [0, 3] }} />))).toContain('–')
})

const sign: Explanation['points'][number]['signs'][number] = {
  stamp: 2010, type: 'sqli', subtype: 'sqli_boolean', form: 'as sent', literals: ["'", 'or'], fired: true,
  start: 2, end: 9, payload: "' or 1=",
}

const explanation: Explanation = {
  points: [
    { point: ['get', 'q'], role: 'leaf', bytes: 13, value: "é' or 1=1--", shape: 'argument', plain: false, signs: [sign] },
    {
      point: ['get', 'r'], role: 'leaf', bytes: 3, value: 'abc', shape: 'argument', plain: false,
      signs: [{ ...sign, form: 'shell words', start: 0, end: 2, payload: 'ab' }, { ...sign, fired: false, payload: null }],
    },
    { point: ['header', 'HOST'], role: 'leaf', bytes: 9, value: 'shop.test', shape: null, plain: false, signs: [] },
  ],
  points_left_out: 0, body_truncated: false, stopped: false, depth_limited: 2,
  detections: [
    { type: 'sqli', subtype: 'sqli_boolean', point: ['get', 'q'], value: "é' or 1=1--", start: 2, end: 10, stamps: [2010, 2011] },
    { type: 'data_bomb', subtype: '', point: ['post'], value: '', start: 0, end: 0, stamps: [] },
  ],
}

test('an explanation says what was found, where, by what, and what each signature saw', () => {
  const html = render(<ExplanationView explanation={explanation} />)
  // Of the finding, then of the value; what was read otherwise has its bytes elsewhere.
  expect(marks(html)).toEqual(['&#x27; or 1=1', '&#x27; or 1='])
  const shown = text(html)
  expect(shown).toContain("SQL injection (sqli_boolean) in Query q, stamps 2010, 2011: é' or 1=1--")
  expect(shown).toContain('no stamp')
  expect(shown).toContain("2010 sqli_booleanMatches ' or 1= (bytes 2..9); opened by ' or")
  expect(shown).toContain('Read as shell words.')
  expect(shown).toContain('What surrounds the match explains it.')
  expect(shown).toContain('2 values were nested too deep')
  expect(shown).toContain('All 3 values of the request')
})
