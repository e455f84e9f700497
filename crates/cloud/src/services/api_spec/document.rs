//! Reading a specification: OpenAPI 3.0 and 3.1, Swagger 2, in JSON or YAML.
//!
//! References are checked, never expanded, so recursive schemas cost nothing; depth, size and YAML aliases are
//! bounded by the parsers. Findings name their place as a JSON pointer.

use std::collections::HashSet;

use bartizan_api::api_spec::SpecFinding;
use serde_json::Value;

/// Largest file, bytes.
pub const MAX_BYTES: usize = 20 << 20;
/// Most values of a document.
const MAX_VALUES: usize = 2_000_000;
/// Most brackets of YAML that are open at once. Its parser looks at all of them for every word.
const MAX_OPEN: usize = 500;
/// Findings kept.
const MAX_FINDINGS: usize = 100;
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// A specification that can be used.
#[derive(Debug)]
pub struct Document {
    /// 1: JSON, 2: YAML.
    pub format: i64,
    /// Version of the format.
    pub openapi_version: String,
    /// `info.version`.
    pub spec_version: String,
    /// Operations.
    pub endpoints: usize,
    /// Warnings.
    pub report: Vec<SpecFinding>,
}

impl Document {
    /// MIME type of the format.
    #[must_use]
    pub const fn mime_type(&self) -> &'static str {
        if self.format == 1 { "application/json" } else { "application/yaml" }
    }
}

/// Reads a file.
///
/// # Errors
/// What makes it unusable, at least one finding.
pub fn read(text: &str) -> Result<Document, Vec<SpecFinding>> {
    let fault = |message: String| vec![finding("error", "", message)];
    if text.len() > MAX_BYTES {
        return Err(fault(format!("the file is larger than {MAX_BYTES} bytes")));
    }
    if text.contains('\0') {
        return Err(fault("the file is not text".to_owned()));
    }
    let json = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
    let root: Value = if json {
        serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| fault(format!("not JSON: {error}")))?
    } else if opens_too_many(text) {
        return Err(fault(format!("not YAML: more than {MAX_OPEN} brackets are open at once")));
    } else {
        serde_yaml_ng::from_str(text).map_err(|error| fault(format!("not YAML: {error}")))?
    };
    let mut reader = Reader { root: &root, findings: vec![], dropped: 0 };
    let openapi_version = reader.version();
    let spec_version = reader.info();
    let endpoints = reader.paths(openapi_version.starts_with("3.1"));
    reader.references();
    let mut findings = reader.findings;
    if reader.dropped > 0 {
        findings.push(finding("warning", "", format!("{} more findings are not listed", reader.dropped)));
    }
    if findings.iter().any(|finding| finding.level == "error") {
        return Err(findings);
    }
    Ok(Document {
        format: if json { 1 } else { 2 },
        openapi_version,
        spec_version,
        endpoints,
        report: findings,
    })
}

/// Whether more brackets are open at once than any document needs. Brackets in texts count too, but are mostly closed.
fn opens_too_many(text: &str) -> bool {
    let mut open: Vec<u8> = Vec::new();
    // How many of `open` are square brackets: a bracket that closes none must not cost a look at all.
    let mut square = 0;
    for byte in text.bytes() {
        let closed = match byte {
            b'[' | b'{' => {
                open.push(byte);
                square += usize::from(byte == b'[');
                if open.len() > MAX_OPEN {
                    return true;
                }
                continue;
            }
            b']' if square > 0 => b'[',
            b'}' if open.len() > square => b'{',
            _ => continue,
        };
        // What was opened since is closed with it.
        while let Some(bracket) = open.pop() {
            square -= usize::from(bracket == b'[');
            if bracket == closed {
                break;
            }
        }
    }
    false
}

fn finding(level: &str, pointer: &str, message: String) -> SpecFinding {
    SpecFinding { level: level.to_owned(), pointer: pointer.to_owned(), message }
}

/// A member name as a part of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

struct Reader<'a> {
    root: &'a Value,
    findings: Vec<SpecFinding>,
    dropped: usize,
}

impl<'a> Reader<'a> {
    fn note(&mut self, level: &str, pointer: &str, message: impl Into<String>) {
        // Errors are kept as long as there is any place: they decide.
        let errors = self.findings.iter().any(|finding| finding.level == "error");
        if self.findings.len() < MAX_FINDINGS || (level == "error" && !errors) {
            self.findings.push(finding(level, pointer, message.into()));
        } else {
            self.dropped += 1;
        }
    }

    fn version(&mut self) -> String {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            // `swagger: 2.0` without quotes.
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        if !self.root.is_object() {
            self.note("error", "", "the document is not an object");
            return String::new();
        }
        let openapi = self.root.get("openapi").and_then(text);
        let swagger = self.root.get("swagger").and_then(text);
        match (openapi, swagger) {
            (Some(version), _) if version.starts_with("3.0") || version.starts_with("3.1") => version,
            (Some(version), _) => {
                self.note(
                    "error",
                    "/openapi",
                    format!("version {version} is not supported; 3.0 and 3.1 are"),
                );
                version
            }
            (None, Some(version)) if version == "2.0" => version,
            (None, Some(version)) => {
                self.note("error", "/swagger", format!("version {version} is not supported; 2.0 is"));
                version
            }
            (None, None) => {
                self.note("error", "", "neither openapi nor swagger names a version");
                String::new()
            }
        }
    }

    fn info(&mut self) -> String {
        let Some(info) = self.root.get("info").filter(|info| info.is_object()) else {
            self.note("error", "/info", "is missing");
            return String::new();
        };
        if info.get("title").and_then(Value::as_str).is_none() {
            self.note("error", "/info/title", "is missing");
        }
        match info.get("version") {
            Some(Value::String(version)) => version.chars().take(255).collect(),
            Some(Value::Number(version)) => version.to_string(),
            _ => {
                self.note("error", "/info/version", "is missing");
                String::new()
            }
        }
    }

    /// Counts operations.
    fn paths(&mut self, may_be_missing: bool) -> usize {
        let root = self.root;
        let Some(paths) = root.get("paths") else {
            if !may_be_missing {
                self.note("error", "/paths", "is missing");
            }
            return 0;
        };
        let Some(paths) = paths.as_object() else {
            self.note("error", "/paths", "is not an object");
            return 0;
        };
        let (mut endpoints, mut ids) = (0, HashSet::new());
        for (path, item) in paths.iter().filter(|(path, _)| !path.starts_with("x-")) {
            let place = format!("/paths/{}", escaped(path));
            if !path.starts_with('/') {
                self.note("error", &place, "a path must begin with /");
            }
            let item = match item.get("$ref").and_then(Value::as_str) {
                Some(reference) => local(root, reference).unwrap_or(item),
                None => item,
            };
            let Some(item) = item.as_object() else {
                self.note("error", &place, "is not an object");
                continue;
            };
            for method in METHODS {
                let Some(operation) = item.get(method) else { continue };
                endpoints += 1;
                self.operation(&format!("{place}/{method}"), path, item, operation, &mut ids);
            }
        }
        endpoints
    }

    fn operation(
        &mut self,
        place: &str,
        path: &str,
        item: &serde_json::Map<String, Value>,
        operation: &'a Value,
        ids: &mut HashSet<&'a str>,
    ) {
        if !operation.is_object() {
            self.note("error", place, "is not an object");
            return;
        }
        if let Some(id) = operation.get("operationId").and_then(Value::as_str)
            && !ids.insert(id)
        {
            self.note("warning", place, format!("operationId {id} is used twice"));
        }
        if operation.get("responses").is_none() {
            self.note("warning", place, "has no responses");
        }
        let root = self.root;
        let listed = [item.get("parameters"), operation.get("parameters")];
        let declared: HashSet<&str> = listed
            .into_iter()
            .flatten()
            .filter_map(Value::as_array)
            .flatten()
            .map(|parameter| {
                let reference = parameter.get("$ref").and_then(Value::as_str);
                reference.and_then(|reference| local(root, reference)).unwrap_or(parameter)
            })
            .filter(|parameter| parameter.get("in").and_then(Value::as_str) == Some("path"))
            .filter_map(|parameter| parameter.get("name")?.as_str())
            .collect();
        for name in path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
            if !declared.contains(name) {
                self.note("warning", place, format!("the path parameter {name} is not declared"));
            }
        }
    }

    /// Every reference must lead somewhere. Goes through the document once, without recursion.
    fn references(&mut self) {
        let root = self.root;
        let mut stack = vec![(root, String::new())];
        let mut values = 0_usize;
        let mut known: HashSet<&str> = HashSet::new();
        while let Some((value, place)) = stack.pop() {
            values += 1;
            if values > MAX_VALUES {
                self.note("error", "", format!("the document has more than {MAX_VALUES} values"));
                return;
            }
            match value {
                Value::Object(members) => {
                    if let Some(reference) = members.get("$ref").and_then(Value::as_str)
                        && known.insert(reference)
                    {
                        self.reference(reference, &place);
                    }
                    let inner = members.iter().filter(|(_, value)| value.is_object() || value.is_array());
                    stack.extend(inner.map(|(name, value)| (value, format!("{place}/{}", escaped(name)))));
                }
                Value::Array(items) => {
                    let inner =
                        items.iter().enumerate().filter(|(_, value)| value.is_object() || value.is_array());
                    stack.extend(inner.map(|(index, value)| (value, format!("{place}/{index}"))));
                }
                _ => {}
            }
        }
    }

    fn reference(&mut self, reference: &'a str, place: &str) {
        if !reference.starts_with('#') {
            self.note("warning", place, format!("{reference} is not followed: it is in another file"));
            return;
        }
        // A reference to a reference, and so on: it must end at something.
        let (mut at, mut passed) = (reference, HashSet::new());
        loop {
            if !passed.insert(at) {
                self.note("error", place, format!("{reference} leads back to itself"));
                return;
            }
            match local(self.root, at) {
                None => {
                    self.note("error", place, format!("{at} leads nowhere"));
                    return;
                }
                Some(target) => match target.get("$ref").and_then(Value::as_str) {
                    Some(next) if next.starts_with('#') => at = next,
                    _ => return,
                },
            }
        }
    }
}

/// What a reference within the document leads to.
fn local<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = reference.strip_prefix('#')?;
    let decoded = percent(pointer);
    root.pointer(&decoded)
}

/// Pointers in references are percent-encoded.
fn percent(text: &str) -> String {
    let Some(_) = text.find('%') else { return text.to_owned() };
    url::form_urlencoded::parse(format!("p={}", text.replace('+', "%2B")).as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_without_end_are_refused_before_they_cost() {
        for deep in ["[".repeat(300_000), "{a: [".repeat(100_000)] {
            let text = format!("openapi: 3.0.0\nx: {deep}");
            assert_eq!(errors(&text), [": not YAML: more than 500 brackets are open at once"]);
        }
        // In patterns and prose they are closed, or few.
        let pattern = "  - \"^[^{}]+[0, 1)$\"\n".repeat(400);
        assert!(!opens_too_many(&format!("openapi: 3.0.0\nx:\n{pattern}")));
        assert!(!opens_too_many(&"]}".repeat(10_000)));
    }

    fn errors(text: &str) -> Vec<String> {
        let found = read(text).unwrap_err();
        found.into_iter().map(|finding| format!("{}: {}", finding.pointer, finding.message)).collect()
    }

    #[test]
    fn the_three_formats_are_read() {
        let openapi = "openapi: 3.0.3\ninfo: {title: Shop, version: '1.2'}\npaths:\n  /orders/{id}:\n    parameters:\n      - {name: id, in: path}\n    get: {responses: {}}\n    delete: {responses: {}}\n";
        let read_yaml = read(openapi).unwrap();
        assert_eq!((read_yaml.format, read_yaml.endpoints), (2, 2));
        assert_eq!((read_yaml.openapi_version.as_str(), read_yaml.spec_version.as_str()), ("3.0.3", "1.2"));
        assert_eq!(read_yaml.report, []);
        let swagger = r#"{"swagger": "2.0", "info": {"title": "x", "version": "1"}, "paths": {"/a": {"get": {"responses": {}}}}}"#;
        assert_eq!(read(swagger).unwrap().format, 1);
        let bare = "openapi: 3.1.0\ninfo: {title: x, version: 1.0}\n";
        assert_eq!(read(bare).unwrap().endpoints, 0);
    }

    #[test]
    fn faults_are_named_with_their_place() {
        assert!(errors("{").first().unwrap().contains("not JSON"));
        assert!(errors("a: [").first().unwrap().contains("not YAML"));
        assert_eq!(
            errors("[]"),
            [": the document is not an object", "/info: is missing", "/paths: is missing"]
        );
        let old = "swagger: '1.2'\ninfo: {title: x, version: '1'}\npaths: {}";
        assert_eq!(errors(old), ["/swagger: version 1.2 is not supported; 2.0 is"]);
        let dangling = "openapi: 3.0.0\ninfo: {title: x, version: '1'}\npaths:\n  /a:\n    get: {responses: {'200': {$ref: '#/components/responses/No'}}}\n";
        assert_eq!(
            errors(dangling),
            ["/paths/~1a/get/responses/200: #/components/responses/No leads nowhere"]
        );
    }

    #[test]
    fn recursion_is_fine_and_circles_of_references_are_not() {
        let recursive = "openapi: 3.0.0\ninfo: {title: x, version: '1'}\npaths: {}\ncomponents:\n  schemas:\n    Tree:\n      properties:\n        child: {$ref: '#/components/schemas/Tree'}\n";
        assert!(read(recursive).is_ok());
        let circle = "openapi: 3.0.0\ninfo: {title: x, version: '1'}\npaths: {}\ncomponents:\n  schemas:\n    A: {$ref: '#/components/schemas/B'}\n    B: {$ref: '#/components/schemas/A'}\n";
        assert!(errors(circle).iter().all(|text| text.contains("leads back to itself")));
        let elsewhere = "openapi: 3.0.0\ninfo: {title: x, version: '1'}\npaths: {}\ncomponents:\n  schemas:\n    A: {$ref: 'other.yaml#/B'}\n";
        assert!(read(elsewhere).unwrap().report.first().unwrap().message.contains("not followed"));
    }

    #[test]
    fn bombs_do_not_go_off() {
        let deep = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        assert!(errors(&deep).first().unwrap().contains("recursion limit"));
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}", level - 1);
            laughs += &format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(", "));
        }
        assert!(errors(&laughs).first().unwrap().contains("repetition limit"), "{:?}", errors(&laughs));
    }

    #[test]
    fn warnings_do_not_refuse() {
        let text = "openapi: 3.0.0\ninfo: {title: x, version: '1'}\npaths:\n  /a/{id}:\n    get: {operationId: one}\n    put: {operationId: one, responses: {}}\n";
        let messages: Vec<String> =
            read(text).unwrap().report.into_iter().map(|finding| finding.message).collect();
        assert_eq!(
            messages,
            [
                "has no responses",
                "the path parameter id is not declared",
                "operationId one is used twice",
                "the path parameter id is not declared",
            ]
        );
    }
}
