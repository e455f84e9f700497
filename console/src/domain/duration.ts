/** Lengths of time as people write them: "15 minutes", "8 h", "7 days". */

const units: readonly [name: string, plural: string, seconds: number, spellings: readonly string[]][] = [
  ['day', 'days', 86_400, ['d', 'day', 'days']],
  ['hour', 'hours', 3_600, ['h', 'hr', 'hrs', 'hour', 'hours']],
  ['minute', 'minutes', 60, ['m', 'min', 'mins', 'minute', 'minutes']],
  ['second', 'seconds', 1, ['s', 'sec', 'secs', 'second', 'seconds']],
]

/** Seconds in the largest unit that holds them whole; up to two days in hours, as people say it. */
export function durationText(seconds: number): string {
  const fitting = units.find(([name, , size]) => seconds % size === 0 && (name !== 'day' || seconds >= 2 * size))
  const [name, plural, size] = fitting ?? ['second', 'seconds', 1]
  const count = seconds / size
  return `${count} ${count === 1 ? name : plural}`
}

/** Whole seconds of a written length, or `undefined` when it is none. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,4})?)\s*([a-z]+)$/i.exec(text.trim())
  const unit = units.find(([, , , spellings]) => spellings.includes((match?.[2] ?? '').toLowerCase()))
  if (match === null || unit === undefined) return undefined
  const seconds = Number(match[1]) * unit[2]
  return Number.isInteger(seconds) ? seconds : undefined
}

/** Why a written length does not fit between two others, or `undefined` when it does. */
export function durationProblem(text: string, least: number, most: number): string | undefined {
  const seconds = parseDuration(text)
  if (seconds === undefined) return 'Write a number and minutes, hours or days'
  return seconds < least || seconds > most ? `Between ${durationText(least)} and ${durationText(most)}` : undefined
}
