//! Taking batches: what is stored once, what is set aside, what attacks come out.

use bartizan_store::{
    entity,
    sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, IntoActiveModel},
};
use bartizan_testkit::TestCloud;
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

use super::{TestNode, assert_consistent, attacks, hit, hit_with, hits, recent};

#[tokio::test]
async fn a_batch_is_visible_when_it_is_acknowledged_and_twice_is_once() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let batch = json!({"batch_id": "b-1", "seq": 41, "events": [hit("h1", recent(&cloud))]});
    for _ in 0..2 {
        let reply = node.send(&cloud, &batch).await;
        assert_eq!((reply.status, reply.text.as_str()), (200, r#"{"acked_seq":41,"rejected":[]}"#));
        assert_eq!(hits(&cloud, &admin, json!({})).await.len(), 1);
    }
    // The same id with other content is another batch.
    let other = json!({"batch_id": "b-1", "seq": 42, "events": [hit("h1", 0), hit("h2", recent(&cloud))]});
    assert_eq!(node.send(&cloud, &other).await.status, 200);
    assert_eq!(hits(&cloud, &admin, json!({})).await.len(), 2);
    assert_consistent(&cloud).await;
}

#[tokio::test]
async fn bad_events_are_set_aside_and_the_others_taken() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let now = recent(&cloud);
    let events = [
        hit("good", now),
        json!({"kind": "unheard_of"}),
        hit_with("type", now, json!({"attack_type": "nonsense"})),
        hit_with("addr", now, json!({"ip": "house"})),
        hit_with("point", now, json!({"point": [{"a": 1}]})),
        json!(7),
        // Ids of hits are 16 to 20 characters on the wire.
        hit_with("short", now, json!({"event_id": "fifteen-letters"})),
        hit_with("long", now, json!({"event_id": "one-and-twenty-letter"})),
    ];
    for _ in 0..2 {
        let reply = node.upload(&cloud, &events).await;
        let indexes: Vec<i64> =
            reply["rejected"].as_array().unwrap().iter().map(|one| one["index"].as_i64().unwrap()).collect();
        assert_eq!(indexes, [1, 2, 3, 4, 5, 6, 7]);
    }
    assert_eq!(hits(&cloud, &admin, json!({})).await.len(), 1);
    let kept = entity::rejected_event::Entity::find().all(cloud.running.cloud.store.reader()).await.unwrap();
    assert_eq!(kept.len(), 7, "a repeated event is kept once");
}

#[tokio::test]
async fn text_that_a_database_cannot_hold_is_stored_escaped() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let changes = json!({"value": "a\0b", "path": "/\0", "raw": {
        "remote_addr": "", "remote_port": "", "server_addr": "", "server_port": "", "method": "GET",
        "proto": "HTTP/1.1", "uri": "/\0", "headers": {"X\0": ["\0"]}, "body": "\0"}});
    let reply = node.upload(&cloud, &[hit_with("h", recent(&cloud), changes)]).await;
    assert_eq!(reply["rejected"], json!([]));
    assert_eq!(hits(&cloud, &admin, json!({})).await[0]["value"], "a\\x00b");
}

#[tokio::test]
async fn unbelievable_times_become_the_time_of_receipt() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let now = cloud.running.cloud.now();
    node.upload(&cloud, &[hit("old", now - 90_000), hit("future", now + 600), hit("clock", now + 200)]).await;
    for hit in hits(&cloud, &admin, json!({})).await {
        assert!((now..=now + 210).contains(&hit["time"].as_i64().unwrap()), "{hit}");
    }
    let rows = entity::hit::Entity::find().all(cloud.running.cloud.store.reader()).await.unwrap();
    assert_eq!(rows.iter().filter(|row| row.reported_ts_ms.is_some()).count(), 2);
}

#[tokio::test]
async fn nodes_need_their_secret_and_batches_their_size() {
    let cloud = TestCloud::start_with(|config| config.limits.event_batch_bytes = 4096).await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let stranger = TestNode { uuid: node.uuid.clone(), secret: "0".repeat(64) };
    let now = recent(&cloud);
    let small = json!({"batch_id": "b", "seq": 1, "events": [hit("h", now)]});
    assert_eq!(stranger.send(&cloud, &small).await.status, 401);
    let large = json!({"batch_id": "b", "seq": 1, "events": (0..9).map(|n| hit(&format!("h{n}"), now)).collect::<Vec<_>>()});
    assert_eq!(node.send(&cloud, &large).await.status, 413);
    for broken in
        [json!([]), json!({"batch_id": "", "seq": 1, "events": []}), json!({"seq": 1, "events": []})]
    {
        assert_eq!(node.send(&cloud, &broken).await.status, 400);
    }
    assert_eq!(node.send(&cloud, &small).await.status, 200);
}

#[tokio::test]
async fn unknown_applications_appear_and_deleted_ones_return() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let now = recent(&cloud);
    let applications = [("a", 42), ("b", 0), ("c", -7), ("d", 1i64 << 40)];
    let events: Vec<Value> =
        applications.iter().map(|(id, pool)| hit_with(id, now, json!({"application": pool}))).collect();
    node.upload(&cloud, &events).await;
    let pools = entity::pool::Entity::find().all(cloud.running.cloud.store.reader()).await.unwrap();
    let mut names: Vec<_> = pools.iter().map(|pool| (pool.id, pool.name.as_str())).collect();
    names.sort_unstable();
    assert_eq!(names, [(-1, "default"), (42, "Application #42")]);
    let of = |pool: i64| json!({"poolid": pool});
    assert_eq!(hits(&cloud, &admin, of(42)).await.len(), 1);
    assert_eq!(hits(&cloud, &admin, of(-1)).await.len(), 3);
    assert_eq!(attacks(&cloud, &admin, json!({})).await.len(), 2, "applications are attacked separately");

    let mut gone = pools.into_iter().find(|pool| pool.id == 42).unwrap().into_active_model();
    gone.deleted = Set(true);
    gone.update(cloud.running.cloud.store.writer()).await.unwrap();
    node.upload(&cloud, &[hit_with("e", now, json!({"application": 42}))]).await;
    let pool =
        entity::pool::Entity::find_by_id((cloud.client.id, 42)).one(cloud.running.cloud.store.reader());
    assert!(!pool.await.unwrap().unwrap().deleted);
}

#[tokio::test]
async fn the_tenant_is_the_nodes_and_ids_of_others_do_not_clash() {
    let cloud = TestCloud::start().await;
    let other = cloud.add_company("Other").await;
    let (own_node, other_node) =
        (TestNode::register(&cloud, cloud.client.id).await, TestNode::register(&cloud, other.id).await);
    let now = recent(&cloud);
    let batch = json!({"batch_id": "same", "seq": 1, "events": [hit("same", now)]});
    for node in [&own_node, &other_node] {
        assert_eq!(node.send(&cloud, &batch).await.status, 200);
    }
    let admin = cloud.admin_pair().await;
    let stranger = cloud.pair_of(&cloud.add_user(other.id, "eve@other.test", &["admin"]).await).await;
    for (caller, client) in [(&admin, cloud.client.id), (&stranger, other.id)] {
        let seen = attacks(&cloud, caller, json!({})).await;
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0]["clientid"], client);
        assert_eq!(hits(&cloud, caller, json!({})).await.len(), 1);
    }
    let attack = attacks(&cloud, &admin, json!({})).await[0]["attackid"].clone();
    let id = hits(&cloud, &admin, json!({})).await[0]["id"].clone();
    assert!(hits(&cloud, &stranger, json!({"attackid": [attack]})).await.is_empty());
    let joined = format!("{}:{}", id[0].as_str().unwrap(), id[1].as_str().unwrap());
    assert_eq!(cloud.get(&stranger, &format!("/v2/hit/details?id={joined}")).await.status, 404);
    for path in ["/v1/objects/hit/details", "/v1/objects/hit/mark_false"] {
        let reply = cloud.post(&stranger, path, json!({"filter": {"id": id}})).await.body();
        assert!(reply == json!([]) || reply == json!({"marked": 0}), "{path}: {reply}");
    }
    let foreign =
        cloud.post(&stranger, "/v1/objects/hit", json!({"filter": {"clientid": cloud.client.id}})).await;
    assert_eq!(foreign.status, 403);
    assert_consistent(&cloud).await;
}

/// Sends hits at these offsets one batch each and returns the spans and sizes of the attacks.
async fn spans(offsets: &[i64]) -> Vec<(i64, i64, i64)> {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let start = cloud.running.cloud.now() - 40_000;
    for (number, offset) in offsets.iter().enumerate() {
        node.upload(&cloud, &[hit(&format!("h{number}"), start + offset)]).await;
    }
    assert_consistent(&cloud).await;
    let number = |value: &Value| value.as_i64().unwrap();
    attacks(&cloud, &admin, json!({}))
        .await
        .iter()
        .map(|one| {
            (number(&one["first_time"]) - start, number(&one["last_time"]) - start, number(&one["hits"]))
        })
        .collect()
}

#[tokio::test]
async fn an_attack_takes_hits_within_an_hour_of_its_end() {
    assert_eq!(spans(&[0, 3600, 7200]).await, [(0, 7200, 3)]);
    assert_eq!(spans(&[0, 3601]).await, [(0, 0, 1), (3601, 3601, 1)]);
}

#[tokio::test]
async fn a_late_hit_extends_the_start() {
    assert_eq!(spans(&[7200, 3600]).await, [(3600, 7200, 2)]);
    assert_eq!(spans(&[7200, 3599]).await, [(3599, 3599, 1), (7200, 7200, 1)]);
}

#[tokio::test]
async fn attacks_that_come_to_touch_stay_two() {
    // The late hit is nearer to the second attack; the first keeps its span.
    assert_eq!(spans(&[0, 7000, 3500]).await, [(0, 3500, 2), (7000, 7000, 1)]);
    assert_eq!(spans(&[0, 7000, 3600]).await, [(0, 0, 1), (3600, 7000, 2)]);
}

#[tokio::test]
async fn behavioural_attacks_group_by_source_and_host() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let now = recent(&cloud);
    let guess = |id: &str, path: &str, ip: &str| {
        hit_with(
            id,
            now,
            json!({"attack_type": "dirbust", "path": path, "ip": ip, "value": "", "stamps": []}),
        )
    };
    let events =
        [guess("a", "/a", "192.0.2.1"), guess("b", "/b", "192.0.2.1"), guess("c", "/a", "192.0.2.2")];
    node.upload(&cloud, &events).await;
    let mut paths: Vec<String> = attacks(&cloud, &admin, json!({}))
        .await
        .iter()
        .map(|attack| attack["path"].as_str().unwrap().to_owned())
        .collect();
    paths.sort();
    assert_eq!(paths, ["/a", "[multiple]"]);
}

#[tokio::test]
async fn concurrent_uploads_make_one_attack() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let now = recent(&cloud);
    let batches: Vec<Vec<Value>> = (0..8)
        .map(|batch| (0..5).map(|n| hit(&format!("h{}", (batch * 3 + n) % 20), now + n)).collect())
        .collect();
    futures_util::future::join_all(batches.iter().map(|batch| node.upload(&cloud, batch))).await;
    assert_eq!(attacks(&cloud, &admin, json!({})).await.len(), 1);
    assert_eq!(hits(&cloud, &admin, json!({})).await.len(), 20);
    assert_consistent(&cloud).await;
}

#[tokio::test]
async fn what_expired_is_removed_whole() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let now = recent(&cloud);
    node.upload(&cloud, &[hit("old", now - 20_000), json!(1)]).await;
    node.upload(&cloud, &[hit("new", now)]).await;
    let store = &cloud.running.cloud.store;
    store.purge_events(now - 10_000, now - 10_000, now).await.unwrap();
    assert_eq!(attacks(&cloud, &admin, json!({})).await.len(), 1);
    assert_consistent(&cloud).await;
    assert_eq!(entity::event_batch::Entity::find().all(store.reader()).await.unwrap().len(), 2);
    store.purge_events(now + 3600, now + 3600, now).await.unwrap();
    assert!(attacks(&cloud, &admin, json!({})).await.is_empty());
    assert!(entity::event_batch::Entity::find().all(store.reader()).await.unwrap().is_empty());
    assert!(entity::hit_raw::Entity::find().all(store.reader()).await.unwrap().is_empty());
}

/// What the API shows, without ids that depend on which hit came first.
async fn shown(cloud: &TestCloud) -> (Vec<Value>, Vec<Value>) {
    let admin = cloud.admin_pair().await;
    let keep = |row: Value, drop: &[&str]| {
        let mut row = row;
        for key in drop {
            row.as_object_mut().unwrap().remove(*key);
        }
        row
    };
    let mut attacks: Vec<Value> = attacks(cloud, &admin, json!({}))
        .await
        .into_iter()
        .map(|row| keep(row, &["id", "attackid", "clientid"]))
        .collect();
    attacks.sort_by_key(Value::to_string);
    let mut hits: Vec<Value> = hits(cloud, &admin, json!({}))
        .await
        .into_iter()
        .map(|row| keep(row, &["id", "attackid", "node_uuid"]))
        .collect();
    hits.sort_by_key(Value::to_string);
    (attacks, hits)
}

/// Random splits, repeats and orders of the same hits give the same attacks.
#[test]
fn delivery_does_not_change_the_outcome() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let one = (0..3u8, 0..2u8, 0..2u8, 0..3000i64, prop::bool::ANY, 1..4u32);
    let plan = prop::collection::vec((one, prop::collection::vec(0..5usize, 1..4)), 1..25);
    // Few cases: each runs two clouds.
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 6, failure_persistence: None, ..Default::default() });
    let outcome = runner.run(&plan, |plan| {
        runtime.block_on(async {
            let (plain, mixed) = (TestCloud::start().await, TestCloud::start().await);
            let start = plain.running.cloud.now() - 50_000;
            let events: Vec<Value> = plan
                .iter()
                .enumerate()
                .map(|(number, ((cluster, path, ip, offset, blocked, count), _))| {
                    let changes = json!({
                        "path": format!("/{path}"), "ip": format!("192.0.2.{ip}"), "aggregated_count": count,
                        "block_status": if *blocked { "blocked" } else { "monitored" },
                    });
                    // Clusters lie more than the window apart, so that the outcome is defined.
                    hit_with(&format!("h{number}"), start + i64::from(*cluster) * 10_000 + offset, changes)
                })
                .collect();
            TestNode::register(&plain, plain.client.id).await.upload(&plain, &events).await;
            let node = TestNode::register(&mixed, mixed.client.id).await;
            for batch in 0..5usize {
                let own: Vec<Value> = plan
                    .iter()
                    .zip(&events)
                    .filter(|((_, batches), _)| batches.contains(&batch))
                    .map(|(_, event)| event.clone())
                    .rev()
                    .collect();
                node.upload(&mixed, &own).await;
            }
            assert_consistent(&plain).await;
            assert_consistent(&mixed).await;
            assert_eq!(shown(&plain).await, shown(&mixed).await);
        });
        Ok(())
    });
    outcome.unwrap();
}

fn dropped(id: &str, request: &str, time: i64) -> Value {
    json!({
        "kind": "dropped_hits", "event_id": format!("{id:a<20}"), "request_id": request, "ts_ms": time * 1000,
        "application": 7, "method": "POST", "domain": "shop.test", "path": "/search", "ip": "203.0.113.7",
        "server_addr": "192.0.2.1", "statuscode": 403, "tags": ["regular"],
        "hits": [{"type": "brute", "parameter": "", "point": [], "block_status": "blocked"}],
    })
}

#[tokio::test]
async fn a_sampled_out_request_is_known_by_its_id_and_counts_nothing() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let now = recent(&cloud);
    let mut second = dropped("d2", "r-1", now + 1);
    second["tags"] = json!(["regular", "acl"]);
    second["hits"] = json!([{"type": "sqli", "attack_subtype": "sqli_stacked", "point": ["get", "q"],
        "parameter": "GET_q_value", "value": "1;\0", "stamps": [7], "block_status": "monitored"}]);
    let kept = hit_with("h1", now, json!({"attack_type": "brute", "aggregated_count": 3}));
    for _ in 0..2 {
        let reply = node.upload(&cloud, &[dropped("d1", "r-1", now), second.clone(), kept.clone()]).await;
        assert_eq!(reply["rejected"], json!([]));
    }
    let path = |client: i64, request: &str| format!("/v2/client/{client}/dropped_raw_hits/{request}");
    let view = cloud.get(&admin, &path(cloud.client.id, "r-1")).await;
    insta::assert_json_snapshot!("dropped_request", view.json(), {
        ".body.client_id" => "[client]", ".body.request_time" => "[time]",
    });
    assert_eq!(view.body()["request_time"], now);
    assert_eq!(hits(&cloud, &admin, json!({})).await.len(), 1);
    let attack = &attacks(&cloud, &admin, json!({})).await[0];
    assert_eq!((&attack["hits"], &attack["sampled"]), (&json!(3), &json!(true)));

    assert_eq!(cloud.get(&admin, &path(cloud.client.id, "%00")).await.status, 400);
    for request in ["r-2", kept["request_id"].as_str().unwrap()] {
        assert_eq!(cloud.get(&admin, &path(cloud.client.id, request)).await.status, 404, "{request}");
    }
    let other = cloud.add_company("Other").await;
    let eve = cloud.add_user(other.id, "eve@other.test", &["admin"]).await;
    let other = cloud.pair_of(&eve).await;
    assert_eq!(cloud.get(&other, &path(cloud.client.id, "r-1")).await.status, 403);
    assert_eq!(cloud.get(&other, &path(0, "r-1")).await.status, 404);
}

#[tokio::test]
async fn a_sampled_out_request_is_forgotten_after_seven_days() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let now = recent(&cloud);
    node.upload(&cloud, &[dropped("d1", "r-1", now), hit("h1", now)]).await;
    let path = format!("/v2/client/{}/dropped_raw_hits/r-1", cloud.client.id);
    let kept = async || {
        let rows = entity::dropped_request::Entity::find();
        rows.all(cloud.running.cloud.store.reader()).await.unwrap().len()
    };
    let day = 86_400;
    for (days, status, rows) in [(6, 200, 1), (8, 404, 0)] {
        let later = cloud.running.cloud.now() + days * day;
        cloud.running.cloud.clock.shift_ms(days * day * 1000);
        assert_eq!(cloud.get(&admin, &path).await.status, status, "after {days} days, before it is removed");
        cloud.running.cloud.store.purge_events(now - 183 * day, now - 183 * day, later).await.unwrap();
        assert_eq!((cloud.get(&admin, &path).await.status, kept().await), (status, rows));
        cloud.running.cloud.clock.shift_ms(-days * day * 1000);
    }
    assert_eq!(hits(&cloud, &admin, json!({})).await.len(), 1, "hits are kept for longer");
    assert_consistent(&cloud).await;
}

#[tokio::test]
async fn a_bad_record_of_a_sampled_out_request_is_set_aside() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let bad = [
        ("event_id", json!("a/b")),
        ("request_id", json!("")),
        ("ip", json!("house")),
        ("hits", json!([])),
        ("hits", json!([{"type": "unheard", "block_status": "blocked"}])),
        ("tags", json!(["x".repeat(300)])),
        ("ts_ms", json!(5)),
        ("statuscode", json!(1000)),
    ];
    let events: Vec<Value> = bad
        .iter()
        .map(|(field, value)| {
            let mut event = dropped("d", "r", now);
            event[*field] = value.clone();
            event
        })
        .collect();
    let reply = node.upload(&cloud, &events).await;
    assert_eq!(reply["rejected"].as_array().unwrap().len(), bad.len(), "{reply}");
}
