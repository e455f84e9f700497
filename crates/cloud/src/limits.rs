//! Rate limits (`spec/accounts.md` section 1.6): GCRA buckets per client, account and address.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use bartizan_api::ApiError;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DashMapStateStore,
};

use crate::config::Limits;

/// The buckets of this process.
pub struct RateLimits {
    client: Bucket<i64>,
    account: Bucket<(Check, String)>,
    account_here: Bucket<(Check, String, IpAddr)>,
    address: Bucket<IpAddr>,
    failures: Bucket<IpAddr>,
    named_failures: Bucket<(IpAddr, String)>,
    node: Bucket<String>,
    letters: Bucket<i64>,
}

/// What is checked: each kind has buckets of its own, so that a forgotten password does not stop a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Check {
    /// How somebody signs in.
    Discovery,
    /// A letter that is asked for.
    Letter,
    /// The token of a link.
    Link,
    /// The password again, in a session.
    Reauthentication,
    /// The second factor of a sign-in.
    SecondFactor,
    /// The password of a sign-in.
    SignIn,
}

/// How much of a limit is left, for the `RateLimit` headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// Requests per second, in the long run.
    pub limit: u32,
    /// Requests that may come at once.
    pub remaining: u32,
}

impl RateLimits {
    /// Buckets of the configured sizes.
    #[must_use]
    pub fn new(limits: &Limits) -> RateLimits {
        RateLimits {
            client: Bucket::new(
                Quota::per_second(at_least_one(limits.requests_per_second))
                    .allow_burst(at_least_one(limits.request_burst)),
            ),
            account: Bucket::new(Quota::per_minute(at_least_one(limits.password_checks_per_minute_account))),
            account_here: Bucket::new(Quota::per_minute(at_least_one(limits.password_checks_per_minute))),
            address: Bucket::new(Quota::per_minute(at_least_one(limits.password_checks_per_minute_address))),
            failures: Bucket::new(Quota::per_minute(at_least_one(limits.failed_authentications_per_minute))),
            named_failures: Bucket::new(Quota::per_minute(at_least_one(
                limits.failed_authentications_per_minute_credential,
            ))),
            node: Bucket::new(
                Quota::per_second(at_least_one(limits.node_requests_per_second))
                    .allow_burst(at_least_one(limits.node_requests_per_second * 2)),
            ),
            letters: Bucket::new(Quota::per_hour(at_least_one(limits.letters_per_hour))),
        }
    }

    /// One API request of a client; says how much is left.
    ///
    /// # Errors
    /// 429 with `Retry-After`.
    pub fn request(&self, client_id: i64) -> Result<Remaining, ApiError> {
        self.client.take(&client_id).map(|remaining| Remaining { limit: self.client.limit, remaining })
    }

    /// One check of a password or second factor.
    ///
    /// # Errors
    /// 429 with `Retry-After`, by account or address, before anything is hashed. What one network tries does not
    /// use up what the owner of the account may try from another.
    pub fn password_check(&self, check: Check, account: &str, address: IpAddr) -> Result<(), ApiError> {
        let network = network(address);
        self.address.take(&network)?;
        // No address is longer; what is made up costs no more memory than one.
        let account = account.chars().take(254).collect::<String>().to_lowercase();
        self.account_here.take(&(check, account.clone(), network))?;
        self.account.take(&(check, account)).map(drop)
    }

    /// One sign-in that begins at an identity provider, whoever it will be.
    ///
    /// # Errors
    /// 429 with `Retry-After`.
    pub fn sign_in_begun(&self, address: IpAddr) -> Result<(), ApiError> {
        self.address.take(&network(address)).map(drop)
    }

    /// One failed authentication by header. What the caller presented is `name`: a UUID, or nothing.
    ///
    /// # Errors
    /// 429 with `Retry-After` once an address fails too often.
    pub fn failed_authentication(&self, name: &str, address: IpAddr) -> Result<(), ApiError> {
        let address = network(address);
        self.failures.take(&address)?;
        if name.is_empty() { Ok(()) } else { self.named_failures.take(&(address, short(name))).map(drop) }
    }

    /// Whether an address may try a credential at all, before anything is looked up.
    ///
    /// # Errors
    /// 429 with `Retry-After` while it failed too often.
    pub fn may_authenticate(&self, name: &str, address: IpAddr) -> Result<(), ApiError> {
        let address = network(address);
        self.failures.is_open(&address)?;
        if name.is_empty() { Ok(()) } else { self.named_failures.is_open(&(address, short(name))) }
    }

    /// One node call.
    ///
    /// # Errors
    /// 429 with `Retry-After`.
    pub fn node_call(&self, uuid: &str) -> Result<(), ApiError> {
        self.node.take(&uuid.to_owned()).map(drop)
    }

    /// Letters of a client to so many recipients.
    ///
    /// # Errors
    /// 429 with `Retry-After`.
    pub fn letters(&self, client_id: i64, recipients: usize) -> Result<(), ApiError> {
        self.letters.take_many(&client_id, u32::try_from(recipients).unwrap_or(u32::MAX))
    }

    /// Forgets keys that are back to full buckets, so that memory follows activity.
    pub fn shrink(&self) {
        self.client.shrink();
        self.account.shrink();
        self.account_here.shrink();
        self.address.shrink();
        self.failures.shrink();
        self.named_failures.shrink();
        self.node.shrink();
        self.letters.shrink();
    }
}

type Cells<K> = DashMapStateStore<K>;

struct Bucket<K: Hash + Eq + Clone> {
    cells: RateLimiter<K, Cells<K>, DefaultClock, StateInformationMiddleware>,
    /// Keys whose last attempt found the bucket empty, with when it is worth trying again.
    empty: Mutex<HashMap<K, Instant>>,
    limit: u32,
}

impl<K: Hash + Eq + Clone> Bucket<K> {
    fn new(quota: Quota) -> Bucket<K> {
        let per_second = 1.0 / quota.replenish_interval().as_secs_f64();
        Bucket {
            cells: RateLimiter::dashmap(quota).with_middleware(),
            empty: Mutex::default(),
            // A rate from configuration, which holds 32 bits.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "positive and small"
            )]
            limit: per_second.round() as u32,
        }
    }

    /// Takes one; says how many are left.
    fn take(&self, key: &K) -> Result<u32, ApiError> {
        match self.cells.check_key(key) {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(until) => {
                let wait = until.wait_time_from(self.cells.clock().now());
                self.blocked().insert(key.clone(), Instant::now() + wait);
                Err(refusal(wait))
            }
        }
    }

    /// Takes several, or none.
    fn take_many(&self, key: &K, count: u32) -> Result<(), ApiError> {
        match self.cells.check_key_n(key, at_least_one(count)) {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(until)) => Err(refusal(until.wait_time_from(self.cells.clock().now()))),
            // More than the bucket ever holds.
            Err(_) => Err(refusal(Duration::from_secs(3600))),
        }
    }

    /// Whether the bucket held something at the last attempt, without taking.
    fn is_open(&self, key: &K) -> Result<(), ApiError> {
        let mut blocked = self.blocked();
        match blocked.get(key).map(|until| until.saturating_duration_since(Instant::now())) {
            Some(wait) if !wait.is_zero() => Err(refusal(wait)),
            Some(_) => {
                blocked.remove(key);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn blocked(&self) -> std::sync::MutexGuard<'_, HashMap<K, Instant>> {
        self.empty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shrink(&self) {
        self.cells.retain_recent();
        let now = Instant::now();
        self.blocked().retain(|_, until| *until > now);
    }
}

fn refusal(wait: Duration) -> ApiError {
    // Rounded up: a client that waits this long gets through.
    ApiError::rate_limited(wait.saturating_add(Duration::from_millis(999)).as_secs())
}

/// No UUID is longer; what is made up costs no more memory than one.
fn short(name: &str) -> String {
    name.chars().take(36).collect()
}

/// What counts as one address: of IPv6 the network of 64 bits that one subscriber gets.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

fn at_least_one(rate: u32) -> NonZeroU32 {
    NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_subscriber_has_one_bucket() {
        let limits = RateLimits::new(&Limits { password_checks_per_minute_address: 1, ..Limits::default() });
        limits.password_check(Check::SignIn, "a", "2001:db8::1".parse().unwrap()).unwrap();
        assert!(limits.password_check(Check::SignIn, "b", "2001:db8::2".parse().unwrap()).is_err());
        limits.password_check(Check::SignIn, "c", "2001:db8:0:1::1".parse().unwrap()).unwrap();
    }

    #[test]
    fn a_stranger_does_not_use_up_the_attempts_of_the_owner() {
        let limits = RateLimits::new(&Limits::default());
        let (stranger, owner) = ("192.0.2.1".parse().unwrap(), "198.51.100.1".parse().unwrap());
        while limits.password_check(Check::SignIn, "a", stranger).is_ok() {}
        limits.password_check(Check::SignIn, "A", owner).unwrap();
        limits.password_check(Check::Letter, "a", stranger).unwrap();
    }

    #[test]
    fn many_networks_together_have_a_limit_too() {
        let limits = RateLimits::new(&Limits { password_checks_per_minute_account: 3, ..Limits::default() });
        let from = |n: u8| limits.password_check(Check::SignIn, "a", IpAddr::from([192, 0, 2, n]));
        assert_eq!((0..5).map(|n| from(n).is_ok()).collect::<Vec<_>>(), [true, true, true, false, false]);
    }
}
