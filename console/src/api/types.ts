/**
 * Names for the shapes that the API document describes, taken from its paths so that nothing
 * here repeats a server type by hand.
 */
import type { paths } from './schema'

type Json<R> = R extends { content: { 'application/json': infer T } } ? T : never
type Ok<O> = O extends { responses: { 200: infer R } } ? Json<R> : never
type Input<O> = O extends { requestBody?: infer R } ? Json<NonNullable<R>> : never
type Body<O> = Ok<O> extends { body: infer B } ? B : never
type Item<L> = L extends readonly (infer I)[] ? I : never

export type Session = Body<paths['/v1/session']['get']>
export type CurrentUser = Body<paths['/v1/user']['get']>
export type Credentials = Body<paths['/v1/user/credentials']['get']>
export type RenewedCredentials = Body<paths['/v1/user/credentials/renew']['post']>
export type User = Item<Body<paths['/v1/objects/user']['post']>>
export type Invitation = Item<Body<paths['/v1/invitations']['get']>>
export type InvitationInput = Input<paths['/v1/invitations']['post']>
export type InvitationLink = Body<paths['/v1/invitations']['post']>
export type Application = Item<Body<paths['/v1/objects/pool']['post']>>
export type Attack = Item<Body<paths['/v1/objects/attack']['post']>>
export type AttackCount = Body<paths['/v1/objects/attack/count']['post']>
export type Explanation = Body<paths['/v2/hit/explanation']['get']>
export type Hit = Item<Body<paths['/v1/objects/hit']['post']>>
export type RawRequest = Body<paths['/v2/hit/details']['get']>
export type Vulnerability = Item<Body<paths['/v1/objects/vuln']['post']>>
export type Hint = Item<Body<paths['/v1/objects/hint']['post']>>
export type HintInput = Input<paths['/v1/objects/hint/create']['post']>
export type Condition = Item<Hint['action']>
export type PointElement = Attack['point'][number]
export type FilterNode = Item<Body<paths['/v2/node']['get']>>
export type CreatedNode = Body<paths['/v2/node']['post']>
export type IpRule = Item<Body<paths['/v4/ip_rules']['get']>['objects']>
export type Subscription = Item<Ok<paths['/v1/clients/{client_id}/billing/subscriptions']['get']>>
export type ApiToken = Item<Body<paths['/v1/api_tokens']['get']>>
export type ApiTokenInput = Input<paths['/v1/api_tokens']['post']>

/** A filter of the object endpoints. Its keys belong to the endpoint; the document leaves them open. */
export type Filter = Record<string, unknown>
