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

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/requests");
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("entries can be read").path()).collect();
    files.sort();
    let parse = |path| {
        let text = std::fs::read_to_string(path).expect("files can be read");
        toml::from_str::<File>(&text).expect("files are as described above").case
    };
    files.into_iter().flat_map(parse).collect()
}

#[test]
fn no_known_bypass_hides_an_attack() {
    let engine = Engine::new();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for case in cases() {
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
    assert!(seen > 100, "only {seen} cases were read");
    assert!(wrong.is_empty(), "{} of {seen}:\n{}", wrong.len(), wrong.join("\n"));
}

/// `docs/bypass-techniques.md` is this table; `UPDATE_BYPASS=1` writes it anew.
#[test]
fn the_documentation_lists_every_technique() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/bypass-techniques.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (head, _) = text.split_once("<!-- techniques -->").expect("the page has a mark before the table");
    let row = |case: Case| {
        let result = if case.quiet { "harmless, not reported".to_owned() } else { case.fires.join(" or ") };
        format!("| {} | {} | {result} |\n", case.name.replace('|', "\\|"), case.source)
    };
    let rows: String = cases().into_iter().map(row).collect();
    let wanted =
        format!("{head}<!-- techniques -->\n\n| technique | source | reported as |\n|---|---|---|\n{rows}");
    if std::env::var_os("UPDATE_BYPASS").is_some() {
        std::fs::write(&page, wanted).unwrap();
    } else {
        assert!(text == wanted, "docs/bypass-techniques.md is not as the vectors; run with UPDATE_BYPASS=1");
    }
}
