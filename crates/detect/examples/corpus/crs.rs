//! The regression tests of the OWASP Core Rule Set as a corpus.
//!
//! A request that must fire a rule of paranoia level 1 or 2 in an attack group is an attack; a request that only must
//! not fire one is a look-alike, which often is an attack all the same, of another kind. So the ratio of flagged
//! look-alikes is for reading by hand, not a figure of merit.

use std::collections::BTreeMap;
use std::path::Path;

use bartizan_detect::Engine;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::Listing;
use crate::request::{Request, describe};
use crate::tally::Tally;

const GROUPS: &[&str] = &["930", "931", "932", "933", "934", "941", "942", "944"];

#[derive(Deserialize)]
struct File {
    rule_id: u32,
    #[serde(default)]
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    #[serde(default)]
    test_id: u32,
    stages: Vec<Stage>,
}

#[derive(Deserialize)]
struct Stage {
    input: Input,
    #[serde(default)]
    output: Output,
}

#[derive(Deserialize)]
struct Input {
    method: Option<String>,
    uri: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, serde_yaml_ng::Value>,
    data: Option<String>,
    encoded_request: Option<String>,
}

#[derive(Default, Deserialize)]
struct Output {
    #[serde(default)]
    log: Log,
}

#[derive(Default, Deserialize)]
struct Log {
    #[serde(default)]
    expect_ids: Vec<u32>,
    #[serde(default)]
    no_expect_ids: Vec<u32>,
}

#[derive(Deserialize)]
struct Rule {
    paranoia: u8,
}

/// Runs the corpus and prints catch rates per group and paranoia level.
pub(crate) fn run(engine: &Engine, folder: &Path, listing: Listing) {
    let Ok(rules) = std::fs::read_to_string(folder.join("rules.json")) else {
        println!("crs: skipped, there is no corpus in {}", folder.display());
        return;
    };
    let rules: BTreeMap<String, Rule> = serde_json::from_str(&rules).unwrap_or_default();
    let level = |id: &u32| rules.get(&id.to_string()).map_or(u8::MAX, |rule| rule.paranoia);
    let mut attacks: BTreeMap<(u8, &str), Tally> = BTreeMap::new();
    let mut look_alikes = Tally::default();
    for &group in GROUPS {
        for file in files(folder, group) {
            for test in &file.tests {
                for stage in &test.stages {
                    let Some(request) = build(&file, test, &stage.input) else { continue };
                    let found = request.detections(engine);
                    let caught = !found.is_empty();
                    let log = &stage.output.log;
                    if let Some(paranoia) = log.expect_ids.iter().map(level).min() {
                        attacks.entry((paranoia, group)).or_default().add(caught);
                        if listing.misses && !caught && paranoia <= 2 {
                            println!("missed PL{paranoia} {}", summary(&request));
                        }
                    } else if !log.no_expect_ids.is_empty() {
                        look_alikes.add(caught);
                        if listing.flagged
                            && let Some(first) = found.first()
                        {
                            println!("flagged {} by {}", summary(&request), describe(first));
                        }
                    }
                }
            }
        }
    }
    for paranoia in 1..=2 {
        let mut total = Tally::default();
        for ((_, group), tally) in attacks.iter().filter(|((level, _), _)| *level == paranoia) {
            println!("crs PL{paranoia} {group}: {tally} caught");
            total.join(*tally);
        }
        println!("crs PL{paranoia} all: {total} caught");
    }
    println!("crs look-alikes: {look_alikes} flagged");
}

fn files(folder: &Path, group: &str) -> Vec<File> {
    let prefix = format!("REQUEST-{group}-");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .flat_map(|entry| std::fs::read_dir(entry.path()).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
        .iter()
        .filter_map(|path| {
            let text = std::fs::read_to_string(path).ok()?;
            match serde_yaml_ng::from_str(&text) {
                Ok(file) => Some(file),
                Err(error) => {
                    eprintln!("{}: {error}", path.display());
                    None
                }
            }
        })
        .collect()
}

fn build(file: &File, test: &Test, input: &Input) -> Option<Request> {
    let name = format!("{}-{}", file.rule_id, test.test_id);
    if let Some(encoded) = &input.encoded_request {
        let compact: String = encoded.split_whitespace().collect();
        return Request::from_wire(name, &STANDARD.decode(compact).ok()?);
    }
    let text = |value: &serde_yaml_ng::Value| match value {
        serde_yaml_ng::Value::String(text) => text.clone(),
        other => serde_yaml_ng::to_string(other).unwrap_or_default().trim().to_owned(),
    };
    let mut request = Request {
        name,
        method: input.method.clone().unwrap_or_else(|| "GET".to_owned()),
        target: input.uri.clone().unwrap_or_else(|| "/".to_owned()).into_bytes(),
        headers: Vec::new(),
        body: input.data.clone().unwrap_or_default().into_bytes(),
    };
    for (key, value) in &input.headers {
        request = request.header(key, &text(value));
    }
    let typed = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"content-type"));
    // The corpus's own runner declares a form when a test does not say.
    if !request.body.is_empty() && !typed {
        request = request.header("Content-Type", "application/x-www-form-urlencoded");
    }
    Some(request)
}

fn summary(request: &Request) -> String {
    let own = |(name, value): &&(Vec<u8>, Vec<u8>)| {
        let usual: &[&[u8]] = &[
            b"host",
            b"accept",
            b"content-type",
            b"content-length",
            b"connection",
            b"accept-encoding",
            b"accept-language",
            b"accept-charset",
            b"keep-alive",
            b"cache-control",
            b"proxy-connection",
        ];
        !usual.contains(&name.to_ascii_lowercase().as_slice()) && !value.starts_with(b"OWASP")
    };
    let headers: Vec<String> = request
        .headers
        .iter()
        .filter(own)
        .map(|(name, value)| format!("{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value)))
        .collect();
    let body: String = String::from_utf8_lossy(&request.body).chars().take(200).collect();
    format!(
        "{} {} {} {headers:?} {body:?}",
        request.name,
        request.method,
        String::from_utf8_lossy(&request.target)
    )
}
