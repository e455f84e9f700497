//! Tickets: issues of Jira (REST API 2) and incidents of ServiceNow (Table API).

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use serde_json::{Value, json};

use super::{
    DeliveryError, Message, accepted,
    payload::{cut, json_post, post},
};
use crate::{
    outgoing::OutgoingRequest,
    services::integration::{Jira, ServiceNow},
    state::Cloud,
};

/// Longest summary and description of an issue of Jira, characters.
const JIRA_SUMMARY: usize = 255;
const JIRA_DESCRIPTION: usize = 32_000;
/// Longest short description and description of an incident of ServiceNow, characters.
const SERVICE_NOW_SHORT: usize = 160;
const SERVICE_NOW_DESCRIPTION: usize = 4000;

/// Creates an issue.
pub(super) fn jira(target: &Jira, message: &Message) -> Result<OutgoingRequest, DeliveryError> {
    let authorization = match target.auth_type.as_str() {
        "bearer" => format!("Bearer {}", target.token),
        _ => basic(&target.email, &target.token),
    };
    let body = json!({"fields": {
        "project": named(&target.project, "key"),
        "issuetype": named(&target.issue_type, "name"),
        "summary": cut(&line(&message.summary()), JIRA_SUMMARY),
        "description": jira_description(message),
    }});
    let url = format!("{}/rest/api/2/issue", target.address());
    let mut request = json_post(&url, &body, &[(AUTHORIZATION, &authorization)])?;
    request.verify = target.ssl_verify;
    Ok(request)
}

/// A thing of Jira by its number, or by what else names it.
fn named(text: &str, otherwise: &str) -> Value {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    json!({if is_number { "id" } else { otherwise }: text})
}

/// What is told holds what attackers wrote. In a block without formats it is text; nothing in it may end the block.
fn jira_description(message: &Message) -> String {
    let text = cut(&message.text(), JIRA_DESCRIPTION).replace("{n", "{ n").replace("{N", "{ N");
    let link = message.link().map(|link| format!("\n{link}")).unwrap_or_default();
    format!("{{noformat}}\n{text}\n{{noformat}}{link}")
}

/// Creates an incident, with a token of the application where one is given.
pub(super) async fn service_now(
    cloud: &Cloud,
    target: &ServiceNow,
    message: &Message,
) -> Result<OutgoingRequest, DeliveryError> {
    let authorization = if target.client_id.is_empty() {
        basic(&target.username, &target.password)
    } else {
        format!("Bearer {}", access_token(cloud, target).await?)
    };
    let urgency = match message.severity() {
        "critical" => "1",
        "error" => "2",
        _ => "3",
    };
    let link = message.link().map(|link| format!("\n{link}")).unwrap_or_default();
    let body = json!({
        "short_description": cut(&line(&message.summary()), SERVICE_NOW_SHORT),
        "description": format!("{}{link}", cut(&message.text(), SERVICE_NOW_DESCRIPTION.saturating_sub(link.len()))),
        "urgency": urgency,
        "impact": urgency,
        // A repeated attempt can be told by it.
        "correlation_id": format!("bartizan-{}-{}", message.sender.cloud, message.reference),
        "correlation_display": "Bartizan",
    });
    json_post(
        &format!("{}/api/now/table/incident", target.address()),
        &body,
        &[(AUTHORIZATION, &authorization), (HeaderName::from_static("accept"), "application/json")],
    )
}

/// A token for an application that acts for the user.
async fn access_token(cloud: &Cloud, target: &ServiceNow) -> Result<String, DeliveryError> {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "password")
        .append_pair("client_id", &target.client_id)
        .append_pair("client_secret", &target.client_secret)
        .append_pair("username", &target.username)
        .append_pair("password", &target.password)
        .finish();
    let url = format!("{}/oauth_token.do", target.address());
    let request = post(&url, body.into_bytes(), &[(CONTENT_TYPE, "application/x-www-form-urlencoded")])?;
    let answer = accepted(cloud.outgoing.send(request).await?)?;
    let answer: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let token = answer.get("access_token").and_then(Value::as_str).map(str::to_owned);
    token.ok_or_else(|| DeliveryError::Unusable("the answer of ServiceNow holds no token".to_owned()))
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

/// One line of a text.
fn line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::delivery::Sender;

    #[test]
    fn what_attackers_wrote_stays_in_its_block() {
        let sender =
            Sender { client_name: "{noformat}!x!".into(), client_uuid: String::new(), cloud: "us1".into() };
        let event = json!({"summary": "a", "description": "{NoFormat} [x|http://evil.test]"});
        let text = jira_description(&Message::new(1, "system", vec![event], sender));
        assert_eq!(text.to_lowercase().matches("{noformat}").count(), 2, "{text}");
        assert!(text.starts_with("{noformat}\n") && text.ends_with("\n{noformat}"), "{text}");
    }

    #[test]
    fn things_are_named_by_number_or_word() {
        assert_eq!(named("10001", "key"), json!({"id": "10001"}));
        assert_eq!(named("SEC", "key"), json!({"key": "SEC"}));
    }
}
