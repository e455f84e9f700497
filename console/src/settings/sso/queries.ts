import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, bodyOf } from '../../api/client'
import type { components } from '../../api/schema'
import { succeeded } from '../../ui/feedback'

export type Sso = components['schemas']['SsoView']

export const ssoQuery = queryOptions({ queryKey: ['sso'], queryFn: () => bodyOf(api.GET('/v1/sso')) })

/** A change of the configuration, whose answer is the configuration. */
export function useSsoChange<T>(change: (input: T) => Promise<Sso>, done: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: change,
    onSuccess: (sso) => {
      client.setQueryData(ssoQuery.queryKey, sso)
      succeeded(done)
    },
  })
}

/** A text among the settings of the kind. */
export const textOf = (sso: Sso, name: string): string => {
  const value = (sso.settings as Record<string, unknown>)[name]
  return typeof value === 'string' ? value : ''
}

/** A list of texts among the settings of the kind, with commas. */
export const listOf = (sso: Sso, name: string): string => {
  const value = (sso.settings as Record<string, unknown>)[name]
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string').join(', ') : ''
}

/** A list of texts among the settings of the kind, or those of an address's domain where there is none yet. */
export const domainsOf = (sso: Sso, email: string | undefined): string => {
  const value = (sso.settings as Record<string, unknown>).domains
  const stored = Array.isArray(value) ? value.filter((domain) => typeof domain === 'string') : []
  return stored.length > 0 ? stored.join(', ') : (email?.split('@')[1] ?? '')
}

/** What is between commas. */
export const listed = (text: string): string[] => text.split(',').map((part) => part.trim()).filter((part) => part !== '')

/** A filled-in field, or nothing. */
export const given = (text: string): string | null => (text.trim() === '' ? null : text.trim())
