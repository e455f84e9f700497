//! Self sign-up (`spec/accounts.md` section 3.5).

use axum::{Extension, extract::State, http::HeaderMap};
use bartizan_api::{Empty, Envelope, signup::SignupRequest};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{self, Origin},
    extract::Body,
    failure::Failure,
    services,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new().routes(routes!(signup))
}

/// Sign up
///
/// Asks for a company with a first administrator. Both are made when the link is opened that goes to the address; the
/// answer is the same for every address. Answers 404 unless the operator turned `signup.enabled` on.
#[utoipa::path(post, path = "/v1/signup", tag = "Users", security(()), request_body = SignupRequest,
    responses((status = 200, description = "A letter is on its way", body = Envelope<Empty>),
        (status = 404, description = "Self sign-up is off", body = bartizan_api::ErrorBody)))]
pub async fn signup(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
    Body(request): Body<SignupRequest>,
) -> Result<Envelope<Empty>, Failure> {
    auth::session::check_page(&cloud, &headers, &origin)?;
    services::signup::begin(&cloud, request, &origin).await?;
    Ok(Envelope::new(Empty {}))
}
