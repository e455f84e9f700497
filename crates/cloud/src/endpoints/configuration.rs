//! The whole configuration of a tenant as one document.

use axum::extract::{DefaultBodyLimit, Request, State};
use bartizan_api::{
    ApiError, Envelope,
    configuration::{Configuration, ConfigurationImportQuery, ConfigurationQuery, ConfigurationReport},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{self, EventsQuery, Path, parse},
    failure::Failure,
    services::configuration::{self, Author},
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(configuration_export, configuration_import))
        .layer(DefaultBodyLimit::disable())
}

/// Export the configuration
///
/// Applications, rules with the general mode, settings, IP lists, integrations, triggers, API specifications and API
/// discovery. The same configuration is the same document, also in another tenant. Users, nodes, tokens and events
/// are no part of it. Secrets are masked unless `secrets=true` asks for them, which the activity log notes.
#[utoipa::path(get, path = "/v1/clients/{client_id}/configuration", tag = "Configuration",
    params(("client_id" = i64, Path, description = "Tenant"), ConfigurationQuery),
    responses((status = 200, description = "The configuration", body = Envelope<Configuration>)))]
pub async fn configuration_export(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    EventsQuery(query): EventsQuery<ConfigurationQuery>,
) -> Result<Envelope<Configuration>, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let with_secrets = query.secrets.unwrap_or(false);
    let document = configuration::export(&cloud, Author::Caller(&caller), tenant, with_secrets).await?;
    Ok(Envelope::new(document))
}

/// Import a configuration
///
/// Makes the configuration of the tenant what the document (the `body` of an export) says, in one step: all of it, or
/// nothing when something in it is wrong. What is equal keeps its identity. A section that is absent stays as it is.
/// With `dry_run=true` the document is only checked and compared.
#[utoipa::path(put, path = "/v1/clients/{client_id}/configuration", tag = "Configuration",
    params(("client_id" = i64, Path, description = "Tenant"), ConfigurationImportQuery),
    request_body = Configuration,
    responses((status = 200, description = "What was done", body = Envelope<ConfigurationReport>),
        (status = 400, description = "What is wrong, by its place in the document", body = bartizan_api::ErrorBody),
        (status = 413, description = "The document is too large", body = bartizan_api::ErrorBody),
        (status = 423, description = "Rules are locked")))]
pub async fn configuration_import(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    EventsQuery(query): EventsQuery<ConfigurationImportQuery>,
    request: Request,
) -> Result<Envelope<ConfigurationReport>, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    // Larger than other bodies may be, so it is read here.
    let bytes = extract::read(request.into_body(), cloud.config.limits.configuration_bytes).await?;
    let dry_run = query.dry_run.unwrap_or(false);
    // Large ones take their time.
    let document = tokio::task::spawn_blocking(move || parse(&bytes)).await;
    let document = document.map_err(|_| ApiError::internal())??;
    let author = Author::Caller(&caller);
    Ok(Envelope::new(configuration::import(&cloud, author, tenant, document, dry_run).await?))
}
