//! A folder of text files as a benign corpus: each file is one field of a JSON request, as issue trackers,
//! chats, code hosts and document stores send it. Long files are cut into pieces at line ends.
//! Half of the files, by the hash of their path, is the hold-out: counted, never listed.

use std::path::{Path, PathBuf};

use bartizan_detect::Engine;

use crate::Listing;
use crate::lines::hash;
use crate::request::{Request, describe};
use crate::tally::Tally;

const PIECE: usize = 6_000;
const MAX_PIECES: usize = 4;

/// Runs all text files under `folder`.
pub(crate) fn run(engine: &Engine, folder: &Path, listing: Listing) {
    let mut paths = Vec::new();
    collect(folder, &mut paths);
    paths.sort();
    let (mut tuning, mut hold_out) = (Tally::default(), Tally::default());
    for path in paths {
        let held_out = hash(&path.to_string_lossy()) % 2 == 1;
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for piece in pieces(&text).take(MAX_PIECES) {
            let body =
                serde_json::json!({ "title": path.file_name().map(|n| n.to_string_lossy()), "body": piece });
            let request = Request {
                name: path.display().to_string(),
                method: "POST".to_owned(),
                target: b"/repos/acme/widgets/issues".to_vec(),
                headers: Vec::new(),
                body: body.to_string().into_bytes(),
            }
            .header("Content-Type", "application/json");
            let found = request.detections(engine);
            let half = if held_out { &mut hold_out } else { &mut tuning };
            half.add(!found.is_empty());
            if listing.flagged && !held_out {
                for detection in found.iter().take(2) {
                    println!("flagged {} by {}", request.name, describe(detection));
                }
            }
        }
    }
    println!("text tuning {}: {} flagged", folder.display(), tuning);
    println!("text hold-out {}: {} flagged", folder.display(), hold_out);
}

fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let limit = (0..=PIECE.min(rest.len())).rev().find(|&at| rest.is_char_boundary(at)).unwrap_or(0);
        let end = match rest[..limit].rfind('\n') {
            Some(at) if limit < rest.len() => at + 1,
            _ => limit,
        };
        let (piece, tail) = rest.split_at(end.max(1));
        rest = tail;
        Some(piece)
    })
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, paths);
        } else if std::fs::metadata(&path).is_ok_and(|m| m.len() > 0 && m.len() < 400_000) {
            paths.push(path);
        }
    }
}
