//! Which chains of elements exist: validation of the points of hints and answers for the suggester.
//!
//! `data/point_map.json` lists recorded chains (element names, space separated) with the set of elements
//! that may follow. Deep chains are only sampled there, so a missing chain takes the set of a recorded one
//! that ends alike (`spec/rules.md` section 3.5).

use std::collections::HashMap;
use std::sync::LazyLock;

use bartizan_request::{Element, Norm, Point, Step};
use serde::Deserialize;
use serde_json::Value;

use crate::error::{FieldError, text};

/// Most steps of a point.
const MAX_STEPS: usize = 32;
/// Longest key, bytes.
const MAX_KEY_BYTES: usize = 1024;
/// First elements that only some hints use and the map leaves out.
const EXTRA_ROOTS: [Element; 4] =
    [Element::RemoteAddr, Element::Route, Element::ResponseHeader, Element::ResponseBody];

#[derive(Deserialize)]
struct Recorded {
    children: Vec<Vec<Box<str>>>,
    chains: HashMap<Box<str>, usize>,
}

struct PointMap {
    children: Vec<Vec<Element>>,
    chains: HashMap<Vec<Element>, usize>,
    /// By first element, last element and children of the parent.
    alike: HashMap<(Element, Element, usize), usize>,
    /// By first and last element: the shortest chain.
    shortest: HashMap<(Element, Element), usize>,
}

static MAP: LazyLock<PointMap> = LazyLock::new(|| {
    // The file is part of the build and a test counts its chains, so this always parses.
    let recorded: Recorded = serde_json::from_slice(include_bytes!("../data/point_map.json"))
        .unwrap_or(Recorded { children: Vec::new(), chains: HashMap::new() });
    PointMap::new(&recorded)
});

impl PointMap {
    fn new(recorded: &Recorded) -> PointMap {
        let elements =
            |names: &[Box<str>]| names.iter().filter_map(|name| Element::from_name(name)).collect();
        let children = recorded.children.iter().map(|names| elements(names)).collect();
        let mut chains: Vec<(Vec<Element>, usize)> = recorded
            .chains
            .iter()
            .map(|(chain, &set)| (chain.split(' ').filter_map(Element::from_name).collect(), set))
            .collect();
        // Shortest first and in a fixed order, so that fallbacks do not depend on hashing.
        chains.sort_unstable_by(|a, b| (a.0.len(), a).cmp(&(b.0.len(), b)));
        let by_chain: HashMap<Vec<Element>, usize> = chains.iter().cloned().collect();
        let mut map =
            PointMap { children, chains: HashMap::new(), alike: HashMap::new(), shortest: HashMap::new() };
        for (chain, set) in chains {
            if let ([first, .., last], Some((_, parent))) = (chain.as_slice(), chain.split_last()) {
                map.shortest.entry((*first, *last)).or_insert(set);
                if let Some(&parent_set) = by_chain.get(parent) {
                    map.alike.entry((*first, *last, parent_set)).or_insert(set);
                }
            }
        }
        map.chains = by_chain;
        map
    }

    /// The set of children after `chain`, recorded or inferred.
    fn set_after(&self, chain: &[Element]) -> Option<usize> {
        if let Some(&set) = self.chains.get(chain) {
            return Some(set);
        }
        // A GraphQL document is the same wherever it stands; under a parameter more of it is recorded.
        if let Some(at) = chain.iter().rposition(|element| *element == Element::Gql)
            && chain.get(..at) != Some([Element::Get].as_slice())
        {
            let document = chain.get(at..).unwrap_or_default();
            return self.set_after(&[&[Element::Get], document].concat());
        }
        let (first, (last, parent)) = (chain.first()?, chain.split_last()?);
        let alike = self.set_after(parent).and_then(|set| self.alike.get(&(*first, *last, set)));
        alike.or_else(|| self.shortest.get(&(*first, *last))).copied()
    }

    fn children(&self, chain: &[Element]) -> &[Element] {
        self.set_after(chain).and_then(|set| self.children.get(set)).map_or(&[], Vec::as_slice)
    }
}

/// Elements that may follow a chain of elements, sorted by name; for an empty chain, the first elements.
#[must_use]
pub fn point_children(chain: &[Element]) -> Vec<Element> {
    let mut found: Vec<Element> = match chain {
        [] => MAP
            .chains
            .keys()
            .filter_map(|chain| if let [root] = chain.as_slice() { Some(*root) } else { None })
            .collect(),
        _ => {
            let canonical: Vec<Element> = chain.iter().map(|&element| recorded_form(element)).collect();
            MAP.children(&canonical).to_vec()
        }
    };
    found.sort_unstable_by_key(|element| element.name());
    found
}

/// Names of the elements that may follow a chain as it is written in a point; none for a chain that cannot
/// exist, the first elements for an empty one.
#[must_use]
pub fn suggest_elements(chain: &Value) -> Vec<&'static str> {
    let is_empty = chain.as_array().is_some_and(Vec::is_empty);
    let elements: Vec<Element> = match parse_point("point", chain) {
        Ok(point) => point.steps().iter().map(Step::element).collect(),
        Err(_) if is_empty => vec![],
        Err(_) => return vec![],
    };
    point_children(&elements).into_iter().map(Element::name).collect()
}

/// Parses a point, flat or two-dimensional, and checks that such a chain exists.
///
/// # Errors
/// A fault of `field` that carries the value as sent.
pub fn parse_point(field: &str, wire: &Value) -> Result<Point, FieldError> {
    let refuse = |detail: String| FieldError::new(field, text::INVALID, wire.clone()).with_detail(detail);
    let point = Point::from_json(wire).map_err(|fault| refuse(fault.to_string()))?;
    let steps = point.steps();
    if steps.len() > MAX_STEPS {
        return Err(refuse(format!("more than {MAX_STEPS} elements")));
    }
    if steps.iter().any(|step| matches!(step, Step::Keyed(_, key) if key.len() > MAX_KEY_BYTES)) {
        return Err(refuse(format!("a key is longer than {MAX_KEY_BYTES} bytes")));
    }
    let mut chain: Vec<Element> = Vec::with_capacity(steps.len());
    for step in steps {
        let element = step.element();
        if !may_follow(&chain, element) {
            let after = chain.last().map_or("the request", |last| last.name());
            return Err(refuse(format!("{} cannot follow {after}", element.name())));
        }
        chain.push(recorded_form(element));
    }
    Ok(point)
}

/// As [`parse_point`], for what is looked for in a request: the address of the client is no part of it.
///
/// # Errors
/// As [`parse_point`].
pub(crate) fn parse_request_point(field: &str, wire: &Value) -> Result<Point, FieldError> {
    let point = parse_point(field, wire)?;
    match point.steps().first().map(Step::element) {
        Some(Element::RemoteAddr) => Err(FieldError::new(field, text::INVALID, wire.clone())
            .with_detail("remote_addr is for rate_limit and arbitrary_conditions".to_owned())),
        _ => Ok(point),
    }
}

fn may_follow(chain: &[Element], next: Element) -> bool {
    let Some(&last) = chain.last() else {
        return EXTRA_ROOTS.contains(&next) || MAP.chains.contains_key([next].as_slice());
    };
    if next == Element::Pollution {
        return has_pollution(last);
    }
    if !fits_context(chain, next) {
        return false;
    }
    let allowed = match last {
        Element::RemoteAddr => return false,
        // Not in the map: their values are plain text, like a URI.
        Element::Route | Element::ResponseHeader | Element::ResponseBody | Element::Pollution => {
            MAP.children(&[Element::Uri])
        }
        _ => MAP.children(chain),
    };
    allowed.contains(&next) || allowed.contains(&recorded_form(next))
}

/// The spelling under which the map records an element: `json_obj` is `hash`; `hex` is one more decoder
/// where `base64` is.
fn recorded_form(element: Element) -> Element {
    use Element::{Base64, Hex, JsonArray, JsonArrayAll, JsonObj, JsonObjAll, JsonObjName};
    match element {
        Hex => Base64,
        JsonObj | JsonArray | JsonObjAll | JsonObjName | JsonArrayAll => element.canonical(),
        other => other,
    }
}

fn base_of(element: Element) -> Element {
    match element.norm() {
        Norm::Base(_) => element,
        Norm::All(base) | Norm::Name(base) => base,
    }
}

fn has_pollution(last: Element) -> bool {
    use Element::{Cookie, FormUrlencoded, Get, Hash, Header, Multipart, ResponseHeader};
    [Header, Get, Cookie, FormUrlencoded, Multipart, Hash, ResponseHeader].contains(&base_of(last))
        && !matches!(last.norm(), Norm::Name(_))
}

/// Elements that exist only inside certain others, which inference by similarity must not widen.
fn fits_context(chain: &[Element], next: Element) -> bool {
    use Element::{ContentDisp, Cookie, FormUrlencoded, Grpc, Gzip, Header, Multipart, Post, Protobuf};
    let under = |element: Element| chain.iter().any(|&above| base_of(above) == element);
    match base_of(next) {
        Cookie => under(Header),
        FormUrlencoded | Multipart | Grpc => chain == [Post] || chain.starts_with(&[Post, Gzip]),
        Protobuf => under(Grpc),
        ContentDisp => under(Multipart) && under(Header),
        Element::Viewstate => under(Element::Base64),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_are_accepted_and_echoed_flat_and_verbatim() {
        for (sent, echoed) in [
            (json!([["post"], ["json_doc"], ["hash", "Id"]]), json!(["post", "json_doc", "hash", "Id"])),
            (json!(["header", "headers"]), json!(["header", "headers"])),
            (json!([["path", "3"]]), json!(["path", 3])),
            (
                json!([["post"], ["json_doc"], ["json_obj", "a"]]),
                json!(["post", "json_doc", "json_obj", "a"]),
            ),
            (
                json!([["post"], ["xml"], ["array_all"], ["xml_attr", "CDATA"]]),
                json!(["post", "xml", "array_all", "xml_attr", "CDATA"]),
            ),
            (json!([["header_all"]]), json!(["header_all"])),
            (json!([["get_all"]]), json!(["get_all"])),
            (json!([["header", "X-AUTH"]]), json!(["header", "X-AUTH"])),
            (json!([["header", "HOST"], ["pollution"]]), json!(["header", "HOST", "pollution"])),
            (json!(["remote_addr"]), json!(["remote_addr"])),
            (
                json!(["post", "form_urlencoded", "q", "hex", "json_doc"]),
                json!(["post", "form_urlencoded", "q", "hex", "json_doc"]),
            ),
        ] {
            let point = parse_point("point", &sent).unwrap();
            assert_eq!(serde_json::to_value(point).unwrap(), echoed);
        }
    }

    #[test]
    fn chains_that_do_not_exist_are_refused() {
        for sent in [
            json!(null),
            json!([]),
            json!("get"),
            json!(["get"]),
            json!(["nothing"]),
            json!(["json_doc"]),
            json!(["path", "x"]),
            json!(["uri", "cookie", "a"]),
            json!(["get", "a", "form_urlencoded", "b"]),
            json!(["post", "json_doc", "form_urlencoded", "b"]),
            json!(["post", "viewstate"]),
            json!(["post", "form_urlencoded", "a", "multipart", "b"]),
            json!(["post", "json_doc", "protobuf", "1"]),
            json!(["remote_addr", "base64"]),
            json!([["get", "a", "b"]]),
            json!(["get", "k".repeat(1025)]),
            Value::Array((0..17).flat_map(|_| [json!("get"), json!("a")]).collect()),
            Value::Array(std::iter::once(json!("uri")).chain((0..32).map(|_| json!("base64"))).collect()),
        ] {
            let fault = parse_point("point", &sent).unwrap_err();
            assert_eq!((&*fault.field, &*fault.error), ("point", "is invalid"), "{sent}");
        }
    }

    #[test]
    fn every_recorded_chain_and_child_is_valid() {
        let mut count = 0;
        for (chain, &set) in &MAP.chains {
            for child in std::iter::once(None).chain(MAP.children[set].iter().copied().map(Some)) {
                let full: Vec<Element> = chain.iter().copied().chain(child).collect();
                for end in 0..full.len() {
                    assert!(may_follow(&full[..end], full[end]), "{full:?} at {end}");
                }
                count += 1;
            }
        }
        assert!(MAP.chains.len() == 2053 && count > 10_000);
    }

    #[test]
    fn chains_that_cannot_exist_have_no_children() {
        let after = suggest_elements(&json!([["post"], ["json_doc"]]));
        assert_eq!(after, ["array", "array_all", "gql", "hash", "hash_all", "hash_name"]);
        assert_eq!(suggest_elements(&json!([])).len(), 12);
        for chain in [json!([["json_doc"]]), json!("x"), json!(null)] {
            assert!(suggest_elements(&chain).is_empty(), "{chain}");
        }
    }

    /// A false positive is switched off at the point of its hit.
    #[test]
    fn points_in_graphql_documents_are_valid_wherever_the_document_stands() {
        let holders = [
            json!([["post"]]),
            json!([["post"], ["json_doc"]]),
            json!([["post"], ["json_doc"], ["hash", "query"]]),
            json!([["post"], ["json_doc"], ["array", 0], ["hash", "query"]]),
            json!([["post"], ["form_urlencoded", "query"]]),
            json!([["get", "query"]]),
        ];
        let inside = [
            json!([["gql_arg"], ["hash", "id"]]),
            json!([["gql_arg"], ["hash", "in"], ["hash", "x"], ["base64"]]),
            json!([["gql_alias"]]),
            json!([["gql_dir", "include"], ["gql_arg"], ["hash", "if"]]),
            json!([["gql_inline"], ["gql_type", "T"], ["hash", "x"]]),
            json!([["hash", "deeper"], ["gql_arg"], ["hash", "id"]]),
        ];
        let join = |parts: [&Value; 3]| {
            parts.into_iter().flat_map(|part| part.as_array().unwrap().clone()).collect()
        };
        let field = json!([["gql"], ["gql_query", "Q"], ["hash", "user"]]);
        for (holder, below) in
            holders.iter().flat_map(|holder| inside.iter().map(move |below| (holder, below)))
        {
            let point = Value::Array(join([holder, &field, below]));
            assert!(parse_point("point", &point).is_ok(), "{point}");
        }
        for holder in &holders {
            let fragment =
                json!([["gql"], ["gql_fragment", "F"], ["gql_type", "T"], ["hash", "x"], ["gql_arg"]]);
            let point = Value::Array(join([holder, &fragment, &json!([["hash", "id"]])]));
            assert!(parse_point("point", &point).is_ok(), "{point}");
            let field = Value::Array(join([holder, &field, &json!([])]));
            assert!(suggest_elements(&field).contains(&"gql_arg"), "{field}");
        }
    }

    #[test]
    fn missing_chains_take_the_children_of_similar_ones() {
        let deep: Vec<Value> = ["post", "json_doc", "hash", "a", "hash", "b", "hash", "c", "array", "base64"]
            .iter()
            .map(|name| json!(name))
            .collect();
        let mut deep = deep;
        deep.insert(9, json!(0));
        assert!(parse_point("point", &Value::Array(deep)).is_ok());
        assert_eq!(point_children(&[]).len(), 12);
        assert!(point_children(&[Element::Post, Element::JsonDoc]).contains(&Element::Gql));
    }
}
