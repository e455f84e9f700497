/** IP addresses and subnets as people type them into a list. */

const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/

function isV4(text: string): boolean {
  const match = v4.exec(text)
  return match !== null && match.slice(1).every((octet) => Number(octet) <= 255)
}

function isV6(text: string): boolean {
  if (!/^[0-9a-f:.]+$/i.test(text)) return false
  const halves = text.split('::')
  if (halves.length > 2) return false
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')))
  const tail = groups.at(-1) ?? ''
  const dotted = tail.includes('.')
  if (dotted && !isV4(tail)) return false
  const hex = dotted ? groups.slice(0, -1) : groups
  if (!hex.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return false
  const count = hex.length + (dotted ? 2 : 0)
  return halves.length === 2 ? count < 8 : count === 8
}

interface Masks {
  four: readonly [least: number, most: number]
  six: readonly [least: number, most: number]
}

function networkProblemWithin(text: string, masks: Masks): string | undefined {
  const [address = '', mask, extra] = text.split('/')
  const four = isV4(address)
  if (extra !== undefined || (!four && !isV6(address))) return `${text} is not an IP address or subnet`
  if (mask === undefined) return undefined
  const bits = /^\d{1,3}$/.test(mask) ? Number(mask) : Number.NaN
  const [least, most] = four ? masks.four : masks.six
  return bits >= least && bits <= most ? undefined : `${text}: the mask must be between /${least} and /${most}`
}

/** Why this is not an address or subnet a list takes, or `undefined` when it is. */
export function subnetProblem(text: string): string | undefined {
  return networkProblemWithin(text, { four: [8, 32], six: [32, 128] })
}

/** Why this is not an address or network at all, or `undefined` when it is one. */
export function networkProblem(text: string): string | undefined {
  return networkProblemWithin(text, { four: [0, 32], six: [0, 128] })
}

/** Splits what was pasted (lines, commas, blanks) into entries, without repeats. */
export function splitEntries(text: string): string[] {
  return [...new Set(text.split(/[\s,;]+/).filter((entry) => entry !== ''))]
}
