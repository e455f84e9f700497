import { Skeleton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Permitted } from '../../session/Permitted'
import { useShownClient } from '../../session/queries'
import { ErrorState } from '../../ui/States'
import { Section } from '../Section'
import { CompanyForm } from './CompanyForm'
import { companySettingsQuery } from './queries'

/** How the people of a company sign in, and from where. */
export function CompanySecurityPage() {
  return (
    <Section title="Sign-in and security" description="For everybody of your company. Keys of programs are touched by the networks only.">
      <Permitted permission="view_settings"><Loaded /></Permitted>
    </Section>
  )
}

function Loaded() {
  const clientId = useShownClient()
  const { data, error, refetch } = useQuery({ ...companySettingsQuery(clientId ?? 0), enabled: clientId !== undefined })
  if (data !== undefined && clientId !== undefined) return <CompanyForm key={JSON.stringify(data)} clientId={clientId} stored={data} />
  return error ? <ErrorState error={error} onRetry={() => void refetch()} /> : <Skeleton height={420} maw={720} />
}
