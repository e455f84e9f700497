//! Provisioning by SCIM 2.0: the identity provider pushes users and groups (`spec/accounts.md` section 6.4).
//!
//! The provider proves itself by a token of its tenant, which an administrator makes and sees once. It counts while
//! single sign-on of the tenant is active and the provider the source of users. Seen and changed are the users who
//! sign in by the provider, never the fallback account.

use axum::http::{HeaderMap, StatusCode, header};
use bartizan_api::{
    ApiError,
    scim::{ERROR, LIST, ScimError, ScimList, ScimListQuery, ScimMeta, ScimToken},
};
use bartizan_store::{StoreError, TenantId, clients, entity, scim, sea_orm::DbErr, sso};
use chrono::{DateTime, SecondsFormat};
use serde_json::Value;

use super::{
    activity::{self, Change},
    session::require_proof,
    sso::log_kind,
};
use crate::{
    auth::{Caller, Origin},
    failure::Failure,
    secrets::Secret,
    state::Cloud,
};

pub mod attributes;
pub mod filter;
pub mod groups;
pub mod schemas;
pub mod users;

/// What tokens begin with.
const PREFIX: &str = "bzc_";
/// Where the provider sends users and groups to.
const BASE: &str = "/scim/v2";
/// Name in the activity log.
const BY: &str = "SCIM";
/// Most resources of one answer.
pub const MAX_COUNT: u64 = 200;
/// Resources of an answer that does not say how many.
const COUNT: u64 = 100;

/// The identity provider of a tenant, which proved itself by its token.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Tenant.
    pub client: entity::client::Model,
    /// Its single sign-on.
    pub config: entity::sso_config::Model,
}

impl Provider {
    fn tenant(&self) -> TenantId {
        TenantId(self.client.id)
    }
}

/// An error as SCIM has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: StatusCode,
    /// Kind of a 400 or 409 (RFC 7644, table 9).
    pub kind: Option<&'static str>,
    /// What is wrong.
    pub detail: String,
}

impl Refusal {
    fn new(status: StatusCode, kind: Option<&'static str>, detail: impl Into<String>) -> Refusal {
        Refusal { status, kind, detail: detail.into() }
    }

    /// 400 of a kind.
    pub fn invalid(kind: &'static str, detail: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, Some(kind), detail)
    }

    fn taken(detail: &str) -> Refusal {
        Refusal::new(StatusCode::CONFLICT, Some("uniqueness"), detail)
    }

    fn absent(id: &str) -> Refusal {
        let id: String = id.chars().take(64).collect();
        Refusal::new(StatusCode::NOT_FOUND, None, format!("there is no resource {id}"))
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> ScimError {
        ScimError {
            schemas: vec![ERROR.to_owned()],
            status: self.status.as_u16().to_string(),
            scim_type: self.kind.map(str::to_owned),
            detail: self.detail.clone(),
        }
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Refusal {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let detail = text(&error.body).or_else(|| error.body.get("error").and_then(text));
        let kind = (error.status == StatusCode::BAD_REQUEST).then_some("invalidValue");
        Refusal::new(error.status, kind, detail.unwrap_or_else(|| error.status.to_string()))
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        failure.0.into()
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        Failure::from(error).into()
    }
}

impl From<DbErr> for Refusal {
    fn from(error: DbErr) -> Refusal {
        Failure::from(error).into()
    }
}

/// The provider that a request comes from.
///
/// # Errors
/// 401 without a token that counts, 403 while the provider is not the source of users, 429.
pub async fn authenticate(cloud: &Cloud, headers: &HeaderMap, origin: &Origin) -> Result<Provider, Failure> {
    let unknown = || ApiError::text(StatusCode::UNAUTHORIZED, "a bearer token of single sign-on is needed");
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    cloud.limits.may_authenticate(BY, origin.ip)?;
    let secret = token.and_then(|(_, token)| Secret::parse_opaque(PREFIX, token.trim()));
    let config = match secret {
        Some(secret) => cloud.store.identify_scim(&secret.mac(&cloud.keys)).await?,
        None => None,
    };
    let Some(config) = config else {
        cloud.limits.failed_authentication(&cloud.store, BY, origin.ip).await?;
        return Err(unknown().into());
    };
    let client = cloud.store.identify_client(config.client_id).await?.filter(|client| client.enabled);
    let client = client.ok_or_else(ApiError::access_denied)?;
    if config.state != "active" || !config.provisioning {
        let text = "single sign-on of this client is not active, or its provider not the source of users";
        return Err(ApiError::text(StatusCode::FORBIDDEN, text).into());
    }
    Ok(Provider { client, config })
}

/// Makes a token for the identity provider; the one before ends.
///
/// # Errors
/// 403 without a fresh proof of the password, 400 without a configuration.
pub async fn renew_token(cloud: &Cloud, caller: &Caller, proof: &str) -> Result<ScimToken, Failure> {
    super::sso::configured(cloud.store.reader(), caller.tenant_of(None)?).await?;
    require_proof(cloud, caller, proof).await?;
    let (secret, now) = (Secret::random(), cloud.now());
    set_token(cloud, caller, Some((secret.mac(&cloud.keys), now))).await?;
    Ok(ScimToken { token: secret.opaque(PREFIX), url: url(cloud), created_at: now })
}

/// Ends the token of the identity provider.
///
/// # Errors
/// 403 without a fresh proof of the password, 400 without a configuration.
pub async fn end_token(cloud: &Cloud, caller: &Caller, proof: &str) -> Result<(), Failure> {
    super::sso::configured(cloud.store.reader(), caller.tenant_of(None)?).await?;
    require_proof(cloud, caller, proof).await?;
    set_token(cloud, caller, None).await
}

async fn set_token(cloud: &Cloud, caller: &Caller, token: Option<(String, i64)>) -> Result<(), Failure> {
    let tenant = caller.tenant_of(None)?;
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let mut config = super::sso::configured(&transaction, tenant).await?;
    let entry = Change {
        object_type: log_kind(&config.kind),
        action: if token.is_some() { "update" } else { "delete" },
        object_id: tenant.0.to_string(),
        object_name: "scim".to_owned(),
        before: None,
        after: token.as_ref().map(|(_, at)| serde_json::json!({"scim_created_at": at})),
    };
    (config.scim_token_mac, config.scim_token_created_at) = token.unzip();
    sso::put(&transaction, config).await?;
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    Ok(transaction.commit().await?)
}

/// Where a provider sends users and groups to.
#[must_use]
pub fn url(cloud: &Cloud) -> String {
    format!("{}{BASE}", cloud.config.public.console_url.trim_end_matches('/'))
}

fn location(cloud: &Cloud, kind: &str, id: i64) -> String {
    format!("{}/{kind}s/{id}", url(cloud))
}

fn meta(cloud: &Cloud, kind: &str, id: i64, created: i64, changed: Option<i64>) -> ScimMeta {
    let text = |at: i64| {
        DateTime::from_timestamp(at, 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
    };
    ScimMeta {
        resource_type: kind.to_owned(),
        created: text(created),
        last_modified: changed.map(text),
        location: location(cloud, kind, id),
    }
}

/// An id of a path; what is no number names nothing.
fn id_of(text: &str) -> Result<i64, Refusal> {
    text.parse().map_err(|_| Refusal::absent(text))
}

/// Which part of a list is asked for: rows before it, and most rows.
fn slice(query: &ScimListQuery) -> Result<scim::Slice, Refusal> {
    let number = |name: &str, text: &Option<String>, absent: i64| match text {
        None => Ok(absent),
        Some(text) => text
            .parse::<i64>()
            .map_err(|_| Refusal::invalid("invalidValue", format!("{name} must be a whole number"))),
    };
    // Less than 1 is 1, less than 0 is 0 (RFC 7644 section 3.4.2.4).
    let start = number("startIndex", &query.start_index, 1)?.max(1);
    let count = number("count", &query.count, COUNT.cast_signed())?.max(0);
    Ok(scim::Slice { offset: (start - 1).cast_unsigned(), limit: count.cast_unsigned().min(MAX_COUNT) })
}

fn listed(total: u64, slice: scim::Slice, resources: Vec<Value>, query: &ScimListQuery) -> ScimList {
    let resources: Vec<Value> =
        resources.into_iter().map(|resource| attributes::shown(resource, query)).collect();
    ScimList {
        schemas: vec![LIST.to_owned()],
        total_results: total,
        start_index: slice.offset + 1,
        items_per_page: resources.len(),
        resources,
    }
}
