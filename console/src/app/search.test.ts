import { createMemoryHistory, createRootRoute, createRoute, createRouter } from '@tanstack/react-router'
import { expect, test } from 'vitest'
import { readSignInSearch } from '../session/signInSearch'
import { readTableState } from '../ui/tableState'
import { only } from './search'

/** The parameters that the page at an address gets from the router. */
function seenAt(address: string, read = only): Record<string, unknown> {
  const root = createRootRoute()
  const signIn = createRoute({ getParentRoute: () => root, path: '/sign-in', validateSearch: read(readSignInSearch) })
  const table = createRoute({ getParentRoute: () => root, path: '/table', validateSearch: read(readTableState) })
  const router = createRouter({ routeTree: root.addChildren([signIn, table]), history: createMemoryHistory({ initialEntries: [address] }) })
  const match = router.matchRoutes(router.latestLocation).at(-1)
  if (match === undefined || match.fullPath === '/') throw new Error(`no page at ${address}`)
  return { ...match.search }
}

test.each(['https://evil.test/', '//evil.test', '/\\evil.test', 'javascript:alert(1)', '/\t/evil.test'])(
  'after sign-in nobody is led to %s',
  (address) => {
    expect(seenAt(`/sign-in?redirect=${encodeURIComponent(address)}`)['redirect']).toBeUndefined()
  },
)

test('a path of this site and what else fits reach the page', () => {
  expect(seenAt('/sign-in?redirect=%2Frules%3Fkind%3Dvpatch&expired=true')).toMatchObject({ redirect: '/rules?kind=vpatch', expired: true })
  expect(seenAt('/table?sort=-name&page=2&other=1')).toEqual({ sort: '-name', page: 2, other: undefined })
  expect(seenAt('/table?sort=NAME%20')['sort']).toBeUndefined()
})

test('the router alone keeps what a reader leaves out', () => {
  expect(seenAt('/table?sort=NAME%20', (read) => read)['sort']).toBe('NAME ')
})
