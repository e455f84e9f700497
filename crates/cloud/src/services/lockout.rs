//! Slows the guessing of passwords (`spec/accounts.md` section 2.4): after ten failures within a quarter of an
//! hour each attempt must wait, at most a minute. Counted by address, whether or not a user has it, so that
//! nothing is learnt; never a lock that a stranger could keep shut.

use bartizan_api::ApiError;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{failure::Failure, state::Cloud};

/// Seconds that failures count.
const WINDOW_S: i64 = 900;
/// Failures without a delay.
const FREE: i64 = 10;
/// Longest delay, seconds.
const LONGEST_S: i64 = 60;

/// Refuses an attempt that comes too early.
///
/// # Errors
/// 429 with `Retry-After`.
pub async fn check(cloud: &Cloud, email: &str) -> Result<(), Failure> {
    let now = cloud.now();
    let Some(row) = cloud.store.login_failures(&key(cloud, email), now - WINDOW_S).await? else {
        return Ok(());
    };
    let wait = row.last + delay_s(row.count) - now;
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
pub async fn note(cloud: &Cloud, email: &str) -> Result<(), Failure> {
    let now = cloud.now();
    Ok(cloud.store.note_login_failure(&key(cloud, email), now - WINDOW_S, now).await?)
}

/// Forgets failures after a success.
///
/// # Errors
/// 500 when the store fails.
pub async fn forget(cloud: &Cloud, email: &str) -> Result<(), Failure> {
    let account = key(cloud, email);
    // A write only when there is something to forget.
    if cloud.store.login_failures(&account, 0).await?.is_some() {
        cloud.store.forget_login_failures(&account).await?;
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
