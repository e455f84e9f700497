//! Requests and payloads from elsewhere, one JSON object per line, never part of this repository.
//!
//! `{"kind": "attack" | "benign", "type": …, "value": …}` is a payload that travels in the carriers of arguments;
//! `{"kind": …, "type": …, "method", "target", "headers": [[name, value]], "body"}` is a whole request, and so is
//! `{"kind": …, "type": …, "wire": …}`, a recorded one with a character for each byte.
//!
//! Half of the lines, by their hash, is for tuning and may be listed. The other half is the hold-out: it is counted,
//! and there is no way to have it printed.

use std::collections::BTreeMap;
use std::path::Path;

use bartizan_detect::Engine;
use serde::Deserialize;

use crate::Listing;
use crate::attacks::{Carrier, Results};
use crate::request::{Request, describe};
use crate::tally::Tally;

#[derive(Deserialize)]
struct Line {
    kind: Kind,
    #[serde(default)]
    r#type: String,
    value: Option<String>,
    #[serde(default)]
    carrier: Option<String>,
    method: Option<String>,
    #[serde(default)]
    target: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    wire: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Attack,
    Benign,
}

/// Runs one file.
pub(crate) fn run(engine: &Engine, file: &Path, listing: Listing) {
    let Ok(text) = std::fs::read_to_string(file) else {
        println!("{}: skipped, it cannot be read", file.display());
        return;
    };
    let label = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut attacks = Results::default();
    let mut benign: BTreeMap<(bool, String), Tally> = BTreeMap::new();
    let mut seen = (false, false);
    for raw in text.lines() {
        let line: Line = match serde_json::from_str(raw) {
            Ok(line) => line,
            Err(error) => {
                eprintln!("{label}: {error}");
                continue;
            }
        };
        let held_out = hash(raw) % 2 == 1;
        for (carrier, request) in requests(&line) {
            if line.kind == Kind::Attack {
                seen.0 = true;
                attacks.add(engine, &line.r#type, carrier, &request, held_out, listing);
                continue;
            }
            seen.1 = true;
            let found = request.detections(engine);
            benign.entry((held_out, line.r#type.clone())).or_default().add(!found.is_empty());
            if listing.flagged && !held_out {
                for detection in found.iter().take(2) {
                    println!("flagged {label} {} by {}", line.r#type, describe(detection));
                }
            }
        }
    }
    if seen.0 {
        attacks.print(&label);
    }
    if seen.1 {
        for (held_out, half) in [(false, "tuning"), (true, "hold-out")] {
            let mut all = Tally::default();
            for ((_, kind), tally) in benign.iter().filter(|((half, _), _)| *half == held_out) {
                println!("{label} {half} {kind}: {tally} flagged");
                all.join(*tally);
            }
            println!("{label} {half} all: {all} flagged");
        }
    }
}

fn requests(line: &Line) -> Vec<(&'static str, Request)> {
    if let Some(value) = &line.value {
        return Carrier::parse(line.carrier.as_deref().unwrap_or("arguments")).requests(value);
    }
    if let Some(wire) = &line.wire {
        let bytes: Vec<u8> = wire.chars().filter_map(|c| u8::try_from(c).ok()).collect();
        return Request::from_wire("recorded".to_owned(), &bytes)
            .map(|request| ("recorded", request))
            .into_iter()
            .collect();
    }
    let mut request = Request {
        name: line.target.clone(),
        method: line.method.clone().unwrap_or_else(|| "POST".to_owned()),
        target: line.target.clone().into_bytes(),
        headers: Vec::new(),
        body: line.body.clone().into_bytes(),
    };
    for (name, value) in &line.headers {
        request = request.header(name, value);
    }
    vec![("request", request)]
}

/// FNV-1a with a final mix, so that the low bit depends on every byte.
pub(crate) fn hash(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^ hash >> 29 ^ hash >> 47
}
