//! The search language (`spec/events.md` section 6).

use axum::extract::State;
use bartizan_api::{
    Envelope,
    search::{SearchFilters, SearchRequest, SuggestQuery, Suggestion},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{EventsBody, EventsQuery},
    failure::Failure,
    services::search,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new().routes(routes!(search_filters)).routes(routes!(search_suggest))
}

/// Turn words into filters
///
/// `attacks sqli !ip:10.0.0.0/8 statuscode:500+ last hour` becomes the filters that find it. Different attributes
/// must all hold, values of one attribute are alternatives, `!` negates a term. Without a period the last month is
/// meant. A word that is not understood is a 400 with the word and its column.
#[utoipa::path(post, path = "/v1/search", tag = "Search", request_body = SearchRequest,
    responses((status = 200, description = "Filters for attacks, incidents and vulnerabilities", body = Envelope<SearchFilters>)))]
pub async fn search_filters(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<SearchRequest>,
) -> Result<Envelope<SearchFilters>, Failure> {
    Ok(Envelope::new(search::search(&cloud, &caller, &request).await?))
}

/// Complete a query
///
/// What may stand in place of the word under the cursor: attributes, their values, attack types, words, periods and
/// OWASP categories, at most 50.
#[utoipa::path(get, path = "/v1/search/suggest", tag = "Search", params(SuggestQuery),
    responses((status = 200, description = "Suggestions", body = Envelope<Vec<Suggestion>>)))]
pub async fn search_suggest(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsQuery(query): EventsQuery<SuggestQuery>,
) -> Result<Envelope<Vec<Suggestion>>, Failure> {
    Ok(Envelope::new(search::suggest(&cloud, &caller, &query).await?))
}
