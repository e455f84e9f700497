//! Reading committed records for the uploader, and acknowledging them.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::segment::{self, MAGIC, Parsed, RECORD_HEADER};
use super::{Segment, Shared, recovery};

/// Consecutive records.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Number and payload.
    pub(crate) records: Vec<(u64, Vec<u8>)>,
}

impl Batch {
    pub(crate) fn first_seq(&self) -> u64 {
        self.records.first().map_or(0, |(seq, _)| *seq)
    }

    pub(crate) fn last_seq(&self) -> u64 {
        self.records.last().map_or(0, |(seq, _)| *seq)
    }
}

/// Reads in order; there is one per spool.
pub(crate) struct Reader {
    shared: Arc<Shared>,
    /// Where the next unacknowledged record stands, so that a segment is not scanned from its start each time.
    position: Option<(PathBuf, u64)>,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>) -> Reader {
        Reader { shared, position: None }
    }

    /// Waits until there is something to read.
    pub(crate) async fn ready(&self) {
        loop {
            let notified = self.shared.notify.notified();
            if self.shared.committed.load(Ordering::Acquire) > self.shared.acked.load(Ordering::Acquire) {
                return;
            }
            notified.await;
        }
    }

    /// The next records after the acknowledged ones, up to `max_bytes` (at least one). Reading again before
    /// [`Reader::ack`] gives the same records.
    pub(crate) fn read(&mut self, max_bytes: usize) -> std::io::Result<Batch> {
        let acked = self.shared.acked.load(Ordering::Acquire);
        let segment = self.shared.segments().iter().find(|segment| segment.last_seq > acked).cloned();
        let Some(segment) = segment else {
            // Committed numbers without a segment were dropped by the size cap.
            self.skip_to(self.shared.committed.load(Ordering::Acquire));
            return Ok(Batch::default());
        };
        match self.read_segment(&segment, acked, max_bytes) {
            Ok(batch) if batch.records.is_empty() => {
                self.set_aside(&segment);
                Ok(batch)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.pass_over(&segment);
                Ok(Batch::default())
            }
            result => result,
        }
    }

    fn read_segment(&mut self, segment: &Segment, acked: u64, max_bytes: usize) -> std::io::Result<Batch> {
        let start = match &self.position {
            Some((path, offset)) if *path == segment.path => *offset,
            _ => MAGIC.len() as u64,
        };
        let mut file = File::open(&segment.path)?;
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        // The first record may be larger than a batch; read what a batch or that record needs.
        let room = (max_bytes + segment::MAX_PAYLOAD + RECORD_HEADER) as u64;
        file.take(segment.len.saturating_sub(start).min(room)).read_to_end(&mut bytes)?;
        let (mut batch, mut used, mut offset) = (Batch::default(), 0, 0);
        while let Some(rest) = bytes.get(offset..) {
            let size = match segment::parse(rest) {
                Parsed::Record { seq, payload, size } => {
                    if seq > acked {
                        if !batch.records.is_empty() && used + payload.len() > max_bytes {
                            break;
                        }
                        used += payload.len();
                        batch.records.push((seq, payload.to_vec()));
                    } else {
                        self.position = Some((segment.path.clone(), start + (offset + size) as u64));
                    }
                    size
                }
                Parsed::Damaged { size } => size,
                Parsed::Torn | Parsed::End | Parsed::Garbage => break,
            };
            offset += size;
        }
        Ok(batch)
    }

    /// Marks everything up to a record as taken by the cloud and deletes what is not needed any more.
    pub(crate) fn ack(&mut self, seq: u64) {
        self.skip_to(seq);
        let mut segments = self.shared.segments();
        // The newest segment is the writer's.
        while segments.len() > 1 && segments.front().is_some_and(|segment| segment.last_seq <= seq) {
            if let Some(done) = segments.pop_front()
                && let Err(error) = fs::remove_file(&done.path)
            {
                tracing::warn!(%error, "spool.segment cannot be removed");
            }
        }
    }

    fn skip_to(&self, seq: u64) {
        self.shared.acked.fetch_max(seq, Ordering::AcqRel);
        if let Err(error) = recovery::write_acked(&self.shared.dir, seq) {
            tracing::warn!(%error, "spool.acked cannot be written, events may be sent again");
        }
    }

    /// A segment that is not there any more: dropped by the size cap a moment ago, or deleted by somebody.
    fn pass_over(&mut self, segment: &Segment) {
        let mut segments = self.shared.segments();
        if segments.iter().all(|known| known.path != segment.path) {
            return;
        }
        let is_active = segments.back().is_some_and(|newest| newest.path == segment.path);
        let last_seq = segments.iter().find(|known| known.path == segment.path).map(|known| known.last_seq);
        segments.retain(|known| known.path != segment.path);
        drop(segments);
        if is_active {
            self.shared.gone.store(true, Ordering::Relaxed);
        }
        let last_seq = last_seq.unwrap_or(segment.last_seq);
        let acked = self.shared.acked.load(Ordering::Acquire);
        let lost = last_seq.saturating_sub(acked.max(segment.first_seq.saturating_sub(1)));
        self.shared.lost.fetch_add(lost, Ordering::Relaxed);
        tracing::error!(events = lost, segment = %segment.path.display(), "spool.segment was deleted");
        self.skip_to(last_seq);
    }

    /// A committed segment that no longer reads was damaged under us.
    fn set_aside(&mut self, segment: &Segment) {
        let acked = self.shared.acked.load(Ordering::Acquire);
        let lost = segment.last_seq.saturating_sub(acked);
        self.shared.lost.fetch_add(lost, Ordering::Relaxed);
        tracing::error!(events = lost, segment = %segment.path.display(), "spool.segment is damaged, set aside");
        if let Err(error) = fs::copy(&segment.path, segment.path.with_extension("corrupt")) {
            tracing::warn!(%error, "spool.segment cannot be set aside");
        }
        self.ack(segment.last_seq);
    }
}
