//! The bad day of ingestion: a full disk, a clock that jumps, two nodes that believe to be one.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use bartizan_testkit::TestCloud;
use serde_json::{Value, json};

use super::{TestNode, assert_consistent, hit, hit_with, hits, recent};

/// A file system of a few megabytes, taken away with the test.
struct SmallDisk {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl SmallDisk {
    fn mount(mebibytes: u32) -> SmallDisk {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        std::fs::create_dir(&path).unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&path).output();
        let mounted = mounted.expect("`mount` is needed for this test");
        assert!(
            mounted.status.success(),
            "this test needs a small file system: run it as root, or in a user namespace of its own \
             (`unshare --user --map-root-user --mount cargo test …`): {}",
            String::from_utf8_lossy(&mounted.stderr)
        );
        SmallDisk { _folder: folder, path }
    }

    /// Writes until nothing fits any more.
    fn fill(&self) -> PathBuf {
        let path = self.path.join("ballast");
        let mut file = std::fs::File::create(&path).unwrap();
        let block = [7u8; 4096];
        while file.write_all(&block).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the cloud may still be closing its files.
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}

/// Hits with requests of half a megabyte each.
fn large(prefix: &str, count: usize, time: i64) -> Vec<Value> {
    let body = "x".repeat(512 << 10);
    let one = |at: usize| {
        let mut hit = hit(&format!("{prefix}{at}"), time);
        hit["raw"]["body"] = json!(body);
        hit
    };
    (0..count).map(one).collect()
}

async fn upload_on_a_full_disk(disk: &Path, small: &SmallDisk) {
    let cloud = TestCloud::start_with(|config| {
        config.data_dir = disk.to_owned();
        config.database.url = String::new();
    })
    .await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let (admin, now) = (cloud.admin_pair().await, recent(&cloud));
    node.upload(&cloud, &[hit("before", now)]).await;
    let ballast = small.fill();
    let batch = json!({"batch_id": "full", "seq": 1, "events": large("f", 16, now)});
    for _ in 0..2 {
        let refused = node.send(&cloud, &batch).await;
        assert!(matches!(refused.status, 500 | 503), "{}", refused.status);
    }
    // Reading does not depend on writing, not even by a credential that was never used before.
    assert_eq!(hits(&cloud, &admin, json!({})).await.len(), 1);
    std::fs::remove_file(ballast).unwrap();
    for _ in 0..2 {
        assert_eq!(node.send(&cloud, &batch).await.status, 200);
    }
    assert_eq!(hits(&cloud, &admin, json!({})).await.len(), 17);
    assert_consistent(&cloud).await;
    cloud.running.shutdown().await;
}

#[tokio::test]
async fn a_full_disk_refuses_batches_and_takes_them_when_there_is_room_again() {
    let small = SmallDisk::mount(64);
    upload_on_a_full_disk(&small.path.join("data"), &small).await;
}

#[tokio::test]
async fn a_node_whose_clock_jumps_loses_no_hit_and_none_is_in_another_age() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let (admin, now) = (cloud.admin_pair().await, recent(&cloud));
    let year = 365 * 86_400;
    // Back to 1970, a year back, a day ahead, then right again.
    let times = [("epoch", 5), ("back", now - year), ("ahead", now + 86_400), ("right", now)];
    let events: Vec<Value> = times.iter().map(|(id, time)| hit(id, *time)).collect();
    let reply = node.upload(&cloud, &events).await;
    let rejected: Vec<&Value> =
        reply["rejected"].as_array().unwrap().iter().map(|one| &one["index"]).collect();
    assert_eq!(rejected, [0], "a time of another age is set aside, and counted");
    let found = hits(&cloud, &admin, json!({})).await;
    assert_eq!(found.len(), 3);
    let near = |hit: &Value| (hit["time"].as_i64().unwrap() - now).abs() < 3600;
    assert!(found.iter().all(near), "{found:?}");
    assert_consistent(&cloud).await;
    // The clock of the cloud jumps, too: nothing is counted twice and nothing vanishes.
    cloud.running.cloud.clock.shift_ms(-7_200_000);
    node.upload(&cloud, &events).await;
    node.upload(&cloud, &[hit("later", now - 7200)]).await;
    assert_eq!(hits(&cloud, &admin, json!({})).await.len(), 4);
    assert_consistent(&cloud).await;
}

#[tokio::test]
async fn a_clock_of_the_cloud_that_was_ahead_hides_nothing_new() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let (admin, now) = (cloud.admin_pair().await, recent(&cloud));
    let (year, kept) = (365 * 86_400, 183 * 86_400);
    let store = &cloud.running.cloud.store;
    let path = format!("/v1/client/{}/attack-vectors/security-agg/query", cloud.client.id);
    let requests = async || {
        let asked = json!({"select": ["requests_count"]});
        let reply = cloud.post(&admin, &path, asked).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()["data"][0]["requests_count"].clone()
    };
    node.upload(&cloud, &[hit("old", now)]).await;
    assert_eq!(requests().await, 1);
    // Housekeeping with a clock that is a year ahead removes everything, and notes it.
    store.purge_events(now + year - kept, now, now + year).await.unwrap();
    let other = hit_with("new", now, json!({"request_id": "another", "path": "/new"}));
    node.upload(&cloud, &[other]).await;
    assert_ne!(requests().await, Value::Null);
    store.purge_events(now - kept, now, now).await.unwrap();
    assert_eq!(requests().await, 1, "the index has what the database has");
    assert_consistent(&cloud).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_with_one_identity_lose_nothing_and_double_nothing() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let (admin, now) = (cloud.admin_pair().await, recent(&cloud));
    // A machine was copied with its spool: both send what was in it, then each its own under the same names.
    let shared: Vec<Value> = (0..10).map(|at| hit(&format!("s{at}"), now)).collect();
    let own = |name: &str| -> Vec<Value> {
        (0..10).map(|at| hit_with(&format!("{name}{at}"), now, json!({"path": format!("/{at}")}))).collect()
    };
    let send = async |name: &str| {
        for (batch, events) in [("1", shared.clone()), ("2", own(name)), ("1", shared.clone())] {
            let batch = json!({"batch_id": batch, "seq": 1, "events": events});
            assert_eq!(node.send(&cloud, &batch).await.status, 200);
        }
    };
    tokio::join!(send("a"), send("b"));
    assert_eq!(hits(&cloud, &admin, json!({})).await.len(), 30);
    assert_consistent(&cloud).await;
}
