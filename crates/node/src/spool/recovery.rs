//! Repairing the spool after a crash.
//!
//! A torn tail of the newest segment is what `kill -9` leaves: it was never acknowledged to anybody and is cut
//! off. Anything else that does not read is damage: the file is set aside as `*.corrupt` for a person to look at, and
//! every record in it that still reads is kept.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::Segment;
use super::segment::{self, MAGIC, Parsed};

/// What recovery found.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    pub(super) segments: VecDeque<Segment>,
    pub(super) next_seq: u64,
    pub(super) acked: u64,
    /// Bytes of a torn tail that were cut off.
    pub(crate) torn_bytes: u64,
    /// Segments set aside.
    pub(crate) corrupt_segments: u64,
    /// Records known to be unreadable.
    pub(crate) lost_records: u64,
}

/// The records of one file.
#[derive(Default)]
struct Scan {
    good: Vec<u8>,
    first_seq: Option<u64>,
    last_seq: u64,
    damaged: u64,
    torn_bytes: u64,
    unreadable: bool,
}

pub(super) fn recover(dir: &Path) -> io::Result<Recovered> {
    let mut paths: Vec<(u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        if let (Some(first_seq), Some("seg")) = (stem, path.extension().and_then(|ext| ext.to_str())) {
            paths.push((first_seq, path));
        }
    }
    paths.sort();
    let mut recovered = Recovered { acked: read_acked(dir), ..Recovered::default() };
    let mut last_seq = recovered.acked;
    let newest = paths.len().saturating_sub(1);
    for (index, (first_seq, path)) in paths.into_iter().enumerate() {
        let bytes = fs::read(&path)?;
        let scan = scan(&bytes);
        last_seq = last_seq.max(scan.last_seq).max(first_seq.saturating_sub(1));
        let torn_only = !scan.unreadable && scan.damaged == 0 && (scan.torn_bytes == 0 || index == newest);
        if torn_only {
            if scan.torn_bytes > 0 {
                recovered.torn_bytes += scan.torn_bytes;
                truncate(&path, scan.good.len() as u64)?;
            }
        } else {
            recovered.corrupt_segments += 1;
            recovered.lost_records += scan.damaged.max(1);
            set_aside(dir, &path, &scan.good)?;
        }
        match scan.first_seq {
            Some(first_seq) => recovered.segments.push_back(Segment {
                path,
                first_seq,
                last_seq: scan.last_seq,
                len: scan.good.len() as u64,
            }),
            None => fs::remove_file(&path)?,
        }
    }
    recovered.next_seq = last_seq + 1;
    segment::sync_dir(dir)?;
    Ok(recovered)
}

fn scan(bytes: &[u8]) -> Scan {
    let mut scan = Scan::default();
    if !bytes.starts_with(MAGIC) {
        // A crash right after creation leaves less than the magic; more of something else is damage.
        scan.torn_bytes = bytes.len() as u64;
        scan.unreadable = !MAGIC.starts_with(bytes) && !bytes.iter().all(|byte| *byte == 0);
        return scan;
    }
    scan.good.extend_from_slice(MAGIC);
    let mut rest = bytes.get(MAGIC.len()..).unwrap_or_default();
    loop {
        let size = match segment::parse(rest) {
            Parsed::Record { seq, size, .. } => {
                scan.good.extend_from_slice(rest.get(..size).unwrap_or_default());
                scan.first_seq.get_or_insert(seq);
                scan.last_seq = seq;
                size
            }
            // Damage at the very end is an append whose pages were only partly written.
            Parsed::Damaged { size } if size == rest.len() => {
                scan.torn_bytes = rest.len() as u64;
                return scan;
            }
            Parsed::Damaged { size } => {
                scan.damaged += 1;
                size
            }
            Parsed::Torn => {
                scan.torn_bytes = rest.len() as u64;
                return scan;
            }
            Parsed::Garbage => {
                scan.unreadable = true;
                return scan;
            }
            Parsed::End => return scan,
        };
        rest = rest.get(size..).unwrap_or_default();
    }
}

fn truncate(path: &Path, len: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(len)?;
    file.sync_all()
}

/// Keeps the damaged file beside a new one that holds what still reads.
fn set_aside(dir: &Path, path: &Path, good: &[u8]) -> io::Result<()> {
    fs::rename(path, path.with_extension("corrupt"))?;
    let mut file = segment::create(path)?;
    file.write_all(good)?;
    file.sync_all()?;
    segment::sync_dir(dir)
}

fn acked_path(dir: &Path) -> PathBuf {
    dir.join("acked")
}

/// The number of the last acknowledged record. A lost or stale file only means that records are sent again.
fn read_acked(dir: &Path) -> u64 {
    fs::read_to_string(acked_path(dir)).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

pub(super) fn write_acked(dir: &Path, acked: u64) -> io::Result<()> {
    let temporary = dir.join("acked.new");
    fs::write(&temporary, acked.to_string())?;
    fs::rename(temporary, acked_path(dir))
}
