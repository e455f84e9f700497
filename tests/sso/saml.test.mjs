/** SAML against a provider that signs with RSA and canonicalises by itself: nothing of it is ours. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import express from 'express'
import samlp from 'samlp'
import SessionParticipants from 'samlp/lib/sessionParticipants/index.js'
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

/** Who takes part in the session at the provider, how it asks them to sign out, and how often its own session ended. */
let participants = [], asking, ended = 0
const BINDINGS = 'urn:oasis:names:tc:SAML:2.0:bindings'
const session = {}

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
  app.all('/logout', express.urlencoded({ extended: false }), (request, response, next) => {
    Object.assign(request, { session, body: request.body ?? {} })
    const logout = samlp.logout({
      ...common, deflate: true, protocolBinding: `${BINDINGS}:HTTP-Redirect`, ...asking,
      sessionParticipants: new SessionParticipants(participants), clearIdPSession: (done) => { ended += 1; done() },
    })
    logout(request, response, next)
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

test('whoever signs out at one place is signed out at the other', async () => {
  person = 'eve'
  options = { sessionIndex: 'there-1' }
  const { entity_id: entityId, login_url: loginUrl } = await administrator.makeCertificate()
  const metadata = await (await fetch(entityId)).text()
  const [, address] = /<md:SingleLogoutService Binding="[^"]*:HTTP-Redirect" Location="([^"]*)"/.exec(metadata)
  const [, base64] = /use="signing">.*?<ds:X509Certificate>([^<]*)</s.exec(metadata)
  const cert = `-----BEGIN CERTIFICATE-----\n${base64.match(/.{1,64}/g).join('\n')}\n-----END CERTIFICATE-----\n`
  const comeAs = async (binding) => {
    // The provider takes our messages only with a signature by the certificate of our metadata.
    participants = [{
      serviceProviderId: entityId, nameId: 'Eve@demo.test', sessionIndex: 'there-1', serviceProviderLogoutURL: address, cert,
      nameIdFormat: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress', binding: `${BINDINGS}:${binding}`,
    }]
    const { browser, user } = await signIn(loginUrl)
    assert.equal(user.email, 'eve@demo.test')
    const who = async () => (await browser.request(`${demo.credentials.api_url}/v1/user`)).status
    return { browser, who }
  }

  const { browser, who } = await comeAs('HTTP-Redirect')
  const { body } = await (await browser.request(`${demo.credentials.api_url}/v1/session`)).json()
  const out = await browser.request(`${demo.credentials.api_url}/v1/logout`, {
    method: 'POST', body: '{}',
    headers: { 'content-type': 'application/json', 'x-csrf-token': body.csrf, origin: demo.credentials.api_url },
  })
  const { sso_logout_url: url } = (await out.json()).body
  assert.ok(url.startsWith(`${base}/logout?SAMLRequest=`), url)
  // The cookie went with the session.
  assert.equal(await who(), 403)
  await browser.follow(url, { until: (at) => at.pathname === '/login' })
  assert.deepEqual([ended, participants], [1, []])

  for (const [count, binding] of [[2, 'HTTP-Redirect'], [3, 'HTTP-POST']]) {
    const { browser, who } = await comeAs(binding)
    const answered = await browser.follow(`${base}/logout`, { until: (at) => at.searchParams.has('SAMLResponse') })
    assert.equal(await who(), 401, binding)
    const end = await browser.request(answered.href)
    assert.deepEqual([end.status, ended, participants], [200, count, []], await end.text())
  }

  // Somebody else's key.
  for (const binding of ['HTTP-Redirect', 'HTTP-POST']) {
    const { browser, who } = await comeAs(binding)
    const forged = await selfsigned.generate([{ name: 'commonName', value: 'idp.demo.test' }], { keySize: 2048, algorithm: 'sha256' })
    asking = { cert: forged.cert, key: forged.private }
    const refused = await browser.follow(`${base}/logout`, { until: (at) => at.searchParams.has('SAMLResponse') || at.searchParams.has('error') })
    assert.deepEqual([refused.pathname, refused.searchParams.get('error')], ['/login', 'saml_logout_refused'], binding)
    asking = {}
    assert.equal(await who(), 200, binding)
  }
})

test('with extended security requests are signed and assertions are encrypted', async () => {
  person = 'eve'
  options = {}
  const { entity_id: entityId, login_url: loginUrl } = await administrator.makeCertificate()
  const published = async () => {
    const metadata = await (await fetch(entityId)).text()
    const [base64] = /use="encryption">.*?<ds:X509Certificate>([^<]*)</s.exec(metadata).slice(1)
    return { metadata, pem: `-----BEGIN CERTIFICATE-----\n${base64.match(/.{1,64}/g).join('\n')}\n-----END CERTIFICATE-----\n` }
  }
  const { pem } = await published()
  const encrypting = { encryptionCert: pem, encryptionPublicKey: new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'pem' }) }
  options = encrypting
  const result = await administrator.test()
  assert.deepEqual([result.state, result.role], ['success', 'analytic'], result.error)
  const view = await administrator.setOptions({ extended_security: true })
  assert.deepEqual([view.state, view.extended_security], ['active', true])
  const { metadata } = await published()
  assert.match(metadata, /AuthnRequestsSigned="true" WantAssertionsSigned="true"/)

  // From here on the provider takes only requests that it can verify with the certificate of the metadata.
  const strict = { ...encrypting, signingCert: pem }
  const cbc = { disallowEncryptionWithInsecureAlgorithm: false, warnOnInsecureEncryptionAlgorithm: false }
  for (const change of [
    {}, { signResponse: true }, { signatureNamespacePrefix: 'ds' },
    { encryptionAlgorithm: 'http://www.w3.org/2009/xmlenc11#aes128-gcm' },
    { ...cbc, encryptionAlgorithm: 'http://www.w3.org/2001/04/xmlenc#aes256-cbc' },
    { ...cbc, encryptionAlgorithm: 'http://www.w3.org/2001/04/xmlenc#aes128-cbc' },
  ]) {
    options = { ...strict, ...change }
    assert.equal((await signIn(loginUrl)).user?.email, 'eve@demo.test', JSON.stringify(change))
  }
  for (const change of [
    { encryptionCert: undefined }, { signAssertion: false }, { signAssertion: false, signResponse: true },
    { ...cbc, encryptionAlgorithm: 'http://www.w3.org/2001/04/xmlenc#tripledes-cbc' },
  ]) {
    options = { ...strict, ...change }
    assert.deepEqual(await signIn(loginUrl), { error: 'invalid_saml_response' }, JSON.stringify(change))
  }
})
