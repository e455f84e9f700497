/** Reading the address bar. */

type Search = Record<string, unknown>

/**
 * What a page reads from the address bar, and nothing besides: the router keeps every parameter that a reader leaves
 * out, so that a value which the reader refused would reach the page all the same.
 */
export function only<Read extends object>(read: (search: Search) => Read): (search: Search) => Read {
  return (search) => {
    const dropped: Search = Object.fromEntries(Object.keys(search).map((name) => [name, undefined]))
    return Object.assign(dropped, read(search))
  }
}
