//! Points that a request spells in another way than the map of points does.
//!
//! The map knows a GraphQL document right below `json_doc` (`spec/rules.md` section 3.4). In a request it is the text of
//! the member `query`, and its points have that step too.

use std::borrow::Cow;

use bartizan_request::{Element, Point, Step};
use serde_json::{Map, Value};

/// The fields of a hint with its point as requests spell it.
pub(super) fn as_in_requests(fields: &Map<String, Value>) -> Cow<'_, Map<String, Value>> {
    let point = fields.get("point").and_then(|point| Point::from_json(point).ok());
    let Some(point) = point.and_then(|point| with_member(point.steps())) else {
        return Cow::Borrowed(fields);
    };
    let mut fields = fields.clone();
    fields.insert("point".to_owned(), point.to_nested());
    Cow::Owned(fields)
}

/// The point with the member that holds the document; none when it does not lack it.
fn with_member(steps: &[Step]) -> Option<Point> {
    let below = |pair: &[Step]| matches!(pair, [before, after] if before.element() == Element::JsonDoc && after.element() == Element::Gql);
    let (before, after) = steps.split_at_checked(steps.windows(2).position(below)? + 1)?;
    let member = Step::Keyed(Element::Hash, "query".into());
    Point::new([before, &[member], after].concat()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_below_json_is_its_member_query() {
        let with = |point: Value| {
            Map::from_iter([("attack_type".to_owned(), json!("any")), ("point".to_owned(), point)])
        };
        let sent = with(json!([["post"], ["json_doc"], ["gql"], ["gql_query", "Q"]]));
        let spelled = json!([["post"], ["json_doc"], ["hash", "query"], ["gql"], ["gql_query", "Q"]]);
        assert_eq!(*as_in_requests(&sent), with(spelled.clone()));
        for other in [spelled, json!(["post", "gql"]), json!(["get", "a"]), json!(null)] {
            let fields = with(other);
            assert!(matches!(as_in_requests(&fields), Cow::Borrowed(same) if *same == fields));
        }
    }
}
