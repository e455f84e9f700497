//! Makes the files that were asked for while the process runs: exports of attacks, and reports.

use std::time::Duration;

use super::{attack_vectors::export, reports};
use crate::state::Cloud;

/// How often the worker looks for work that it was not told of: what another process took on, and what is tried again.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Works until the process ends.
pub async fn work(cloud: Cloud) {
    let mut tick = tokio::time::interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = cloud.files.notified() => {}
            _ = tick.tick() => {}
        }
        export::work_off(&cloud).await;
        reports::work_off(&cloud).await;
    }
}
