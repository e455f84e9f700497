import {
  IconAlertOctagon, IconBug, IconFilterCog, IconListCheck, IconServer2, IconSettings, IconShieldBolt,
} from '@tabler/icons-react'

/** The sections of the Console, in the order of a working day. */
export const sections = [
  { title: 'Events', items: [
    { to: '/attacks', label: 'Attacks', Icon: IconShieldBolt },
    { to: '/incidents', label: 'Incidents', Icon: IconAlertOctagon },
    { to: '/vulnerabilities', label: 'Vulnerabilities', Icon: IconBug },
  ] },
  { title: 'Protection', items: [
    { to: '/rules', label: 'Rules', Icon: IconFilterCog },
    { to: '/ip-lists', label: 'IP lists', Icon: IconListCheck },
    { to: '/nodes', label: 'Nodes', Icon: IconServer2 },
  ] },
  { title: 'Account', items: [
    { to: '/settings', label: 'Settings', Icon: IconSettings },
  ] },
] as const

/** The pages of the own account, all that there is for roles without the Console. */
export const ownPages = ['/settings/credentials', '/settings/security'] as const
