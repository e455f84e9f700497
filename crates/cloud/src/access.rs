//! Who may call what: one table from route to access, walked by a test.
//!
//! The edge looks a request up here before its handler runs. A route without a row is refused, and a test
//! fails for it. Rights that depend on the body (the kind of a rule, the list of an address) are checked by
//! the service in addition; the row then names the right that reading needs.

use axum::http::Method;
use bartizan_api::Permission;

/// What a route asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// A Console session; other credentials are refused.
    Session,
    /// A Console session of a user with this permission: what shows or sets a secret.
    SessionNeeds(Permission),
    /// Any authenticated caller.
    Authenticated,
    /// Any authenticated caller, nodes too.
    Principal,
    /// A caller with this permission.
    Needs(Permission),
    /// A caller with at least one of these permissions.
    NeedsAny(&'static [Permission]),
    /// A registration token.
    NodeToken,
    /// A registered node instance.
    Node,
    /// The identity provider of a client, by its token for SCIM.
    Scim,
}

impl Access {
    /// The permissions of which a caller needs one; empty where none is needed.
    #[must_use]
    pub fn needs(&self) -> &[Permission] {
        match self {
            Access::SessionNeeds(permission) | Access::Needs(permission) => std::slice::from_ref(permission),
            Access::NeedsAny(permissions) => permissions,
            Access::Public
            | Access::Session
            | Access::Authenticated
            | Access::Principal
            | Access::NodeToken
            | Access::Node
            | Access::Scim => &[],
        }
    }
}

/// The access of a route; `path` is the template, with `{…}` parameters.
#[must_use]
pub fn access_of(method: &Method, path: &str) -> Option<Access> {
    // HEAD is answered by the GET handler.
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    TABLE.iter().find(|(verb, route, _)| *verb == method && *route == path).map(|(_, _, access)| *access)
}

/// Routes whose answers hold a secret: never compressed, because a caller could put text of its own beside the
/// secret and learn from the length.
pub const SECRET_ANSWERS: &[&str] = &[
    "/v1/login",
    "/v1/session",
    "/v1/session/token",
    "/v1/user/credentials/renew",
    "/v1/api_tokens",
    "/v1/api_tokens/{id}/renew",
    "/v1/api_tokens/{id}/value",
    "/v1/session/reauth",
    "/v1/sso/scim/token",
    "/v1/user/mfa",
    "/v1/user/mfa/confirm",
    "/v1/user/mfa/recovery_codes",
    "/v1/user/{id}/resend_invitation",
    "/v1/invitations",
    "/v2/node",
    "/v2/node/{id}/regenerate_token",
    "/v1/objects/node",
    "/node/v1/register",
    "/v4/clients/{client_id}/rules/api-specs",
    "/v4/clients/{client_id}/rules/api-specs/{id}",
    "/v1/clients/{client_id}/configuration",
];

/// Paths that only Bartizan has, and all below those that end in a slash: what changes here is repeatable, by an
/// `Idempotency-Key`. The public API has no such header, so its paths do not look at it.
const OWN_PATHS: &[&str] = &[
    "/v1/api_tokens",
    "/v1/api_tokens/",
    "/v1/client/{client_id}/event_settings",
    "/v1/client/{client_id}/events",
    "/v1/clients/{client_id}/configuration",
    "/v1/clients/{client_id}/settings",
    "/v1/invitations",
    "/v1/invitations/",
    "/v1/objects/user/disabling",
    "/v1/objects/user/enabling",
    "/v1/session/",
    "/v1/sessions/",
    "/v1/sso",
    "/v1/sso/",
    "/v1/user",
    "/v1/user/",
];

/// Whether a change is one of Bartizan's own, by a caller with a credential: these take an `Idempotency-Key`.
#[must_use]
pub fn is_repeatable(method: &Method, path: &str) -> bool {
    let own = |known: &&str| path == *known || (known.ends_with('/') && path.starts_with(*known));
    let by_caller = match access_of(method, path) {
        Some(
            Access::Session
            | Access::SessionNeeds(_)
            | Access::Authenticated
            | Access::Needs(_)
            | Access::NeedsAny(_),
        ) => true,
        Some(Access::Public | Access::Principal | Access::NodeToken | Access::Node | Access::Scim) | None => {
            false
        }
    };
    !matches!(*method, Method::GET | Method::HEAD) && by_caller && OWN_PATHS.iter().any(own)
}

/// What a session of a role without the Console is good for: looking after the own account.
pub const WITHOUT_CONSOLE: &[&str] = &[
    "/v1/session",
    "/v1/user",
    "/v1/user/credentials",
    "/v1/user/credentials/renew",
    "/v1/user/credentials/revoke",
    "/v1/user/password",
    "/v1/user/mfa",
    "/v1/user/mfa/confirm",
    "/v1/user/mfa/recovery_codes",
];

/// What remains open to sessions of a client beyond its quota besides the own account: to see that it is, and to end what
/// fell into wrong hands. Tokens are seen and deleted, but not made.
const WITHOUT_PAYMENT: &[(&str, &str)] = &[
    ("GET", "/v1/billing/plans"),
    ("GET", "/v1/clients/{client_id}/billing/subscriptions"),
    ("POST", "/v2/graph_data/summary/rpm/client/{client_id}"),
    ("GET", "/v1/sessions"),
    ("DELETE", "/v1/sessions/{id}"),
    ("GET", "/v1/api_tokens"),
    ("GET", "/v1/api_tokens/{id}"),
    ("DELETE", "/v1/api_tokens/{id}"),
    ("POST", "/v1/session/reauth"),
    ("POST", "/v1/user/email"),
];

/// Whether a route is closed to a client beyond its quota: the Console, which calls by session, and integrations.
#[must_use]
pub fn needs_payment(method: &Method, path: &str, by_session: bool) -> bool {
    // As in `access_of`.
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    let open = WITHOUT_CONSOLE.contains(&path) || WITHOUT_PAYMENT.contains(&(method, path));
    path.starts_with("/v2/integration") || (by_session && !open)
}

/// What a route changes, as the activity log names it: kind of object and action. None for routes that read.
///
/// The permission that a route needs says it: `create_user` creates users. Routes of the own account are
/// listed.
#[must_use]
pub fn change_of(method: &Method, path: &str) -> Option<(&'static str, &'static str)> {
    let own = OWN_CHANGES.iter().find(|(verb, route, ..)| *verb == method.as_str() && *route == path);
    if let Some((_, _, object, action)) = own {
        return Some((object, action));
    }
    let permission = match access_of(method, path)? {
        Access::Needs(permission) | Access::SessionNeeds(permission) => permission,
        Access::NeedsAny(permissions) => *permissions.first()?,
        Access::Public
        | Access::Session
        | Access::Authenticated
        | Access::Principal
        | Access::NodeToken
        | Access::Node
        | Access::Scim => return None,
    };
    let (verb, resource) = permission.code().split_once('_')?;
    let action = ["create", "update", "delete"].into_iter().find(|action| *action == verb)?;
    let object = match resource {
        "allowlist" | "denylist" | "graylist" => "ip_list_object",
        "shared_api_token" => "api_token",
        "tenant" => "client",
        "license" => "subscription",
        "api_discovery" => "api_discovery_config",
        "credentials" => "secret_key",
        "sso" => "oidc_authentication",
        "mitigation_control" | "disable_stamp" => "rule",
        "wallarm_mode" => "rule",
        other => other,
    };
    Some((object, action))
}

/// Whether what a route changes is the account of whoever calls it.
#[must_use]
pub fn is_of_own_account(method: &Method, path: &str) -> bool {
    OWN_ACCOUNT.iter().any(|(verb, route)| *verb == method.as_str() && *route == path)
}

/// Changes of the account of the caller, whose log entries have it as their object.
const OWN_ACCOUNT: &[(&str, &str)] = &[
    ("PUT", "/v1/user"),
    ("PUT", "/v1/user/password"),
    ("POST", "/v1/user/email"),
    ("POST", "/v1/user/credentials/renew"),
    ("POST", "/v1/user/mfa"),
    ("POST", "/v1/user/mfa/confirm"),
    ("DELETE", "/v1/user/mfa"),
    ("POST", "/v1/user/mfa/recovery_codes"),
    ("POST", "/v1/session/reauth"),
    ("POST", "/v1/session/client"),
];

/// Changes for which a session is enough, and those whose permission does not say what they change.
const OWN_CHANGES: &[(&str, &str, &str, &str)] = &[
    ("PUT", "/v1/user", "user", "update"),
    ("PUT", "/v1/user/password", "user", "update"),
    ("DELETE", "/v1/sessions/{id}", "sign_in", "delete"),
    ("POST", "/v1/user/email", "user", "update"),
    ("POST", "/v1/user/mfa/confirm", "mfa", "create"),
    ("DELETE", "/v1/user/mfa", "mfa", "delete"),
    ("POST", "/v1/user/mfa/recovery_codes", "mfa", "update"),
    ("POST", "/v1/user/{id}/mfa/disable", "mfa", "delete"),
    ("POST", "/v1/user/mfa", "mfa", "create"),
    ("PUT", "/v1/api_tokens/{id}", "api_token", "update"),
    ("DELETE", "/v1/api_tokens/{id}", "api_token", "delete"),
    ("POST", "/v1/session/reauth", "sign_in", "create"),
    ("POST", "/v1/session/client", "sign_in", "update"),
    ("PUT", "/v1/sso/saml", "saml_authentication", "update"),
    ("POST", "/v1/sso/saml/certificate", "saml_authentication", "update"),
    ("PUT", "/v1/sso/ldap", "ldap_settings", "update"),
    ("POST", "/v1/sso/ldap/test", "ldap_settings", "update"),
    ("GET", "/v1/api_tokens/{id}/value", "api_token", "update"),
    ("POST", "/v1/invitations", "invitation", "create"),
    ("DELETE", "/v1/invitations/{id}", "invitation", "delete"),
    ("POST", "/v1/user/{id}/resend_invitation", "invitation", "update"),
    ("POST", "/v1/sso/groups", "oidc_authentication", "create"),
    ("PUT", "/v1/sso/groups/{id}", "oidc_authentication", "update"),
    ("DELETE", "/v1/sso/groups/{id}", "oidc_authentication", "delete"),
];

/// Every route of the API.
pub const TABLE: &[(&str, &str, Access)] = &[
    // Health
    ("GET", "/healthz", Access::Public),
    ("GET", "/readyz", Access::Public),
    ("GET", "/openapi.json", Access::Public),
    // Sessions
    ("POST", "/v1/login", Access::Public),
    ("POST", "/v1/login/mfa", Access::Public),
    ("POST", "/v1/login/discover", Access::Public),
    ("GET", "/v1/login/options", Access::Public),
    ("POST", "/v1/logout", Access::Public),
    ("POST", "/v1/signup", Access::Public),
    ("POST", "/v1/password/forgot", Access::Public),
    ("POST", "/v1/password/reset", Access::Public),
    ("GET", "/v1/session", Access::Session),
    ("POST", "/v1/session/token", Access::Session),
    ("POST", "/v1/session/client", Access::Session),
    ("POST", "/v1/session/reauth", Access::Session),
    // Current principal
    ("POST", "/v1/user", Access::Principal),
    ("GET", "/v1/user", Access::Principal),
    ("PUT", "/v1/user", Access::Session),
    ("GET", "/v1/user/credentials", Access::SessionNeeds(Permission::ViewCredentials)),
    ("POST", "/v1/user/credentials/renew", Access::SessionNeeds(Permission::UpdateCredentials)),
    ("POST", "/v1/user/credentials/revoke", Access::SessionNeeds(Permission::UpdateCredentials)),
    ("PUT", "/v1/user/password", Access::Session),
    ("POST", "/v1/user/email", Access::Session),
    ("POST", "/v1/user/email/confirm", Access::Public),
    // Second factor
    ("POST", "/v1/user/mfa", Access::Session),
    ("DELETE", "/v1/user/mfa", Access::Session),
    ("POST", "/v1/user/mfa/confirm", Access::Session),
    ("POST", "/v1/user/mfa/recovery_codes", Access::Session),
    ("POST", "/v1/user/{id}/mfa/disable", Access::SessionNeeds(Permission::UpdateUser)),
    // Invitations
    ("GET", "/v1/invitations", Access::Needs(Permission::CreateUser)),
    ("POST", "/v1/invitations", Access::Needs(Permission::CreateUser)),
    ("DELETE", "/v1/invitations/{id}", Access::Needs(Permission::CreateUser)),
    ("GET", "/v1/invitations/token/{token}", Access::Public),
    ("POST", "/v1/invitations/accept", Access::Public),
    ("POST", "/v1/user/{id}/resend_invitation", Access::Needs(Permission::UpdateUser)),
    ("GET", "/v1/sessions", Access::Session),
    ("DELETE", "/v1/sessions/{id}", Access::Session),
    // Users
    ("POST", "/v1/objects/user", Access::Authenticated),
    ("POST", "/v1/objects/user/create", Access::Needs(Permission::CreateUser)),
    ("POST", "/v1/objects/user/update", Access::Needs(Permission::UpdateUser)),
    ("POST", "/v1/objects/user/delete", Access::Needs(Permission::DeleteUser)),
    ("POST", "/v1/objects/user/enabling", Access::Needs(Permission::UpdateUser)),
    ("POST", "/v1/objects/user/disabling", Access::Needs(Permission::UpdateUser)),
    // Clients
    ("GET", "/v1/objects/client", Access::Authenticated),
    ("POST", "/v1/objects/client", Access::Authenticated),
    ("POST", "/v1/objects/client/create", Access::Needs(Permission::CreateTenant)),
    (
        "POST",
        "/v1/objects/client/update",
        Access::NeedsAny(&[Permission::UpdateClient, Permission::UpdateTenant]),
    ),
    ("POST", "/v1/objects/client/delete", Access::Needs(Permission::DeleteTenant)),
    ("POST", "/v1/objects/client/enabling", Access::Needs(Permission::UpdateTenant)),
    ("POST", "/v1/objects/client/disabling", Access::Needs(Permission::UpdateTenant)),
    ("GET", "/v2/partner_client", Access::Needs(Permission::ViewTenant)),
    ("POST", "/v2/partner/{partnerid}/partner_client", Access::Needs(Permission::UpdateTenant)),
    ("GET", "/v1/clients/{client_id}/settings", Access::Needs(Permission::ViewSettings)),
    ("PUT", "/v1/clients/{client_id}/settings", Access::Needs(Permission::UpdateSettings)),
    ("GET", "/v1/clients/{client_id}/configuration", Access::Needs(Permission::ViewIntegration)),
    ("PUT", "/v1/clients/{client_id}/configuration", Access::Needs(Permission::UpdateSettings)),
    ("GET", "/v1/clients/{client_id}/billing/subscriptions", Access::Needs(Permission::ViewLicense)),
    ("GET", "/v1/billing/plans", Access::Needs(Permission::ViewLicense)),
    // The operator's: nobody can be given the right through the API
    ("POST", "/v1/clients/{client_id}/billing/subscriptions", Access::Needs(Permission::UpdateLicense)),
    ("PUT", "/v1/clients/{client_id}/billing/subscriptions/{id}", Access::Needs(Permission::UpdateLicense)),
    (
        "POST",
        "/v1/clients/{client_id}/billing/subscriptions/trials",
        Access::Needs(Permission::UpdateLicense),
    ),
    (
        "POST",
        "/v1/clients/{client_id}/billing/admin/subscriptions/trials",
        Access::Needs(Permission::UpdateLicense),
    ),
    ("POST", "/v1/billing/subscriptions/trials", Access::Needs(Permission::UpdateLicense)),
    ("POST", "/v1/billing/plans", Access::Needs(Permission::UpdateLicense)),
    ("POST", "/v1/billing/plans/{id}/bindings", Access::Needs(Permission::UpdateLicense)),
    ("POST", "/v1/billing/features", Access::Needs(Permission::UpdateLicense)),
    ("POST", "/v1/partners/{partner_id}/billing/settings", Access::Needs(Permission::UpdateLicense)),
    ("DELETE", "/v1/partners/{partner_id}/billing/settings", Access::Needs(Permission::UpdateLicense)),
    // Single sign-on
    ("GET", "/v1/sso", Access::Needs(Permission::ViewSso)),
    ("PUT", "/v1/sso", Access::SessionNeeds(Permission::UpdateSso)),
    ("DELETE", "/v1/sso", Access::SessionNeeds(Permission::UpdateSso)),
    ("PUT", "/v1/sso/oidc", Access::Needs(Permission::UpdateSso)),
    ("PUT", "/v1/sso/saml", Access::Needs(Permission::UpdateSso)),
    ("POST", "/v1/sso/saml/certificate", Access::SessionNeeds(Permission::UpdateSso)),
    ("PUT", "/v1/sso/ldap", Access::Needs(Permission::UpdateSso)),
    ("POST", "/v1/sso/ldap/test", Access::SessionNeeds(Permission::UpdateSso)),
    ("PUT", "/v1/sso/mapping", Access::Needs(Permission::UpdateSso)),
    ("GET", "/v1/sso/groups", Access::Needs(Permission::UpdateTenant)),
    ("POST", "/v1/sso/groups", Access::Needs(Permission::UpdateTenant)),
    ("GET", "/v1/sso/groups/{id}", Access::Needs(Permission::UpdateTenant)),
    ("PUT", "/v1/sso/groups/{id}", Access::Needs(Permission::UpdateTenant)),
    ("DELETE", "/v1/sso/groups/{id}", Access::Needs(Permission::UpdateTenant)),
    ("POST", "/v1/sso/test", Access::SessionNeeds(Permission::UpdateSso)),
    ("GET", "/v1/sso/test/{id}", Access::SessionNeeds(Permission::ViewSso)),
    ("POST", "/v1/sso/activate", Access::Needs(Permission::UpdateSso)),
    ("POST", "/v1/sso/deactivate", Access::SessionNeeds(Permission::UpdateSso)),
    ("POST", "/v1/sso/scim/token", Access::SessionNeeds(Permission::UpdateSso)),
    ("DELETE", "/v1/sso/scim/token", Access::SessionNeeds(Permission::UpdateSso)),
    ("GET", "/v1/sso/login", Access::Public),
    ("GET", "/v1/sso/oidc/callback", Access::Public),
    ("GET", "/v1/sso/oidc/callback/{client_uuid}", Access::Public),
    ("GET", "/v1/sso/saml/{client_uuid}/metadata", Access::Public),
    ("POST", "/v1/sso/saml/acs", Access::Public),
    ("GET", "/v1/sso/saml/finish", Access::Public),
    ("GET", "/v1/sso/saml/{client_uuid}/logout", Access::Public),
    ("POST", "/v1/sso/saml/{client_uuid}/logout", Access::Public),
    ("POST", "/v1/user/{id}/sso", Access::Needs(Permission::UpdateUser)),
    ("POST", "/v1/user/{id}/api_access", Access::Needs(Permission::UpdateUser)),
    // Provisioning by the identity provider
    ("GET", "/scim/v2/Users", Access::Scim),
    ("POST", "/scim/v2/Users", Access::Scim),
    ("GET", "/scim/v2/Users/{id}", Access::Scim),
    ("PUT", "/scim/v2/Users/{id}", Access::Scim),
    ("PATCH", "/scim/v2/Users/{id}", Access::Scim),
    ("DELETE", "/scim/v2/Users/{id}", Access::Scim),
    ("GET", "/scim/v2/Groups", Access::Scim),
    ("POST", "/scim/v2/Groups", Access::Scim),
    ("GET", "/scim/v2/Groups/{id}", Access::Scim),
    ("PUT", "/scim/v2/Groups/{id}", Access::Scim),
    ("PATCH", "/scim/v2/Groups/{id}", Access::Scim),
    ("DELETE", "/scim/v2/Groups/{id}", Access::Scim),
    ("GET", "/scim/v2/ServiceProviderConfig", Access::Scim),
    ("GET", "/scim/v2/ResourceTypes", Access::Scim),
    ("GET", "/scim/v2/ResourceTypes/{id}", Access::Scim),
    ("GET", "/scim/v2/Schemas", Access::Scim),
    ("GET", "/scim/v2/Schemas/{id}", Access::Scim),
    // Activity log
    ("GET", "/v1/activity_log/events_get_filters", Access::Needs(Permission::ViewActivityLog)),
    ("GET", "/v1/activity_log/{client_id}/events", Access::Needs(Permission::ViewActivityLog)),
    ("GET", "/v1/activity_log/{client_id}/events.csv", Access::Needs(Permission::ViewActivityLog)),
    ("GET", "/v1/activity_log/{client_id}/events/{id}", Access::Needs(Permission::ViewActivityLog)),
    ("POST", "/v1/audit_log", Access::Needs(Permission::ViewActivityLog)),
    // API tokens
    ("GET", "/v1/api_tokens", Access::Authenticated),
    ("POST", "/v1/api_tokens", Access::SessionNeeds(Permission::CreateApiToken)),
    ("GET", "/v1/api_tokens/{id}", Access::Authenticated),
    ("GET", "/v1/api_tokens/{id}/value", Access::SessionNeeds(Permission::ViewApiToken)),
    ("PUT", "/v1/api_tokens/{id}", Access::Authenticated),
    ("DELETE", "/v1/api_tokens/{id}", Access::Authenticated),
    ("POST", "/v1/api_tokens/{id}/renew", Access::SessionNeeds(Permission::UpdateApiToken)),
    // Applications
    ("POST", "/v1/objects/pool", Access::Needs(Permission::ViewApplication)),
    ("POST", "/v1/objects/pool/create", Access::Needs(Permission::CreateApplication)),
    ("POST", "/v1/objects/pool/update", Access::Needs(Permission::UpdateApplication)),
    ("POST", "/v1/objects/pool/delete", Access::Needs(Permission::DeleteApplication)),
    // Security events
    ("POST", "/node/v1/events", Access::Node),
    ("POST", "/v1/objects/hit", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/objects/hit/count", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/objects/hit/details", Access::Needs(Permission::ViewAttack)),
    ("GET", "/v2/hit/details", Access::Needs(Permission::ViewAttack)),
    ("GET", "/v2/hit/explanation", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/objects/hit/raw", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/objects/hit/mark_false", Access::Needs(Permission::UpdateAttack)),
    ("POST", "/v1/objects/hit/aggs_terms", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/objects/hit/aggs_term_counts", Access::Needs(Permission::ViewAttack)),
    ("GET", "/v1/objects/hit/aggs_counts", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/objects/hit/ips", Access::Needs(Permission::ViewAttack)),
    ("GET", "/v1/objects/hit/mitigations/stats", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/objects/hit/compromised_logins/csv", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v2/hits/summary", Access::Needs(Permission::ViewAttack)),
    ("GET", "/v2/client/{client_id}/dropped_raw_hits/{request_id}", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/objects/attack", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v2/objects/attack", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/objects/attack/count", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/objects/attack/ip", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/objects/attack/mark_false", Access::Needs(Permission::UpdateAttack)),
    ("POST", "/v1/objects/attack/ip_count", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/objects/attack/hit_count", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/objects/attack/vectors", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/objects/attack/aggs_terms", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/objects/attack/cost_interval", Access::Needs(Permission::ViewAttack)),
    (
        "GET",
        "/v1/client/{client_id}/attack-vectors/security-agg/query/schema",
        Access::Needs(Permission::ViewAttack),
    ),
    (
        "POST",
        "/v1/client/{client_id}/attack-vectors/security-agg/query",
        Access::Needs(Permission::ViewAttack),
    ),
    (
        "POST",
        "/v1/client/{client_id}/attack-vectors/security-agg/stats",
        Access::Needs(Permission::ViewAttack),
    ),
    (
        "POST",
        "/v1/client/{client_id}/attack-vectors/security-agg/export",
        Access::Needs(Permission::ViewAttack),
    ),
    (
        "GET",
        "/v1/client/{client_id}/attack-vectors/security-agg/export/{export_id}",
        Access::Needs(Permission::ViewAttack),
    ),
    // The link in the letter: its token is what opens it.
    ("GET", "/v1/client/{client_id}/attack-vectors/security-agg/export/{export_id}/file", Access::Public),
    ("POST", "/v1/client/{client_id}/attack-vectors/by-group", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/client/{client_id}/attack-vectors/by-request", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/client/{client_id}/attack-vectors/mark", Access::Needs(Permission::UpdateAttack)),
    ("GET", "/v1/client/{client_id}/attack-views", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/client/{client_id}/attack-views", Access::Needs(Permission::UpdateAttack)),
    ("GET", "/v1/client/{client_id}/attack-views/{id}", Access::Needs(Permission::ViewAttack)),
    ("PUT", "/v1/client/{client_id}/attack-views/{id}", Access::Needs(Permission::UpdateAttack)),
    ("DELETE", "/v1/client/{client_id}/attack-views/{id}", Access::Needs(Permission::UpdateAttack)),
    ("POST", "/v1/client/{client_id}/attack-views/{id}/duplicate", Access::Needs(Permission::UpdateAttack)),
    ("POST", "/v1/client/{client_id}/attack-views/{id}/set-default", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/search", Access::Needs(Permission::ViewAttack)),
    ("GET", "/v1/search/suggest", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/objects/vuln", Access::Needs(Permission::ViewVuln)),
    ("POST", "/v1/objects/vuln/count", Access::Needs(Permission::ViewVuln)),
    ("POST", "/v1/objects/vuln/create", Access::Needs(Permission::CreateVuln)),
    ("POST", "/v1/objects/vuln/update", Access::Needs(Permission::UpdateVuln)),
    ("POST", "/v1/objects/vuln/close", Access::Needs(Permission::UpdateVuln)),
    ("POST", "/v1/objects/vuln/open", Access::Needs(Permission::UpdateVuln)),
    ("POST", "/v1/objects/vuln/falsepositive", Access::Needs(Permission::UpdateVuln)),
    ("POST", "/v1/objects/vuln/recheck", Access::Needs(Permission::UpdateVuln)),
    ("POST", "/v2/vuln/passive_detection", Access::Node),
    ("POST", "/v2/attacks", Access::Node),
    // Security issues
    ("POST", "/v1/security_issues", Access::Needs(Permission::ViewVuln)),
    ("GET", "/v1/security_issues", Access::Needs(Permission::ViewVuln)),
    ("POST", "/v1/security_issues/count", Access::Needs(Permission::ViewVuln)),
    ("POST", "/v1/security_issues/groups", Access::Needs(Permission::ViewVuln)),
    ("POST", "/v1/security_issues/groups_count", Access::Needs(Permission::ViewVuln)),
    ("POST", "/v1/security_issues/report", Access::Needs(Permission::ViewVuln)),
    ("GET", "/v1/security_issues/false_positive_rules", Access::Needs(Permission::ViewVuln)),
    ("POST", "/v1/security_issues/false_positive_rules", Access::Needs(Permission::UpdateVuln)),
    ("PUT", "/v1/security_issues/false_positive_rules/{id}", Access::Needs(Permission::UpdateVuln)),
    ("DELETE", "/v1/security_issues/false_positive_rules/{id}", Access::Needs(Permission::UpdateVuln)),
    ("GET", "/v1/security_issues/{id}", Access::Needs(Permission::ViewVuln)),
    ("PUT", "/v1/security_issues/{id}", Access::Needs(Permission::UpdateVuln)),
    // Reports; they show vulnerabilities, too, which the service asks for
    ("POST", "/v1/objects/report/request", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/objects/report/list", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/objects/report", Access::Needs(Permission::ViewAttack)),
    // The link in the letter: its token is what opens it.
    ("GET", "/v1/client/{client_id}/report/{report_id}/file", Access::Public),
    // Dashboards
    ("POST", "/v2/graph_data/attacks/client/{client_id}", Access::Needs(Permission::ViewDashboard)),
    ("POST", "/v2/graph_data/incidents/client/{client_id}", Access::Needs(Permission::ViewDashboard)),
    ("POST", "/v2/graph_data/requests/client/{client_id}", Access::Needs(Permission::ViewDashboard)),
    ("POST", "/v2/graph_data/rps/client/{client_id}", Access::Needs(Permission::ViewDashboard)),
    ("POST", "/v2/graph_data/vulns/client/{client_id}", Access::Needs(Permission::ViewDashboard)),
    (
        "POST",
        "/v2/graph_data/blacklist_size/client/{client_id}/full",
        Access::Needs(Permission::ViewDashboard),
    ),
    ("POST", "/v2/graph_data/rps/node/{uuid}", Access::Needs(Permission::ViewDashboard)),
    ("POST", "/v2/graph_data/rps/cloud_node/{uuid}", Access::Needs(Permission::ViewDashboard)),
    ("POST", "/v2/graph_data/targets/total/client/{client_id}", Access::Needs(Permission::ViewDashboard)),
    (
        "POST",
        "/v2/graph_data/attack_types/total/client/{client_id}",
        Access::Needs(Permission::ViewDashboard),
    ),
    (
        "POST",
        "/v2/graph_data/attacks_stats/total/client/{client_id}",
        Access::Needs(Permission::ViewDashboard),
    ),
    (
        "POST",
        "/v2/graph_data/summary/monthly/total/client/{client_id}",
        Access::Needs(Permission::ViewDashboard),
    ),
    ("POST", "/v2/graph_data/summary/rpm/client/{client_id}", Access::Needs(Permission::ViewDashboard)),
    ("GET", "/v1/graph_data/testrun", Access::Needs(Permission::ViewDashboard)),
    ("GET", "/v1/graph_data/baseline", Access::Needs(Permission::ViewDashboard)),
    ("GET", "/v2/dashboards/owasp_api_2019/{client_id}", Access::Needs(Permission::ViewDashboard)),
    ("GET", "/v2/dashboards/owasp_api_2023/{client_id}", Access::Needs(Permission::ViewDashboard)),
    ("GET", "/v2/dashboard_state/{client_id}", Access::Needs(Permission::ViewDashboard)),
    ("PUT", "/v2/dashboard_state/{client_id}", Access::Needs(Permission::UpdateSettings)),
    // Retention, deletion, export
    ("GET", "/v1/client/{client_id}/event_settings", Access::Needs(Permission::ViewSettings)),
    ("PUT", "/v1/client/{client_id}/event_settings", Access::Needs(Permission::UpdateSettings)),
    ("DELETE", "/v1/client/{client_id}/events", Access::Needs(Permission::UpdateSettings)),
    ("GET", "/v1/client/{client_id}/export", Access::Needs(Permission::UpdateSettings)),
    // Verification
    ("GET", "/v1/rechecker/current_status", Access::Needs(Permission::ViewAttack)),
    ("POST", "/v1/rechecker/forced", Access::Needs(Permission::UpdateAttack)),
    ("POST", "/v1/rechecker/cancel", Access::Needs(Permission::UpdateAttack)),
    ("POST", "/v1/rechecker/vuln_found", Access::Needs(Permission::UpdateAttack)),
    ("POST", "/v1/rechecker/vuln_not_found", Access::Needs(Permission::UpdateAttack)),
    ("POST", "/v1/rechecker/tech_failed", Access::Needs(Permission::UpdateAttack)),
    ("POST", "/v1/rechecker/cannot_connect", Access::Needs(Permission::UpdateAttack)),
    ("GET", "/v2/suggest/attack_types", Access::Needs(Permission::ViewAttack)),
    // Nodes
    ("POST", "/v2/node", Access::Needs(Permission::CreateNode)),
    ("GET", "/v2/node", Access::Needs(Permission::ViewNode)),
    ("DELETE", "/v2/node/{id}", Access::Needs(Permission::DeleteNode)),
    ("POST", "/v2/node/{id}/regenerate_token", Access::Needs(Permission::UpdateNode)),
    ("POST", "/v1/objects/node", Access::Needs(Permission::ViewNode)),
    // Node protocol
    ("POST", "/node/v1/register", Access::NodeToken),
    ("POST", "/node/v1/unregister", Access::Node),
    ("POST", "/node/v1/heartbeat", Access::Node),
    ("GET", "/node/v1/manifest", Access::Node),
    ("GET", "/node/v1/bundle/{kind}/{version}", Access::Node),
    ("GET", "/node/v1/lists", Access::Node),
    ("GET", "/node/v1/watch", Access::Node),
    // Rules; which permission a change needs depends on the type
    ("POST", "/v1/objects/hint", Access::NeedsAny(VIEW_RULES)),
    ("POST", "/v1/objects/hint/create", Access::NeedsAny(CHANGE_RULES)),
    ("POST", "/v1/objects/hint/update", Access::NeedsAny(CHANGE_RULES)),
    ("POST", "/v1/objects/hint/delete", Access::NeedsAny(CHANGE_RULES)),
    ("GET", "/v3/hint/{id}", Access::NeedsAny(VIEW_RULES)),
    ("PUT", "/v3/hint/{id}", Access::NeedsAny(CHANGE_RULES)),
    ("POST", "/v1/objects/action", Access::NeedsAny(VIEW_RULES)),
    ("POST", "/v1/objects/action/by_hit", Access::NeedsAny(VIEW_RULES)),
    ("GET", "/v3/action/{id}", Access::NeedsAny(VIEW_RULES)),
    ("DELETE", "/v2/action/{id}", Access::NeedsAny(CHANGE_RULES)),
    ("GET", "/v2/client/{clientid}/rules/wallarm_mode", Access::Needs(Permission::ViewWallarmMode)),
    ("PUT", "/v2/client/{clientid}/rules/wallarm_mode", Access::Needs(Permission::UpdateWallarmMode)),
    ("GET", "/v2/client/{clientid}/rules/overlimit_res_settings", Access::Needs(Permission::ViewWallarmMode)),
    (
        "PUT",
        "/v2/client/{clientid}/rules/overlimit_res_settings",
        Access::Needs(Permission::UpdateWallarmMode),
    ),
    ("GET", "/v2/client/{clientid}/rules/settings", Access::Needs(Permission::ViewWallarmMode)),
    ("PUT", "/v2/client/{clientid}/rules/settings", Access::Needs(Permission::UpdateWallarmMode)),
    ("GET", "/v2/client/{clientid}/rules/snapshots", Access::Needs(Permission::ViewRule)),
    ("POST", "/v2/client/{clientid}/rules/snapshots", Access::Needs(Permission::UpdateRule)),
    ("DELETE", "/v2/client/{clientid}/rules/snapshots/{id}", Access::Needs(Permission::DeleteRule)),
    ("POST", "/v2/client/{clientid}/rules/snapshots/{id}/restore", Access::Needs(Permission::UpdateRule)),
    (
        "GET",
        "/v4/clients/{clientid}/credential_stuffing/configs",
        Access::Needs(Permission::ViewCredentialStuffing),
    ),
    ("POST", "/v2/suggest/point", Access::NeedsAny(VIEW_RULES)),
    ("GET", "/v2/attack_types", Access::Authenticated),
    // Triggers
    ("GET", "/v2/clients/{client_id}/triggers", Access::Needs(Permission::ViewTrigger)),
    ("POST", "/v2/clients/{client_id}/triggers", Access::Needs(Permission::CreateTrigger)),
    ("PUT", "/v2/clients/{client_id}/triggers/{id}", Access::Needs(Permission::UpdateTrigger)),
    ("DELETE", "/v2/clients/{client_id}/triggers/{id}", Access::Needs(Permission::DeleteTrigger)),
    // Integrations
    ("GET", "/v2/integration", Access::Needs(Permission::ViewIntegration)),
    ("POST", "/v2/integration", Access::Needs(Permission::CreateIntegration)),
    ("PUT", "/v2/integration/{id}", Access::Needs(Permission::UpdateIntegration)),
    ("DELETE", "/v2/integration/{id}", Access::Needs(Permission::DeleteIntegration)),
    ("POST", "/v2/integration/telegram", Access::Needs(Permission::CreateIntegration)),
    ("POST", "/v2/integration/test", Access::Needs(Permission::CreateIntegration)),
    ("POST", "/v2/integration/{id}/test", Access::Needs(Permission::UpdateIntegration)),
    ("GET", "/v2/integration/{id}/deliveries", Access::Needs(Permission::ViewIntegration)),
    (
        "POST",
        "/v2/integration/{id}/deliveries/{delivery_id}/retry",
        Access::Needs(Permission::UpdateIntegration),
    ),
    // API specifications; the file by a signed link
    ("GET", "/v4/clients/{client_id}/rules/api-specs", Access::Needs(Permission::ViewApiSpec)),
    ("POST", "/v4/clients/{client_id}/rules/api-specs", Access::Needs(Permission::CreateApiSpec)),
    ("GET", "/v4/clients/{client_id}/rules/api-specs/{id}", Access::Needs(Permission::ViewApiSpec)),
    ("PUT", "/v4/clients/{client_id}/rules/api-specs/{id}", Access::Needs(Permission::UpdateApiSpec)),
    ("DELETE", "/v4/clients/{client_id}/rules/api-specs/{id}", Access::Needs(Permission::DeleteApiSpec)),
    ("PUT", "/v4/clients/{client_id}/rules/api-specs/{id}/policy", Access::Needs(Permission::UpdateApiSpec)),
    ("GET", "/v4/clients/{client_id}/rules/api-specs/{id}/file", Access::Public),
    // API discovery
    ("GET", "/v1/clients/{client_id}/apid/config", Access::Needs(Permission::ViewApiDiscovery)),
    ("POST", "/v1/clients/{client_id}/apid/config", Access::Needs(Permission::UpdateApiDiscovery)),
    // IP lists; each list has permissions of its own
    ("GET", "/v1/blocklist/clients/{client_id}/groups", Access::NeedsAny(VIEW_LISTS)),
    ("DELETE", "/v1/blocklist/clients/{client_id}/groups", Access::NeedsAny(DELETE_LISTS)),
    ("POST", "/v1/blocklist/clients/{client_id}/access_rules", Access::NeedsAny(CREATE_LISTS)),
    ("GET", "/v1/blocklist/clients/{client_id}/access_rules/counts", Access::NeedsAny(VIEW_LISTS)),
    ("POST", "/v1/blocklist/clients/{client_id}/import", Access::NeedsAny(CREATE_LISTS)),
    ("GET", "/v3/blacklist", Access::Needs(Permission::ViewDenylist)),
    ("GET", "/v3/blacklist/history", Access::Needs(Permission::ViewDenylist)),
    ("GET", "/v4/ip_rules", Access::NeedsAny(VIEW_LISTS)),
    ("POST", "/v4/ip_rules", Access::NeedsAny(CREATE_LISTS)),
    ("DELETE", "/v4/ip_rules", Access::NeedsAny(DELETE_LISTS)),
];

const VIEW_RULES: &[Permission] = &[Permission::ViewRule, Permission::ViewMitigationControl];
const CHANGE_RULES: &[Permission] = &[
    Permission::CreateRule,
    Permission::UpdateRule,
    Permission::DeleteRule,
    Permission::CreateMitigationControl,
    Permission::UpdateMitigationControl,
    Permission::DeleteMitigationControl,
    Permission::UpdateDisableStamp,
];
const VIEW_LISTS: &[Permission] =
    &[Permission::ViewAllowlist, Permission::ViewDenylist, Permission::ViewGraylist];
const CREATE_LISTS: &[Permission] =
    &[Permission::CreateAllowlist, Permission::CreateDenylist, Permission::CreateGraylist];
const DELETE_LISTS: &[Permission] =
    &[Permission::DeleteAllowlist, Permission::DeleteDenylist, Permission::DeleteGraylist];
