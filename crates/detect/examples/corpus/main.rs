//! Measures detection on corpora: how many attacks are caught, how many benign requests are flagged.
//!
//! ```text
//! cargo run --release -p bartizan-detect --example corpus -- [crs DIR] [benign] [attacks] [lines FILE] [text DIR] [--misses] [--flagged]
//! ```
//!
//! * `crs DIR`: the regression tests of the OWASP Core Rule Set (default `../shared/corpora/crs`, skipped when absent).
//! * `benign`: the benign set in `bench/detection/benign`.
//! * `text DIR`: every text file under a folder, each as a field of a JSON request: prose and code of one's own.
//!
//! * `attacks`: the payloads in `bench/detection/attacks`, in every carrier.
//! * `lines FILE`: payloads and requests of one's own, one JSON object per line (see `lines.rs`).
//!
//! Without arguments: `crs`, `attacks` and `benign`. `--misses` and `--flagged` list what went wrong.

mod attacks;
mod benign;
mod crs;
mod lines;
mod request;
mod tally;
mod text;

use std::path::{Path, PathBuf};

use bartizan_detect::Engine;

/// What a run prints besides totals.
#[derive(Clone, Copy, Default)]
struct Listing {
    misses: bool,
    flagged: bool,
}

fn main() {
    let mut listing = Listing::default();
    let mut crs: Option<PathBuf> = None;
    let mut benign = false;
    let mut attacks = false;
    let mut texts = Vec::new();
    let mut files = Vec::new();
    let mut arguments = std::env::args().skip(1).peekable();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "crs" => crs = Some(arguments.next_if(|a| !is_word(a)).map_or_else(default_crs, PathBuf::from)),
            "benign" => benign = true,
            "attacks" => attacks = true,
            "lines" => files.extend(arguments.next().map(PathBuf::from)),
            "text" => texts.extend(arguments.next().map(PathBuf::from)),
            "--misses" => listing.misses = true,
            "--flagged" => listing.flagged = true,
            other => {
                eprintln!("unknown argument {other}");
                std::process::exit(2);
            }
        }
    }
    if crs.is_none() && !benign && !attacks && texts.is_empty() && files.is_empty() {
        (crs, benign, attacks) = (Some(default_crs()), true, true);
    }
    let engine = Engine::new();
    if let Some(folder) = crs {
        crs::run(&engine, &folder, listing);
    }
    if attacks {
        attacks::run(&engine, &project_root().join("bench/detection/attacks"), listing);
    }
    if benign {
        benign::run(&engine, &project_root().join("bench/detection/benign"), listing);
    }
    for file in files {
        lines::run(&engine, &file, listing);
    }
    for folder in texts {
        text::run(&engine, &folder, listing);
    }
}

fn is_word(argument: &str) -> bool {
    matches!(argument, "crs" | "benign" | "attacks" | "lines" | "text") || argument.starts_with("--")
}

fn project_root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn default_crs() -> PathBuf {
    std::env::var_os("BARTIZAN_CRS_CORPUS")
        .map_or_else(|| project_root().join("../shared/corpora/crs"), PathBuf::from)
}
