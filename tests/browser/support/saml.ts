/** An identity provider that speaks SAML: it lives in the browser of a test, and everybody who comes is who the test says. */
import { execFileSync } from 'node:child_process'
import { createHash, createSign, randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inflateRawSync } from 'node:zlib'
import type { Page } from '@playwright/test'

const SAML = 'urn:oasis:names:tc:SAML:2.0:assertion'
const SAMLP = 'urn:oasis:names:tc:SAML:2.0:protocol'
const DSIG = 'http://www.w3.org/2000/09/xmldsig#'
const EXCLUSIVE = 'http://www.w3.org/2001/10/xml-exc-c14n#'

export const issuer = 'urn:idp:browser.test'
export const ssoUrl = 'https://idp.browser.test/sso'

interface Keys {
  key: string
  certificate: string
}

/** A key with a certificate of its own, made for this run. */
function makeKeys(): Keys {
  const folder = mkdtempSync(join(tmpdir(), 'bartizan-saml-'))
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
  try {
    const subject = ['-subj', '/CN=idp.browser.test', '-days', '2']
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate, ...subject], { stdio: 'ignore' })
    return { key: readFileSync(key, 'utf8'), certificate: readFileSync(certificate, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const attribute = (name: string, value: string) =>
  `<saml:Attribute Name="${name}"><saml:AttributeValue>${value}</saml:AttributeValue></saml:Attribute>`

const at = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z')

/** What the provider says about a person, in canonical form, as it is what is signed. */
function assertion(id: string, request: string, acs: string, audience: string, email: string): string {
  return (
    `<saml:Assertion xmlns:saml="${SAML}" ID="${id}" IssueInstant="${at(0)}" Version="2.0"><saml:Issuer>${issuer}</saml:Issuer>` +
    `<saml:Subject><saml:NameID>${email}</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">` +
    `<saml:SubjectConfirmationData InResponseTo="${request}" NotOnOrAfter="${at(300)}" Recipient="${acs}"></saml:SubjectConfirmationData>` +
    `</saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="${at(-30)}" NotOnOrAfter="${at(300)}">` +
    `<saml:AudienceRestriction><saml:Audience>${audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>` +
    `<saml:AuthnStatement AuthnInstant="${at(0)}"></saml:AuthnStatement><saml:AttributeStatement>` +
    `${attribute('email', email)}${attribute('wallarm_roles', 'staff')}</saml:AttributeStatement></saml:Assertion>`
  )
}

function signature(element: string, id: string, key: string): string {
  const digest = createHash('sha256').update(element).digest('base64')
  const info =
    `<ds:SignedInfo xmlns:ds="${DSIG}"><ds:CanonicalizationMethod Algorithm="${EXCLUSIVE}"></ds:CanonicalizationMethod>` +
    `<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></ds:SignatureMethod>` +
    `<ds:Reference URI="#${id}"><ds:Transforms><ds:Transform Algorithm="${DSIG}enveloped-signature"></ds:Transform>` +
    `<ds:Transform Algorithm="${EXCLUSIVE}"></ds:Transform></ds:Transforms>` +
    `<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod>` +
    `<ds:DigestValue>${digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>`
  const value = createSign('RSA-SHA256').update(info).sign(key, 'base64')
  return `<ds:Signature xmlns:ds="${DSIG}">${info}<ds:SignatureValue>${value}</ds:SignatureValue></ds:Signature>`
}

/** Answers sign-ins of a page by the provider; returns what Bartizan is to be told of it. */
export async function provide(page: Page, who: () => string): Promise<{ issuer: string; sso_url: string; x509: string }> {
  const { key, certificate } = makeKeys()
  await page.route(`${ssoUrl}**`, async (route) => {
    const asked = new URL(route.request().url()).searchParams
    const request = inflateRawSync(Buffer.from(asked.get('SAMLRequest') ?? '', 'base64')).toString()
    const part = (pattern: RegExp) => pattern.exec(request)?.[1] ?? ''
    const [acs, id] = [part(/AssertionConsumerServiceURL="([^"]+)"/), `_a${randomUUID()}`]
    const said = assertion(id, part(/ ID="([^"]+)"/), acs, part(/<saml:Issuer[^>]*>([^<]+)</), who())
    const signed = said.replace('</saml:Issuer>', `</saml:Issuer>${signature(said, id, key)}`)
    const response =
      `<samlp:Response xmlns:samlp="${SAMLP}" Destination="${acs}" ID="_r${randomUUID()}" InResponseTo="${part(/ ID="([^"]+)"/)}" ` +
      `IssueInstant="${at(0)}" Version="2.0"><saml:Issuer xmlns:saml="${SAML}">${issuer}</saml:Issuer><samlp:Status>` +
      `<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"></samlp:StatusCode></samlp:Status>${signed}</samlp:Response>`
    const field = (name: string, value: string) => `<input type="hidden" name="${name}" value="${value}">`
    await route.fulfill({
      contentType: 'text/html',
      body: `<form method="post" action="${acs}">${field('SAMLResponse', Buffer.from(response).toString('base64'))}` +
        `${field('RelayState', asked.get('RelayState') ?? '')}</form><script>document.forms[0].submit()</script>`,
    })
  })
  return { issuer, sso_url: ssoUrl, x509: certificate }
}
