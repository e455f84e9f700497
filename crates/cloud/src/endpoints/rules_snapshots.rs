//! Snapshots of rules (`spec/rules.md` section 1.10).

use axum::extract::State;
use bartizan_api::{
    Envelope,
    configuration::ConfigurationReport,
    rules_snapshot::{RulesSnapshotCreate, RulesSnapshotView},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{EventsBody, NoFields, Path},
    failure::Failure,
    services::rules_snapshots,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(rules_snapshot_list, rules_snapshot_create))
        .routes(routes!(rules_snapshot_delete))
        .routes(routes!(rules_snapshot_restore))
}

/// List the snapshots of the rules
///
/// Newest first: those that the system took, one a day after the rules changed, and those taken by hand.
#[utoipa::path(get, path = "/v2/client/{clientid}/rules/snapshots", tag = "Rules",
    params(("clientid" = i64, Path, description = "Tenant")),
    responses((status = 200, description = "The snapshots", body = Envelope<Vec<RulesSnapshotView>>)))]
pub async fn rules_snapshot_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
) -> Result<Envelope<Vec<RulesSnapshotView>>, Failure> {
    Ok(Envelope::new(rules_snapshots::list(&cloud, &caller, client_id).await?))
}

/// Take a snapshot of the rules
///
/// `rules_snapshot_max_count` of the rules settings says how many are kept; then the oldest taken by hand goes.
#[utoipa::path(post, path = "/v2/client/{clientid}/rules/snapshots", tag = "Rules",
    params(("clientid" = i64, Path, description = "Tenant")), request_body = RulesSnapshotCreate,
    responses((status = 200, description = "The snapshot", body = Envelope<RulesSnapshotView>)))]
pub async fn rules_snapshot_create(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    EventsBody(request): EventsBody<RulesSnapshotCreate>,
) -> Result<Envelope<RulesSnapshotView>, Failure> {
    Ok(Envelope::new(rules_snapshots::create(&cloud, &caller, client_id, request).await?))
}

/// Delete a snapshot
#[utoipa::path(delete, path = "/v2/client/{clientid}/rules/snapshots/{id}", tag = "Rules",
    params(("clientid" = i64, Path, description = "Tenant"), ("id" = i64, Path, description = "Snapshot")),
    responses((status = 200, description = "It is deleted", body = Envelope<Option<RulesSnapshotView>>)))]
pub async fn rules_snapshot_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path((client_id, id)): Path<(i64, i64)>,
    EventsBody(NoFields {}): EventsBody<NoFields>,
) -> Result<Envelope<Option<RulesSnapshotView>>, Failure> {
    rules_snapshots::delete(&cloud, &caller, client_id, id).await?;
    Ok(Envelope::new(None))
}

/// Go back to a snapshot
///
/// Makes the rules those of the snapshot, all or none. What did not change keeps its identity.
#[utoipa::path(post, path = "/v2/client/{clientid}/rules/snapshots/{id}/restore", tag = "Rules",
    params(("clientid" = i64, Path, description = "Tenant"), ("id" = i64, Path, description = "Snapshot")),
    responses((status = 200, description = "What was done", body = Envelope<ConfigurationReport>),
        (status = 423, description = "Rules are locked")))]
pub async fn rules_snapshot_restore(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path((client_id, id)): Path<(i64, i64)>,
    EventsBody(NoFields {}): EventsBody<NoFields>,
) -> Result<Envelope<ConfigurationReport>, Failure> {
    Ok(Envelope::new(rules_snapshots::restore(&cloud, &caller, client_id, id).await?))
}
