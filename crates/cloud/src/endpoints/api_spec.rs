//! API specifications and their policies (`spec/rules.md` section 9.1).

use axum::{
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use bartizan_api::{
    ApiError, Empty, Envelope, ErrorBody,
    api_spec::{ApiSpecList, ApiSpecPolicyView, ApiSpecRequest, ApiSpecView},
    json_response,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{self, EventsBody, EventsQuery, Path},
    failure::Failure,
    services::api_spec::{self, MAX_UPLOAD, Upload},
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(api_spec_list, api_spec_create))
        .routes(routes!(api_spec_view, api_spec_update, api_spec_delete))
        .routes(routes!(api_spec_policy_update))
        .routes(routes!(api_spec_file))
}

/// A page of specifications.
#[derive(Debug, Default, Deserialize)]
pub struct PageQuery {
    #[serde(default, deserialize_with = "bartizan_api::lenient::int")]
    page: Option<i64>,
    #[serde(default, deserialize_with = "bartizan_api::lenient::int")]
    per_page: Option<i64>,
}

/// List API specifications
///
/// Oldest first, without an envelope.
#[utoipa::path(get, path = "/v4/clients/{client_id}/rules/api-specs", tag = "API specifications",
    params(("client_id" = i64, Path, description = "Tenant"),
        ("page" = Option<i64>, Query, description = "Page, from 1"),
        ("per_page" = Option<i64>, Query, description = "Rows, 1 to 1000; 500 when absent")),
    responses((status = 200, description = "Specifications", body = ApiSpecList)))]
pub async fn api_spec_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    EventsQuery(query): EventsQuery<PageQuery>,
) -> Result<Response, Failure> {
    let page = (query.page, query.per_page);
    Ok(json_response(&api_spec::list(&cloud, &caller, client_id, page).await?))
}

/// Create an API specification
///
/// OpenAPI 3.0 or 3.1, or Swagger 2, as JSON or YAML of at most 20 MiB: from `file_remote_url`, or as the part
/// `file` of a `multipart/form-data` body whose other parts have the names of the members. The file is read at
/// once; 400 lists what is wrong with it. A server that does not answer leaves the status `error`.
#[utoipa::path(post, path = "/v4/clients/{client_id}/rules/api-specs", tag = "API specifications",
    params(("client_id" = i64, Path, description = "Tenant")), request_body = ApiSpecRequest,
    responses((status = 200, description = "The specification", body = Envelope<ApiSpecView>),
        (status = 413, description = "The file is too large", body = ErrorBody)))]
pub async fn api_spec_create(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    request: Request,
) -> Result<Envelope<ApiSpecView>, Failure> {
    let (fields, upload) = sent(request).await?;
    Ok(Envelope::new(api_spec::create(&cloud, &caller, client_id, &fields, upload).await?))
}

/// View an API specification
///
/// The signed link to the file works for ten minutes and differs each time.
#[utoipa::path(get, path = "/v4/clients/{client_id}/rules/api-specs/{id}", tag = "API specifications",
    params(("client_id" = i64, Path, description = "Tenant"), ("id" = i64, Path, description = "Specification")),
    responses((status = 200, description = "The specification", body = Envelope<ApiSpecView>),
        (status = 404, description = "No such specification", body = ErrorBody)))]
pub async fn api_spec_view(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path((client_id, id)): Path<(i64, i64)>,
) -> Result<Envelope<ApiSpecView>, Failure> {
    Ok(Envelope::new(api_spec::find(&cloud, &caller, client_id, id).await?))
}

/// Change an API specification
///
/// What is absent stays; empty texts and lists clear. A new address, new headers or a new file are read at once.
#[utoipa::path(put, path = "/v4/clients/{client_id}/rules/api-specs/{id}", tag = "API specifications",
    params(("client_id" = i64, Path, description = "Tenant"), ("id" = i64, Path, description = "Specification")),
    request_body = ApiSpecRequest,
    responses((status = 200, description = "The specification", body = Envelope<ApiSpecView>),
        (status = 404, description = "No such specification", body = ErrorBody),
        (status = 413, description = "The file is too large", body = ErrorBody)))]
pub async fn api_spec_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(path): Path<(i64, i64)>,
    request: Request,
) -> Result<Envelope<ApiSpecView>, Failure> {
    let (fields, upload) = sent(request).await?;
    Ok(Envelope::new(api_spec::update(&cloud, &caller, path, &fields, upload).await?))
}

/// Delete an API specification
///
/// Its policy goes with it.
#[utoipa::path(delete, path = "/v4/clients/{client_id}/rules/api-specs/{id}", tag = "API specifications",
    params(("client_id" = i64, Path, description = "Tenant"), ("id" = i64, Path, description = "Specification")),
    responses((status = 200, description = "Deleted", body = Envelope<Empty>),
        (status = 404, description = "No such specification", body = ErrorBody)))]
pub async fn api_spec_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path((client_id, id)): Path<(i64, i64)>,
) -> Result<Envelope<Empty>, Failure> {
    api_spec::delete(&cloud, &caller, client_id, id).await?;
    Ok(Envelope::new(Empty {}))
}

/// Set the policy of an API specification
///
/// `conditions` must be there and replace those in force; modes that are absent stay. The limits on time and
/// size, with their modes, belong to the operator: values sent for them have no effect.
#[utoipa::path(put, path = "/v4/clients/{client_id}/rules/api-specs/{id}/policy", tag = "API specifications",
    params(("client_id" = i64, Path, description = "Tenant"), ("id" = i64, Path, description = "Specification")),
    request_body(content = Object, example = json!({"enabled": true, "conditions": [], "undefined_endpoint_mode": "monitor", "missing_auth_mode": "block"})),
    responses((status = 200, description = "The policy", body = Envelope<ApiSpecPolicyView>),
        (status = 404, description = "No such specification", body = ErrorBody)))]
pub async fn api_spec_policy_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(path): Path<(i64, i64)>,
    EventsBody(body): EventsBody<Map<String, Value>>,
) -> Result<Envelope<ApiSpecPolicyView>, Failure> {
    Ok(Envelope::new(api_spec::put_policy(&cloud, &caller, path, &body).await?))
}

/// A signed link.
#[derive(Debug, Default, Deserialize)]
pub struct LinkQuery {
    #[serde(default, deserialize_with = "bartizan_api::lenient::int")]
    expires: Option<i64>,
    #[serde(default)]
    nonce: String,
    #[serde(default)]
    signature: String,
}

/// Load the file of an API specification
///
/// By the signed link of the specification, without credentials.
#[utoipa::path(get, path = "/v4/clients/{client_id}/rules/api-specs/{id}/file", tag = "API specifications",
    security(()),
    params(("client_id" = i64, Path, description = "Tenant"), ("id" = i64, Path, description = "Specification"),
        ("expires" = Option<i64>, Query, description = "From the link"),
        ("nonce" = Option<String>, Query, description = "From the link"),
        ("signature" = Option<String>, Query, description = "From the link")),
    responses((status = 200, description = "The file as it came", body = String, content_type = "application/octet-stream"),
        (status = 404, description = "No such file, or the link has ended", body = ErrorBody)))]
pub async fn api_spec_file(
    State(cloud): State<Cloud>,
    Path(path): Path<(i64, i64)>,
    EventsQuery(query): EventsQuery<LinkQuery>,
) -> Result<Response, Failure> {
    let link = (query.expires.unwrap_or_default(), query.nonce.as_str(), query.signature.as_str());
    let (kind, content) = api_spec::download(&cloud, path, link).await?;
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, "attachment".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    Ok((headers, content).into_response())
}

/// Members and file of a request: JSON, or a form with a file.
async fn sent(request: Request) -> Result<(ApiSpecRequest, Option<Upload>), ApiError> {
    let boundary = form_boundary(request.headers());
    // Larger than other bodies may be, so it is read here.
    let bytes = extract::read(request.into_body(), MAX_UPLOAD).await?;
    match boundary {
        None => Ok((extract::events_json(&bytes)?, None)),
        Some(boundary) => form(bytes, boundary).await,
    }
}

fn form_boundary(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    multer::parse_boundary(kind).ok()
}

async fn form(bytes: Bytes, boundary: String) -> Result<(ApiSpecRequest, Option<Upload>), ApiError> {
    let broken = |error: multer::Error| {
        ApiError::field("file", format!("the form cannot be read: {error}"), Value::Null)
    };
    let stream = futures_util::stream::once(async move { Ok::<Bytes, std::convert::Infallible>(bytes) });
    let mut parts = multer::Multipart::new(stream, boundary);
    let (mut members, mut upload) = (Map::new(), None);
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().trim_end_matches("[]").to_owned();
        let file_name = part.file_name().map(str::to_owned);
        if name == "file" {
            let bytes = part.bytes().await.map_err(broken)?.to_vec();
            upload = Some(Upload { name: file_name.unwrap_or_else(|| "specification".to_owned()), bytes });
            continue;
        }
        let text = part.text().await.map_err(broken)?;
        let list = matches!(name.as_str(), "instances" | "domains" | "auth_headers");
        let value = match serde_json::from_str::<Value>(&text) {
            // Lists come as JSON, or one by one.
            Ok(value @ Value::Array(_)) if list => value,
            Ok(value) if list && name == "instances" => json!([value]),
            _ if list && text.is_empty() => json!([]),
            _ if list => json!([text]),
            _ => json!(text),
        };
        match (members.get_mut(&name), value) {
            (Some(Value::Array(old)), Value::Array(new)) if list => old.extend(new),
            (_, value) => {
                members.insert(name, value);
            }
        }
    }
    Ok((extract::parse(json!(members).to_string().as_bytes())?, upload))
}
