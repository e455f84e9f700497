//! The error of a handler: an [`ApiError`] for the caller, with internal causes logged on the way.

use axum::response::{IntoResponse, Response};
use bartizan_api::ApiError;
use bartizan_store::StoreError;

/// What a handler or service fails with.
#[derive(Debug)]
pub struct Failure(pub ApiError);

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Failure {
        Failure(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        tracing::error!(error = &error as &dyn std::error::Error, "store failed");
        Failure(ApiError::internal())
    }
}

impl From<bartizan_store::sea_orm::DbErr> for Failure {
    fn from(error: bartizan_store::sea_orm::DbErr) -> Failure {
        StoreError::from(error).into()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}
