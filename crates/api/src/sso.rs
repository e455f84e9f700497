//! Shapes of single sign-on (`spec/accounts.md` section 6).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::lenient;

/// A group of the identity provider and the role that its members get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupMapping {
    /// Name of the group; with LDAP its distinguished name.
    #[schema(example = "security")]
    pub group: String,
    /// Role.
    #[schema(example = "admin")]
    pub role: String,
}

/// Single sign-on of a client. Secrets are not part of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SsoView {
    /// `saml`, `oidc` or `ldap`; null when nothing is set up.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// `google`, `okta` or `custom`.
    pub vendor: String,
    /// `draft`, `testing` or `active`.
    pub state: String,
    /// Whether the identity provider is the source of users and roles.
    pub provisioning: bool,
    /// Whether everybody must use it.
    pub strict: bool,
    /// For SAML: requests are signed, and assertions must be signed and encrypted.
    pub extended_security: bool,
    /// Whether groups decide about clients.
    pub tenant_permissions: bool,
    /// Which group gets which role.
    pub role_mapping: Vec<GroupMapping>,
    /// Settings of the kind.
    #[schema(value_type = Object)]
    pub settings: Value,
    /// Where a provider of OpenID Connect sends people back to.
    pub callback_url: String,
    /// With SAML: what the identity provider calls this client, and where its metadata is.
    pub entity_id: String,
    /// With SAML: where the identity provider posts its responses to.
    pub acs_url: String,
    /// With SAML: certificates of our own that still count, newest first; empty until there is one.
    pub own_certificates: Vec<SamlCertificateView>,
    /// Where sign-in begins.
    pub login_url: String,
    /// Last successful test sign-in, Unix seconds.
    pub tested_at: Option<i64>,
    /// With SAML: last one whose assertion was signed and encrypted, Unix seconds.
    pub tested_encrypted_at: Option<i64>,
    /// Where the identity provider pushes users and groups to.
    pub scim_url: String,
    /// When its token for that was made, Unix seconds; null when it has none.
    pub scim_token_created_at: Option<i64>,
    /// The administrator who keeps a password whatever happens to the identity provider.
    pub fallback_user_id: Option<i64>,
}

/// A certificate of our own for SAML: with its key requests are signed, and assertions are encrypted for it. The private
/// key is never shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SamlCertificateView {
    /// The certificate, PEM.
    pub certificate: String,
    /// SHA-256 of it, hex.
    #[schema(example = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef")]
    pub fingerprint: String,
    /// When it ends, Unix seconds.
    pub ends_at: i64,
    /// From when its key signs, Unix seconds.
    pub signs_from: i64,
    /// Until when its key decrypts, Unix seconds; null while none follows it.
    pub decrypts_until: Option<i64>,
}

/// `POST /v1/sso/saml/certificate`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SamlCertificateCreate {
    /// Days until the new key signs, 0 to 30, or 7 when absent. From the beginning it is in the metadata and decrypts. The
    /// first key of a client signs at once.
    #[serde(default, deserialize_with = "lenient::int")]
    #[schema(example = 7)]
    pub signs_after_days: Option<i64>,
    /// Whether the old key ends at once, as after a theft; the new one then signs at once.
    #[serde(default)]
    pub replace: bool,
}

/// `PUT /v1/sso/oidc`.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcSettings {
    /// Issuer, as the provider's discovery document names it.
    #[schema(example = "https://login.example.com")]
    pub issuer: String,
    /// Client at the provider.
    pub client_id: String,
    /// Its secret; absent keeps the one that is stored.
    #[serde(default)]
    #[schema(format = Password)]
    pub client_secret: Option<String>,
    /// Scopes to ask for.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// Claim that names the groups.
    #[serde(default = "default_groups_claim")]
    pub groups_claim: String,
    /// E-mail domains whose sign-in page offers it: the caller's own, and those that the operator gave to the client.
    #[serde(default)]
    pub domains: Vec<String>,
    /// `client`: the provider sends people back to an address of this client alone. `shared`: to one that clients have in
    /// common; only for providers that name themselves in their answers (RFC 9207).
    #[serde(default = "default_callback")]
    #[schema(example = "client")]
    pub callback: String,
    /// `google`, `okta` or `custom`.
    #[serde(default = "default_vendor")]
    pub vendor: String,
}

fn default_callback() -> String {
    "client".to_owned()
}

fn default_scopes() -> Vec<String> {
    ["openid", "email", "profile"].map(str::to_owned).to_vec()
}

fn default_groups_claim() -> String {
    "groups".to_owned()
}

fn default_vendor() -> String {
    "custom".to_owned()
}

/// `PUT /v1/sso/saml`: metadata, or issuer, address and certificate by hand, which win over those of the metadata.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SamlSettings {
    /// Metadata of the identity provider.
    #[serde(default)]
    pub metadata_xml: Option<String>,
    /// Where its metadata is, instead; read once, now.
    #[serde(default)]
    #[schema(example = "https://login.example.com/metadata")]
    pub metadata_url: Option<String>,
    /// Its entity id.
    #[serde(default)]
    pub issuer: Option<String>,
    /// Where it takes requests by redirect.
    #[serde(default)]
    #[schema(example = "https://login.example.com/sso")]
    pub sso_url: Option<String>,
    /// Certificate that it signs with, PEM or base64.
    #[serde(default)]
    pub x509: Option<String>,
    /// Where it ends its own session; people are led there when they sign out.
    #[serde(default)]
    pub logout_url: Option<String>,
    /// Where it takes signed requests of single logout, by redirect; of metadata the `SingleLogoutService`. People are led
    /// there when they sign out, unless `logout_url` is another address.
    #[serde(default)]
    #[schema(example = "https://login.example.com/slo")]
    pub single_logout_url: Option<String>,
    /// Attribute that names the groups.
    #[serde(default = "default_groups_attribute")]
    pub groups_attribute: String,
    /// E-mail domains whose sign-in page offers it: the caller's own, and those that the operator gave to the client.
    #[serde(default)]
    pub domains: Vec<String>,
    /// `google`, `okta` or `custom`.
    #[serde(default = "default_vendor")]
    pub vendor: String,
}

fn default_groups_attribute() -> String {
    "wallarm_roles".to_owned()
}

/// `POST /v1/sso/saml/acs`, a form.
#[derive(Debug, Default, ToSchema)]
pub struct SamlForm {
    /// Response of the identity provider, base64.
    #[schema(rename = "SAMLResponse")]
    pub saml_response: Option<String>,
    /// State that the sign-in began with.
    #[schema(rename = "RelayState")]
    pub relay_state: Option<String>,
}

/// `POST /v1/sso/saml/{client_uuid}/logout`, a form with a request or a response.
#[derive(Debug, Default, ToSchema)]
pub struct SamlLogoutForm {
    /// Request of the identity provider, base64.
    #[schema(rename = "SAMLRequest")]
    pub saml_request: Option<String>,
    /// Response of the identity provider, base64.
    #[schema(rename = "SAMLResponse")]
    pub saml_response: Option<String>,
    /// State of who sent it.
    #[schema(rename = "RelayState")]
    pub relay_state: Option<String>,
}

/// `GET /v1/sso/saml/finish`.
#[derive(Debug, Default, Deserialize)]
pub struct SamlAnswer {
    /// What `/v1/sso/saml/acs` led here with.
    #[serde(default)]
    pub answer: Option<String>,
}

/// `PUT /v1/sso/ldap`.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LdapSettings {
    /// `ldaps://host:636`, or `ldap://host:389` which then uses STARTTLS.
    #[schema(example = "ldaps://ldap.example.com:636")]
    pub url: String,
    /// Where users and groups are.
    #[schema(example = "dc=example,dc=com")]
    pub base_dn: String,
    /// Account that searches.
    pub bind_dn: String,
    /// Its password; absent keeps the one that is stored.
    #[serde(default)]
    #[schema(format = Password)]
    pub bind_password: Option<String>,
    /// Attribute that holds the e-mail address.
    #[serde(default = "default_email_attribute")]
    #[schema(example = "mail")]
    pub email_attribute: String,
    /// PEM certificate of an authority to trust besides the public ones.
    #[serde(default)]
    pub certificate: Option<String>,
    /// PEM certificate, with those between it and its authority, that is shown to the server; absent for none.
    #[serde(default)]
    pub client_certificate: Option<String>,
    /// Its private key, PEM; never shown again. Absent keeps the stored one while the certificate stays the same.
    #[serde(default)]
    #[schema(format = Password)]
    pub client_key: Option<String>,
    /// E-mail domains whose people sign in by it, at least one: the caller's own, and those that the operator gave to
    /// the client.
    #[serde(default)]
    pub domains: Vec<String>,
}

fn default_email_attribute() -> String {
    "mail".to_owned()
}

/// `PUT /v1/sso`: what is absent stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SsoOptions {
    /// Whether the identity provider is the source of users and roles.
    #[serde(default)]
    pub provisioning: Option<bool>,
    /// Whether everybody must use it.
    #[serde(default)]
    pub strict: Option<bool>,
    /// For SAML: requests are signed, and assertions must be signed and encrypted. The first time it makes a key; its
    /// certificate is in the metadata. While single sign-on is active, a test sign-in with a signed and encrypted
    /// assertion must have succeeded within the last day.
    #[serde(default)]
    pub extended_security: Option<bool>,
    /// Whether groups decide about clients (`/v1/sso/groups`); for the technical client of a global account, and with
    /// provisioning.
    #[serde(default)]
    pub tenant_permissions: Option<bool>,
    /// The administrator who keeps a password; needs a second factor.
    #[serde(default, deserialize_with = "lenient::int")]
    pub fallback_user_id: Option<i64>,
}

/// A group of the identity provider that gives a role in some clients of a global account.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SsoGroupView {
    /// Identity.
    pub id: i64,
    /// Name of the group at the provider; with LDAP its distinguished name.
    #[schema(example = "security")]
    pub name: String,
    /// Role.
    #[schema(example = "analytic")]
    pub role: String,
    /// Clients in which members have the role; for a global role the technical client.
    pub client_ids: Vec<i64>,
    /// Whether it counts.
    pub enabled: bool,
}

/// `POST /v1/sso/groups`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SsoGroupCreate {
    /// Name of the group at the provider, 1 to 255 characters; with LDAP its distinguished name.
    #[schema(example = "security")]
    pub name: String,
    /// Role.
    #[schema(example = "analytic")]
    pub role: String,
    /// Clients in which members have the role, 1 to 500; for a global role the technical client alone.
    pub client_ids: Vec<i64>,
    /// Whether it counts.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

/// `PUT /v1/sso/groups/{id}`: what is absent stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SsoGroupUpdate {
    /// Name of the group at the provider.
    #[serde(default)]
    pub name: Option<String>,
    /// Role.
    #[serde(default)]
    pub role: Option<String>,
    /// Clients.
    #[serde(default)]
    pub client_ids: Option<Vec<i64>>,
    /// Whether it counts.
    #[serde(default)]
    pub enabled: Option<bool>,
}

/// A test sign-in.
#[derive(Serialize, ToSchema)]
pub struct SsoTestLink {
    /// For asking about the result.
    pub id: String,
    /// Where to sign in, once.
    pub url: String,
}

/// What a test sign-in came to.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct SsoTestView {
    /// `waiting`, `success` or `failure`.
    pub state: String,
    /// What the identity provider said about the person.
    #[schema(value_type = Object)]
    pub attributes: Value,
    /// Role that the groups give.
    pub role: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
}

/// `POST /v1/sso/ldap/test`: a person to sign in as.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LdapTest {
    /// E-mail address.
    pub username: String,
    /// Password there.
    #[schema(format = Password)]
    pub password: String,
}

/// `POST /v1/user/{id}/sso` and `/api_access`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserSwitch {
    /// On or off.
    pub enabled: bool,
}

/// `GET /v1/sso/login`.
#[derive(Debug, Default, Deserialize)]
pub struct SsoLoginQuery {
    /// Public UUID of the client.
    #[serde(default)]
    pub client: Option<String>,
    /// A test sign-in instead.
    #[serde(default)]
    pub test: Option<String>,
}

/// `GET /v1/sso/oidc/callback`.
#[derive(Debug, Default, Deserialize)]
pub struct OidcCallback {
    /// State that the sign-in began with.
    #[serde(default)]
    pub state: Option<String>,
    /// Code to exchange.
    #[serde(default)]
    pub code: Option<String>,
    /// Issuer of the answer (RFC 9207).
    #[serde(default)]
    pub iss: Option<String>,
    /// What the provider refuses with.
    #[serde(default)]
    pub error: Option<String>,
}
