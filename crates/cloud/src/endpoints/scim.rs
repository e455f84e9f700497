//! Provisioning by SCIM 2.0 (`spec/accounts.md` section 6.4), and the token for it.

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bartizan_api::{
    Empty, Envelope,
    scim::{
        ScimError, ScimGroup, ScimGroupInput, ScimList, ScimListQuery, ScimPatch, ScimToken, ScimUser,
        ScimUserInput,
    },
};
use serde::Serialize;
use serde_json::Value;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::sso::proof_of;
use crate::{
    auth::Caller,
    extract::{Body, NoFields, RackQuery, json, whole},
    failure::Failure,
    services::scim::{self, Provider, Refusal, groups, schemas, users},
    state::Cloud,
};

/// Type of every body of SCIM.
const SCIM: &str = "application/scim+json";

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(sso_scim_token_renew, sso_scim_token_delete))
        .routes(routes!(scim_user_list, scim_user_create))
        .routes(routes!(scim_user_view, scim_user_replace, scim_user_patch, scim_user_delete))
        .routes(routes!(scim_group_list, scim_group_create))
        .routes(routes!(scim_group_view, scim_group_replace, scim_group_patch, scim_group_delete))
        .routes(routes!(scim_service_provider_config))
        .routes(routes!(scim_resource_type_list))
        .routes(routes!(scim_resource_type_view))
        .routes(routes!(scim_schema_list))
        .routes(routes!(scim_schema_view))
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = scim_json(self.status, &self.body());
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

fn scim_json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(SCIM));
    response
}

/// The JSON of a body.
fn json_of(body: Result<Bytes, BytesRejection>) -> Result<Value, Refusal> {
    let bytes = whole(body)?;
    json(&bytes).map_err(|error| Refusal::invalid("invalidSyntax", Refusal::from(error).detail))
}

/// Renew the token of SCIM
///
/// For the identity provider, which pushes users and groups with it. The one before ends; this is the only time that it
/// is shown. Needs a fresh proof of the password in `X-Reauth`.
#[utoipa::path(post, path = "/v1/sso/scim/token", tag = "Single sign-on", security(("Session" = [])),
    params(("X-Reauth" = String, Header, description = "Proof of the password")),
    responses((status = 200, description = "The token, once", body = Envelope<ScimToken>)))]
pub async fn sso_scim_token_renew(
    State(cloud): State<Cloud>,
    caller: Caller,
    headers: axum::http::HeaderMap,
    Body(NoFields {}): Body<NoFields>,
) -> Result<Envelope<ScimToken>, Failure> {
    Ok(Envelope::new(scim::renew_token(&cloud, &caller, proof_of(&headers)).await?))
}

/// End the token of SCIM
///
/// The identity provider can push no more. Needs a fresh proof of the password in `X-Reauth`.
#[utoipa::path(delete, path = "/v1/sso/scim/token", tag = "Single sign-on", security(("Session" = [])),
    params(("X-Reauth" = String, Header, description = "Proof of the password")),
    responses((status = 200, description = "It ended", body = Envelope<Empty>)))]
pub async fn sso_scim_token_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    headers: axum::http::HeaderMap,
    Body(NoFields {}): Body<NoFields>,
) -> Result<Envelope<Empty>, Failure> {
    scim::end_token(&cloud, &caller, proof_of(&headers)).await?;
    Ok(Envelope::new(Empty {}))
}

/// List users
///
/// Those who sign in by the identity provider. A filter compares `userName`, `externalId` or `id` by `eq`.
#[utoipa::path(get, path = "/scim/v2/Users", tag = "SCIM", security(("Scim" = [])),
    params(("filter" = Option<String>, Query, description = "One comparison", example = "userName eq \"eve@example.com\""),
        ("startIndex" = Option<i64>, Query, description = "First of them, from 1 on"),
        ("count" = Option<i64>, Query, description = "Most of them, at most 200; absent is 100"),
        ("attributes" = Option<String>, Query, description = "Attributes to answer with"),
        ("excludedAttributes" = Option<String>, Query, description = "Attributes to leave out")),
    responses((status = 200, description = "Users by id", body = ScimList, content_type = "application/scim+json")))]
pub async fn scim_user_list(
    State(cloud): State<Cloud>,
    Extension(by): Extension<Provider>,
    RackQuery(query): RackQuery<ScimListQuery>,
) -> Result<Response, Refusal> {
    Ok(scim_json(StatusCode::OK, &users::list(&cloud, &by, &query).await?))
}

/// Create a user
///
/// Who is ready to sign in by the identity provider. Attributes that are not kept here are ignored.
#[utoipa::path(post, path = "/scim/v2/Users", tag = "SCIM", security(("Scim" = [])), request_body = ScimUserInput,
    responses((status = 201, description = "The user", body = ScimUser, content_type = "application/scim+json"),
        (status = 409, description = "The address is taken", body = ScimError, content_type = "application/scim+json")))]
pub async fn scim_user_create(
    State(cloud): State<Cloud>,
    Extension(by): Extension<Provider>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let user = users::create(&cloud, &by, &json_of(body)?).await?;
    Ok(created(&user.meta.location, &user))
}

fn created(location: &str, body: &impl Serialize) -> Response {
    let mut response = scim_json(StatusCode::CREATED, body);
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// View a user
///
/// One who signs in by the identity provider.
#[utoipa::path(get, path = "/scim/v2/Users/{id}", tag = "SCIM", security(("Scim" = [])),
    params(("id" = String, Path, description = "User")),
    responses((status = 200, description = "The user", body = ScimUser, content_type = "application/scim+json")))]
pub async fn scim_user_view(
    State(cloud): State<Cloud>,
    Extension(by): Extension<Provider>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    Ok(scim_json(StatusCode::OK, &users::find(&cloud, &by, &id).await?))
}

/// Replace a user
///
/// `active: false` ends sessions and tokens at once.
#[utoipa::path(put, path = "/scim/v2/Users/{id}", tag = "SCIM", security(("Scim" = [])), request_body = ScimUserInput,
    params(("id" = String, Path, description = "User")),
    responses((status = 200, description = "The user", body = ScimUser, content_type = "application/scim+json")))]
pub async fn scim_user_replace(
    State(cloud): State<Cloud>,
    Extension(by): Extension<Provider>,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    Ok(scim_json(StatusCode::OK, &users::replace(&cloud, &by, &id, &json_of(body)?).await?))
}

/// Change a user
///
/// `active: false` ends sessions and tokens at once.
#[utoipa::path(patch, path = "/scim/v2/Users/{id}", tag = "SCIM", security(("Scim" = [])), request_body = ScimPatch,
    params(("id" = String, Path, description = "User")),
    responses((status = 200, description = "The user", body = ScimUser, content_type = "application/scim+json")))]
pub async fn scim_user_patch(
    State(cloud): State<Cloud>,
    Extension(by): Extension<Provider>,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    Ok(scim_json(StatusCode::OK, &users::patch(&cloud, &by, &id, &json_of(body)?).await?))
}

/// Delete a user
///
/// For good, with sessions and tokens.
#[utoipa::path(delete, path = "/scim/v2/Users/{id}", tag = "SCIM", security(("Scim" = [])),
    params(("id" = String, Path, description = "User")),
    responses((status = 204, description = "Gone")))]
pub async fn scim_user_delete(
    State(cloud): State<Cloud>,
    Extension(by): Extension<Provider>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    users::delete(&cloud, &by, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List groups
///
/// Those that the identity provider pushed. A filter compares `displayName`, `externalId` or `id` by `eq`.
#[utoipa::path(get, path = "/scim/v2/Groups", tag = "SCIM", security(("Scim" = [])),
    params(("filter" = Option<String>, Query, description = "One comparison", example = "displayName eq \"security\""),
        ("startIndex" = Option<i64>, Query, description = "First of them, from 1 on"),
        ("count" = Option<i64>, Query, description = "Most of them, at most 200; absent is 100"),
        ("attributes" = Option<String>, Query, description = "Attributes to answer with"),
        ("excludedAttributes" = Option<String>, Query, description = "Attributes to leave out")),
    responses((status = 200, description = "Groups by id", body = ScimList, content_type = "application/scim+json")))]
pub async fn scim_group_list(
    State(cloud): State<Cloud>,
    Extension(by): Extension<Provider>,
    RackQuery(query): RackQuery<ScimListQuery>,
) -> Result<Response, Refusal> {
    Ok(scim_json(StatusCode::OK, &groups::list(&cloud, &by, &query).await?))
}

/// Create a group
///
/// Its name is mapped to a role like one that the identity provider tells at a sign-in.
#[utoipa::path(post, path = "/scim/v2/Groups", tag = "SCIM", security(("Scim" = [])), request_body = ScimGroupInput,
    responses((status = 201, description = "The group", body = ScimGroup, content_type = "application/scim+json"),
        (status = 409, description = "The name is taken", body = ScimError, content_type = "application/scim+json")))]
pub async fn scim_group_create(
    State(cloud): State<Cloud>,
    Extension(by): Extension<Provider>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let group = groups::create(&cloud, &by, &json_of(body)?).await?;
    Ok(created(&group.meta.location, &group))
}

/// View a group
///
/// One that the identity provider pushed.
#[utoipa::path(get, path = "/scim/v2/Groups/{id}", tag = "SCIM", security(("Scim" = [])),
    params(("id" = String, Path, description = "Group"),
        ("excludedAttributes" = Option<String>, Query, description = "Attributes to leave out")),
    responses((status = 200, description = "The group", body = ScimGroup, content_type = "application/scim+json")))]
pub async fn scim_group_view(
    State(cloud): State<Cloud>,
    Extension(by): Extension<Provider>,
    Path(id): Path<String>,
    RackQuery(query): RackQuery<ScimListQuery>,
) -> Result<Response, Refusal> {
    Ok(scim_json(StatusCode::OK, &groups::find(&cloud, &by, &id, &query).await?))
}

/// Replace a group
///
/// Roles of those who come and go follow at once.
#[utoipa::path(put, path = "/scim/v2/Groups/{id}", tag = "SCIM", security(("Scim" = [])), request_body = ScimGroupInput,
    params(("id" = String, Path, description = "Group")),
    responses((status = 200, description = "The group", body = ScimGroup, content_type = "application/scim+json")))]
pub async fn scim_group_replace(
    State(cloud): State<Cloud>,
    Extension(by): Extension<Provider>,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    Ok(scim_json(StatusCode::OK, &groups::replace(&cloud, &by, &id, &json_of(body)?).await?))
}

/// Change a group
///
/// Roles of those who come and go follow at once.
#[utoipa::path(patch, path = "/scim/v2/Groups/{id}", tag = "SCIM", security(("Scim" = [])), request_body = ScimPatch,
    params(("id" = String, Path, description = "Group")),
    responses((status = 200, description = "The group", body = ScimGroup, content_type = "application/scim+json")))]
pub async fn scim_group_patch(
    State(cloud): State<Cloud>,
    Extension(by): Extension<Provider>,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    Ok(scim_json(StatusCode::OK, &groups::patch(&cloud, &by, &id, &json_of(body)?).await?))
}

/// Delete a group
///
/// Roles of those who were in it follow at once.
#[utoipa::path(delete, path = "/scim/v2/Groups/{id}", tag = "SCIM", security(("Scim" = [])),
    params(("id" = String, Path, description = "Group")),
    responses((status = 204, description = "Gone")))]
pub async fn scim_group_delete(
    State(cloud): State<Cloud>,
    Extension(by): Extension<Provider>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    groups::delete(&cloud, &by, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// View what there is of SCIM
///
/// Changes and simple filters; neither bulk operations nor sorting.
#[utoipa::path(get, path = "/scim/v2/ServiceProviderConfig", tag = "SCIM", security(("Scim" = [])),
    responses((status = 200, description = "The configuration", body = Value, content_type = "application/scim+json")))]
pub async fn scim_service_provider_config(State(cloud): State<Cloud>) -> Response {
    scim_json(StatusCode::OK, &schemas::service_provider_config(&cloud))
}

/// List kinds of resources
///
/// Users and groups.
#[utoipa::path(get, path = "/scim/v2/ResourceTypes", tag = "SCIM", security(("Scim" = [])),
    responses((status = 200, description = "Kinds", body = ScimList, content_type = "application/scim+json")))]
pub async fn scim_resource_type_list(State(cloud): State<Cloud>) -> Response {
    scim_json(StatusCode::OK, &schemas::all(&schemas::resource_types(&cloud)))
}

/// View a kind of resources
///
/// `User` or `Group`.
#[utoipa::path(get, path = "/scim/v2/ResourceTypes/{id}", tag = "SCIM", security(("Scim" = [])),
    params(("id" = String, Path, description = "Kind")),
    responses((status = 200, description = "The kind", body = Value, content_type = "application/scim+json")))]
pub async fn scim_resource_type_view(
    State(cloud): State<Cloud>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    Ok(scim_json(StatusCode::OK, &schemas::one(schemas::resource_types(&cloud), &id)?))
}

/// List schemas
///
/// The attributes of users and groups that are kept here.
#[utoipa::path(get, path = "/scim/v2/Schemas", tag = "SCIM", security(("Scim" = [])),
    responses((status = 200, description = "Schemas", body = ScimList, content_type = "application/scim+json")))]
pub async fn scim_schema_list(State(cloud): State<Cloud>) -> Response {
    scim_json(StatusCode::OK, &schemas::all(&schemas::schemas(&cloud)))
}

/// View a schema
///
/// The attributes of one kind of resources.
#[utoipa::path(get, path = "/scim/v2/Schemas/{id}", tag = "SCIM", security(("Scim" = [])),
    params(("id" = String, Path, description = "Schema")),
    responses((status = 200, description = "The schema", body = Value, content_type = "application/scim+json")))]
pub async fn scim_schema_view(
    State(cloud): State<Cloud>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    Ok(scim_json(StatusCode::OK, &schemas::one(schemas::schemas(&cloud), &id)?))
}
