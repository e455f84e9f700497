//! What rules can be made of: elements of points and attack types (`spec/rules.md` sections 1.2 and 5.1).

use bartizan_api::{
    Envelope,
    rule::{AttackTypeView, SuggestRequest},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{extract::EventsBody, failure::Failure, services::suggest, state::Cloud};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new().routes(routes!(point_suggest)).routes(routes!(attack_type_list))
}

/// Suggest elements of a point
///
/// Answers, for each chain of elements, with the names of the elements that may follow it; with none for a
/// chain that cannot exist.
#[utoipa::path(post, path = "/v2/suggest/point", tag = "Rules", request_body = SuggestRequest,
    responses((status = 200, description = "Names by chain", body = Envelope<Vec<Vec<String>>>,
        example = json!({"status": 200, "body": [["array", "array_all", "gql", "hash", "hash_all", "hash_name"]]}))))]
pub async fn point_suggest(
    EventsBody(request): EventsBody<SuggestRequest>,
) -> Result<Envelope<Vec<Vec<&'static str>>>, Failure> {
    Ok(Envelope::new(suggest::children(&request.points)?))
}

/// List attack types
///
/// In the order of their numbers.
#[utoipa::path(get, path = "/v2/attack_types", tag = "Rules",
    responses((status = 200, description = "Every type", body = Envelope<Vec<AttackTypeView>>)))]
pub async fn attack_type_list() -> Envelope<Vec<AttackTypeView>> {
    Envelope::new(suggest::attack_types())
}
