//! Rack-style query strings (`filter[clientid][]=5&filter[!type]=x`) as the JSON that a body would hold.

use serde_json::{Map, Value};

/// Deepest nesting of brackets.
const MAX_DEPTH: usize = 8;

/// The query string as a JSON object. Leaves are strings; `[]` makes arrays; a repeated scalar: last wins.
/// Parts that do not decode or nest too deep are left out.
#[must_use]
pub fn query_to_json(query: &str) -> Value {
    let mut root = Value::Object(Map::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (Some(name), Some(value)) = (decode(name), decode(value)) else { continue };
        let path = segments(&name);
        // A part without a name would turn the whole query into an array.
        if path.len() <= MAX_DEPTH && path.first().is_some_and(|name| !name.is_empty()) {
            insert(&mut root, &path, value);
        }
    }
    root
}

/// The first part of a query string that is no text once it is decoded; [`query_to_json`] leaves such parts out.
#[must_use]
pub fn undecodable(query: &str) -> Option<&str> {
    let parts = |pair: &&str| pair.split('=').map(decode).any(|part| part.is_none());
    query.split('&').find(parts)
}

/// `a[b][]` as `["a", "b", ""]`.
fn segments(name: &str) -> Vec<&str> {
    let Some(open) = name.find('[').filter(|_| name.ends_with(']')) else { return vec![name] };
    let (head, tail) = name.split_at(open);
    let inner = tail.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or_default();
    std::iter::once(head).chain(inner.split("][")).collect()
}

fn insert(node: &mut Value, path: &[&str], value: String) {
    match path {
        [] => *node = Value::String(value),
        ["", rest @ ..] => {
            if !node.is_array() {
                *node = Value::Array(vec![]);
            }
            if let Value::Array(items) = node {
                let mut item = Value::Null;
                insert(&mut item, rest, value);
                items.push(item);
            }
        }
        [key, rest @ ..] => {
            if !node.is_object() {
                *node = Value::Object(Map::new());
            }
            if let Value::Object(map) = node {
                insert(map.entry((*key).to_owned()).or_insert(Value::Null), rest, value);
            }
        }
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}
