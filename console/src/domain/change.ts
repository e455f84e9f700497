/** How a figure changed against the period before: "+12 %", "−3 %", "new"; `undefined` when there is nothing to say. */
export function changeOf(now: number, before: number): string | undefined {
  if (before === 0) return now === 0 ? undefined : 'new'
  const percent = Math.trunc(((now - before) / before) * 100)
  const sign = percent > 0 ? '+' : percent < 0 ? '−' : '±'
  return `${sign}${Math.abs(percent).toLocaleString('en')} %`
}
