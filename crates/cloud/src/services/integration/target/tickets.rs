//! Targets that keep tickets: Jira and ServiceNow.

use bartizan_api::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Target, is_header_value, member, members, wrong_in};
use crate::outgoing::Outgoing;

/// A project of Jira.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Jira {
    /// Host or address, `example.atlassian.net`.
    pub host: String,
    /// Who reports; empty for `bearer`.
    #[serde(default)]
    pub email: String,
    /// API token, password, or personal access token.
    pub token: String,
    /// `basic`, with the e-mail, or `bearer`.
    #[serde(default = "default_auth_type")]
    pub auth_type: String,
    /// Whether the certificate of the server is verified.
    #[serde(default = "default_verify")]
    pub ssl_verify: bool,
    /// Key or number of the project.
    pub project: String,
    /// Name or number of the type of issues.
    #[serde(default = "default_issue_type")]
    pub issue_type: String,
}

fn default_auth_type() -> String {
    "basic".to_owned()
}

const fn default_verify() -> bool {
    true
}

fn default_issue_type() -> String {
    "Task".to_owned()
}

impl Jira {
    /// The address of the server, without a slash at its end.
    #[must_use]
    pub fn address(&self) -> String {
        address(&self.host)
    }
}

/// An instance of ServiceNow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceNow {
    /// Name, host or address, `dev12345`.
    pub instance: String,
    /// Who reports.
    pub username: String,
    /// Password.
    pub password: String,
    /// Application of OAuth; empty: by name and password alone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_id: String,
    /// Secret of the application.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_secret: String,
}

impl ServiceNow {
    /// The address of the server, without a slash at its end.
    #[must_use]
    pub fn address(&self) -> String {
        if self.instance.contains(['.', ':', '/']) {
            address(&self.instance)
        } else {
            format!("https://{}.service-now.com", self.instance)
        }
    }
}

/// The address of a server by its host, or as it is.
fn address(host: &str) -> String {
    let host = host.trim_end_matches('/');
    if host.contains("://") { host.to_owned() } else { format!("https://{host}") }
}

/// Checks a project of Jira as it was sent.
///
/// # Errors
/// 400 with the member at fault.
pub(super) fn jira(sent: &Value, outgoing: &Outgoing) -> Result<Target, ApiError> {
    for name in ["host", "token", "project"] {
        member(sent, name)?;
    }
    let jira: Jira = members(sent)?;
    check_server("host", &jira.address(), outgoing)?;
    if !["basic", "bearer"].contains(&jira.auth_type.as_str()) {
        return Err(wrong_in("auth_type", "should be basic or bearer"));
    }
    // The colon ends a name in Basic authentication.
    if jira.auth_type == "basic" && (member(sent, "email")?.contains(':') || !is_header_value(&jira.email)) {
        return Err(wrong_in("email", "is invalid"));
    }
    if !is_header_value(&jira.token) {
        return Err(wrong_in("token", "is invalid"));
    }
    for (name, value) in [("project", &jira.project), ("issue_type", &jira.issue_type)] {
        if value.is_empty() || value.chars().count() > 255 {
            return Err(wrong_in(name, "should have 1 to 255 characters"));
        }
    }
    Ok(Target::Jira(jira))
}

/// Checks an instance of ServiceNow as it was sent.
///
/// # Errors
/// 400 with the member at fault.
pub(super) fn service_now(sent: &Value, outgoing: &Outgoing) -> Result<Target, ApiError> {
    for name in ["instance", "username", "password"] {
        member(sent, name)?;
    }
    let service_now: ServiceNow = members(sent)?;
    check_server("instance", &service_now.address(), outgoing)?;
    if service_now.username.contains(':') {
        return Err(wrong_in("username", "is invalid"));
    }
    match (service_now.client_id.is_empty(), service_now.client_secret.is_empty()) {
        (true, false) => Err(wrong_in("client_id", "can't be blank")),
        (false, true) => Err(wrong_in("client_secret", "can't be blank")),
        _ => Ok(Target::ServiceNow(service_now)),
    }
}

fn check_server(member: &str, address: &str, outgoing: &Outgoing) -> Result<(), ApiError> {
    let url = outgoing.check(address, false).map_err(|text| wrong_in(member, text))?;
    // Paths are put behind it.
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong_in(member, "must not have a query"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn servers_are_named_in_three_ways() {
        for (instance, url) in [
            ("dev12345", "https://dev12345.service-now.com"),
            ("dev12345.service-now.com", "https://dev12345.service-now.com"),
            ("https://now.example.com/", "https://now.example.com"),
        ] {
            let sent = json!({"instance": instance, "username": "u", "password": "p"});
            let service_now: ServiceNow = serde_json::from_value(sent).unwrap();
            assert_eq!(service_now.address(), url);
        }
        assert_eq!(address("jira.example.com:8443"), "https://jira.example.com:8443");
        assert_eq!(address("https://jira.example.com/jira/"), "https://jira.example.com/jira");
    }
}
