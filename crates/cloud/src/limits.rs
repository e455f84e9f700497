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
use bartizan_store::Store;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::keyed::DashMapStateStore,
};
use sha2::{Digest, Sha256};

use self::shared::SharedBuckets;
use crate::{config::Limits, failure::Failure};

pub(crate) mod shared;

/// The buckets of this process. That of clients is a share of one limit for all processes of the cloud.
pub struct RateLimits {
    client: SharedBuckets,
    account: Bucket<(Check, String)>,
    account_here: Bucket<(Check, String, IpAddr)>,
    address: Bucket<IpAddr>,
    begun: Bucket<IpAddr>,
    failures: Bucket<IpAddr>,
    named_failures: Bucket<(IpAddr, String)>,
    node: Bucket<String>,
    letters: Bucket<i64>,
    /// Checks per minute, for the buckets in the database.
    checks: Checks,
}

/// Checks per minute.
#[derive(Clone, Copy)]
struct Checks {
    account: u32,
    account_here: u32,
    address: u32,
    failures: u32,
    named_failures: u32,
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
    /// A sign-up.
    SignUp,
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
            client: SharedBuckets::new(limits.requests_per_second, limits.request_burst),
            account: Bucket::new(Quota::per_minute(at_least_one(limits.password_checks_per_minute_account))),
            account_here: Bucket::new(Quota::per_minute(at_least_one(limits.password_checks_per_minute))),
            address: Bucket::new(Quota::per_minute(at_least_one(limits.password_checks_per_minute_address))),
            begun: Bucket::new(Quota::per_minute(at_least_one(limits.password_checks_per_minute_address))),
            failures: Bucket::new(Quota::per_minute(at_least_one(limits.failed_authentications_per_minute))),
            named_failures: Bucket::new(Quota::per_minute(at_least_one(
                limits.failed_authentications_per_minute_credential,
            ))),
            checks: Checks {
                account: limits.password_checks_per_minute_account.max(1),
                account_here: limits.password_checks_per_minute.max(1),
                address: limits.password_checks_per_minute_address.max(1),
                failures: limits.failed_authentications_per_minute.max(1),
                named_failures: limits.failed_authentications_per_minute_credential.max(1),
            },
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
        let taken = self.client.take(client_id, Instant::now());
        taken.map(|remaining| Remaining { limit: self.client.rate(), remaining }).map_err(refusal)
    }

    /// What is left to a client that was refused.
    #[must_use]
    pub fn none_remaining(&self) -> Remaining {
        Remaining { limit: self.client.rate(), remaining: 0 }
    }

    /// Processes that hold the limit of clients together, as far as this one knows.
    #[must_use]
    pub fn processes(&self) -> usize {
        self.client.processes()
    }

    /// One check of a password or second factor.
    ///
    /// # Errors
    /// 429 with `Retry-After`, by account or address, before anything is hashed. What one network tries does not
    /// use up what the owner of the account may try from another. The processes of a cloud hold these limits
    /// together by buckets in the database: a check costs far more than a query.
    pub async fn password_check(
        &self,
        store: &Store,
        check: Check,
        account: &str,
        address: IpAddr,
    ) -> Result<(), Failure> {
        // No address is longer; what is made up costs no more memory than one.
        let account = account.chars().take(254).collect::<String>().to_lowercase();
        let network = network(address);
        self.password_check_here(check, &account, network)?;
        together(store, "address", &network.to_string(), self.checks.address).await?;
        let name = format!("{check:?} {account}");
        together(store, "account here", &format!("{network} {name}"), self.checks.account_here).await?;
        together(store, "account", &name, self.checks.account).await
    }

    /// The same by the buckets of this process.
    fn password_check_here(&self, check: Check, account: &str, network: IpAddr) -> Result<(), ApiError> {
        self.address.take(&network)?;
        self.account_here.take(&(check, account.to_owned(), network))?;
        self.account.take(&(check, account.to_owned()))
    }

    /// One sign-in that begins at an identity provider, whoever it will be.
    ///
    /// # Errors
    /// 429 with `Retry-After`.
    pub async fn sign_in_begun(&self, store: &Store, address: IpAddr) -> Result<(), Failure> {
        let address = network(address);
        self.begun.take(&address)?;
        together(store, "begun", &address.to_string(), self.checks.address).await
    }

    /// One failed authentication by header. What the caller presented is `name`: a UUID, or nothing. The processes of a
    /// cloud count together: a failure has cost a query already.
    ///
    /// # Errors
    /// 429 with `Retry-After` once an address fails too often.
    pub async fn failed_authentication(
        &self,
        store: &Store,
        name: &str,
        address: IpAddr,
    ) -> Result<(), Failure> {
        let address = network(address);
        self.failures.take(&address)?;
        let wait = shared_wait(store, "failures", &address.to_string(), self.checks.failures).await?;
        self.failures.close(&address, wait)?;
        if name.is_empty() {
            return Ok(());
        }
        let key = (address, short(name));
        self.named_failures.take(&key)?;
        let shared = format!("{address} {}", key.1);
        let wait = shared_wait(store, "named failures", &shared, self.checks.named_failures).await?;
        Ok(self.named_failures.close(&key, wait)?)
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
        self.node.take(&uuid.to_owned())
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
        self.account.shrink();
        self.account_here.shrink();
        self.address.shrink();
        self.begun.shrink();
        self.failures.shrink();
        self.named_failures.shrink();
        self.node.shrink();
        self.letters.shrink();
    }
}

/// Takes one from a bucket that all processes of the cloud share, if there can be several.
async fn together(store: &Store, kind: &str, name: &str, per_minute: u32) -> Result<(), Failure> {
    match shared_wait(store, kind, name, per_minute).await? {
        None => Ok(()),
        Some(wait) => Err(refusal(wait).into()),
    }
}

/// The same; says how long to wait when it is empty.
async fn shared_wait(
    store: &Store,
    kind: &str,
    name: &str,
    per_minute: u32,
) -> Result<Option<Duration>, Failure> {
    if !store.is_shared() {
        return Ok(None);
    }
    // Hashed: what people type as their address needs no second place.
    let key = hex::encode(Sha256::digest(format!("{kind} {name}")));
    let wait = store.take_from_cell(&key, 60_000 / i64::from(per_minute), i64::from(per_minute)).await?;
    Ok(wait.map(|wait| Duration::from_millis(wait.unsigned_abs())))
}

type Cells<K> = DashMapStateStore<K>;

struct Bucket<K: Hash + Eq + Clone> {
    cells: RateLimiter<K, Cells<K>, DefaultClock>,
    /// Keys whose last attempt found the bucket empty, with when it is worth trying again.
    empty: Mutex<HashMap<K, Instant>>,
}

impl<K: Hash + Eq + Clone> Bucket<K> {
    fn new(quota: Quota) -> Bucket<K> {
        Bucket { cells: RateLimiter::dashmap(quota), empty: Mutex::default() }
    }

    /// Takes one.
    fn take(&self, key: &K) -> Result<(), ApiError> {
        match self.cells.check_key(key) {
            Ok(()) => Ok(()),
            Err(until) => {
                let wait = until.wait_time_from(self.cells.clock().now());
                self.blocked().insert(key.clone(), Instant::now() + wait);
                Err(refusal(wait))
            }
        }
    }

    /// Keeps a key closed for as long as the bucket of all processes is empty.
    fn close(&self, key: &K, wait: Option<Duration>) -> Result<(), ApiError> {
        let Some(wait) = wait else { return Ok(()) };
        self.blocked().insert(key.clone(), Instant::now() + wait);
        Err(refusal(wait))
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
        let check = |account, address: &str| {
            limits.password_check_here(Check::SignIn, account, network(address.parse().unwrap()))
        };
        check("a", "2001:db8::1").unwrap();
        assert!(check("b", "2001:db8::2").is_err());
        check("c", "2001:db8:0:1::1").unwrap();
    }

    #[test]
    fn a_stranger_does_not_use_up_the_attempts_of_the_owner() {
        let limits = RateLimits::new(&Limits::default());
        let (stranger, owner) = ("192.0.2.1".parse().unwrap(), "198.51.100.1".parse().unwrap());
        while limits.password_check_here(Check::SignIn, "a", stranger).is_ok() {}
        limits.password_check_here(Check::SignIn, "a", owner).unwrap();
        limits.password_check_here(Check::Letter, "a", stranger).unwrap();
    }

    #[test]
    fn many_networks_together_have_a_limit_too() {
        let limits = RateLimits::new(&Limits { password_checks_per_minute_account: 3, ..Limits::default() });
        let from = |n: u8| limits.password_check_here(Check::SignIn, "a", IpAddr::from([192, 0, 2, n]));
        assert_eq!((0..5).map(|n| from(n).is_ok()).collect::<Vec<_>>(), [true, true, true, false, false]);
    }
}
