//! The event spool: hits on disk before their responses leave, until the cloud has them.
//!
//! One thread owns the files. Workers hand it encoded events and wait for an acknowledgement that comes after
//! `fdatasync`; whatever queued up meanwhile shares the next one (group commit). Benign requests never come here.
//! The uploader reads committed records in order and acknowledges them; fully acknowledged segments are deleted.
//!
//! Invariants: a record is numbered once, numbers ascend across restarts, and a record that was acknowledged to a
//! worker is handed to the uploader at least once, whatever dies in between (the cloud drops repeats by event id).

mod reader;
mod recovery;
mod segment;
mod writer;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

pub(crate) use reader::{Batch, Reader};
pub(crate) use recovery::Recovered;
use segment::SegmentFiles;
use writer::{Command, Writer};

/// Bounds of a spool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) max_bytes: u64,
    pub(crate) segment_bytes: u64,
    /// Bytes that wait to be written.
    pub(crate) queue_bytes: u64,
}

/// How much of what a request reports there is room for before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// Everything.
    All,
    /// That there was something.
    Trace,
    /// Nothing.
    None,
}

/// A segment that holds committed records.
#[derive(Clone, Debug)]
struct Segment {
    path: PathBuf,
    first_seq: u64,
    /// Number of the last record; `first_seq - 1` when empty.
    last_seq: u64,
    /// Committed bytes, header included.
    len: u64,
}

/// What the writer and the uploader share. Workers never touch it.
struct Shared {
    dir: PathBuf,
    segments: Mutex<VecDeque<Segment>>,
    acked: AtomicU64,
    committed: AtomicU64,
    /// Bytes that wait to be written.
    queued: AtomicU64,
    notify: Notify,
    /// The segment that is written to is no longer where it was.
    gone: AtomicBool,
    lost: AtomicU64,
    write_errors: AtomicU64,
}

impl Shared {
    fn segments(&self) -> MutexGuard<'_, VecDeque<Segment>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a spool cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("spool {}: {source}", path.display())]
pub(crate) struct SpoolError {
    path: PathBuf,
    source: std::io::Error,
}

/// Figures for statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SpoolFigures {
    /// Bytes on disk.
    pub(crate) bytes: u64,
    /// Committed records that the cloud does not have yet.
    pub(crate) pending: u64,
    /// Events that were dropped: no room, or not readable after a crash.
    pub(crate) lost: u64,
    /// Failed writes.
    pub(crate) write_errors: u64,
    /// Records that the cloud has acknowledged.
    pub(crate) acked: u64,
}

/// A handle to the spool; clones share the thread, which ends with the last one.
#[derive(Clone)]
pub(crate) struct Spool {
    commands: std::sync::mpsc::Sender<Command>,
    shared: Arc<Shared>,
    queue_bytes: u64,
}

impl Spool {
    /// Opens or makes the spool in a folder and repairs what a crash left behind.
    pub(crate) fn open(dir: &Path, bounds: Bounds) -> Result<(Spool, Recovered), SpoolError> {
        Spool::open_with(dir, bounds, SegmentFiles::default())
    }

    fn open_with(dir: &Path, bounds: Bounds, files: SegmentFiles) -> Result<(Spool, Recovered), SpoolError> {
        let at = |source| SpoolError { path: dir.to_owned(), source };
        segment::make_private_dir(dir).map_err(at)?;
        let recovered = recovery::recover(dir).map_err(at)?;
        let shared = Arc::new(Shared {
            dir: dir.to_owned(),
            segments: Mutex::new(recovered.segments.clone()),
            acked: AtomicU64::new(recovered.acked),
            committed: AtomicU64::new(recovered.next_seq.saturating_sub(1)),
            queued: AtomicU64::new(0),
            notify: Notify::new(),
            gone: AtomicBool::new(false),
            lost: AtomicU64::new(recovered.lost_records),
            write_errors: AtomicU64::new(0),
        });
        let (commands, queue) = std::sync::mpsc::channel();
        let writer = Writer::new(Arc::clone(&shared), bounds, files, recovered.next_seq);
        std::thread::Builder::new().name("spool".into()).spawn(move || writer.run(&queue)).map_err(at)?;
        Ok((Spool { commands, shared, queue_bytes: bounds.queue_bytes }, recovered))
    }

    /// What there is room for: the disk may be slower than those who attack. A quarter more than the bound is for traces.
    pub(crate) fn room(&self) -> Room {
        let queued = self.shared.queued.load(Ordering::Relaxed);
        if queued < self.queue_bytes {
            Room::All
        } else if queued < self.queue_bytes + self.queue_bytes / 4 {
            Room::Trace
        } else {
            Room::None
        }
    }

    /// Counts events for which there is no room.
    pub(crate) fn note_lost(&self, events: u64) {
        self.shared.lost.fetch_add(events, Ordering::Relaxed);
    }

    /// Hands events over and returns what resolves once they are on disk, or once it is certain that they never will
    /// be (which is counted): traffic does not stop for a full disk.
    pub(crate) fn append(&self, events: Vec<Vec<u8>>) -> oneshot::Receiver<()> {
        let (ack, durable) = oneshot::channel();
        let count = events.len() as u64;
        let bytes = events.iter().map(|event| event.len() as u64).sum();
        self.shared.queued.fetch_add(bytes, Ordering::Relaxed);
        if self.commands.send(Command::Append { events, ack }).is_err() {
            self.shared.lost.fetch_add(count, Ordering::Relaxed);
        }
        durable
    }

    /// A reader from the first record that the cloud does not have.
    pub(crate) fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.shared))
    }

    pub(crate) fn figures(&self) -> SpoolFigures {
        let acked = self.shared.acked.load(Ordering::Acquire);
        SpoolFigures {
            bytes: self.shared.segments().iter().map(|segment| segment.len).sum(),
            pending: self.shared.committed.load(Ordering::Acquire).saturating_sub(acked),
            lost: self.shared.lost.load(Ordering::Relaxed),
            write_errors: self.shared.write_errors.load(Ordering::Relaxed),
            acked,
        }
    }
}

#[cfg(test)]
mod tests;
