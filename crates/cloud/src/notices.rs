//! Wakes node long polls when a tenant's configuration changes.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bartizan_store::TenantId;
use tokio::sync::Notify;

/// One wake-up point per tenant. Waiters re-read the database, so a wake-up too many is harmless; changes made
/// by another process are found by the waiter's own periodic look.
#[derive(Debug, Default)]
pub struct ConfigNotices {
    waiters: Mutex<HashMap<TenantId, Arc<Notify>>>,
    closing: AtomicBool,
}

impl ConfigNotices {
    /// The wake-up point of a tenant. Call `notified()` on it *before* reading the state waited for.
    #[must_use]
    pub fn of(&self, tenant: TenantId) -> Arc<Notify> {
        let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(waiters.entry(tenant).or_default())
    }

    /// Sends everybody who waits away, now and later: the server is about to stop.
    pub fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        let waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        waiters.values().for_each(|waiter| waiter.notify_waiters());
    }

    /// Whether waiting makes no sense any more.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Wakes everybody who waits for this tenant; call it after the commit.
    pub fn changed(&self, tenant: TenantId) {
        self.of(tenant).notify_waiters();
    }
}
