//! Bypass techniques as whole requests: `vectors/requests/*.toml`, parsed and inspected as traffic is.

use std::path::Path;

use bartizan_detect::{Engine, NoPolicy, inspect};
use bartizan_request::{Limits, Message};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// Who described the technique.
    source: String,
    #[serde(default)]
    fires: Vec<String>,
    #[serde(default)]
    quiet: bool,
    method: String,
    target: String,
    #[serde(default)]
    headers: Vec<String>,
    body: Option<String>,
    base64: Option<String>,
}

impl Case {
    fn message(&self) -> Message {
        let header = |line: &String| {
            let (name, value) = line.split_once(':').expect("a header has a colon");
            (name.as_bytes().to_vec(), value.trim().as_bytes().to_vec())
        };
        let body = match (&self.body, &self.base64) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(data)) => STANDARD.decode(data).expect("bodies are base64"),
            (None, None) => Vec::new(),
            (Some(_), Some(_)) => panic!("{} has two bodies", self.name),
        };
        Message {
            method: self.method.clone(),
            target: self.target.clone().into_bytes(),
            headers: self.headers.iter().map(header).collect(),
            body,
        }
    }
}

#[test]
fn no_known_bypass_hides_an_attack() {
    let engine = Engine::new();
    let mut wrong = Vec::new();
    let mut seen = 0;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/requests");
    for entry in std::fs::read_dir(folder).unwrap() {
        let file: File = toml::from_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
        for case in file.case {
            assert!(!case.source.is_empty() && case.quiet == case.fires.is_empty(), "{}", case.name);
            seen += 1;
            let found = case
                .message()
                .with_parts(|parts| inspect(&engine, parts, &Limits::default(), &mut NoPolicy))
                .detections;
            let codes: Vec<&str> = found.iter().map(|d| d.attack_type.code()).collect();
            let holds = if case.quiet {
                codes.is_empty()
            } else {
                case.fires.iter().any(|f| codes.contains(&f.as_str()))
            };
            if !holds {
                wrong.push(format!("{}: {codes:?} rather than {:?}", case.name, case.fires));
            }
        }
    }
    assert!(seen > 100, "only {seen} cases were read");
    assert!(wrong.is_empty(), "{} of {seen}:\n{}", wrong.len(), wrong.join("\n"));
}
