import { Alert, Tabs } from '@mantine/core'
import { IconInfoCircle } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { Outlet, useNavigate, useRouterState } from '@tanstack/react-router'
import { usesConsole } from '../domain/permissions'
import { currentUserQuery } from '../session/queries'
import { Page } from '../ui/Page'

const tabs = [
  { to: '/settings/credentials', label: 'API credentials', own: true },
  { to: '/settings/security', label: 'My sign-in', own: true },
  { to: '/settings/api-tokens', label: 'API tokens', own: false },
  { to: '/settings/users', label: 'Users', own: false },
  { to: '/settings/applications', label: 'Applications', own: false },
  { to: '/settings/company', label: 'Sign-in and security', own: false },
  { to: '/settings/sso', label: 'Single sign-on', own: false },
  { to: '/settings/subscription', label: 'Subscription', own: false },
] as const

/** The frame of the settings: one heading, one tab for each subject. */
export function SettingsFrame() {
  const pathname = useRouterState({ select: (state) => state.location.pathname })
  const navigate = useNavigate()
  const { data: user } = useQuery(currentUserQuery)
  const limited = user !== undefined && !usesConsole(user)
  const current = tabs.find(({ to }) => pathname.startsWith(to))?.to ?? null
  return (
    <Page title="Settings">
      {limited ? (
        <Alert icon={<IconInfoCircle />} color="yellow">
          Your role is for adding nodes by programs. Of the Console it has the pages of your own account; an administrator can give you another role.
        </Alert>
      ) : null}
      <Tabs
        value={current}
        onChange={(value) => {
          const tab = tabs.find(({ to }) => to === value)
          if (tab) void navigate({ to: tab.to })
        }}
      >
        <Tabs.List mb="lg">
          {tabs.filter(({ own }) => own || !limited).map(({ to, label }) => <Tabs.Tab key={to} value={to}>{label}</Tabs.Tab>)}
        </Tabs.List>
        {current === null ? null : <Tabs.Panel value={current}><Outlet /></Tabs.Panel>}
      </Tabs>
    </Page>
  )
}
