import { Alert, Button, Card, Group, Select, Stack, Switch, Text } from '@mantine/core'
import { IconInfoCircle } from '@tabler/icons-react'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, bodyOf } from '../../api/client'
import { currentUserQuery, useRefusal } from '../../session/queries'
import { succeeded } from '../../ui/feedback'
import { GuardedButton } from '../../ui/GuardedButton'
import { usersQuery } from '../queries'
import { beyondReach } from '../users/user'
import { ProofModal } from './ProofModal'
import { ssoQuery, type Sso } from './queries'

interface Options {
  provisioning: boolean
  strict: boolean
  tenant_permissions: boolean
  fallback_user_id: number | null
}

/** What single sign-on means for users: who must use it, where they come from, and who gets in all the same. */
export function OptionsCard({ sso }: { sso: Sso }) {
  const refusal = useRefusal()
  const { data: users } = useQuery(usersQuery)
  const client = useQueryClient()
  const stored: Options = {
    provisioning: sso.provisioning, strict: sso.strict, tenant_permissions: sso.tenant_permissions, fallback_user_id: sso.fallback_user_id ?? null,
  }
  const [options, setOptions] = useState<Options>(stored)
  const [confirming, setConfirming] = useState(false)
  const changed = JSON.stringify(options) !== JSON.stringify(stored)
  const { data: me } = useQuery(currentUserQuery)
  const forEverybody = (options.strict && !stored.strict) || (options.provisioning && !stored.provisioning)
  const beyond = forEverybody && me ? beyondReach(users ?? [], me, options.fallback_user_id) : undefined
  const outOfReach = beyond && `${beyond.realname} has rights that you do not have, and would be switched too`
  // The changed options draw the card anew, without the dialog.
  const save = async (proof: string) => {
    client.setQueryData(ssoQuery.queryKey, await bodyOf(api.PUT('/v1/sso', { params: { header: { 'X-Reauth': proof } }, body: options })))
    succeeded('Options saved')
  }
  const fitting = (users ?? []).filter((user) => user.enabled && user.mfa_enabled && user.permissions.some((role) => role.includes('admin')))
  const names = fitting.map((user) => ({ value: String(user.id), label: `${user.realname} (${user.email})` }))
  return (
    <Card p="lg">
      <Stack gap="md">
        <Text fw={600}>Users</Text>
        <Switch
          label="The provider is the source of users" description="People appear at their first sign-in; their role follows their groups at each one."
          checked={options.provisioning} onChange={(event) => setOptions({ ...options, provisioning: event.currentTarget.checked })}
        />
        <Switch
          label="Everybody must use it" description="Passwords, UUID and secret stop working, except for the fallback account."
          checked={options.strict} onChange={(event) => setOptions({ ...options, strict: event.currentTarget.checked })}
        />
        {refusal('update_tenant') === undefined ? (
          <Switch
            label="Groups decide about clients" description="Each person reaches the clients that its groups give, with the role that they give there."
            checked={options.tenant_permissions} onChange={(event) => setOptions({ ...options, tenant_permissions: event.currentTarget.checked })}
          />
        ) : null}
        <Select
          label="Fallback account" description="An administrator with password and second factor, for when the provider fails." placeholder="None"
          nothingFoundMessage="No administrator has a second factor" data={names}
          value={options.fallback_user_id === null ? null : String(options.fallback_user_id)}
          onChange={(id) => setOptions({ ...options, fallback_user_id: id === null ? null : Number(id) })}
        />
        {outOfReach ? (
          <Alert color="yellow" icon={<IconInfoCircle />} role="status">{outOfReach}. Let somebody with these rights do it, or make this user the fallback account.</Alert>
        ) : null}
        <Group justify="flex-end">
          {changed ? (
            <Button variant="subtle" size="xs" onClick={() => setOptions(stored)}>Reset</Button>
          ) : null}
          <GuardedButton size="xs" refusal={changed ? refusal('update_sso') ?? outOfReach : 'Nothing was changed'} onClick={() => setConfirming(true)}>Save options</GuardedButton>
        </Group>
        <ProofModal title="Change how people sign in" submit="Change" opened={confirming} onClose={() => setConfirming(false)} action={save} />
      </Stack>
    </Card>
  )
}
