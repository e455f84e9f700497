//! A flood of attacks: everything is refused and counted, and little of it is uploaded.

use serde_json::Value;

use crate::harness::{Options, Setup, eventually, spooled};

/// Switches to sampling with the first attack.
const EAGER: &str = "[sampling]\nhigh_share_percent = 1\nhigh_hits_per_s = 0\nlow_share_percent = 0\n";
const FLOOD: u64 = 40;

async fn flood(setup: &Setup) {
    for _ in 0..FLOOD {
        assert_eq!(setup.status("/flood?file=../../../../etc/passwd").await, 403);
    }
}

/// Hits of the flood that are in the spool.
fn uploaded(events: &[Value]) -> (usize, u64) {
    let hits = events.iter().filter(|event| event["kind"] == "hit" && event["path"] == "/flood");
    let counts: Vec<u64> = hits.map(|hit| hit["aggregated_count"].as_u64().unwrap_or(1)).collect();
    (counts.len(), counts.iter().sum())
}

#[tokio::test]
async fn in_a_flood_the_first_hit_is_uploaded_and_the_others_are_counted() {
    let setup = Setup::new(Options { extra: EAGER, ..Options::default() }).await;
    eventually("sampling begins", || async {
        assert_eq!(setup.status("/first?file=../../../../etc/passwd").await, 403);
        setup.stats().await["sampling"]["high"] == 1
    })
    .await;
    // From here on payloads are remembered; that of the flood is the same.
    assert_eq!(setup.status("/first?file=../../../../etc/passwd").await, 403);
    let before = setup.stats().await;
    flood(&setup).await;
    let after = setup.stats().await;
    let grown = |name: &str| after[name].as_u64().unwrap() - before[name].as_u64().unwrap();
    // What was found and refused does not depend on what is uploaded.
    assert_eq!((grown("requests"), grown("attacks"), grown("blocked")), (FLOOD, FLOOD, FLOOD));
    // The payload is that of the first path, so none of these is new.
    let dropped =
        after["sampling"]["dropped"].as_u64().unwrap() - before["sampling"]["dropped"].as_u64().unwrap();
    assert_eq!(dropped, FLOOD);
    // The end of the node tells of those that were left out.
    let (folder, _upstream) = setup.stop().await;
    let events = spooled(&folder.path().join("state/spool"));
    let (hits, counted) = uploaded(&events);
    // Each request can be found by its id all the same.
    let records: Vec<&Value> =
        events.iter().filter(|event| event["kind"] == "dropped_hits" && event["path"] == "/flood").collect();
    assert_eq!(records.len() as u64, FLOOD);
    assert_eq!(
        (&records[0]["tags"][0], &records[0]["hits"][0]["type"]),
        (&"extreme".into(), &"ptrav".into())
    );
    assert!(records.iter().all(|record| record["request_id"].as_str().unwrap().len() == 32));
    // One, or a few if the machine is so slow that minutes passed.
    assert!((1..FLOOD / 4).contains(&(hits as u64)), "{hits}");
    assert_eq!(counted, FLOOD);
}

#[tokio::test]
async fn without_sampling_every_hit_is_uploaded() {
    let off = format!("{EAGER}enabled = false\n");
    let setup = Setup::new(Options { extra: &off, ..Options::default() }).await;
    flood(&setup).await;
    assert_eq!(setup.stats().await["sampling"]["high"], 0);
    let (folder, _upstream) = setup.stop().await;
    let (hits, counted) = uploaded(&spooled(&folder.path().join("state/spool")));
    assert_eq!((u64::try_from(hits).unwrap(), counted), (FLOOD, FLOOD));
}
