//! The segment format, and the file operations that tests make fail.
//!
//! ```text
//! segment  = magic record*           file name: number of the first record, 20 digits, `.seg`
//! record   = length:u32 crc:u32 seq:u64 payload      little endian; crc over seq and payload
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

pub(super) const MAGIC: &[u8; 8] = b"BZSPOOL1";
pub(super) const RECORD_HEADER: usize = 16;
/// Larger than any event: raw requests are cut to 64 KiB and payloads to 4 KiB.
pub(super) const MAX_PAYLOAD: usize = 4 << 20;

/// How bytes get into a file.
pub(super) type WriteAll = dyn Fn(&mut File, &[u8]) -> io::Result<()> + Send;

/// Opens files; the writer goes through this so that a test can stand in for a full disk.
pub(super) struct SegmentFiles {
    pub(super) write: Box<WriteAll>,
}

impl Default for SegmentFiles {
    fn default() -> SegmentFiles {
        SegmentFiles { write: Box::new(|file, bytes| file.write_all(bytes)) }
    }
}

pub(super) fn path_of(dir: &Path, first_seq: u64) -> PathBuf {
    dir.join(format!("{first_seq:020}.seg"))
}

pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

pub(super) fn make_private_dir(dir: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// New and deleted names are durable only once their folder is.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

pub(super) fn encode(seq: u64, payload: &[u8], out: &mut Vec<u8>) {
    // Larger payloads are refused before they come here, so the length fits.
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(seq, payload).to_le_bytes());
    out.extend_from_slice(&seq.to_le_bytes());
    out.extend_from_slice(payload);
}

fn checksum(seq: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&seq.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// What stands at the front of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed<'a> {
    /// A whole record, and how many bytes it takes.
    Record { seq: u64, payload: &'a [u8], size: usize },
    /// A record whose checksum is wrong but whose length is possible, and how many bytes it would take.
    Damaged { size: usize },
    /// Not enough bytes for the record that starts here.
    Torn,
    /// Nothing more.
    End,
    /// No record can be told from here on.
    Garbage,
}

pub(super) fn parse(bytes: &[u8]) -> Parsed<'_> {
    if bytes.is_empty() {
        return Parsed::End;
    }
    let Some((header, rest)) = bytes.split_at_checked(RECORD_HEADER) else { return Parsed::Torn };
    let (Some(length), Some(crc), Some(seq)) =
        (read_u32(header, 0), read_u32(header, 4), header.get(8..16).and_then(|b| b.try_into().ok()))
    else {
        return Parsed::Torn;
    };
    let seq = u64::from_le_bytes(seq);
    let length = length as usize;
    if length == 0 || length > MAX_PAYLOAD {
        // A torn append can leave a hole of zeros behind.
        return if bytes.iter().all(|byte| *byte == 0) { Parsed::Torn } else { Parsed::Garbage };
    }
    let Some(payload) = rest.get(..length) else { return Parsed::Torn };
    let size = RECORD_HEADER + length;
    if checksum(seq, payload) == crc {
        Parsed::Record { seq, payload, size }
    } else {
        Parsed::Damaged { size }
    }
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}
