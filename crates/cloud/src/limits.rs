//! Rate limits (`spec/accounts.md` section 1.6): GCRA buckets per client, account and address.

use std::{
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::Duration,
};

use bartizan_api::ApiError;
use governor::{DefaultKeyedRateLimiter, Quota, clock::Clock};

use crate::config::Limits;

/// The buckets of this process.
pub struct RateLimits {
    client: Bucket<i64>,
    account: Bucket<String>,
    address: Bucket<IpAddr>,
    failures: Bucket<IpAddr>,
    node: Bucket<String>,
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
            account: Bucket::new(Quota::per_minute(at_least_one(limits.password_checks_per_minute))),
            address: Bucket::new(Quota::per_minute(at_least_one(limits.password_checks_per_minute_address))),
            failures: Bucket::new(Quota::per_minute(at_least_one(limits.failed_authentications_per_minute))),
            node: Bucket::new(
                Quota::per_second(at_least_one(limits.node_requests_per_second))
                    .allow_burst(at_least_one(limits.node_requests_per_second * 2)),
            ),
        }
    }

    /// One API request of a client.
    ///
    /// # Errors
    /// 429 with `Retry-After`.
    pub fn request(&self, client_id: i64) -> Result<(), ApiError> {
        self.client.take(&client_id)
    }

    /// One check of a password or second factor.
    ///
    /// # Errors
    /// 429 with `Retry-After`, by account or address, before anything is hashed.
    pub fn password_check(&self, account: &str, address: IpAddr) -> Result<(), ApiError> {
        self.address.take(&network(address))?;
        // No address is longer; what is made up costs no more memory than one.
        self.account.take(&account.chars().take(254).collect::<String>().to_lowercase())
    }

    /// One failed authentication by header.
    ///
    /// # Errors
    /// 429 with `Retry-After` once an address fails too often.
    pub fn failed_authentication(&self, address: IpAddr) -> Result<(), ApiError> {
        self.failures.take(&network(address))
    }

    /// One node call.
    ///
    /// # Errors
    /// 429 with `Retry-After`.
    pub fn node_call(&self, uuid: &str) -> Result<(), ApiError> {
        self.node.take(&uuid.to_owned())
    }

    /// Forgets keys that are back to full buckets, so that memory follows activity.
    pub fn shrink(&self) {
        self.client.0.retain_recent();
        self.account.0.retain_recent();
        self.address.0.retain_recent();
        self.failures.0.retain_recent();
        self.node.0.retain_recent();
    }
}

struct Bucket<K: Hash + Eq + Clone>(DefaultKeyedRateLimiter<K>);

impl<K: Hash + Eq + Clone> Bucket<K> {
    fn new(quota: Quota) -> Bucket<K> {
        Bucket(DefaultKeyedRateLimiter::keyed(quota))
    }

    fn take(&self, key: &K) -> Result<(), ApiError> {
        self.0.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(self.0.clock().now());
            // Rounded up: a client that waits this long gets through.
            ApiError::rate_limited(wait.saturating_add(Duration::from_millis(999)).as_secs())
        })
    }
}

/// What counts as one address: of IPv6 the network of 64 bits that one subscriber gets.
fn network(address: IpAddr) -> IpAddr {
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
        limits.password_check("a", "2001:db8::1".parse().unwrap()).unwrap();
        assert!(limits.password_check("b", "2001:db8::2".parse().unwrap()).is_err());
        limits.password_check("c", "2001:db8:0:1::1".parse().unwrap()).unwrap();
    }
}
