/** SAML against a provider that signs with RSA and canonicalises by itself: nothing of it is ours. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import express from 'express'
import samlp from 'samlp'
import selfsigned from 'selfsigned'
import { Administrator, signIn } from './support/administrator.mjs'
import { startDemo } from './support/demo.mjs'

const people = {
  eve: { email: 'Eve@demo.test', first: 'Eve', last: 'Löw & Sons', groups: ['security', 'others'] },
  tom: { email: 'tom@demo.test', first: 'Tom', last: 'High', groups: ['gardeners'] },
}

/** Who is signed in at the provider, and how it answers. */
let person, options

function profileMapper(user) {
  return {
    getClaims: () => ({ email: user.email, first_name: user.first, last_name: user.last, wallarm_roles: user.groups }),
    getNameIdentifier: () => ({
      nameIdentifier: user.email, nameIdentifierFormat: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
    }),
  }
}
profileMapper.prototype.metadata = []

let demo, administrator, server, base

before(async () => {
  demo = await startDemo()
  const pems = await selfsigned.generate([{ name: 'commonName', value: 'idp.demo.test' }], { keySize: 2048, algorithm: 'sha256' })
  const acs = `${demo.credentials.api_url}/v1/sso/saml/acs`
  const app = express()
  const common = { issuer: 'urn:demo:idp', cert: pems.cert, key: pems.private, profileMapper }
  app.get('/metadata', (request, response) =>
    samlp.metadata({ ...common, redirectEndpointPath: '/sso', postEndpointPath: '/sso', logoutEndpointPaths: { redirect: '/logout' } })(request, response))
  app.get('/sso', (request, response, next) => {
    const auth = samlp.auth({
      ...common, recipient: acs, destination: acs, ...options, getUserFromRequest: () => people[person],
      getPostURL: (_, dom, __, done) => done(null, dom.documentElement.getAttribute('AssertionConsumerServiceURL')),
    })
    auth(request, response, next)
  })
  server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  base = `http://127.0.0.1:${server.address().port}`
  administrator = new Administrator(demo.credentials)
  await administrator.signIn()
})

after(async () => {
  server?.close()
  server?.closeAllConnections()
  await demo?.stop()
})

test('people of the provider sign in and have the role of their group', async () => {
  const view = await administrator.call('PUT', '/v1/sso/saml', { metadata_url: `${base}/metadata` })
  assert.deepEqual([view.type, view.settings.issuer, view.settings.sso_url], ['saml', 'urn:demo:idp', `${base}/sso`])
  await administrator.call('PUT', '/v1/sso/mapping', [{ group: 'security', role: 'analytic' }])
  person = 'eve'
  const result = await administrator.test()
  assert.deepEqual([result.state, result.role, result.attributes?.realname], ['success', 'analytic', 'Eve Löw & Sons'], result.error)
  await administrator.setOptions({ provisioning: true })
  const { login_url: loginUrl } = await administrator.call('POST', '/v1/sso/activate')

  const { user } = await signIn(loginUrl)
  assert.deepEqual([user.email, user.permissions, user.available_authentications], ['eve@demo.test', ['analytic'], ['saml']])
  options = { signResponse: true, signAssertion: false }
  assert.equal((await signIn(loginUrl)).user.email, 'eve@demo.test')
  options = { signResponse: true }
  assert.equal((await signIn(loginUrl)).user.email, 'eve@demo.test')
  options = { signatureNamespacePrefix: 'ds', signatureAlgorithm: 'rsa-sha256' }
  assert.equal((await signIn(loginUrl)).user.email, 'eve@demo.test')
  options = { signAssertion: false }
  assert.deepEqual(await signIn(loginUrl), { error: 'invalid_saml_response' })
  options = { signatureAlgorithm: 'rsa-sha1', digestAlgorithm: 'sha1' }
  assert.deepEqual(await signIn(loginUrl), { error: 'invalid_saml_response' })
  options = { issuer: 'urn:other:idp' }
  assert.deepEqual(await signIn(loginUrl), { error: 'invalid_saml_response' })
  options = {}
  person = 'tom'
  assert.deepEqual(await signIn(loginUrl), { error: 'role_not_mapped' })
})
