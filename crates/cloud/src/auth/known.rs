//! Credentials that were checked before: from the keyed hash of what was presented to who it is.
//!
//! Only successes are kept, and only the hash of what was presented. Every change of rights leaves a row in
//! `auth_changes`; when the newest one is another than at the last look, everything is forgotten. A look
//! happens several times a second, and at the end of each request that may have changed rights, so a change
//! holds at once in the process that made it and within a second in every other.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use bartizan_api::{Grant, Permission};
use bartizan_store::{AuthMark, Store, Tenants, entity};

use super::{Caller, Origin, Scheme, rights::TenantRights};
use crate::{services::settings::Settings, state::Cloud};

/// How often another process's changes are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Most credentials that are kept; beyond, all are forgotten, so that memory stays bounded.
const MOST: usize = 10_000;

/// Who a credential stands for. Shared by every request that presents it.
#[derive(Debug)]
pub struct Known {
    /// Scheme.
    pub scheme: Scheme,
    /// The user; none for shared tokens.
    pub user: Option<Arc<entity::user::Model>>,
    /// Display name.
    pub name: Arc<str>,
    /// Assigned grant.
    pub grant: Arc<Grant>,
    /// Effective permissions.
    pub permissions: Arc<BTreeSet<Permission>>,
    /// Own tenant.
    pub client: Arc<entity::client::Model>,
    /// Tenants in reach.
    pub tenants: Tenants,
    /// Where groups decide: what is held in which tenant.
    pub rights: Option<Arc<TenantRights>>,
    /// Sign-in settings of the own tenant.
    pub settings: Arc<Settings>,
    /// Whether it is a token for node deployment.
    pub usage_node: bool,
    /// When a token ends, Unix seconds.
    pub expires_at: Option<i64>,
    /// The session, for schemes that have one.
    pub session: Option<Arc<entity::session::Model>>,
    /// Last use that the database knows of, Unix seconds.
    pub noted_at: AtomicI64,
}

impl Known {
    /// The caller of one request.
    #[must_use]
    pub fn caller(&self, origin: &Origin) -> Caller {
        Caller {
            scheme: self.scheme.clone(),
            user: self.user.clone(),
            name: Arc::clone(&self.name),
            grant: Arc::clone(&self.grant),
            permissions: Arc::clone(&self.permissions),
            client: Arc::clone(&self.client),
            tenants: self.tenants.clone(),
            rights: self.rights.clone(),
            settings: Arc::clone(&self.settings),
            session: self.session.clone(),
            ip: origin.ip,
            request_id: origin.request_id.clone(),
            user_agent: Arc::clone(&origin.user_agent),
            usage_node: self.usage_node,
            acts_on: Arc::default(),
        }
    }

    /// Whether a use is to be noted in the database: once a minute. Says so to one caller only.
    pub fn due(&self, now: i64) -> bool {
        let last = self.noted_at.load(Ordering::Relaxed);
        last / 60 != now / 60
            && self.noted_at.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// The credentials that this process knows.
#[derive(Debug, Default)]
pub struct KnownCredentials {
    entries: RwLock<HashMap<String, Arc<Known>>>,
    mark: RwLock<AuthMark>,
    generation: AtomicU64,
}

impl KnownCredentials {
    /// What is known under a key.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<Arc<Known>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// The present generation; take it *before* reading the database.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Keeps what was read, unless something was forgotten since `generation`: it may have been read before
    /// the change that caused it.
    pub fn keep(&self, key: String, known: Arc<Known>, generation: u64) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if self.generation() != generation {
            return;
        }
        if entries.len() >= MOST {
            entries.clear();
        }
        entries.insert(key, known);
    }

    /// Forgets one credential.
    pub fn forget(&self, key: &str) {
        self.entries.write().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    fn clear(&self) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        self.generation.fetch_add(1, Ordering::AcqRel);
        entries.clear();
    }

    /// Looks for changes of rights and forgets everything when there was one, or when it cannot be told.
    pub async fn refresh(&self, store: &Store) {
        match store.auth_mark().await {
            Ok(mark) => {
                let before = *self.mark.read().unwrap_or_else(PoisonError::into_inner);
                if before != mark {
                    *self.mark.write().unwrap_or_else(PoisonError::into_inner) = mark;
                    self.clear();
                }
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "changes of rights are unknown");
                self.clear();
            }
        }
    }
}

/// Looks for changes that other processes made, for as long as the cloud runs.
pub(crate) async fn watch(cloud: Cloud) {
    let mut tick = tokio::time::interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        cloud.known.refresh(&cloud.store).await;
    }
}
