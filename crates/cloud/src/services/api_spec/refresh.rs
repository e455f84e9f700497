//! Fetching files again, every hour.

use bartizan_store::{TenantId, api_specs, entity::api_spec::Model};
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::{
    FETCH_EVERY_S, file,
    file::{FileFault, Loaded},
    headers_of, put_content, take_outcome,
};
use crate::{
    failure::Failure,
    services::notification::{self, Notification},
    state::Cloud,
};

/// Specifications fetched in one pass.
const CLAIM: u64 = 64;
/// Of them, at most so many of one tenant.
const OF_TENANT: i64 = 8;
/// Fetched at the same time.
const CONCURRENT: usize = 8;

/// Fetches the files that are due. Any number of processes may do so at the same time.
///
/// # Errors
/// 500 when the store fails.
pub async fn pass(cloud: &Cloud) -> Result<(), Failure> {
    let now = cloud.now();
    let transaction = cloud.store.begin().await?;
    let due = api_specs::claim_due(&transaction, now, now + FETCH_EVERY_S, (CLAIM, OF_TENANT)).await?;
    transaction.commit().await?;
    stream::iter(due)
        .for_each_concurrent(CONCURRENT, |row| async move {
            // The others are fetched whatever becomes of this one.
            if refresh(cloud, &row).await.is_err() {
                tracing::error!(api_spec.id = row.id, "a fetched specification could not be stored");
            }
        })
        .await;
    Ok(())
}

async fn refresh(cloud: &Cloud, row: &Model) -> Result<(), Failure> {
    let fetched = file::fetch(cloud, &row.file_remote_url, &headers_of(&cloud.keys, row)).await;
    let loaded = fetched.map_err(|fault| match fault {
        FileFault::Refused(text) => format!("the address {text}"),
        FileFault::Unreachable(reason) => reason,
        FileFault::Unusable(findings) => {
            let first = findings.into_iter().next();
            let first = first.map(|finding| format!("{} {}", finding.pointer, finding.message));
            format!("it is not a valid specification: {}", first.unwrap_or_default())
        }
    });
    settle(cloud, row, &loaded).await
}

async fn settle(cloud: &Cloud, claimed: &Model, loaded: &Result<Loaded, String>) -> Result<(), Failure> {
    let (tenant, now) = (TenantId(claimed.client_id), cloud.now());
    let transaction = cloud.store.begin().await?;
    let Some(mut row) = api_specs::find(&transaction, tenant, claimed.id).await? else { return Ok(()) };
    // An imported one may lack its file and wait for it once.
    let wanted = row.regular_file_update || row.file_checksum.is_none();
    if row.file_remote_url != claimed.file_remote_url || !wanted {
        // Somebody changed it meanwhile; what was fetched is not its file any more.
        return Ok(());
    }
    let failed_before = row.status == "error";
    take_outcome(&mut row, loaded, now);
    let row = api_specs::update(&transaction, row).await?;
    if let Ok(loaded) = loaded {
        put_content(&transaction, &row, loaded).await?;
    }
    if let Err(reason) = loaded
        && !failed_before
    {
        let notification = Notification {
            kind: "system",
            summary: format!("The file of the API specification \"{}\" could not be updated", row.title),
            description: format!("{}: {reason}.", row.file_remote_url),
            details: json!({"object": {"type": "api_spec", "id": row.id, "name": row.title}, "action": "fetch"}),
        };
        notification::announce(&transaction, tenant, "system", &notification, now * 1000).await?;
    }
    transaction.commit().await?;
    Ok(())
}
