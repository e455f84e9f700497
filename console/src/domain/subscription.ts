/** Words about what a client has bought. */

/** A month for people, as in `November 2026`. */
export function monthOf(year: number, month: number): string {
  return new Date(Date.UTC(year, month - 1)).toLocaleDateString('en', { month: 'long', year: 'numeric', timeZone: 'UTC' })
}

/** The name of a plan; its number while names are not known. */
export function planName(plans: readonly { id: number; slug: string }[] | undefined, id: number): string {
  return plans?.find((plan) => plan.id === id)?.slug ?? `Plan ${id}`
}
