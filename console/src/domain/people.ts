/** People by their identities, in words. */

export interface Named {
  id: number
  realname: string
  email: string
}

/** Somebody's name, by identity; who is not among the known people keeps the number. */
export function nameOf(people: readonly Named[] | undefined, id: number): string {
  const person = people?.find((known) => known.id === id)
  return person === undefined ? `User ${id}` : person.realname || person.email
}

/** Whose an API token is: a person's, or all administrators'. */
export function ownerOf(people: readonly Named[] | undefined, token: { user_id?: number | null }): { name: string; email?: string } {
  const { user_id: id } = token
  if (id === null || id === undefined) return { name: 'All administrators' }
  const email = people?.find((known) => known.id === id)?.email
  return { name: nameOf(people, id), ...(email === undefined ? {} : { email }) }
}
