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
    /// Any authenticated caller.
    Authenticated,
    /// A caller with this permission.
    Needs(Permission),
    /// A caller with at least one of these permissions.
    NeedsAny(&'static [Permission]),
    /// A registration token.
    NodeToken,
    /// A registered node instance.
    Node,
}

/// The access of a route; `path` is the template, with `{…}` parameters.
#[must_use]
pub fn access_of(method: &Method, path: &str) -> Option<Access> {
    // HEAD is answered by the GET handler.
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    TABLE.iter().find(|(verb, route, _)| *verb == method && *route == path).map(|(_, _, access)| *access)
}

/// Every route of the API.
pub const TABLE: &[(&str, &str, Access)] = &[
    // Health
    ("GET", "/healthz", Access::Public),
    ("GET", "/readyz", Access::Public),
    ("GET", "/openapi.json", Access::Public),
    // Sessions
    ("POST", "/v1/login", Access::Public),
    ("POST", "/v1/logout", Access::Public),
    ("GET", "/v1/session", Access::Session),
    ("POST", "/v1/session/token", Access::Session),
    // Current principal
    ("POST", "/v1/user", Access::Authenticated),
    ("GET", "/v1/user", Access::Authenticated),
    ("GET", "/v1/user/credentials", Access::Session),
    ("POST", "/v1/user/credentials/renew", Access::Session),
    // Users
    ("POST", "/v1/objects/user", Access::Authenticated),
    ("POST", "/v1/objects/user/create", Access::Needs(Permission::CreateUser)),
    ("POST", "/v1/objects/user/update", Access::Needs(Permission::UpdateUser)),
    ("POST", "/v1/objects/user/delete", Access::Needs(Permission::DeleteUser)),
    ("POST", "/v1/objects/user/enabling", Access::Needs(Permission::UpdateUser)),
    ("POST", "/v1/objects/user/disabling", Access::Needs(Permission::UpdateUser)),
];
