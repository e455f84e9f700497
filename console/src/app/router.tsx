/**
 * Every address of the Console, what it reads from the address bar, and who may stand there.
 *
 * Pages below `signedIn` load only with a session; without one the visitor is asked to sign in and
 * comes back to the same address afterwards.
 */
import { createRootRouteWithContext, createRoute, createRouter, Outlet, redirect } from '@tanstack/react-router'
import type { QueryClient } from '@tanstack/react-query'
import { isSignedOut } from '../api/client'
import { AttacksPage } from '../attacks/AttacksPage'
import { readAttackSearch } from '../attacks/search'
import { usesConsole } from '../domain/permissions'
import { IncidentsPage } from '../incidents/IncidentsPage'
import { IpListsPage } from '../ip-lists/IpListsPage'
import { readIpListSearch } from '../ip-lists/search'
import { NodesPage } from '../nodes/NodesPage'
import { RulesPage } from '../rules/RulesPage'
import { readRuleSearch } from '../rules/search'
import { currentUserQuery, sessionQuery } from '../session/queries'
import { readRefusal, readSignInSearch } from '../session/signInSearch'
import { FirstPage } from '../session/FirstPage'
import { EmailPage, ForgotPage, InvitationPage, ResetPage, SignUpConfirmPage } from '../session/LinkPages'
import { SignInPage } from '../session/SignInPage'
import { SignUpPage } from '../session/SignUpPage'
import { CompanySecurityPage } from '../settings/company/CompanySecurityPage'
import { ApplicationsPage } from '../settings/ApplicationsPage'
import { CredentialsPage } from '../settings/CredentialsPage'
import { SecurityPage } from '../settings/SecurityPage'
import { SettingsFrame } from '../settings/SettingsFrame'
import { SsoPage } from '../settings/SsoPage'
import { SubscriptionPage } from '../settings/SubscriptionPage'
import { TokensPage } from '../settings/TokensPage'
import { InvitationsPage } from '../settings/users/InvitationsPage'
import { readUserSearch } from '../settings/users/search'
import { UsersPage } from '../settings/users/UsersPage'
import { ErrorState } from '../ui/States'
import { readTableState } from '../ui/tableState'
import { VulnerabilitiesPage } from '../vulnerabilities/VulnerabilitiesPage'
import { readVulnerabilitySearch } from '../vulnerabilities/search'
import { ownPages } from './navigation'
import { NotFound } from './NotFound'
import { queryClient } from './queryClient'
import { only } from './search'
import { Shell } from './Shell'

const root = createRootRouteWithContext<{ queryClient: QueryClient }>()({ component: Outlet })

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: only(readSignInSearch),
  component: SignInPage,
})

/** Where single sign-on sends people back to when it refuses them. */
const login = createRoute({
  getParentRoute: () => root,
  path: '/login',
  beforeLoad: ({ search }) => {
    throw redirect({ to: '/sign-in', search: readRefusal(search), replace: true })
  },
})

const signUp = createRoute({ getParentRoute: () => root, path: '/sign-up', component: SignUpPage })

// The links of letters carry their token behind the `#`, which never leaves the browser.
const forgot = createRoute({ getParentRoute: () => root, path: '/forgot', component: ForgotPage })
const reset = createRoute({ getParentRoute: () => root, path: '/reset', component: ResetPage })
const invitation = createRoute({ getParentRoute: () => root, path: '/invitation', component: InvitationPage })
const email = createRoute({ getParentRoute: () => root, path: '/email', component: EmailPage })
const confirmSignUp = createRoute({ getParentRoute: () => root, path: '/confirm-sign-up', component: SignUpConfirmPage })

interface Gate {
  context: { queryClient: QueryClient }
  location: { href: string; pathname: string }
}

async function requireSession({ context, location }: Gate) {
  try {
    return await context.queryClient.ensureQueryData(sessionQuery)
  } catch (error) {
    if (!isSignedOut(error)) throw error
    throw redirect({ to: '/sign-in', search: location.href === '/' ? {} : { redirect: location.href } })
  }
}

/** What must be done before the Console opens: a new password, a second factor. */
const first = createRoute({
  getParentRoute: () => root,
  path: '/first',
  beforeLoad: async (gate) => {
    await requireSession(gate)
  },
  component: FirstPage,
})

const signedIn = createRoute({
  getParentRoute: () => root,
  id: 'signed-in',
  beforeLoad: async (gate) => {
    const session = await requireSession(gate)
    if (session.restriction) throw redirect({ to: '/first' })
    const user = await gate.context.queryClient.ensureQueryData(currentUserQuery)
    if (!usesConsole(user) && !ownPages.some((page) => page === gate.location.pathname)) throw redirect({ to: ownPages[0], replace: true })
  },
  errorComponent: ({ error, reset }) => <ErrorState error={error} onRetry={reset} />,
  component: Shell,
})

const home = createRoute({
  getParentRoute: () => signedIn,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/attacks', replace: true })
  },
})

const attacks = createRoute({ getParentRoute: () => signedIn, path: '/attacks', validateSearch: only(readAttackSearch), component: AttacksPage })
const incidents = createRoute({ getParentRoute: () => signedIn, path: '/incidents', validateSearch: only(readAttackSearch), component: IncidentsPage })
const vulnerabilities = createRoute({ getParentRoute: () => signedIn, path: '/vulnerabilities', validateSearch: only(readVulnerabilitySearch), component: VulnerabilitiesPage })
const rules = createRoute({ getParentRoute: () => signedIn, path: '/rules', validateSearch: only(readRuleSearch), component: RulesPage })
const ipLists = createRoute({ getParentRoute: () => signedIn, path: '/ip-lists', validateSearch: only(readIpListSearch), component: IpListsPage })
const nodes = createRoute({ getParentRoute: () => signedIn, path: '/nodes', validateSearch: only(readTableState), component: NodesPage })

const settings = createRoute({ getParentRoute: () => signedIn, path: '/settings', component: SettingsFrame })
const settingsHome = createRoute({
  getParentRoute: () => settings,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/settings/credentials', replace: true })
  },
})
const credentials = createRoute({ getParentRoute: () => settings, path: '/credentials', component: CredentialsPage })
const security = createRoute({ getParentRoute: () => settings, path: '/security', component: SecurityPage })
const company = createRoute({ getParentRoute: () => settings, path: '/company', component: CompanySecurityPage })
const sso = createRoute({ getParentRoute: () => settings, path: '/sso', component: SsoPage })
const subscription = createRoute({ getParentRoute: () => settings, path: '/subscription', component: SubscriptionPage })
const tokens = createRoute({ getParentRoute: () => settings, path: '/api-tokens', validateSearch: only(readTableState), component: TokensPage })
const users = createRoute({ getParentRoute: () => settings, path: '/users', validateSearch: only(readUserSearch), component: UsersPage })
const invitations = createRoute({ getParentRoute: () => settings, path: '/users/invitations', validateSearch: only(readTableState), component: InvitationsPage })
const applications = createRoute({ getParentRoute: () => settings, path: '/applications', validateSearch: only(readTableState), component: ApplicationsPage })

export const router = createRouter({
  routeTree: root.addChildren([
    signIn, login, signUp, forgot, reset, invitation, email, confirmSignUp, first,
    signedIn.addChildren([
      home, attacks, incidents, vulnerabilities, rules, ipLists, nodes,
      settings.addChildren([settingsHome, credentials, security, tokens, users, invitations, applications, company, sso, subscription]),
    ]),
  ]),
  context: { queryClient },
  defaultNotFoundComponent: NotFound,
  defaultPreload: false,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
