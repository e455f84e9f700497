import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, bodyOf } from '../../api/client'
import { sessionQuery } from '../../session/queries'
import { succeeded } from '../../ui/feedback'
import type { SettingsChange } from './form'

/** Sign-in settings of a company, which hold for all of its users. */
export const companySettingsQuery = (clientId: number) =>
  queryOptions({
    queryKey: ['company-settings', clientId],
    queryFn: () => bodyOf(api.GET('/v1/clients/{client_id}/settings', { params: { path: { client_id: clientId } } })),
  })

export function useChangeCompanySettings(clientId: number) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (change: SettingsChange) =>
      bodyOf(api.PUT('/v1/clients/{client_id}/settings', { params: { path: { client_id: clientId } }, body: change })),
    onSuccess: async (settings) => {
      client.setQueryData(companySettingsQuery(clientId).queryKey, settings)
      succeeded('Settings saved')
      // The ends of the own session follow them.
      await client.invalidateQueries({ queryKey: sessionQuery.queryKey })
    },
  })
}
