//! API tokens (`spec/accounts.md` section 2.5).

use axum::{extract::State, http::HeaderMap};
use bartizan_api::{
    Envelope,
    api_token::{ApiTokenCreate, ApiTokenSecretView, ApiTokenUpdate, ApiTokenValueView, ApiTokenView},
    list::ListRequest,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{Body, NoFields, Path, RackQuery},
    failure::Failure,
    services::api_tokens,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(api_token_list, api_token_create))
        .routes(routes!(api_token_view, api_token_update, api_token_delete))
        .routes(routes!(api_token_renew))
        .routes(routes!(api_token_value))
}

/// List API tokens
///
/// One's own; administrators also see the shared and the personal tokens of the client, never their values. A user who has
/// a secret has one of the kind `backward_compatible`, which holds UUID and secret: nothing of it can be set, renewing it
/// renews the secret, deleting it ends it. These come first; their ids are negative.
#[utoipa::path(get, path = "/v1/api_tokens", tag = "API tokens",
    params(("filter[id]" = Option<i64>, Query, description = "Identity"),
        ("filter[client_id]" = Option<i64>, Query, description = "Tenant"),
        ("filter[user_id]" = Option<i64>, Query, description = "Owner"),
        ("filter[type]" = Option<String>, Query, description = "`personal` or `shared`"),
        ("filter[usage]" = Option<String>, Query, description = "`api` or `node`"),
        ("filter[enabled]" = Option<bool>, Query, description = "Whether it works"),
        ("limit" = Option<i64>, Query, description = "Most rows, 1 to 1000; 50 by default"),
        ("offset" = Option<i64>, Query, description = "Rows to skip")),
    responses((status = 200, description = "The tokens", body = Envelope<Vec<ApiTokenView>>)))]
pub async fn api_token_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    RackQuery(request): RackQuery<ListRequest>,
) -> Result<Envelope<Vec<ApiTokenView>>, Failure> {
    Ok(Envelope::new(api_tokens::list(&cloud, &caller, &request).await?))
}

/// Create an API token
///
/// The answer holds the value, this once. Only in a Console session: a stolen key cannot make another.
#[utoipa::path(post, path = "/v1/api_tokens", tag = "API tokens", security(("Session" = [])),
    request_body = ApiTokenCreate,
    responses((status = 200, description = "The token with its value", body = Envelope<ApiTokenSecretView>)))]
pub async fn api_token_create(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<ApiTokenCreate>,
) -> Result<Envelope<ApiTokenSecretView>, Failure> {
    Ok(Envelope::new(api_tokens::create(&cloud, &caller, request).await?))
}

/// View an API token
///
/// For its owner and for administrators.
#[utoipa::path(get, path = "/v1/api_tokens/{id}", tag = "API tokens", params(("id" = i64, Path, description = "Token")),
    responses((status = 200, description = "The token", body = Envelope<ApiTokenView>),
        (status = 404, description = "There is no such token", body = bartizan_api::ErrorBody)))]
pub async fn api_token_view(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Envelope<ApiTokenView>, Failure> {
    Ok(Envelope::new(api_tokens::find(&cloud, &caller, id).await?))
}

/// Change an API token
///
/// For its owner; administrators change shared ones. To enable a disabled token, give `expires_at` anew.
#[utoipa::path(put, path = "/v1/api_tokens/{id}", tag = "API tokens", params(("id" = i64, Path, description = "Token")),
    request_body = ApiTokenUpdate,
    responses((status = 200, description = "The changed token", body = Envelope<ApiTokenView>),
        (status = 404, description = "There is no such token", body = bartizan_api::ErrorBody)))]
pub async fn api_token_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
    Body(request): Body<ApiTokenUpdate>,
) -> Result<Envelope<ApiTokenView>, Failure> {
    Ok(Envelope::new(api_tokens::update(&cloud, &caller, id, &request).await?))
}

/// Renew an API token
///
/// The answer holds the new value, this once; the old one stops working at once. Only in a Console session. The
/// backward-compatible one takes a fresh proof of the password in the `X-Reauth` header.
#[utoipa::path(post, path = "/v1/api_tokens/{id}/renew", tag = "API tokens", security(("Session" = [])),
    params(("id" = i64, Path, description = "Token")),
    responses((status = 200, description = "The token with its new value", body = Envelope<ApiTokenSecretView>),
        (status = 404, description = "There is no such token", body = bartizan_api::ErrorBody)))]
pub async fn api_token_renew(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
    headers: HeaderMap,
    Body(NoFields {}): Body<NoFields>,
) -> Result<Envelope<ApiTokenSecretView>, Failure> {
    Ok(Envelope::new(api_tokens::renew(&cloud, &caller, id, proof(&headers)).await?))
}

/// Delete an API token
///
/// For its owner and for administrators.
#[utoipa::path(delete, path = "/v1/api_tokens/{id}", tag = "API tokens", params(("id" = i64, Path, description = "Token")),
    responses((status = 200, description = "The deleted token", body = Envelope<ApiTokenView>),
        (status = 404, description = "There is no such token", body = bartizan_api::ErrorBody)))]
pub async fn api_token_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
    Body(NoFields {}): Body<NoFields>,
) -> Result<Envelope<ApiTokenView>, Failure> {
    Ok(Envelope::new(api_tokens::delete(&cloud, &caller, id).await?))
}

/// Read the value of an API token
///
/// For the owner; of a shared token, for administrators. Needs a fresh proof of the password (see
/// `/v1/session/reauth`) in the `X-Reauth` header. Reading is logged.
#[utoipa::path(get, path = "/v1/api_tokens/{id}/value", tag = "API tokens", security(("Session" = [])),
    params(("id" = i64, Path, description = "Token"),
        ("X-Reauth" = String, Header, description = "Proof of the password")),
    responses((status = 200, description = "The value", body = Envelope<ApiTokenValueView>),
        (status = 404, description = "There is no such token", body = bartizan_api::ErrorBody)))]
pub async fn api_token_value(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
    headers: HeaderMap,
) -> Result<Envelope<ApiTokenValueView>, Failure> {
    Ok(Envelope::new(api_tokens::value(&cloud, &caller, id, proof(&headers)).await?))
}

/// The proof of the password that a call brings.
fn proof(headers: &HeaderMap) -> &str {
    headers.get("x-reauth").and_then(|value| value.to_str().ok()).unwrap_or_default()
}
