//! The request of a stored hit made harmless: where the payload goes, and what of the rest may be sent again.
//!
//! Nothing is trusted to be harmless because a detector did not object: of everything but the attacked place only plain
//! values are kept, others become `1`. Credentials are not kept at all: of headers only those that say what kind of
//! content is sent and wanted, of parameters none whose name speaks of a secret.

use bartizan_api::{AttackType, node::RawRequest};
use reqwest::{
    Method,
    header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;

/// Largest body that is replayed, bytes.
const MAX_BODY: usize = 128 << 10;
/// Longest value that is kept, characters.
const MAX_KEPT: usize = 128;
/// What other values become.
const NEUTRAL: &str = "1";
/// Parts of names that speak of a secret.
const SECRETS: &[&str] = &[
    "token",
    "secret",
    "passw",
    "pwd",
    "apikey",
    "api_key",
    "api-key",
    "auth",
    "session",
    "sess_id",
    "credential",
    "signature",
    "jwt",
    "cookie",
    "csrf",
    "xsrf",
];
/// Ends of words in names that speak of a secret: within a word they are part of `shipping` and `inside`.
const SECRET_ENDS: &[&str] = &["sid", "otp", "pin", "otpcode", "pincode"];

/// Names by which frameworks take another method than that of the request: a `GET` would change something after all.
/// Whole ones: `payment_method` is what a shop asks for.
const OVERRIDES: &[&str] = &[
    "_method",
    "_http_method",
    "_httpmethod",
    "http-method",
    "http_method",
    "httpmethod",
    "x-http-method",
    "x_http_method",
    "x-method",
];
/// Parts of such names.
const OVERRIDE_PARTS: &[&str] = &["method-override", "method_override", "methodoverride"];

/// Where the payload stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// The nth query parameter of this name.
    Query(String, usize),
    /// The nth form field of this name.
    Form(String, usize),
    /// A place of a JSON body.
    Json(String),
    /// A segment of the path, the last one by its number, too.
    Segment(usize),
    /// The last segment up to its first dot.
    Name,
    /// A header.
    Header(HeaderName),
    /// The whole body.
    Document,
}

/// A body that can be written again.
#[derive(Clone, Debug)]
enum Body {
    None,
    Form(Vec<(String, String)>),
    Json(Value),
    /// XML, of which only the name of its first element is kept.
    Xml(String),
}

/// A request with a place for payloads.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) method: Method,
    place: Place,
    segments: Vec<String>,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Body,
}

/// A request to send, without the origin.
#[derive(Clone, Debug)]
pub(super) struct Filled {
    pub(super) path_and_query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// Methods that change nothing by their definition (RFC 9110, section 9.2.1).
const SAFE: &[&str] = &["GET", "HEAD", "OPTIONS"];

impl Plan {
    /// The plan of a stored request; none when it cannot be replayed harmlessly.
    pub(super) fn new(raw: &RawRequest, kind: AttackType, point: &Value, methods: &[String]) -> Option<Plan> {
        if !SAFE.contains(&raw.method.as_str()) && !methods.contains(&raw.method) {
            return None;
        }
        if raw.body_original_size.is_some() || raw.body.len() > MAX_BODY || !raw.uri.starts_with('/') {
            return None;
        }
        // A declaration is at the head of a document, wherever the entity was found.
        let place = if kind == AttackType::Xxe { Place::Document } else { place(point.as_array()?)? };
        let (path, query) = raw.uri.split_once('?').unwrap_or((&raw.uri, ""));
        let header = |name: &str| raw.headers.get(name).and_then(|values| values.first());
        let mut headers = HeaderMap::new();
        for (kept, name) in [(ACCEPT, "ACCEPT"), (ACCEPT_LANGUAGE, "ACCEPT-LANGUAGE")] {
            let plain =
                header(name).filter(|text| text.len() <= MAX_KEPT && !text.contains(['\'', '"', '<', '{']));
            if let Some(value) = plain.and_then(|text| HeaderValue::from_str(text).ok()) {
                headers.insert(kept, value);
            }
        }
        let kind = header("CONTENT-TYPE").map(|text| text.to_ascii_lowercase()).unwrap_or_default();
        let body = if raw.body.is_empty() {
            Body::None
        } else if kind.starts_with("application/x-www-form-urlencoded") {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            Body::Form(pairs(&raw.body))
        } else if let Some(root) = root_of(&raw.body).filter(|_| place == Place::Document) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
            Body::Xml(root)
        } else if let Ok(value) = serde_json::from_str(&raw.body) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Body::Json(value)
        } else if SAFE.contains(&raw.method.as_str()) {
            Body::None
        } else {
            // What it would do without its body is another question.
            return None;
        };
        let segments = path.split('/').skip(1).map(decoded).collect();
        let method = Method::from_bytes(raw.method.as_bytes()).ok()?;
        let plan = Plan { method, place, segments, query: pairs(query), headers, body };
        plan.is_there().then_some(plan)
    }

    fn is_there(&self) -> bool {
        let has = |pairs: &[(String, String)], name: &str, nth: usize| {
            pairs.iter().filter(|(known, _)| known == name).count() > nth
        };
        match (&self.place, &self.body) {
            (Place::Query(name, nth), _) => has(&self.query, name, *nth),
            (Place::Form(name, nth), Body::Form(fields)) => has(fields, name, *nth),
            (Place::Json(pointer), Body::Json(value)) => {
                value.pointer(pointer).is_some_and(|value| !value.is_object() && !value.is_array())
            }
            (Place::Segment(index), _) => index + 1 < self.segments.len(),
            (Place::Name, _) => !self.segments.is_empty(),
            (Place::Header(_), _) => true,
            (Place::Document, Body::Xml(_)) => true,
            (Place::Form(..) | Place::Json(_) | Place::Document, _) => false,
        }
    }

    /// The first element of the document that is sent.
    pub(super) fn root(&self) -> &str {
        match &self.body {
            Body::Xml(root) => root,
            Body::None | Body::Form(_) | Body::Json(_) => "a",
        }
    }

    /// The request with a payload; none when the place cannot hold it.
    pub(super) fn with(&self, payload: &str) -> Option<Filled> {
        let mut segments: Vec<String> = self.segments.iter().map(|text| kept(text)).collect();
        let mut headers = self.headers.clone();
        match &self.place {
            Place::Segment(index) => payload.clone_into(segments.get_mut(*index)?),
            Place::Name => {
                let last = segments.last_mut()?;
                let extension = last.split_once('.').map(|(_, rest)| format!(".{rest}")).unwrap_or_default();
                *last = format!("{payload}{extension}");
            }
            Place::Header(name) => {
                headers.insert(name.clone(), HeaderValue::from_str(payload).ok()?);
            }
            Place::Query(..) | Place::Form(..) | Place::Json(_) | Place::Document => {}
        }
        let path: String = segments.iter().map(|segment| format!("/{}", encoded(segment))).collect();
        let query = match &self.place {
            Place::Query(name, nth) => written(&self.query, Some((name, *nth, payload))),
            _ => written(&self.query, None),
        };
        let body = match (&self.body, &self.place) {
            (Body::None, _) => String::new(),
            (Body::Xml(_), _) if payload.starts_with("<?xml") => payload.to_owned(),
            (Body::Xml(root), _) => format!("<{root}>{}</{root}>", kept(payload)),
            (Body::Form(fields), Place::Form(name, nth)) => written(fields, Some((name, *nth, payload))),
            (Body::Form(fields), _) => written(fields, None),
            (Body::Json(value), place) => {
                let mut value = value.clone();
                neutralize(&mut value, "");
                if let Place::Json(pointer) = place {
                    *value.pointer_mut(pointer)? = Value::from(payload);
                }
                value.to_string()
            }
        };
        let path_and_query = if query.is_empty() { path } else { format!("{path}?{query}") };
        Some(Filled { path_and_query, headers, body })
    }
}

/// The place that a point names, when a payload can be put there as it is.
fn place(point: &[Value]) -> Option<Place> {
    let texts: Vec<&str> = point.iter().map(|step| step.as_str().unwrap_or_default()).collect();
    let number = |at: usize| point.get(at).and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
    match texts.as_slice() {
        ["get", name] => Some(Place::Query((*name).to_owned(), 0)),
        ["get", name, "array", _] => Some(Place::Query((*name).to_owned(), number(3)?)),
        ["get", name, "hash", key] => Some(Place::Query(format!("{name}[{key}]"), 0)),
        ["post", "form_urlencoded", name] => Some(Place::Form((*name).to_owned(), 0)),
        ["post", "form_urlencoded", name, "array", _] => Some(Place::Form((*name).to_owned(), number(4)?)),
        ["post", "form_urlencoded", name, "hash", key] => Some(Place::Form(format!("{name}[{key}]"), 0)),
        ["post", "json_doc", ..] => {
            let mut pointer = String::new();
            for (step, at) in point.get(2..)?.chunks(2).zip((3..).step_by(2)) {
                match (step.first()?.as_str()?, step.get(1)?) {
                    ("hash" | "json_obj", Value::String(key)) => {
                        pointer.push('/');
                        pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                    }
                    ("array" | "json_array", Value::Number(_)) => {
                        pointer.push('/');
                        pointer.push_str(&number(at)?.to_string());
                    }
                    _ => return None,
                }
            }
            (!pointer.is_empty()).then_some(Place::Json(pointer))
        }
        ["path", _] => Some(Place::Segment(number(1)?)),
        ["action_name"] => Some(Place::Name),
        ["header", name] => {
            // What this client writes itself, or what changes how the message is read.
            const OWN: &[&str] = &[
                "HOST",
                "CONTENT-LENGTH",
                "TRANSFER-ENCODING",
                "CONNECTION",
                "CONTENT-TYPE",
                "EXPECT",
                "USER-AGENT",
                "X-BARTIZAN-VERIFY",
                "UPGRADE",
                "TE",
                "TRAILER",
                "KEEP-ALIVE",
                "PROXY-CONNECTION",
                "CONTENT-ENCODING",
                "ACCEPT-ENCODING",
                // They name another address than the one that is allowed.
                "X-ORIGINAL-URL",
                "X-REWRITE-URL",
            ];
            let upper = name.to_ascii_uppercase();
            let fits = !OWN.contains(&upper.as_str()) && !is_left_out(name);
            HeaderName::from_bytes(name.as_bytes()).ok().filter(|_| fits).map(Place::Header)
        }
        _ => None,
    }
}

/// The first element of a document, when its name is a plain one.
fn root_of(text: &str) -> Option<String> {
    let starts = text.match_indices('<').map(|(at, _)| at + 1);
    let mut names = starts.filter_map(|at| text.get(at..)).filter(|rest| {
        // Neither a declaration nor a comment.
        rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
    });
    let rest = names.next()?;
    let length =
        rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(byte)).count();
    let name = rest.get(..length.min(64))?;
    rest.get(name.len()..)?.starts_with([' ', '>', '/', '\n', '\r', '\t']).then(|| name.to_owned())
}

/// Whether a name speaks of a secret.
fn is_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    SECRETS.iter().any(|part| lower.contains(part))
        || words.any(|word| SECRET_ENDS.iter().any(|end| word.ends_with(end)))
        || ["key", "code", "sig", "hash"].contains(&lower.as_str())
}

/// Whether what has this name is not sent again.
fn is_left_out(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    is_secret(name)
        || OVERRIDES.contains(&lower.as_str())
        || OVERRIDE_PARTS.iter().any(|part| lower.contains(part))
}

/// A value as it may be sent again.
fn kept(value: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_.,:@ ".contains(c);
    let is_plain = value.chars().count() <= MAX_KEPT
        && value.chars().all(plain)
        && !value.contains("..")
        && value != "."
        && !value.contains("--");
    if is_plain { value.to_owned() } else { NEUTRAL.to_owned() }
}

/// Makes the values of a document plain, and those of secrets neutral.
fn neutralize(value: &mut Value, name: &str) {
    match value {
        Value::Object(map) => map.iter_mut().for_each(|(name, value)| neutralize(value, name)),
        Value::Array(items) => items.iter_mut().for_each(|value| neutralize(value, name)),
        Value::String(text) => *text = if is_left_out(name) { NEUTRAL.to_owned() } else { kept(text) },
        Value::Number(_) if is_secret(name) => *value = Value::from(1),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn pairs(text: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// Parameters as they are sent, one of them with the payload.
fn written(pairs: &[(String, String)], payload: Option<(&String, usize, &str)>) -> String {
    let mut seen = 0;
    let mut parts = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        let attacked = payload.filter(|(known, ..)| *known == name).filter(|(_, nth, _)| {
            seen += 1;
            *nth == seen - 1
        });
        let value = match attacked {
            Some((_, _, payload)) => payload.to_owned(),
            None if is_left_out(name) => continue,
            None => kept(value),
        };
        // Names may hold what an attacker wrote, too.
        if attacked.is_some() || name.chars().all(|c| c.is_alphanumeric() || "-_.[]".contains(c)) {
            parts.push(format!("{}={}", encoded(name), encoded(&value)));
        }
    }
    parts.join("&")
}

/// Percent-encoded but for letters, digits and `-_.~`.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
    }
    // A segment of dots alone is a climb, also when it is written so.
    if out == "." || out == ".." { NEUTRAL.to_owned() } else { out }
}

fn decoded(text: &str) -> String {
    // The parser of forms decodes it all but would take a plus for a space.
    let text = text.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    pairs(&text).into_iter().next().map(|(name, _)| name).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn raw(method: &str, uri: &str, body: &str) -> RawRequest {
        let headers = [
            ("AUTHORIZATION", "Bearer abc"),
            ("COOKIE", "sid=1"),
            ("X-API-KEY", "k"),
            ("ACCEPT", "text/html"),
            ("CONTENT-TYPE", "application/json; charset=utf-8"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), vec![value.to_owned()])).into();
        RawRequest {
            method: method.to_owned(),
            uri: uri.to_owned(),
            body: body.to_owned(),
            headers,
            ..RawRequest::default()
        }
    }

    fn filled(raw: &RawRequest, point: &Value, payload: &str) -> Option<Filled> {
        of_kind(AttackType::Xss, raw, point, payload)
    }

    fn of_kind(kind: AttackType, raw: &RawRequest, point: &Value, payload: &str) -> Option<Filled> {
        Plan::new(raw, kind, point, &["POST".to_owned()]).and_then(|plan| plan.with(payload))
    }

    #[test]
    fn of_a_document_only_the_name_of_its_first_element_is_kept() {
        let sent = |body: &str, payload: &str| {
            of_kind(AttackType::Xxe, &raw("POST", "/import", body), &json!(["post", "xml"]), payload)
        };
        let attack = "<?xml version=\"1.0\"?><!-- < --><!DOCTYPE o [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><order a='1'>&x;</order>";
        let neutral = sent(attack, "bz1").unwrap();
        assert_eq!(neutral.body, "<order>bz1</order>");
        assert_eq!(neutral.headers["content-type"], "application/xml");
        assert_eq!(
            sent(attack, "<?xml version=\"1.0\"?><order/>").unwrap().body,
            "<?xml version=\"1.0\"?><order/>"
        );
        assert_eq!(sent("<ns:order xmlns:ns='x'/>", "bz1").map(|sent| sent.body), None);
        assert_eq!(sent("{\"a\": 1}", "bz1").map(|sent| sent.body), None);
        // Other attacks in a document are not replayed: their place is not known to be harmless.
        assert!(
            filled(&raw("POST", "/import", attack), &json!(["post", "xml", "hash", "a"]), "bz1").is_none()
        );
    }

    #[test]
    fn nothing_makes_another_method_or_address_of_a_request() {
        let uri = "/items?q=1'&_method=DELETE&X-HTTP-Method-Override=PUT&method=card";
        let sent = filled(&raw("GET", uri, ""), &json!(["get", "q"]), "2").unwrap();
        assert_eq!(sent.path_and_query, "/items?q=2&method=card");
        let body = "{\"q\":\"1'\",\"_method\":\"DELETE\"}";
        let sent =
            filled(&raw("POST", "/items", body), &json!(["post", "json_doc", "hash", "q"]), "2").unwrap();
        assert_eq!(sent.body, "{\"q\":\"2\",\"_method\":\"1\"}");
        for name in [
            "X-HTTP-Method-Override",
            "X-HTTP-METHOD",
            "X-Method-Override",
            "X-Original-URL",
            "X-Rewrite-Url",
        ] {
            assert!(filled(&raw("GET", "/items", ""), &json!(["header", name]), "2").is_none(), "{name}");
        }
        assert!(filled(&raw("GET", "/items", ""), &json!(["header", "REFERER"]), "2").is_some());
    }

    #[test]
    fn names_that_only_hold_that_of_a_method_stay() {
        let names = ["payment_method", "shipping_method", "delivery-method", "request_method", "inside"];
        let query: String = names.iter().map(|name| format!("&{name}=card")).collect();
        let sent = |raw: &RawRequest, point: Value| filled(raw, &point, "2").unwrap();
        let get = sent(&raw("GET", &format!("/checkout?id=1'{query}&_method=PUT"), ""), json!(["get", "id"]));
        assert_eq!(get.path_and_query, format!("/checkout?id=2{query}"));
        let mut form = raw("POST", "/checkout", &format!("id=1'{query}&_METHOD=PUT&user_pin=1234"));
        form.headers.insert("CONTENT-TYPE".to_owned(), vec!["application/x-www-form-urlencoded".to_owned()]);
        assert_eq!(sent(&form, json!(["post", "form_urlencoded", "id"])).body, format!("id=2{query}"));
        let body = json!({"id": "1'", "payment_method": "card", "_method": "PUT"}).to_string();
        let json = sent(&raw("POST", "/checkout", &body), json!(["post", "json_doc", "hash", "id"]));
        let json: Value = serde_json::from_str(&json.body).unwrap();
        assert_eq!(json, json!({"id": "2", "payment_method": "card", "_method": "1"}));
    }

    #[test]
    fn only_the_attacked_place_holds_a_payload_and_secrets_go() {
        let uri = "/shop/a.php?q=1'+or+1=1&name=Ann+Lee&x=;rm+-rf+/&token=abc&u=..%2F..%2Fetc";
        let sent = filled(&raw("GET", uri, ""), &json!(["get", "q"]), "<b>").unwrap();
        assert_eq!(sent.path_and_query, "/shop/a.php?q=%3Cb%3E&name=Ann%20Lee&x=1&u=1");
        let names: Vec<_> = sent.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["accept"]);
        assert_eq!(sent.body, "");
    }

    #[test]
    fn every_place_is_written() {
        let get = |uri: &str, point: Value| filled(&raw("GET", uri, ""), &point, "p/'");
        let path = |sent: Option<Filled>| sent.unwrap().path_and_query;
        assert_eq!(path(get("/a/b/c.tar.gz", json!(["path", 1]))), "/a/p%2F%27/c.tar.gz");
        assert_eq!(path(get("/a/b/c.tar.gz", json!(["action_name"]))), "/a/b/p%2F%27.tar.gz");
        assert_eq!(path(get("/?a=1&a=2", json!(["get", "a", "array", 1]))), "/?a=1&a=p%2F%27");
        assert_eq!(path(get("/?a[x]=1", json!(["get", "a", "hash", "x"]))), "/?a%5Bx%5D=p%2F%27");
        assert_eq!(path(get("/a/%2e%2e/b?q=1", json!(["get", "q"]))), "/a/1/b?q=p%2F%27");
        let sent = get("/", json!(["header", "X-FORWARDED-FOR"])).unwrap();
        assert_eq!(sent.headers["x-forwarded-for"], "p/'");
        let body = r#"{"q":"1' or 1","list":[{"n":5,"s":"<script>"}],"password":"hunter2"}"#;
        let sent = filled(&raw("POST", "/x", body), &json!(["post", "json_doc", "hash", "q"]), "p").unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&sent.body).unwrap(),
            json!({"q": "p", "list": [{"n": 5, "s": "1"}], "password": "1"})
        );
        let point = json!(["post", "json_doc", "hash", "list", "array", 0, "hash", "s"]);
        let sent = filled(&raw("POST", "/x", body), &point, "p").unwrap();
        assert_eq!(serde_json::from_str::<Value>(&sent.body).unwrap()["list"][0]["s"], "p");
        let mut form = raw("POST", "/x", "a=1&b=%3Cb%3E&pwd=x");
        form.headers.insert("CONTENT-TYPE".to_owned(), vec!["application/x-www-form-urlencoded".to_owned()]);
        let sent = filled(&form, &json!(["post", "form_urlencoded", "a"]), "p'").unwrap();
        assert_eq!(sent.body, "a=p%27&b=1");
    }

    #[test]
    fn what_cannot_be_replayed_harmlessly_is_not() {
        let get = |uri: &str, point: Value| filled(&raw("GET", uri, ""), &point, "p");
        assert!(get("/?a=1", json!(["get", "b"])).is_none(), "a parameter that is not there");
        assert!(get("/?a=1", json!(["get", "a", "base64"])).is_none(), "an encoded value");
        assert!(get("/", json!(["header", "COOKIE", "cookie", "a"])).is_none(), "a cookie");
        assert!(get("/", json!(["header", "AUTHORIZATION"])).is_none(), "a credential");
        assert!(get("/", json!(["header", "HOST"])).is_none(), "the host");
        assert!(filled(&raw("DELETE", "/?a=1", ""), &json!(["get", "a"]), "p").is_none(), "a method");
        assert!(filled(&raw("POST", "/?a=1", "<xml/>"), &json!(["get", "a"]), "p").is_none(), "a body");
        let cut = RawRequest { body_original_size: Some(9000), ..raw("GET", "/?a=1", "") };
        assert!(filled(&cut, &json!(["get", "a"]), "p").is_none(), "a body that was cut");
        for own in ["USER-AGENT", "Te", "x-bartizan-verify"] {
            assert!(
                Plan::new(&raw("GET", "/", ""), AttackType::Xss, &json!(["header", own]), &[]).is_none(),
                "{own}"
            );
        }
        let plan = Plan::new(&raw("GET", "/", ""), AttackType::Xss, &json!(["header", "X-A"]), &[]).unwrap();
        assert!(plan.with("a\r\nb").is_none(), "a line break in a header");
    }
}
