import { Alert, Card, Code, Group, Skeleton, Stack, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconInfoCircle, IconRefresh } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { Credentials } from '../api/types'
import { Permitted } from '../session/Permitted'
import { useRefusal } from '../session/queries'
import { CopyField } from '../ui/CopyField'
import { GuardedButton } from '../ui/GuardedButton'
import { ErrorState } from '../ui/States'
import { Time } from '../ui/Time'
import { credentialsQuery } from './queries'
import { RenewSecretModal } from './RenewSecretModal'
import { Section } from './Section'

export function CredentialsPage() {
  return (
    <Section
      title="API credentials"
      description="Your own pair for programs that call the API as you. For anything long-lived, an API token with fewer rights is the better choice."
    >
      <Permitted permission="view_credentials"><Loaded /></Permitted>
    </Section>
  )
}

function Loaded() {
  const { data, error, refetch } = useQuery(credentialsQuery)
  return error ? <ErrorState error={error} onRetry={() => void refetch()} /> : data ? <CredentialsCard credentials={data} /> : <Skeleton height={220} />
}

function CredentialsCard({ credentials }: { credentials: Credentials }) {
  const [renewing, { open, close }] = useDisclosure()
  const refusal = useRefusal()
  const unavailable = credentials.available ? undefined : 'Single sign-on is on for your account: UUID and secret are not accepted'
  return (
    <Card p="lg" maw={720}>
      <Stack gap="lg">
        {unavailable ? <Alert icon={<IconInfoCircle />} color="yellow">{unavailable}</Alert> : null}
        <div>
          <Text size="sm" fw={600} mb={4}>UUID</Text>
          <CopyField label="UUID" value={credentials.uuid} />
        </div>
        <div>
          <Text size="sm" fw={600} mb={4}>Secret key</Text>
          <Group justify="space-between" gap="sm">
            <Text className="mono" size="sm">{credentials.secret_set ? credentials.secret_masked : 'Not made yet'}</Text>
            <GuardedButton
              variant="default" size="xs" leftSection={<IconRefresh size={15} />}
              refusal={unavailable ?? refusal('update_credentials')} onClick={open}
            >
              {credentials.secret_set ? 'Renew secret key' : 'Make a secret key'}
            </GuardedButton>
          </Group>
          <Text size="xs" c="dimmed" mt={6}>
            Created <Time at={credentials.secret_created_at} missing="never" />, last used <Time at={credentials.secret_last_used_at} missing="never" />{credentials.secret_last_used_ip ? <> from <span className="mono">{credentials.secret_last_used_ip}</span></> : null}
          </Text>
        </div>
        <div>
          <Text size="sm" fw={600} mb={4}>How to use it</Text>
          <Code block>{`curl ${window.location.origin}/v1/user \\\n  -H "X-WallarmAPI-UUID: ${credentials.uuid}" \\\n  -H "X-WallarmAPI-Secret: $SECRET"`}</Code>
        </div>
      </Stack>
      <RenewSecretModal opened={renewing} renewal={credentials.secret_set} onClose={close} />
    </Card>
  )
}
