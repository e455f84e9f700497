//! What every handler shares: the store, the keys, the configuration, the clock, limits and notices.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use bartizan_store::Store;

use crate::{
    auth::KnownCredentials,
    config::CloudConfig,
    keys::Keys,
    limits::RateLimits,
    mail::Mailer,
    notices::ConfigNotices,
    outgoing::Outgoing,
    services::{
        event_index::EventIndex, ingest::Ingestion, quotas::Levels, ruleset::Bundles, sso::oidc::Providers,
        verification::missed::Missed,
    },
};

/// The shared state; cheap to clone.
#[derive(Clone)]
pub struct Cloud(Arc<Shared>);

/// What is behind [`Cloud`].
pub struct Shared {
    /// The database.
    pub store: Store,
    /// The server's own keys.
    pub keys: Keys,
    /// The configuration in force.
    pub config: CloudConfig,
    /// Rate limits of this process.
    pub limits: RateLimits,
    /// Credentials that were checked before.
    pub known: KnownCredentials,
    /// Clients beyond their quotas.
    pub quotas: Levels,
    /// Identity providers that were asked lately.
    pub providers: Providers,
    /// Wakes nodes that wait for a change.
    pub notices: ConfigNotices,
    /// Bundles made for nodes.
    pub bundles: Bundles,
    /// Sends letters.
    pub mailer: Mailer,
    /// Connects to what users name.
    pub outgoing: Outgoing,
    /// The index that analytics of events read.
    pub event_index: EventIndex,
    /// The batches of events that wait to be stored.
    pub ingestion: Ingestion,
    /// Wakes the worker that delivers notifications.
    pub outbox: tokio::sync::Notify,
    /// Wakes the worker that makes exports and reports.
    pub files: tokio::sync::Notify,
    /// Wakes the worker that verifies attacks.
    pub verification: tokio::sync::Notify,
    /// Calls of verified hosts that may have been missed.
    pub(crate) missed_calls: Arc<Missed>,
    /// Where time comes from.
    pub clock: Clock,
}

impl Cloud {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        store: Store,
        event_index: EventIndex,
        keys: Keys,
        mailer: Mailer,
        config: CloudConfig,
    ) -> Cloud {
        let limits = RateLimits::new(&config.limits);
        let outgoing = Outgoing::new(config.outgoing.clone());
        let ingestion = Ingestion::new(store.writer().get_database_backend());
        Cloud(Arc::new(Shared {
            store,
            keys,
            config,
            limits,
            known: KnownCredentials::default(),
            quotas: Levels::default(),
            providers: Providers::default(),
            notices: ConfigNotices::default(),
            bundles: Bundles::default(),
            mailer,
            outgoing,
            event_index,
            ingestion,
            outbox: tokio::sync::Notify::new(),
            files: tokio::sync::Notify::new(),
            verification: tokio::sync::Notify::new(),
            missed_calls: Arc::default(),
            clock: Clock::default(),
        }))
    }

    /// Unix seconds now.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.0.clock.now_ms() / 1000
    }
}

impl std::ops::Deref for Cloud {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// The wall clock, which tests may shift.
#[derive(Debug, Default)]
pub struct Clock {
    offset_ms: AtomicI64,
}

impl Clock {
    /// Unix milliseconds now.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        i64::try_from(elapsed).unwrap_or(i64::MAX).saturating_add(self.offset_ms.load(Ordering::Relaxed))
    }

    /// Shifts the clock, for tests of expiry.
    pub fn shift_ms(&self, by: i64) {
        self.offset_ms.fetch_add(by, Ordering::Relaxed);
    }
}
