//! Parameters of a request that an answer is compared with where no attack was found: those of the query, of a form, and
//! the members of a JSON object. They are read as they are reported: what a rule masks names nothing.

use bartizan_api::node::RawRequest;

/// Most parameters of a request.
const PARAMETERS_MAX: usize = 128;

/// A parameter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    part: &'static str,
    pub(super) name: String,
    pub(super) value: String,
}

impl Parameter {
    /// The rendered point, as hits have it.
    pub(super) fn place(&self) -> String {
        format!("{}_{}_value", self.part, self.name)
    }
}

/// The parameters of a request.
pub(super) fn of(raw: &RawRequest) -> Vec<Parameter> {
    let query = raw.uri.split_once('?').map_or("", |(_, query)| query);
    let mut found = fields("GET", query);
    let kind = raw
        .headers
        .get("CONTENT-TYPE")
        .and_then(|values| values.first())
        .map(|kind| kind.to_ascii_lowercase());
    match kind.as_deref().map(|kind| kind.split(';').next().unwrap_or_default().trim()) {
        Some("application/x-www-form-urlencoded") => found.extend(fields("POST_FORM_URLENCODED", &raw.body)),
        Some(kind) if kind.ends_with("json") => found.extend(members(&raw.body)),
        _ => {}
    }
    found.truncate(PARAMETERS_MAX);
    found
}

/// The fields of a query or a form.
fn fields(part: &'static str, text: &str) -> Vec<Parameter> {
    let pairs = text.split('&').take(PARAMETERS_MAX).filter_map(|field| field.split_once('='));
    pairs.map(|(name, value)| Parameter { part, name: unescaped(name), value: unescaped(value) }).collect()
}

/// The texts of an object.
fn members(body: &str) -> Vec<Parameter> {
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(body).unwrap_or_default();
    let texts = members.into_iter().filter_map(|(name, value)| match value {
        serde_json::Value::String(value) => Some(Parameter { part: "POST_JSON_DOC_HASH", name, value }),
        _ => None,
    });
    texts.take(PARAMETERS_MAX).collect()
}

/// A name or value as it was meant.
fn unescaped(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(kind: &str, uri: &str, body: &str) -> Vec<(String, String)> {
        let mut raw = RawRequest { uri: uri.to_owned(), body: body.to_owned(), ..RawRequest::default() };
        raw.headers.insert("CONTENT-TYPE".to_owned(), vec![kind.to_owned()]);
        of(&raw).into_iter().map(|one| (one.place(), one.value)).collect()
    }

    #[test]
    fn queries_forms_and_objects_have_parameters() {
        let pair = |place: &str, value: &str| (place.to_owned(), value.to_owned());
        let query = pair("GET_a_value", "1 2");
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let next = pair("POST_FORM_URLENCODED_next_value", "https://a.test/");
        assert_eq!(places(form, "/x?a=1+2&b", "next=https%3A%2F%2Fa.test%2F"), [query.clone(), next]);
        let next = pair("POST_JSON_DOC_HASH_next_value", "https://a.test/");
        let body = r#"{"n":1,"next":"https://a.test/","o":{"p":"q"}}"#;
        assert_eq!(places("application/vnd.api+JSON", "/", body), [next]);
        assert_eq!(places("application/json", "/?a=1+2", "{cut"), std::slice::from_ref(&query));
        assert_eq!(places("text/plain", "/?a=1+2", "next=1"), [query]);
        assert_eq!(places(form, "/", &"a=1&".repeat(1000)).len(), PARAMETERS_MAX);
    }
}
