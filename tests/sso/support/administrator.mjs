/** What an administrator of the demo does to set single sign-on up, through the API. */
import assert from 'node:assert/strict'
import { Browser } from './browser.mjs'
import { codeOf } from './demo.mjs'

export class Administrator {
  #browser = new Browser()
  #csrf = ''
  #seed = ''
  #steps = 0

  constructor({ api_url, email, password }) {
    Object.assign(this, { url: api_url, email, password })
  }

  /** Calls the API in the administrator's session; the body of the answer. */
  async call(method, path, body, headers = {}) {
    const answer = await this.#browser.request(this.url + path, {
      method,
      headers: { 'content-type': 'application/json', 'x-csrf-token': this.#csrf, origin: this.url, ...headers },
      ...(method !== 'GET' && { body: JSON.stringify(body ?? {}) }),
    })
    const text = await answer.text()
    assert.equal(answer.status, 200, `${method} ${path}: ${text}`)
    return JSON.parse(text).body
  }

  /** Signs in and sets a second factor up, which a fallback account needs. */
  async signIn() {
    await this.call('POST', '/v1/login', { username: this.email, password: this.password })
    const session = await this.call('GET', '/v1/session')
    this.#csrf = session.csrf
    this.userId = session.user_id
    const { secret } = await this.call('POST', '/v1/user/mfa')
    this.#seed = secret
    await this.call('POST', '/v1/user/mfa/confirm', { otp: this.#code(), password: this.password })
  }

  /** A code of a time step of its own: none counts twice. The window allows one step of difference. */
  #code() {
    this.#steps += 1
    return codeOf(this.#seed, this.#steps - 2)
  }

  /** The proof of the password that changes of single sign-on need. */
  async #proven() {
    this.proof ??= (await this.call('POST', '/v1/session/reauth', { password: this.password, otp: this.#code() })).ticket
    return { 'x-reauth': this.proof }
  }

  async setOptions(options) {
    return this.call('PUT', '/v1/sso', { fallback_user_id: this.userId, ...options }, await this.#proven())
  }

  /** Makes a key of the cloud for SAML, which signs from now on. */
  async makeCertificate() {
    return this.call('POST', '/v1/sso/saml/certificate', { signs_after_days: 0 }, await this.#proven())
  }

  async deactivate() {
    return this.call('POST', '/v1/sso/deactivate', {}, await this.#proven())
  }

  /** Signs in at the provider as a test, as somebody; the result that the administrator sees. */
  async test(typed) {
    const { id, url } = await this.call('POST', '/v1/sso/test')
    const end = await new Browser().follow(url, { typed, until: (at) => at.pathname === '/settings/sso' })
    assert.equal(end.search, '?tested=true')
    return this.call('GET', `/v1/sso/test/${id}`)
  }
}

/** Signs in at the provider as somebody; where it ends, and who the cloud says it is. */
export async function signIn(loginUrl, typed) {
  const browser = new Browser()
  const cloud = new URL(loginUrl).origin
  const end = await browser.follow(loginUrl, { typed, until: (at) => at.origin === cloud && ['/', '/login'].includes(at.pathname) })
  if (end.pathname === '/login') return { error: end.searchParams.get('error') }
  const answer = await browser.request(`${cloud}/v1/user`)
  assert.equal(answer.status, 200)
  return { user: (await answer.json()).body, browser }
}
