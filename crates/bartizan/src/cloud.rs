//! `bartizan cloud`: one cloud process.

use std::path::Path;

use bartizan_cloud::{CloudConfig, RunningCloud, StartError};

use crate::outcome::{Failure, asked_to_stop, chain};

pub(crate) async fn run(config: &Path) -> Result<(), Failure> {
    let config = CloudConfig::load(config).map_err(Failure::usage)?;
    let running = RunningCloud::start(config).await.map_err(|error| start_failure(&error))?;
    tracing::info!(address = %running.address, "the cloud serves");
    asked_to_stop().await;
    running.shutdown().await;
    Ok(())
}

/// A cloud that does not start is the user's to mend, unless its own keys or data are damaged.
pub(crate) fn start_failure(error: &StartError) -> Failure {
    match error {
        StartError::Store(bartizan_store::StoreError::Query(_)) => Failure::fault(chain(error)),
        _ => Failure::usage(chain(error)),
    }
}
