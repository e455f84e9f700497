//! Attacks: payloads of `bench/detection/attacks`, each in every carrier that suits it.
//!
//! One file per attack type, one payload per line; control characters are written as their pictures (`␍`, `␊`, `␉`,
//! `␀`). A line `#: CARRIER …` says how the following payloads travel:
//!
//! | carrier | the payload is |
//! |---|---|
//! | `values` (default) | a value: in a query, a form, JSON, a cookie, a header, a multipart field, and encoded again |
//! | `arguments` | a value of a query, a form or JSON only |
//! | `target` | the request target |
//! | `body TYPE` | the body, with that content type |
//! | `header NAME` | a header |
//! | `name` | the name of a parameter |
//! | `filename` | the name of an uploaded file |
//!
//! Every third payload is the hold-out; a miss of it is counted and never listed.

use std::collections::BTreeMap;
use std::path::Path;

use bartizan_detect::Engine;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::Listing;
use crate::request::{Request, form, percent};
use crate::tally::Tally;

/// Runs the payloads of a folder.
pub(crate) fn run(engine: &Engine, folder: &Path, listing: Listing) {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    paths.sort();
    let mut results = Results::default();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|e| e == "txt")) {
        let kind = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let mut carrier = Carrier::Values;
        let mut index = 0;
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(directive) = line.strip_prefix("#:") {
                carrier = Carrier::parse(directive.trim());
                continue;
            }
            let payload = unpicture(line);
            let held_out = index % 3 == 2;
            index += 1;
            for (name, request) in carrier.requests(&payload) {
                results.add(engine, &kind, name, &request, held_out, listing);
            }
        }
    }
    results.print("attacks");
}

/// Catch rates of both halves, by type and by carrier.
#[derive(Default)]
pub(crate) struct Results {
    by_type: BTreeMap<(bool, String), Tally>,
    by_carrier: BTreeMap<(bool, &'static str), Tally>,
    /// What libinjection alone catches of the types that it knows.
    reference: BTreeMap<(bool, String), Tally>,
}

impl Results {
    /// Inspects one request.
    pub(crate) fn add(
        &mut self,
        engine: &Engine,
        kind: &str,
        carrier: &'static str,
        request: &Request,
        held_out: bool,
        listing: Listing,
    ) {
        let caught = !request.detections(engine).is_empty();
        self.by_type.entry((held_out, kind.to_owned())).or_default().add(caught);
        self.by_carrier.entry((held_out, carrier)).or_default().add(caught);
        if kind == "sqli" || kind == "xss" {
            let by_reference = request.is_flagged_by_libinjection();
            self.reference.entry((held_out, kind.to_owned())).or_default().add(by_reference);
        }
        if !caught && !held_out && listing.misses {
            let body: String = String::from_utf8_lossy(&request.body).chars().take(300).collect();
            println!(
                "missed {kind} {carrier} {:?} {} {body:?}",
                request.name,
                String::from_utf8_lossy(&request.target)
            );
        }
    }

    /// Prints the rates.
    pub(crate) fn print(&self, label: &str) {
        for (held_out, half) in [(false, "tuning"), (true, "hold-out")] {
            let mut all = Tally::default();
            for ((_, kind), tally) in self.by_type.iter().filter(|((half, _), _)| *half == held_out) {
                println!("{label} {half} {kind}: {tally} caught");
                all.join(*tally);
            }
            for ((_, carrier), tally) in self.by_carrier.iter().filter(|((half, _), _)| *half == held_out) {
                println!("{label} {half} in {carrier}: {tally} caught");
            }
            for ((_, kind), tally) in self.reference.iter().filter(|((half, _), _)| *half == held_out) {
                println!("{label} {half} {kind} by libinjection alone: {tally} caught");
            }
            println!("{label} {half} all: {all} caught");
        }
    }
}

/// How payloads travel.
pub(crate) enum Carrier {
    Values,
    Arguments,
    Target,
    Body(String),
    Header(String),
    Name,
    FileName,
}

impl Carrier {
    pub(crate) fn parse(text: &str) -> Carrier {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match word {
            "values" => Carrier::Values,
            "arguments" => Carrier::Arguments,
            "target" => Carrier::Target,
            "body" => Carrier::Body(rest.to_owned()),
            "header" => Carrier::Header(rest.to_owned()),
            "name" => Carrier::Name,
            "filename" => Carrier::FileName,
            other => panic!("unknown carrier {other}"),
        }
    }

    /// The requests that carry a payload.
    pub(crate) fn requests(&self, payload: &str) -> Vec<(&'static str, Request)> {
        let get = |target: String| Request::get(payload, &target);
        match self {
            Carrier::Values => {
                let mut requests = arguments(payload);
                requests.extend([
                    (
                        "cookie",
                        get("/".to_owned()).header("Cookie", &format!("a=1; pref={}", percent(payload))),
                    ),
                    ("query twice encoded", get(format!("/items?id={}", percent(&percent(payload))))),
                    (
                        "base64 in json",
                        Request::json(payload, "/v1/items", &json!({"data": STANDARD.encode(payload)})),
                    ),
                ]);
                // No header can hold a line break.
                if !payload.contains(['\r', '\n', '\0']) {
                    requests.push(("header", get("/".to_owned()).header("X-Custom", payload)));
                }
                // Shorter ones are not tried as base64 by any server.
                if payload.len() < 8 {
                    requests.retain(|(name, _)| *name != "base64 in json");
                }
                requests
            }
            Carrier::Arguments => arguments(payload),
            Carrier::Target => vec![("target", get(payload.to_owned()))],
            Carrier::Body(kind) => vec![("body", Request::post(payload, "/v1/items", kind, payload))],
            Carrier::Header(name) => vec![("named header", get("/".to_owned()).header(name, payload))],
            Carrier::Name => vec![
                ("query name", get(format!("/items?{}=1", percent(payload)))),
                (
                    "form name",
                    Request::post(
                        payload,
                        "/items",
                        "application/x-www-form-urlencoded",
                        &format!("{}=1", percent(payload)),
                    ),
                ),
                ("json name", Request::json(payload, "/v1/items", &json!({ payload: 1 }))),
            ],
            Carrier::FileName => vec![(
                "file name",
                Request::post(
                    payload,
                    "/upload",
                    "multipart/form-data; boundary=bnd",
                    &format!(
                        "--bnd\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{payload}\"\r\nContent-Type: image/png\r\n\r\nx\r\n--bnd--\r\n"
                    ),
                ),
            )],
        }
    }
}

fn arguments(payload: &str) -> Vec<(&'static str, Request)> {
    vec![
        ("query", Request::get(payload, &format!("/items?id={}&page=2", percent(payload)))),
        (
            "form",
            Request::post(
                payload,
                "/items",
                "application/x-www-form-urlencoded",
                &format!("name=x&value={}", form(payload)),
            ),
        ),
        (
            "json",
            Request::json(
                payload,
                "/v1/items",
                &json!({"id": 7, "filter": {"name": payload, "tags": ["a", "b"]}}),
            ),
        ),
        (
            "multipart",
            Request::post(
                payload,
                "/items",
                "multipart/form-data; boundary=bnd",
                &format!(
                    "--bnd\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\n{payload}\r\n--bnd--\r\n"
                ),
            ),
        ),
    ]
}

fn unpicture(line: &str) -> String {
    line.replace('␍', "\r").replace('␊', "\n").replace('␉', "\t").replace('␀', "\0")
}
