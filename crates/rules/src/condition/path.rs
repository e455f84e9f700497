//! Between paths that people write and conditions (`spec/rules.md` sections 2.5 and 2.6).

use serde::Serialize;
use serde_json::Value;

use super::{Condition, ConditionKind, ConditionPoint, Scope};
use crate::error::{FieldError, text};

/// What a path without any path condition renders as.
const ANY_PATH: &str = "/**/*.*";

/// Lossy rendering of a scope for lists: each part null when the scope does not name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// Path with `*` and `**` for what is not constrained.
    #[serde(rename = "endpoint_path")]
    pub path: String,
    /// Value of the `HOST` condition.
    #[serde(rename = "endpoint_domain")]
    pub domain: Option<String>,
    /// Application id.
    #[serde(rename = "endpoint_instance")]
    pub instance: Option<String>,
    /// Method.
    pub method: Option<String>,
}

impl Endpoint {
    pub(super) fn of(conditions: &[Condition]) -> Endpoint {
        let value_at = |point: &ConditionPoint| {
            let found = conditions.iter().find(|condition| condition.point() == point);
            found.and_then(Condition::value).map(str::to_owned)
        };
        Endpoint {
            path: render_path(conditions),
            domain: value_at(&ConditionPoint::Host),
            instance: value_at(&ConditionPoint::Instance),
            method: value_at(&ConditionPoint::Method),
        }
    }
}

/// What the path conditions of a scope say, gathered.
#[derive(Default)]
struct PathView<'a> {
    segments: Vec<Option<&'a str>>,
    limiter: Option<usize>,
    name: Option<&'a str>,
    ext: Option<Option<&'a str>>,
}

impl<'a> PathView<'a> {
    fn of(conditions: &'a [Condition]) -> PathView<'a> {
        let mut view = PathView::default();
        for condition in conditions {
            match (condition.point(), condition.value()) {
                (&ConditionPoint::Path(index), value) => {
                    let index = usize::try_from(index).unwrap_or(usize::MAX);
                    match value {
                        None => view.limiter = Some(view.limiter.map_or(index, |old| old.min(index))),
                        Some(_) => {
                            if view.segments.len() <= index {
                                view.segments.resize(index + 1, None);
                            }
                            if let Some(slot) = view.segments.get_mut(index) {
                                *slot = value;
                            }
                        }
                    }
                }
                (ConditionPoint::ActionName, value) => view.name = value,
                (ConditionPoint::ActionExt, value) => view.ext = Some(value),
                _ => {}
            }
        }
        view
    }

    fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.limiter.is_none() && self.name.is_none() && self.ext.is_none()
    }
}

fn render_path(conditions: &[Condition]) -> String {
    let uri = conditions.iter().find(|condition| condition.point() == &ConditionPoint::Uri);
    if let Some(value) = uri.and_then(Condition::value) {
        return value.to_owned();
    }
    let view = PathView::of(conditions);
    if view.is_empty() {
        return ANY_PATH.to_owned();
    }
    let mut path = String::new();
    let depth = view.limiter.unwrap_or(view.segments.len());
    for index in 0..depth {
        path.push('/');
        path.push_str(view.segments.get(index).copied().flatten().unwrap_or("*"));
    }
    if view.limiter.is_none() {
        path.push_str("/**");
    }
    path.push('/');
    path.push_str(view.name.unwrap_or("*"));
    match view.ext {
        Some(Some(ext)) => {
            path.push('.');
            path.push_str(ext);
        }
        Some(None) => {}
        None => path.push_str(".*"),
    }
    path
}

/// The conditions of a concrete path, every character literal.
pub(super) fn literal_path_conditions(path: &str) -> Vec<Condition> {
    let path = path.split('?').next().unwrap_or_default();
    let path = path.strip_prefix('/').unwrap_or(path);
    let (directories, last) = path.rsplit_once('/').map_or((None, path), |(dirs, last)| (Some(dirs), last));
    let (name, ext) = last.split_once('.').map_or((last, None), |(name, ext)| (name, Some(ext)));
    let mut conditions = vec![
        Condition::new(ConditionKind::Equal, ConditionPoint::ActionName, Some(name)),
        equal_or_absent(ConditionPoint::ActionExt, ext),
    ];
    let mut index = 0;
    for segment in directories.into_iter().flat_map(|dirs| dirs.split('/')) {
        conditions.push(equal_or_absent(ConditionPoint::Path(index), Some(segment)));
        index += 1;
    }
    conditions.push(equal_or_absent(ConditionPoint::Path(index), None));
    conditions
}

fn equal_or_absent(point: ConditionPoint, value: Option<&str>) -> Condition {
    let kind = if value.is_some() { ConditionKind::Equal } else { ConditionKind::Absent };
    Condition::new(kind, point, value)
}

/// The scope that a URL pattern of the URI constructor stands for: `/api/*/users`, `host/**/*.php?q=1`,
/// `/user/{{[0-9]}}`.
///
/// # Errors
/// A fault of the field `url` when the pattern cannot be expressed: a named segment after `**`, an unclosed
/// brace, or a pattern part that does not compile.
pub fn uri_conditions(uri: &str) -> Result<Scope, FieldError> {
    let refuse = |detail: &str| {
        FieldError::new("url", text::INVALID, Value::String(uri.to_owned())).with_detail(detail)
    };
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let mut conditions = Vec::new();
    let (host, rest) = split_outside_braces(rest, '/');
    if !host.is_empty() {
        conditions.push(component(&ConditionPoint::Host, host)?);
    }
    let (path, query) = split_outside_braces(rest.unwrap_or_default(), '?');
    if rest.is_some() {
        path_pattern(path, &mut conditions).map_err(|detail| refuse(&detail))?;
    }
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if value != "*" {
            conditions.push(component(&ConditionPoint::Get(key.into()), value)?);
        }
    }
    Ok(Scope::new(conditions))
}

fn path_pattern(path: &str, conditions: &mut Vec<Condition>) -> Result<(), String> {
    let mut segments = Vec::new();
    let mut rest = Some(path);
    while let Some(tail) = rest {
        let (segment, after) = split_outside_braces(tail, '/');
        segments.push(segment);
        rest = after;
    }
    let last = segments.pop().unwrap_or_default();
    let to_detail = |fault: FieldError| fault.detail.unwrap_or(fault.error).into_string();
    if last != "*.*" {
        let (name, ext) = split_outside_braces(last, '.');
        if name != "*" {
            conditions.push(component(&ConditionPoint::ActionName, name).map_err(to_detail)?);
        }
        match ext {
            None => conditions.push(equal_or_absent(ConditionPoint::ActionExt, None)),
            Some("*") => {}
            Some(ext) => conditions.push(component(&ConditionPoint::ActionExt, ext).map_err(to_detail)?),
        }
    }
    let mut bounded = true;
    let mut index = 0;
    for segment in segments {
        match segment {
            "**" => bounded = false,
            "*" => {}
            _ if !bounded => return Err("a named segment cannot follow **".into()),
            _ => {
                conditions.push(component(&ConditionPoint::Path(index), segment).map_err(to_detail)?);
            }
        }
        index += 1;
    }
    if bounded {
        conditions.push(equal_or_absent(ConditionPoint::Path(index), None));
    }
    Ok(())
}

/// `{{pattern}}` is a pattern, anything else is literal.
fn component(point: &ConditionPoint, part: &str) -> Result<Condition, FieldError> {
    let inner = part.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    let (kind, value) = match inner {
        Some(pattern) => ("regex", pattern),
        None => ("equal", part),
    };
    let wire = serde_json::json!({ "type": kind, "point": point.to_json(), "value": value });
    Condition::parse(&wire).map_err(|fault| FieldError { field: "url".into(), ..fault })
}

/// Splits at the first `separator` that is not inside `{{…}}`.
fn split_outside_braces(text: &str, separator: char) -> (&str, Option<&str>) {
    let mut skip_until = 0;
    for (at, found) in text.char_indices() {
        if at < skip_until {
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        if rest.starts_with("{{") {
            skip_until = rest.find("}}").map_or(text.len(), |end| at + end + 2);
        } else if found == separator {
            let after = text.get(at + found.len_utf8()..);
            return (text.get(..at).unwrap_or_default(), after);
        }
    }
    (text, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn uri(pattern: &str, expected: &str) {
        let scope = uri_conditions(pattern).unwrap();
        let mut shown: Vec<String> = scope
            .conditions()
            .iter()
            .map(|condition| {
                let point = condition.point().to_json();
                let name: Vec<String> = point
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
                    .collect();
                match (condition.kind(), condition.value()) {
                    (ConditionKind::Absent, _) => format!("!{}", name.join(":")),
                    (ConditionKind::Regex, Some(value)) => format!("{}~{value}", name.join(":")),
                    (_, value) => format!("{}={}", name.join(":"), value.unwrap()),
                }
            })
            .collect();
        shown.sort();
        assert_eq!(shown.join(" "), expected, "{pattern}");
    }

    #[test]
    fn uri_table_of_the_contract() {
        uri("/", "!action_ext !path:0 action_name=");
        uri("/orders", "!action_ext !path:0 action_name=orders");
        uri("/api/v1/users", "!action_ext !path:2 action_name=users path:0=api path:1=v1");
        uri("/api/user.php?q=1", "!path:1 action_ext=php action_name=user get:q=1 path:0=api");
        uri("/api/*/users", "!action_ext !path:2 action_name=users path:0=api");
        uri("/api/**/users", "!action_ext action_name=users path:0=api");
        uri("/api/*", "!action_ext !path:1 path:0=api");
        uri("/api/**/*.*", "path:0=api");
        uri("/**/*.*", "");
        uri("", "");
        uri("/user/{{[0-9]}}", "!action_ext !path:1 action_name~[0-9] path:0=user");
        uri("/u/{{a/b.c?}}.php", "!path:1 action_ext=php action_name~a/b.c? path:0=u");
        uri("host:3000/a", "!action_ext !path:0 action_name=a header:HOST=host:3000");
        uri("https://Host/", "!action_ext !path:0 action_name= header:HOST=host");
    }

    #[test]
    fn inexpressible_patterns_are_refused() {
        assert!(uri_conditions("/a/**/b/c").is_err());
        assert!(uri_conditions("/a/{{(}}").is_err());
    }

    #[test]
    fn examples_render_as_recorded() {
        let examples: Vec<Value> =
            serde_json::from_str(include_str!("../../tests/data/actions_examples.json")).unwrap();
        assert_eq!(examples.len(), 82);
        for example in examples {
            let scope = Scope::parse(example.get("conditions")).unwrap();
            let endpoint = scope.endpoint();
            let text = |key: &str| example.get(key).and_then(Value::as_str).map(str::to_owned);
            assert_eq!(Some(endpoint.path), text("path"), "{example}");
            assert_eq!(endpoint.domain, text("domain"), "{example}");
            assert_eq!(endpoint.instance, text("instance"), "{example}");
        }
    }

    #[test]
    fn concrete_paths_survive_the_round_trip() {
        for path in ["/", "/a", "/a/", "/a/b/c.tar.gz", "//x", "/a.b/c"] {
            assert_eq!(render_path(&literal_path_conditions(path)), path);
        }
    }
}
