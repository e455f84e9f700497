//! Liveness and readiness.

use axum::{extract::State, http::StatusCode};
use std::time::Duration;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::Cloud;

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz))
}

/// Liveness
///
/// Answers as long as the process can answer at all.
#[utoipa::path(get, path = "/healthz", tag = "Health", responses((status = 200, description = "Alive", body = String)))]
pub async fn healthz() -> &'static str {
    "ok"
}

/// Readiness
///
/// Writes to and reads from the database with a deadline of two seconds.
#[utoipa::path(get, path = "/readyz", tag = "Health",
    responses((status = 200, description = "Ready", body = String), (status = 503, description = "The database does not answer", body = String)))]
pub async fn readyz(State(cloud): State<Cloud>) -> (StatusCode, &'static str) {
    match tokio::time::timeout(Duration::from_secs(2), cloud.store.probe()).await {
        Ok(Ok(())) => (StatusCode::OK, "ready"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer"),
    }
}
