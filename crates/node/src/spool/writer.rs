//! The spool thread: group commit, rolling, and the size cap.

use std::fs::{self, File};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use tokio::sync::oneshot;

use super::segment::{self, MAGIC, MAX_PAYLOAD, SegmentFiles};
use super::{Bounds, Segment, Shared};

/// Bytes that one commit takes at most, so that the first waiter is not held up by the last.
const COMMIT_BYTES: usize = 1 << 20;

pub(super) enum Command {
    Append { events: Vec<Vec<u8>>, ack: oneshot::Sender<()> },
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    bounds: Bounds,
    files: SegmentFiles,
    next_seq: u64,
    /// The open segment and its committed length.
    active: Option<(File, u64)>,
    buffer: Vec<u8>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, bounds: Bounds, files: SegmentFiles, next_seq: u64) -> Writer {
        Writer { shared, bounds, files, next_seq, active: None, buffer: Vec::new() }
    }

    /// Runs until every handle is gone.
    pub(super) fn run(mut self, queue: &Receiver<Command>) {
        while let Ok(first) = queue.recv() {
            let mut waiters = Vec::new();
            self.buffer.clear();
            let first_seq = self.next_seq;
            let mut next = Some(first);
            while let Some(Command::Append { events, ack }) = next {
                for event in &events {
                    self.stage(event);
                }
                let bytes = events.iter().map(|event| event.len() as u64).sum();
                self.shared.queued.fetch_sub(bytes, Ordering::Relaxed);
                waiters.push(ack);
                next = if self.buffer.len() < COMMIT_BYTES { queue.try_recv().ok() } else { None };
            }
            if self.next_seq > first_seq {
                self.commit(first_seq);
            }
            for waiter in waiters {
                // The request may be gone; its event is on disk all the same.
                let _ = waiter.send(());
            }
        }
    }

    fn stage(&mut self, event: &[u8]) {
        if event.is_empty() || event.len() > MAX_PAYLOAD {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        segment::encode(self.next_seq, event, &mut self.buffer);
        self.next_seq += 1;
    }

    fn commit(&mut self, first_seq: u64) {
        let count = self.next_seq - first_seq;
        match self.write(first_seq) {
            Ok(()) => {
                self.shared.committed.store(self.next_seq - 1, Ordering::Release);
                self.shared.notify.notify_one();
                self.enforce_cap();
            }
            Err(error) => {
                // Numbers of lost events are used again: to the cloud they never existed.
                self.next_seq = first_seq;
                let before = self.shared.write_errors.fetch_add(1, Ordering::Relaxed);
                self.shared.lost.fetch_add(count, Ordering::Relaxed);
                if before.is_power_of_two() || before == 0 {
                    tracing::error!(%error, events = count, "spool.write failed, events are lost");
                }
            }
        }
    }

    fn write(&mut self, first_seq: u64) -> io::Result<()> {
        self.open_active(first_seq)?;
        let Some((file, len)) = self.active.as_mut() else { return Err(io::ErrorKind::NotFound.into()) };
        let written = (self.files.write)(file, &self.buffer).and_then(|()| file.sync_data());
        if let Err(error) = written {
            // What was half written must not stay in front of later records. If it cannot be cut off, the next
            // write goes to a fresh segment and recovery cuts it.
            if file.set_len(*len).is_err() {
                self.active = None;
            }
            return Err(error);
        }
        *len += self.buffer.len() as u64;
        let len = *len;
        let mut segments = self.shared.segments();
        let Some(segment) = segments.back_mut().filter(|segment| segment.last_seq + 1 == first_seq) else {
            // Somebody deleted it, and the reader passed over it a moment ago.
            drop(segments);
            self.active = None;
            return Err(io::ErrorKind::NotFound.into());
        };
        segment.last_seq = self.next_seq - 1;
        segment.len = len;
        Ok(())
    }

    /// Makes sure that there is an open segment with room.
    fn open_active(&mut self, first_seq: u64) -> io::Result<()> {
        if self.shared.gone.swap(false, Ordering::Relaxed) {
            self.active = None;
        }
        if self.active.as_ref().is_some_and(|(_, len)| *len < self.bounds.segment_bytes) {
            return Ok(());
        }
        let path = segment::path_of(&self.shared.dir, first_seq);
        let mut file = segment::create(&path)?;
        // A file of that name can only be the trace of a failed attempt that committed nothing.
        file.set_len(0)?;
        if let Err(error) =
            (self.files.write)(&mut file, MAGIC).and_then(|()| segment::sync_dir(&self.shared.dir))
        {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        let len = MAGIC.len() as u64;
        self.shared.segments().push_back(Segment { path, first_seq, last_seq: first_seq - 1, len });
        self.active = Some((file, len));
        Ok(())
    }

    /// Drops the oldest segments while the spool is too large; the one being written stays.
    fn enforce_cap(&self) {
        let mut segments = self.shared.segments();
        let mut total: u64 = segments.iter().map(|segment| segment.len).sum();
        while total > self.bounds.max_bytes && segments.len() > 1 {
            let Some(oldest) = segments.pop_front() else { break };
            total = total.saturating_sub(oldest.len);
            let acked = self.shared.acked.load(Ordering::Acquire);
            let unsent = oldest.last_seq.saturating_sub(acked.max(oldest.first_seq - 1));
            self.shared.lost.fetch_add(unsent, Ordering::Relaxed);
            tracing::warn!(events = unsent, "spool.cap reached, the oldest events are dropped");
            if let Err(error) = fs::remove_file(&oldest.path) {
                tracing::warn!(%error, "spool.segment cannot be removed");
            }
        }
    }
}
