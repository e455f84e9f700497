/** The frame around every signed-in page: sections on the left, help and person on the right. */
import { ActionIcon, AppShell, Avatar, Burger, Group, Menu, NavLink, Text, Tooltip, UnstyledButton, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconApi, IconBraces, IconChevronDown, IconHelp, IconLogout, IconMoon, IconKey, IconLicense, IconSun } from '@tabler/icons-react'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { roleLabel, usesConsole } from '../domain/permissions'
import { currentUserQuery, signOut } from '../session/queries'
import { failed } from '../ui/feedback'
import { Logo } from '../ui/Logo'
import { sections } from './navigation'
import classes from './Shell.module.css'

export function Shell() {
  const [opened, { toggle, close }] = useDisclosure()
  useHeadingFocus(close)
  return (
    <AppShell
      header={{ height: 54 }}
      navbar={{ width: 232, breakpoint: 'md', collapsed: { mobile: !opened } }}
      layout="alt"
      padding={{ base: 'md', md: 'lg', xl: 'xl' }}
    >
      <a className="skip-link" href="#content">Skip to the content</a>
      <AppShell.Header className={classes.header} px="md">
        <Group h="100%" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger opened={opened} onClick={toggle} hiddenFrom="md" size="sm" aria-label="Sections" aria-expanded={opened} />
            <Text size="sm" c="dimmed" truncate><Tenant /></Text>
          </Group>
          <Group gap={6} wrap="nowrap">
            <ThemeSwitch />
            <HelpMenu />
            <UserMenu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar className={classes.rail} aria-label="Sections" data-opened={opened || undefined}>
        <Group h={54} px="md" gap={10} wrap="nowrap" justify="space-between">
          <UnstyledButton component={Link} to="/" className={classes.brand} aria-label="Bartizan, start page">
            <Logo />
            <Text fw={680} fz={17} lts="-0.01em">Bartizan</Text>
          </UnstyledButton>
          <Burger opened={opened} onClick={toggle} hiddenFrom="md" size="sm" color="#fff" aria-label="Close sections" />
        </Group>
        <Sections />
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1} className={classes.main}>
        <div className={classes.content}><Outlet /></div>
      </AppShell.Main>
    </AppShell>
  )
}

/** After a change of page, keyboard and screen reader start at its heading. */
function useHeadingFocus(onArrive: () => void) {
  const pathname = useRouterState({ select: (state) => state.resolvedLocation?.pathname })
  const previous = useRef(pathname)
  useEffect(() => {
    if (previous.current !== undefined && previous.current !== pathname) {
      onArrive()
      document.querySelector<HTMLElement>('[data-page-heading]')?.focus({ preventScroll: true })
      window.scrollTo({ top: 0 })
    }
    previous.current = pathname
  }, [pathname, onArrive])
}

function Sections() {
  const pathname = useRouterState({ select: (state) => state.location.pathname })
  const { data: user } = useQuery(currentUserQuery)
  const shown = user === undefined || usesConsole(user) ? sections : sections.filter(({ title }) => title === 'Account')
  return (
    <div className={classes.sections}>
      {shown.map((section) => (
        <div key={section.title}>
          <Text className={classes.section} component="h2">{section.title}</Text>
          {section.items.map(({ to, label, Icon }) => {
            const active = pathname === to || pathname.startsWith(`${to}/`)
            return (
              <NavLink
                key={to}
                component={Link}
                to={to}
                label={label}
                active={active}
                aria-current={active ? 'page' : undefined}
                leftSection={<Icon size={18} stroke={1.7} aria-hidden />}
                className={classes.link ?? ''}
              />
            )
          })}
        </div>
      ))}
    </div>
  )
}

function Tenant() {
  const { data } = useQuery(currentUserQuery)
  return data?.client_name ?? ''
}

function ThemeSwitch() {
  const { setColorScheme } = useMantineColorScheme()
  const scheme = useComputedColorScheme('light', { getInitialValueInEffect: false })
  const next = scheme === 'dark' ? 'light' : 'dark'
  return (
    <Tooltip label={`Use the ${next} theme`}>
      <ActionIcon size="lg" aria-label={`Use the ${next} theme`} onClick={() => setColorScheme(next)}>
        {scheme === 'dark' ? <IconSun size={19} stroke={1.7} /> : <IconMoon size={19} stroke={1.7} />}
      </ActionIcon>
    </Tooltip>
  )
}

function HelpMenu() {
  return (
    <Menu position="bottom-end" width={230}>
      <Menu.Target>
        <ActionIcon size="lg" aria-label="Help"><IconHelp size={20} stroke={1.7} /></ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component="a" href="/apiconsole/" target="_blank" leftSection={<IconApi size={17} />}>API Console</Menu.Item>
        <Menu.Item component="a" href="/openapi.json" target="_blank" leftSection={<IconBraces size={17} />}>OpenAPI document</Menu.Item>
        <Menu.Item component="a" href="/licenses.txt" target="_blank" leftSection={<IconLicense size={17} />}>Licences of the pages</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

function initials(name: string): string {
  return name.split(/\s+/).slice(0, 2).map((word) => word.charAt(0).toUpperCase()).join('')
}

function UserMenu() {
  const { data: user } = useQuery(currentUserQuery)
  const queryClient = useQueryClient()
  const navigate = useNavigate()
  const name = user?.realname ?? ''
  const leave = async () => {
    await signOut().catch(failed)
    queryClient.clear()
    await navigate({ to: '/sign-in' })
  }
  return (
    <Menu position="bottom-end" width={250}>
      <Menu.Target>
        <UnstyledButton className={classes.user} aria-label={`Account menu of ${name}`}>
          <Avatar size={30} color="verdigris" radius="xl">{initials(name)}</Avatar>
          <Text size="sm" visibleFrom="sm" truncate maw={160}>{name}</Text>
          <IconChevronDown size={15} aria-hidden />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text size="sm" fw={600} c="var(--mantine-color-text)">{name}</Text>
          <Text size="xs" truncate>{user?.email}</Text>
          <Text size="xs">{user ? roleLabel(user.permissions) : ''}</Text>
        </Menu.Label>
        <Menu.Divider />
        <Menu.Item component={Link} to="/settings/credentials" leftSection={<IconKey size={17} />}>API credentials</Menu.Item>
        <Menu.Item leftSection={<IconLogout size={17} />} onClick={() => void leave()}>Sign out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
