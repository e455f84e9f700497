//! A folder of text files as a benign corpus: each file is one field of a JSON request, as issue trackers,
//! chats, code hosts and document stores send it. Long files are cut into pieces at line ends.

use std::path::{Path, PathBuf};

use bartizan_detect::Engine;

use crate::Listing;
use crate::request::{Request, describe};

const PIECE: usize = 6_000;
const MAX_PIECES: usize = 4;

/// Runs all text files under `folder`.
pub(crate) fn run(engine: &Engine, folder: &Path, listing: Listing) {
    let mut paths = Vec::new();
    collect(folder, &mut paths);
    paths.sort();
    let (mut all, mut flagged) = (0_usize, 0_usize);
    for path in paths {
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
            all += 1;
            if !found.is_empty() {
                flagged += 1;
                if listing.flagged {
                    for detection in found.iter().take(2) {
                        println!("flagged {} by {}", request.name, describe(detection));
                    }
                }
            }
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of a corpus are small")]
    let percent = flagged as f64 * 100.0 / all.max(1) as f64;
    println!("text {}: {flagged}/{all} flagged ({percent:.2} %)", folder.display());
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
