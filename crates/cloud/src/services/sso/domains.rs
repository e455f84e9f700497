//! Whose an e-mail domain is. Whoever claims one shows its people the way to a provider of his, so an address in it
//! proves too little: an administrator can give a user any address.

use bartizan_api::ApiError;
use bartizan_store::{TenantId, entity};

use crate::{auth::strings, failure::Failure, state::Cloud};

/// Domains in which anybody can have an address.
const PUBLIC: &[&str] = &[
    "aol.com",
    "fastmail.com",
    "gmail.com",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hey.com",
    "hotmail.com",
    "icloud.com",
    "live.com",
    "mac.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "naver.com",
    "outlook.com",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "t-online.de",
    "tuta.com",
    "web.de",
    "yahoo.com",
    "yandex.com",
    "yandex.ru",
    "ymail.com",
    "zoho.com",
    "126.com",
    "163.com",
];

/// Refuses domains that a client may not claim. What the operator says counts; where he says nothing, a domain is of
/// the one client that has people in it.
///
/// # Errors
/// 400; it does not say who else has to do with the domain.
pub async fn check(cloud: &Cloud, client: &entity::client::Model, domains: &[String]) -> Result<(), Failure> {
    for domain in domains {
        let granted = match cloud.config.auth.sso_domains.get(domain) {
            Some(uuid) => uuid.eq_ignore_ascii_case(&client.uuid),
            None => !PUBLIC.contains(&domain.as_str()) && !of_others(cloud, client, domain).await?,
        };
        if !granted {
            let text = "domains: only the operator of this cloud can give you this one (auth.sso_domains)";
            return Err(ApiError::invalid(text, domain.as_str()).into());
        }
    }
    Ok(())
}

/// Domains that the operator gave to a client.
#[must_use]
pub fn given<'a>(cloud: &'a Cloud, client: &entity::client::Model) -> Vec<&'a String> {
    let own = |uuid: &String| uuid.eq_ignore_ascii_case(&client.uuid);
    cloud.config.auth.sso_domains.iter().filter(|(_, uuid)| own(uuid)).map(|(domain, _)| domain).collect()
}

/// Whether the provider of a client may make a user with an address: where the client has domains of its own, only in
/// these, and never in one that is another's.
///
/// # Errors
/// 500 when the store fails.
pub async fn may_provision(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    client: &entity::client::Model,
    email: &str,
) -> Result<bool, Failure> {
    let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
    let claimed = config.settings.get("domains").map(strings).unwrap_or_default();
    let given = given(cloud, client);
    if claimed.iter().any(|own| own == domain) || given.iter().any(|own| *own == domain) {
        return Ok(true);
    }
    let free = claimed.is_empty() && given.is_empty() && !cloud.config.auth.sso_domains.contains_key(domain);
    Ok(free && !claimed_elsewhere(cloud, client, domain).await?)
}

async fn of_others(cloud: &Cloud, client: &entity::client::Model, domain: &str) -> Result<bool, Failure> {
    Ok(claimed_elsewhere(cloud, client, domain).await?
        || cloud.store.identify_domain_elsewhere(domain, TenantId(client.id)).await?)
}

async fn claimed_elsewhere(
    cloud: &Cloud,
    client: &entity::client::Model,
    domain: &str,
) -> Result<bool, Failure> {
    let claims = |config: &entity::sso_config::Model| {
        config.client_id != client.id
            && config.settings.get("domains").map(strings).unwrap_or_default().iter().any(|own| own == domain)
    };
    Ok(cloud.store.identify_active_sso().await?.iter().any(claims))
}
