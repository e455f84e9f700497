//! The spool on bad days: torn, damaged, full, capped.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;

use super::*;

const BOUNDS: Bounds = Bounds { max_bytes: 1 << 30, segment_bytes: 256, queue_bytes: 1 << 20 };

fn open(dir: &Path) -> (Spool, Recovered) {
    Spool::open(dir, BOUNDS).unwrap()
}

fn append(spool: &Spool, text: &str) {
    spool.append(vec![text.as_bytes().to_vec()]).blocking_recv().unwrap();
}

/// Everything not yet acknowledged, acknowledging nothing.
fn drain(spool: &Spool) -> Vec<String> {
    let mut reader = spool.reader();
    let mut all = Vec::new();
    while spool.figures().pending > 0 {
        let batch = reader.read(100).unwrap();
        all.extend(batch.records.iter().map(|(_, payload)| String::from_utf8(payload.clone()).unwrap()));
        if !batch.records.is_empty() {
            reader.ack(batch.last_seq());
        }
    }
    all
}

fn segments(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    paths.sort();
    paths
}

/// Copies the files as `kill -9` would leave them: no closing, no flushing by the process.
fn snapshot(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

#[test]
fn what_waits_for_a_slow_disk_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let write = Box::new(move |file: &mut std::fs::File, bytes: &[u8]| {
        // Waits for the test, which lets go by dropping the sender.
        let _ = blocked.recv();
        file.write_all(bytes)
    });
    let bounds = Bounds { queue_bytes: 1000, ..BOUNDS };
    let (spool, _) = Spool::open_with(dir.path(), bounds, SegmentFiles { write }).unwrap();
    let first = spool.append(vec![vec![b'a'; 10]]);
    let mut waiting = Vec::new();
    while spool.room() == Room::All {
        waiting.push(spool.append(vec![vec![b'a'; 100]]));
    }
    assert_eq!(spool.room(), Room::Trace);
    while spool.room() == Room::Trace {
        waiting.push(spool.append(vec![vec![b'a'; 100]]));
    }
    assert_eq!(spool.room(), Room::None);
    spool.note_lost(1);
    drop(release);
    first.blocking_recv().unwrap();
    let count = waiting.len();
    waiting.into_iter().for_each(|waiting| waiting.blocking_recv().unwrap());
    assert_eq!((spool.room(), spool.figures().lost), (Room::All, 1));
    assert_eq!(drain(&spool).len(), count + 1);
}

#[test]
fn records_come_out_in_order_and_acknowledged_ones_do_not_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = open(dir.path());
    for i in 0..20 {
        append(&spool, &format!("event number {i}"));
    }
    let mut reader = spool.reader();
    let batch = reader.read(40).unwrap();
    assert_eq!(batch.records.len(), 2);
    assert_eq!(reader.read(40).unwrap(), batch);
    reader.ack(batch.last_seq());
    drop((spool, reader));
    let (spool, _) = open(dir.path());
    let rest = drain(&spool);
    assert_eq!(rest.len(), 18);
    assert_eq!(rest[0], "event number 2");
    assert_eq!(segments(dir.path(), "seg").len(), 1);
}

#[test]
fn numbers_go_on_after_everything_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = open(dir.path());
    append(&spool, "a");
    drain(&spool);
    drop(spool);
    let (spool, _) = open(dir.path());
    append(&spool, "b");
    assert_eq!(spool.reader().read(100).unwrap().first_seq(), 2);
}

#[test]
fn torn_tail_is_cut_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = open(dir.path());
    append(&spool, "kept");
    let copy = snapshot(dir.path());
    let newest = segments(copy.path(), "seg").pop().unwrap();
    OpenOptions::new().append(true).open(&newest).unwrap().write_all(&[9, 0, 0, 0, 1, 2]).unwrap();
    let (spool, recovered) = open(copy.path());
    assert_eq!((recovered.torn_bytes, recovered.corrupt_segments), (6, 0));
    append(&spool, "after");
    assert_eq!(drain(&spool), ["kept", "after"]);
}

#[test]
fn damaged_segment_is_set_aside_and_its_good_records_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = open(dir.path());
    for i in 0..3 {
        append(&spool, &format!("event {i}"));
    }
    let copy = snapshot(dir.path());
    let path = segments(copy.path(), "seg").pop().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(7).position(|window| window == b"event 1").unwrap();
    bytes[at] ^= 0xff;
    std::fs::write(&path, bytes).unwrap();
    let (spool, recovered) = open(copy.path());
    assert_eq!((recovered.corrupt_segments, recovered.lost_records), (1, 1));
    assert_eq!(drain(&spool), ["event 0", "event 2"]);
    assert_eq!(segments(copy.path(), "corrupt").len(), 1);
    assert_eq!(spool.figures().lost, 1);
}

#[test]
fn full_disk_loses_events_but_not_the_spool() {
    static FULL: AtomicBool = AtomicBool::new(false);
    let dir = tempfile::tempdir().unwrap();
    let files = SegmentFiles {
        write: Box::new(|file, bytes| {
            if FULL.load(Ordering::SeqCst) {
                // Half of it gets through, as on a real disk.
                file.write_all(&bytes[..bytes.len() / 2])?;
                return Err(io::ErrorKind::StorageFull.into());
            }
            file.write_all(bytes)
        }),
    };
    let (spool, _) = Spool::open_with(dir.path(), BOUNDS, files).unwrap();
    append(&spool, "before");
    FULL.store(true, Ordering::SeqCst);
    append(&spool, "lost");
    append(&spool, "lost too");
    FULL.store(false, Ordering::SeqCst);
    append(&spool, "after");
    assert_eq!(spool.figures().lost, 2);
    let copy = snapshot(dir.path());
    assert_eq!(drain(&spool), ["before", "after"]);
    let (reopened, recovered) = open(copy.path());
    assert_eq!((recovered.torn_bytes, recovered.corrupt_segments), (0, 0));
    assert_eq!(drain(&reopened), ["before", "after"]);
}

#[test]
fn size_cap_drops_the_oldest_and_counts() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) =
        Spool::open(dir.path(), Bounds { max_bytes: 600, segment_bytes: 200, ..BOUNDS }).unwrap();
    for i in 0..40 {
        append(&spool, &format!("event number {i:03}"));
    }
    let figures = spool.figures();
    assert!(figures.bytes <= 600 && figures.lost > 0, "{figures:?}");
    let rest = drain(&spool);
    assert_eq!(rest.len() as u64 + figures.lost, 40);
    assert_eq!(rest.last().unwrap(), "event number 039");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever was acknowledged to a worker is delivered at least once, across crashes at any byte of the tail.
    #[test]
    fn acknowledged_records_survive_crashes(rounds in prop::collection::vec((1usize..6, any::<u8>(), any::<bool>()), 1..6)) {
        let mut dir = tempfile::tempdir().unwrap();
        let mut acknowledged = 0;
        let mut delivered = std::collections::BTreeSet::new();
        for (count, noise, upload) in rounds {
            let (spool, recovered) = open(dir.path());
            prop_assert_eq!(recovered.corrupt_segments, 0);
            for _ in 0..count {
                append(&spool, &format!("event {acknowledged}"));
                acknowledged += 1;
            }
            if upload {
                delivered.extend(drain(&spool));
            }
            let copy = snapshot(dir.path());
            if let Some(newest) = segments(copy.path(), "seg").pop() {
                // The crash hits in the middle of an append that nobody was told about.
                let mut record = Vec::new();
                segment::encode(999_999, &[b'x'; 40], &mut record);
                record.truncate(usize::from(noise) % record.len());
                OpenOptions::new().append(true).open(newest).unwrap().write_all(&record).unwrap();
            }
            dir = copy;
        }
        let (spool, _) = open(dir.path());
        delivered.extend(drain(&spool));
        prop_assert_eq!(delivered.len(), acknowledged);
    }
}
