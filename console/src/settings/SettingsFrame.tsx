import { Tabs } from '@mantine/core'
import { Outlet, useNavigate, useRouterState } from '@tanstack/react-router'
import { Page } from '../ui/Page'

const tabs = [
  { to: '/settings/credentials', label: 'API credentials' },
  { to: '/settings/security', label: 'Sign-in' },
  { to: '/settings/api-tokens', label: 'API tokens' },
  { to: '/settings/users', label: 'Users' },
  { to: '/settings/applications', label: 'Applications' },
  { to: '/settings/sso', label: 'Single sign-on' },
  { to: '/settings/subscription', label: 'Subscription' },
] as const

/** The frame of the settings: one heading, one tab for each subject. */
export function SettingsFrame() {
  const pathname = useRouterState({ select: (state) => state.location.pathname })
  const navigate = useNavigate()
  const current = tabs.find(({ to }) => pathname.startsWith(to))?.to ?? null
  return (
    <Page title="Settings">
      <Tabs
        value={current}
        onChange={(value) => {
          const tab = tabs.find(({ to }) => to === value)
          if (tab) void navigate({ to: tab.to })
        }}
      >
        <Tabs.List mb="lg">
          {tabs.map(({ to, label }) => <Tabs.Tab key={to} value={to}>{label}</Tabs.Tab>)}
        </Tabs.List>
        {current === null ? null : <Tabs.Panel value={current}><Outlet /></Tabs.Panel>}
      </Tabs>
    </Page>
  )
}
