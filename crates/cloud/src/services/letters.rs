//! Letters of accounts: what they say, and sending them without making anybody wait.

use std::time::Duration;

use bartizan_api::ApiError;
use bartizan_store::{TenantId, entity};

use crate::{mail::Letter, state::Cloud};

/// How long a caller waits for the mail server, seconds.
const HANDED_OVER_S: u64 = 10;

/// Sends a letter in the background. A cloud without a mail server sends none; what a letter would have said
/// can be had otherwise (links are shown to administrators, tokens are listed with their end).
pub fn post(cloud: &Cloud, letter: Letter) {
    if !cloud.mailer.is_configured() {
        tracing::debug!("a letter was not sent: no mail server is configured");
        return;
    }
    let cloud = cloud.clone();
    tokio::spawn(async move {
        if let Err(error) = cloud.mailer.send(&letter).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a letter was not sent");
        }
    });
}

/// Hands a letter to the mail server and says whether it took it, within [`HANDED_OVER_S`] seconds.
pub async fn deliver(cloud: &Cloud, letter: Letter) -> bool {
    match tokio::time::timeout(Duration::from_secs(HANDED_OVER_S), cloud.mailer.send(&letter)).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a letter was not sent");
            false
        }
        Err(_) => {
            tracing::warn!("a letter was not sent: the mail server did not answer in time");
            false
        }
    }
}

/// Counts letters that a client is about to cause: the mail server is the operator's, and so is its good name.
///
/// # Errors
/// 429 with `Retry-After` beyond `limits.letters_per_hour`.
pub fn allow(cloud: &Cloud, tenant: TenantId, recipients: usize) -> Result<(), ApiError> {
    if cloud.mailer.is_configured() { cloud.limits.letters(tenant.0, recipients) } else { Ok(()) }
}

/// A page of the Console. Secrets go behind the `#`, which browsers keep to themselves.
#[must_use]
pub fn link(cloud: &Cloud, page: &str, token: &str) -> String {
    format!("{}/{page}#{token}", cloud.config.public.console_url.trim_end_matches('/'))
}

/// The page that confirms a sign-up, and names the company.
#[must_use]
pub fn signup_link(cloud: &Cloud, company: &str, token: &str) -> String {
    let company: String = url::form_urlencoded::byte_serialize(company.as_bytes()).collect();
    link(cloud, "confirm-sign-up", &format!("company={company}&token={token}"))
}

fn letter(to: &str, subject: String, lines: &[String]) -> Letter {
    Letter { to: vec![to.to_owned()], subject, text: lines.join("\n\n") + "\n", html: None }
}

/// To an invited person.
#[must_use]
pub fn invitation(cloud: &Cloud, to: &str, client: &str, url: &str) -> Letter {
    let lines = [
        format!("You are invited to {client} on Bartizan {}.", cloud.config.label),
        format!("Choose your password here:\n{url}"),
        "The link works once. If you do not know what this is about, ignore this letter.".to_owned(),
    ];
    letter(to, format!("Invitation to {client}"), &lines)
}

/// To a user who forgot the password.
#[must_use]
pub fn reset(cloud: &Cloud, to: &str, url: &str) -> Letter {
    let lines = [
        format!("Somebody, hopefully you, asked for a new password on Bartizan {}.", cloud.config.label),
        format!("Choose it here within an hour:\n{url}"),
        "If it was not you, ignore this letter: your password stays as it is.".to_owned(),
    ];
    letter(to, "A new password".to_owned(), &lines)
}

/// To somebody who accepted an invitation.
#[must_use]
pub fn welcome(cloud: &Cloud, to: &str, client: &str) -> Letter {
    let page = format!("{}/sign-in", cloud.config.public.console_url.trim_end_matches('/'));
    let lines = [
        format!("The account of {client} with this address is ready on Bartizan {}.", cloud.config.label),
        format!("Sign in here:\n{page}"),
        format!("If it was not you who accepted the invitation, tell the administrator of {client}."),
    ];
    letter(to, "Your account is ready".to_owned(), &lines)
}

/// The page that confirms the address of somebody who joins a company.
#[must_use]
pub fn joining_link(cloud: &Cloud, company: &str, token: &str) -> String {
    let company: String = url::form_urlencoded::byte_serialize(company.as_bytes()).collect();
    link(cloud, "confirm-sign-up", &format!("company={company}&joining=true&token={token}"))
}

/// To somebody who accepted an invitation by a link that was handed over.
#[must_use]
pub fn confirm_joining(cloud: &Cloud, to: &str, client: &str, url: &str) -> Letter {
    let lines = [
        format!(
            "Somebody, hopefully you, accepted an invitation to {client} on Bartizan {} with this address.",
            cloud.config.label
        ),
        format!("Confirm it within 24 hours with the password that you chose, and you can sign in:\n{url}"),
        format!("If it was not you, ignore this letter and tell the administrator of {client}."),
    ];
    letter(to, "Confirm your address".to_owned(), &lines)
}

/// To somebody who signed up.
#[must_use]
pub fn signup(cloud: &Cloud, to: &str, company: &str, url: &str) -> Letter {
    let lines = [
        format!(
            "Somebody, hopefully you, signed up on Bartizan {} with this address, as administrator of {company}.",
            cloud.config.label
        ),
        format!(
            "Confirm it within 24 hours with the password that you chose, and the account is made:\n{url}"
        ),
        "If it was not you, ignore this letter: nothing is made.".to_owned(),
    ];
    letter(to, "Confirm your address".to_owned(), &lines)
}

/// To somebody who signed up a second time.
#[must_use]
pub fn signup_known(cloud: &Cloud, to: &str) -> Letter {
    let page = format!("{}/forgot", cloud.config.public.console_url.trim_end_matches('/'));
    let lines = [
        format!(
            "Somebody, hopefully you, signed up on Bartizan {} with this address, which has an account already.",
            cloud.config.label
        ),
        format!("If you forgot the password, choose a new one here:\n{page}"),
        "If it was not you, ignore this letter.".to_owned(),
    ];
    letter(to, "You have an account already".to_owned(), &lines)
}

/// To the new address of a user.
#[must_use]
pub fn email_confirmation(to: &str, url: &str) -> Letter {
    let lines = [
        format!("Confirm that this is your new address within 24 hours:\n{url}"),
        "If you do not know what this is about, ignore this letter.".to_owned(),
    ];
    letter(to, "Confirm your address".to_owned(), &lines)
}

/// To the address so far.
#[must_use]
pub fn email_notice(to: &str, new: &str) -> Letter {
    let lines = [
        format!("Your account is about to move to the address {new}."),
        "If it was not you who asked for this, change your password now.".to_owned(),
    ];
    letter(to, "Your address is about to change".to_owned(), &lines)
}

/// To every administrator, when somebody got in by the account that single sign-on does not cover.
#[must_use]
pub fn fallback_used(cloud: &Cloud, to: &str, account: &str, address: &str) -> Letter {
    let page = format!("{}/settings/sso", cloud.config.public.console_url.trim_end_matches('/'));
    let lines = [
        format!("Somebody signed in with the fallback account {account}, from {address}."),
        "It is for when the identity provider fails. If nobody of you needed it, change its password now."
            .to_owned(),
        format!("Single sign-on is set up here:\n{page}"),
    ];
    letter(to, "The fallback account was used".to_owned(), &lines)
}

/// To administrators, before a certificate ends that sign-ins depend on.
#[must_use]
pub fn certificate_ends(cloud: &Cloud, to: &str, name: &str, end: i64) -> Letter {
    let day = chrono::DateTime::from_timestamp(end, 0).unwrap_or_default().format("%Y-%m-%d %H:%M UTC");
    let page = format!("{}/settings/sso", cloud.config.public.console_url.trim_end_matches('/'));
    let lines = [
        format!("The {name} ends on {day}. Single sign-on may be refused from then on."),
        format!("Set the new one before that day:\n{page}"),
    ];
    letter(to, "A certificate of single sign-on ends soon".to_owned(), &lines)
}

/// To administrators of a client that used more than its quota.
#[must_use]
pub fn quota_used(to: &str, quota: i64, unprotected: bool) -> Letter {
    let what = if unprotected {
        format!(
            "Your nodes inspected more than twice the {quota} requests of this month's quota. They let requests pass \
             uninspected until the month ends."
        )
    } else {
        format!(
            "Your nodes inspected more than the {quota} requests of this month's quota. The Console and integrations are \
             closed until the month ends; nodes go on to protect up to twice as many requests."
        )
    };
    letter(
        to,
        "The quota of this month is used up".to_owned(),
        &[what, "Ask your operator for more.".to_owned()],
    )
}

/// To whom an API token matters, three days before its end.
#[must_use]
pub fn token_ends(cloud: &Cloud, to: &str, token: &entity::api_token::Model, end: i64) -> Letter {
    let day = chrono::DateTime::from_timestamp(end, 0).unwrap_or_default().format("%Y-%m-%d %H:%M UTC");
    let page = format!("{}/settings/api-tokens", cloud.config.public.console_url.trim_end_matches('/'));
    let lines = [
        format!(
            "The API token \"{}\" ends on {day}. Programs that use it will be refused from then on.",
            token.name
        ),
        format!("Extend or replace it here:\n{page}"),
    ];
    letter(to, format!("API token \"{}\" ends soon", token.name), &lines)
}
