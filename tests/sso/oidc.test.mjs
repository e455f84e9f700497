/** OpenID Connect against a certified provider: nothing of it is ours. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import Provider from 'oidc-provider'
import { Administrator, signIn } from './support/administrator.mjs'
import { freePort, startDemo } from './support/demo.mjs'

const secret = 'hush hush + %'
const people = {
  eve: { email: 'eve@demo.test', email_verified: true, name: 'Eve Low', groups: ['security'] },
  tom: { email: 'tom@demo.test', email_verified: true, name: 'Tom High', groups: ['gardeners'] },
  una: { email: 'una@demo.test', email_verified: false, name: 'Una Sure', groups: ['security'] },
}

let demo, administrator, server, issuer

before(async () => {
  demo = await startDemo()
  const port = await freePort()
  issuer = `http://127.0.0.1:${port}`
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'bartizan', client_secret: secret, redirect_uris: [`${demo.credentials.api_url}/v1/sso/oidc/callback`] }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'], groups: ['groups'] },
    scopes: ['openid', 'email', 'profile', 'groups'],
    conformIdTokenClaims: false,
    cookies: { keys: ['cookies of a test'] },
    features: { devInteractions: { enabled: true } },
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId, ...people[accountId] }) }),
    jwks: { keys: [{ ...key, kid: 'first', use: 'sig', alg: 'RS256' }] },
    pkce: { required: () => true },
  })
  server = provider.listen(port, '127.0.0.1')
  await once(server, 'listening')
  administrator = new Administrator(demo.credentials)
  await administrator.signIn()
})

after(async () => {
  server?.close()
  server?.closeAllConnections()
  await demo?.stop()
})

const as = (login) => ({ login, password: 'anything' })

test('people of the provider sign in and have the role of their group', async () => {
  await administrator.call('PUT', '/v1/sso/oidc', {
    issuer, client_id: 'bartizan', client_secret: secret, scopes: ['openid', 'email', 'profile', 'groups'], callback: 'shared',
  })
  const mapping = [{ group: 'security', role: 'analytic' }, { group: 'staff', role: 'auditor' }]
  await administrator.call('PUT', '/v1/sso/mapping', mapping)
  const result = await administrator.test(as('eve'))
  assert.deepEqual([result.state, result.role, result.attributes.groups], ['success', 'analytic', ['security']], demo.output())
  await administrator.setOptions({ provisioning: true })
  const { login_url: loginUrl } = await administrator.call('POST', '/v1/sso/activate')

  const { user, browser } = await signIn(loginUrl, as('eve'))
  assert.deepEqual([user.email, user.realname, user.permissions, user.sso_managed], ['eve@demo.test', 'Eve Low', ['analytic'], true])
  people.eve.groups = ['staff', 'others']
  assert.deepEqual((await signIn(loginUrl, as('eve'))).user.permissions, ['auditor'])
  assert.deepEqual(await signIn(loginUrl, as('tom')), { error: 'role_not_mapped' })
  assert.deepEqual(await signIn(loginUrl, as('una')), { error: 'oidc_error' })

  const cloud = demo.credentials.api_url
  const { csrf } = (await (await browser.request(`${cloud}/v1/session`)).json()).body
  const out = await browser.request(`${cloud}/v1/logout`, {
    method: 'POST', body: '{}', headers: { 'content-type': 'application/json', 'x-csrf-token': csrf, origin: cloud },
  })
  assert.match((await out.json()).body.sso_logout_url, new RegExp(`^${issuer}/session/end\\?client_id=bartizan`))
})

test('a wrong client secret is found by the test sign-in', async () => {
  await administrator.setOptions({ provisioning: false })
  await administrator.deactivate()
  await administrator.call('PUT', '/v1/sso/oidc', { issuer, client_id: 'bartizan', client_secret: 'not it', callback: 'shared' })
  const result = await administrator.test(as('eve'))
  assert.equal(result.state, 'failure')
  assert.match(result.error, /invalid_client/)
})
