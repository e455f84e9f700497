//! Slows the guessing of passwords and second factors (`spec/accounts.md` section 2.4): after ten failures within a
//! quarter of an hour each attempt must wait, at most a minute. Counted by address, whether or not a user has it, so
//! that nothing is learnt. A network from which the user signed in before is counted apart: a stranger elsewhere who
//! takes every attempt as it becomes free would otherwise keep the account shut.

use std::net::IpAddr;

use bartizan_api::{ApiError, user::LoginRecord};
use bartizan_store::entity;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{failure::Failure, limits::network, state::Cloud};

/// Seconds that failures count.
const WINDOW_S: i64 = 900;
/// Failures without a delay.
const FREE: i64 = 10;
/// Longest delay, seconds.
const LONGEST_S: i64 = 60;

/// What failures are counted for.
#[derive(Clone, Debug)]
pub struct Account(String);

impl Account {
    /// The account that signs in from an address; `user` when there is one.
    #[must_use]
    pub fn of(cloud: &Cloud, email: &str, user: Option<&entity::user::Model>, address: IpAddr) -> Account {
        let here = network(address);
        let history: Vec<LoginRecord> =
            user.and_then(|user| serde_json::from_value(user.login_history.clone()).ok()).unwrap_or_default();
        let known = history.iter().any(|record| record.ip.parse().is_ok_and(|ip| network(ip) == here));
        // An e-mail address holds no blank.
        Account(if known { key(cloud, &format!("{email} {here}")) } else { key(cloud, email) })
    }
}

/// Refuses an attempt that comes too early.
///
/// # Errors
/// 429 with `Retry-After`.
pub async fn check(cloud: &Cloud, account: &Account) -> Result<(), Failure> {
    let now = cloud.now();
    let Some(row) = cloud.store.login_failures(&account.0, now - WINDOW_S).await? else {
        return Ok(());
    };
    // A time in whole seconds may be nearly one later than it says: a delay is at least what it promises.
    let wait = match delay_s(row.count) {
        0 => 0,
        delay => row.last + delay + 1 - now,
    };
    match u64::try_from(wait) {
        Ok(wait) if wait > 0 => Err(ApiError::rate_limited(wait).into()),
        _ => Ok(()),
    }
}

/// Seconds between the last failure and the next attempt: 1, 2, 4 and so on after the tenth.
fn delay_s(failures: i64) -> i64 {
    match u32::try_from(failures - FREE) {
        Ok(doublings) => 1_i64.checked_shl(doublings.min(6)).unwrap_or(LONGEST_S).min(LONGEST_S),
        Err(_) => 0,
    }
}

/// Counts a failure.
///
/// # Errors
/// 500 when the store fails.
pub async fn note(cloud: &Cloud, account: &Account) -> Result<(), Failure> {
    let now = cloud.now();
    Ok(cloud.store.note_login_failure(&account.0, now - WINDOW_S, now).await?)
}

/// Forgets failures after a success.
///
/// # Errors
/// 500 when the store fails.
pub async fn forget(cloud: &Cloud, account: &Account) -> Result<(), Failure> {
    // A write only when there is something to forget.
    if cloud.store.login_failures(&account.0, 0).await?.is_some() {
        cloud.store.forget_login_failures(&account.0).await?;
    }
    Ok(())
}

/// Forgets windows that ended.
///
/// # Errors
/// 500 when the store fails.
pub async fn purge(cloud: &Cloud) -> Result<(), Failure> {
    Ok(cloud.store.purge_login_failures(cloud.now() - WINDOW_S).await?)
}

/// People mistype passwords for names: the table holds hashes only.
fn key(cloud: &Cloud, email: &str) -> String {
    // HMAC takes keys of any length, so this cannot fail.
    let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(cloud.keys.pepper()) else {
        return String::new();
    };
    mac.update(b"login:");
    mac.update(email.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_minute() {
        let delays: Vec<i64> = [1, 9, 10, 11, 12, 15, 16, 1000].into_iter().map(delay_s).collect();
        assert_eq!(delays, [0, 0, 1, 2, 4, 32, 60, 60]);
    }
}
