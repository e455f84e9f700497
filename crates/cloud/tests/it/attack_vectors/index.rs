//! The index against the database it is derived from.

use axum::http::Method;
use bartizan_cloud::server::RunningCloud;
use bartizan_store::{entity, sea_orm::EntityTrait};
use bartizan_testkit::Credential;
use serde_json::json;

use super::Scene;

/// Every hit of the database is in the index, and nothing else.
async fn assert_complete(scene: &Scene) {
    let cloud = &scene.cloud.running.cloud;
    let hits = entity::hit::Entity::find().all(cloud.store.reader()).await.unwrap();
    let tenant = bartizan_store::TenantId(scene.cloud.client.id);
    let mut expected: Vec<(i64, i64)> = hits.iter().map(|hit| (hit.ts_ms, hit.id)).collect();
    let all = bartizan_events_index::Filter::All(vec![]);
    let mut found = cloud.event_index.ask(tenant, move |index| index.matching(tenant.0, &all)).await.unwrap();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn batches_twice_and_out_of_order_are_there_once() {
    let scene = Scene::new().await;
    let hits: Vec<_> = (0..30).map(|n| crate::events::hit(&format!("n{n}"), scene.now - n)).collect();
    let (first, second) = hits.split_at(17);
    let mixed: Vec<_> = hits.iter().step_by(3).cloned().collect();
    for batch in [second, first, &mixed, second] {
        scene.node.upload(&scene.cloud, batch).await;
    }
    assert_complete(&scene).await;
}

#[tokio::test]
async fn two_nodes_at_once_leave_nothing_out() {
    let scene = Scene::new().await;
    let other = crate::events::TestNode::register(&scene.cloud, scene.cloud.client.id).await;
    let batch = |prefix: &str, round: i64| -> Vec<_> {
        (0..20).map(|n| crate::events::hit(&format!("{prefix}{round}x{n}"), scene.now - n)).collect()
    };
    for round in 0..5 {
        let (ours, theirs) = (batch("p", round), batch("q", round));
        tokio::join!(scene.node.upload(&scene.cloud, &ours), other.upload(&scene.cloud, &theirs));
    }
    assert_complete(&scene).await;
    crate::events::assert_consistent(&scene.cloud).await;
}

#[tokio::test]
async fn a_lost_index_is_built_again_and_a_damaged_one_set_aside() {
    let Scene { cloud, admin, .. } = Scene::new().await;
    let path = format!("/v1/client/{}/attack-vectors/security-agg/query", cloud.client.id);
    let mut config = cloud.running.cloud.config.clone();
    let folder = config.data_dir.join("events-index");
    let file = folder.join(format!("{}.events", cloud.client.id));
    cloud.running.shutdown().await;
    assert!(file.exists());
    config.listen.address = "127.0.0.1:0".parse().unwrap();
    let Credential::Pair(uuid, secret) = admin else { unreachable!() };
    for damage in [&b"BZEVIDX\x06garbage garbage garbage"[..], &b""[..], &b"other"[..]] {
        std::fs::write(&file, damage).unwrap();
        let again = RunningCloud::start(config.clone()).await.unwrap();
        let reply = reqwest::Client::new()
            .post(format!("http://{}{path}", again.address))
            .header("X-WallarmAPI-UUID", &uuid)
            .header("X-WallarmAPI-Secret", &secret)
            .json(&json!({"select": ["requests_count"]}))
            .send()
            .await
            .unwrap();
        let reply: serde_json::Value = reply.json().await.unwrap();
        assert_eq!(reply["data"].as_array().unwrap().len(), 3, "{reply}");
        again.shutdown().await;
    }
    assert!(folder.join(format!("{}.damaged", cloud.client.id)).exists());
}

/// Whoever is the first to meet the damage gets an answer too, not a request to come again.
#[tokio::test]
async fn the_question_that_meets_a_damaged_file_is_answered() {
    let scene = Scene::new().await;
    let cloud = &scene.cloud.running.cloud;
    let file = cloud.config.data_dir.join("events-index").join(format!("{}.events", scene.cloud.client.id));
    for damage in [&b"BZEVIDX\x06garbage garbage garbage"[..], &b"other"[..]] {
        cloud.event_index.close().await;
        std::fs::write(&file, damage).unwrap();
        let reply = scene.query(json!({"select": ["requests_count"]})).await;
        assert_eq!(reply["data"].as_array().unwrap().len(), 3, "{reply}");
    }
    assert_eq!(std::fs::read(file.with_extension("damaged")).unwrap(), b"other");
    assert_complete(&scene).await;
}

/// What a process that is killed in the middle of a write leaves: any part of the file, old bytes behind new ones.
#[tokio::test]
async fn a_file_that_was_torn_anywhere_lacks_nothing_after_the_next_start() {
    let Scene { cloud, .. } = Scene::new().await;
    let (tenant, mut config) = (cloud.client.id, cloud.running.cloud.config.clone());
    let file = config.data_dir.join("events-index").join(format!("{tenant}.events"));
    cloud.running.shutdown().await;
    config.listen.address = "127.0.0.1:0".parse().unwrap();
    let whole = std::fs::read(&file).unwrap();
    let cuts = [0, 7, 23, 24, 30, whole.len() / 3, whole.len() / 2, whole.len() - 1];
    let torn = cuts.map(|length| whole[..length].to_vec());
    let changed = [26, 40, whole.len() / 2, whole.len() - 2].map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        bytes
    });
    let followed = [[&whole[..], &whole[24..]].concat(), [&whole[..], &[0; 100]].concat()];
    for bytes in torn.into_iter().chain(changed).chain(followed) {
        std::fs::write(&file, &bytes).unwrap();
        let again = RunningCloud::start(config.clone()).await.unwrap();
        let found = bartizan_cloud::services::event_check::check(&again.cloud, true).await.unwrap();
        assert!(found.iter().all(|one| one.faults.is_empty()), "{} bytes: {found:?}", bytes.len());
        assert_eq!(found.iter().map(|one| one.hits).sum::<i64>(), 6);
        again.shutdown().await;
    }
}

#[tokio::test]
async fn an_index_can_be_built_anew() {
    let scene = Scene::new().await;
    let vector =
        async || scene.ok("by-request", json!({"request_id": "r3"})).await["data"][0]["vector_id"].clone();
    let before = vector().await;
    let rows = scene.cloud.running.cloud.event_index.rebuild().await.unwrap();
    assert_eq!(vector().await, before);
    let marked = scene.ok("mark", json!({"vector_ids": [before], "mark": "tp"})).await;
    assert_eq!(marked["marked_count"], 1, "an id leads to its vector in the new index, too");
    assert_eq!(rows, 6);
    assert_complete(&scene).await;
}

#[tokio::test]
async fn deleted_and_expired_events_leave_the_answers() {
    let scene = Scene::new().await;
    let old = crate::events::hit_with("old", scene.now - 23 * 3600, json!({"attack_type": "ssrf"}));
    scene.node.upload(&scene.cloud, &[old]).await;
    let types = async || {
        let range = json!({"select": ["requests_count"], "group_by": ["attack_type", "ts_month"], "time_range": "-3d"});
        let reply = scene.query(range).await;
        reply["data"].as_array().unwrap().iter().filter(|row| row["attack_type"] == "ssrf").count()
    };
    assert_eq!(types().await, 1);
    let client = scene.cloud.client.id;
    let settings = format!("/v1/client/{client}/event_settings");
    let one_day = json!({"retention_days": 1});
    assert_eq!(scene.cloud.call(&scene.admin, Method::PUT, &settings, Some(&one_day)).await.status, 200);
    assert_eq!(types().await, 1);
    scene.cloud.running.cloud.clock.shift_ms(2 * 3600 * 1000);
    assert_eq!(types().await, 0);

    let events = format!("/v1/client/{client}/events");
    let confirm = json!({"confirm": "Acme"});
    assert_eq!(scene.cloud.call(&scene.admin, Method::DELETE, &events, Some(&confirm)).await.status, 200);
    assert_eq!(scene.by_type(serde_json::Value::Null).await, []);
    // What comes afterwards is there again, alone.
    let new = crate::events::hit("new", scene.now + 2 * 3600);
    scene.node.upload(&scene.cloud, &[new]).await;
    assert_eq!(scene.by_type(serde_json::Value::Null).await, [("sqli".to_owned(), 1)]);
    assert_complete(&scene).await;
}

#[tokio::test]
async fn a_longer_retention_does_not_bring_removed_hits_back() {
    let scene = Scene::new().await;
    let old = crate::events::hit_with("old", scene.now - 23 * 3600, json!({"attack_type": "ssrf"}));
    scene.node.upload(&scene.cloud, &[old]).await;
    let counts = async || {
        let range = json!({"select": ["requests_count"], "group_by": ["attack_type"], "time_range": "-3d"});
        let reply = scene.query(range).await;
        reply["data"].as_array().unwrap().iter().filter(|row| row["attack_type"] == "ssrf").count()
    };
    assert_eq!(counts().await, 1);
    let settings = format!("/v1/client/{}/event_settings", scene.cloud.client.id);
    scene.cloud.running.cloud.clock.shift_ms(2 * 3600 * 1000);
    for (days, left) in [(1, 0), (30, 0)] {
        let retention = json!({"retention_days": days});
        let put = scene.cloud.call(&scene.admin, Method::PUT, &settings, Some(&retention)).await;
        assert_eq!((put.status, counts().await), (200, left), "{days} days");
    }
    assert_eq!(
        bartizan_cloud::services::event_check::check(&scene.cloud.running.cloud, true).await.unwrap().len(),
        1
    );
    crate::events::assert_consistent(&scene.cloud).await;
}

/// Rows and measures of attacks in the order of their addresses, as the index ranks them.
async fn ranked(scene: &Scene) -> Vec<(i64, i64)> {
    let tenant = bartizan_store::TenantId(scene.cloud.client.id);
    let ranked = move |index: &bartizan_events_index::Index| {
        let ip = bartizan_events_index::Subject::Text(bartizan_events_index::Text::Ip);
        let measure = bartizan_events_index::Metric::Distinct(ip, None);
        let order =
            bartizan_events_index::Order { measure: &measure, descending: true, after: None, limit: 100 };
        index.ranked(tenant.0, &order)
    };
    scene.cloud.running.cloud.event_index.ask(tenant, ranked).await.unwrap()
}

/// Every attack of the database is ranked, and nothing else.
async fn assert_ranked(scene: &Scene) {
    let attacks = entity::attack::Entity::find().all(scene.cloud.running.cloud.store.reader()).await.unwrap();
    let mut expected: Vec<i64> = attacks.iter().map(|attack| attack.id).collect();
    let mut found: Vec<i64> = ranked(scene).await.iter().map(|(_, attack)| *attack).collect();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
}

/// A day that ends at the newest hit: attacks of its beginning, one that goes on, and those of [`Scene`].
async fn day() -> Scene {
    let scene = Scene::new().await;
    let at = |id: &str, ago: i64, path: &str| {
        crate::events::hit_with(id, scene.now - ago, json!({"path": path, "request_id": id}))
    };
    let hours = 3600;
    let goes_on = (1..23).map(|hour| at(&format!("on{hour}"), hour * hours, "/goes-on"));
    let ended = (0..5).map(|n| at(&format!("end{n}"), 22 * hours + n, &format!("/ended/{n}")));
    let events: Vec<_> = goes_on.rev().chain(ended).collect();
    scene.node.upload(&scene.cloud, &events).await;
    assert_complete(&scene).await;
    assert_ranked(&scene).await;
    scene
}

/// Moves the time on and removes what is older than a day by then.
async fn purge_later(scene: &Scene, hours: i64) {
    let state = &scene.cloud.running.cloud;
    state.clock.shift_ms(hours * 3600 * 1000);
    let tenant = bartizan_store::TenantId(scene.cloud.client.id);
    let transaction = state.store.begin().await.unwrap();
    let before = state.now() - 86_400;
    bartizan_store::privacy::purge_events(&transaction, tenant, before, state.now()).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn attack_count(scene: &Scene) -> usize {
    entity::attack::Entity::find().all(scene.cloud.running.cloud.store.reader()).await.unwrap().len()
}

#[tokio::test]
async fn what_retention_removed_leaves_the_index_and_its_rankings() {
    let scene = day().await;
    let before = attack_count(&scene).await;
    purge_later(&scene, 4).await;
    assert_eq!(attack_count(&scene).await, before - 5);
    // Also what is older than a day, of the attack that goes on.
    assert_complete(&scene).await;
    assert_ranked(&scene).await;
    crate::events::assert_consistent(&scene.cloud).await;
    // New hits, and a second purge.
    let new = crate::events::hit("new", scene.now + 4 * 3600);
    scene.node.upload(&scene.cloud, &[new]).await;
    purge_later(&scene, 21).await;
    assert_eq!(attack_count(&scene).await, 1);
    assert_complete(&scene).await;
    assert_ranked(&scene).await;
    crate::events::assert_consistent(&scene.cloud).await;
}

#[tokio::test]
async fn a_process_that_dies_after_a_purge_finds_at_its_start_what_went() {
    let scene = day().await;
    // Everything is in the file, and the purge is of the database alone.
    scene.cloud.running.cloud.event_index.close().await;
    purge_later(&scene, 4).await;
    assert_complete(&scene).await;
    assert_ranked(&scene).await;
    // Again: the file still has the rows, and another opening must not show them, nor forget marks.
    let vector = scene.ok("by-request", json!({"request_id": "r3"})).await["data"][0]["vector_id"].clone();
    scene.ok("mark", json!({"vector_ids": [vector], "mark": "fp"})).await;
    let shown = scene.by_type(serde_json::Value::Null).await;
    scene.cloud.running.cloud.event_index.close().await;
    assert_eq!(scene.by_type(serde_json::Value::Null).await, shown);
    assert_complete(&scene).await;
    assert_ranked(&scene).await;
    crate::events::assert_consistent(&scene.cloud).await;
}

#[tokio::test]
async fn an_attack_that_came_late_and_was_not_removed_stays_in_the_index() {
    let scene = day().await;
    let state = &scene.cloud.running.cloud;
    // It arrives between two purges, older than the first one.
    let late = crate::events::hit_with("late", scene.now - 23 * 3600, json!({"path": "/late"}));
    let store = &state.store;
    store.purge_events(scene.now - 22 * 3600, 0, state.now()).await.unwrap();
    scene.node.upload(&scene.cloud, &[late]).await;
    assert_complete(&scene).await;
    let count = attack_count(&scene).await;
    store.purge_events(scene.now - 22 * 3600 + 1, 0, state.now()).await.unwrap();
    assert_eq!(attack_count(&scene).await, count - 2, "the late one and one that ended a second later");
    assert_complete(&scene).await;
    assert_ranked(&scene).await;
}

#[tokio::test]
async fn a_process_that_dies_between_deleting_and_forgetting_leaves_nothing_behind() {
    let scene = Scene::new().await;
    assert!(!scene.by_type(serde_json::Value::Null).await.is_empty());
    // The database alone is told, as by another process, or by one that is killed right after.
    let state = &scene.cloud.running.cloud;
    let tenant = bartizan_store::TenantId(scene.cloud.client.id);
    let transaction = state.store.begin().await.unwrap();
    bartizan_store::privacy::delete_events(&transaction, tenant).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(scene.by_type(serde_json::Value::Null).await, []);
    scene.node.upload(&scene.cloud, &[crate::events::hit("new", scene.now)]).await;
    assert_eq!(scene.by_type(serde_json::Value::Null).await, [("sqli".to_owned(), 1)]);
    assert_complete(&scene).await;
}

/// On PostgreSQL whatever database the other tests use: an embedded one belongs to one process.
#[tokio::test(flavor = "multi_thread")]
async fn events_deleted_by_one_process_leave_the_index_of_the_other() {
    let database = tokio::task::spawn_blocking(bartizan_testkit::postgres::fresh_database).await.unwrap();
    let cloud = bartizan_testkit::TestCloud::start_with(|config| config.database.url = database).await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = cloud.running.cloud.config.clone();
    // Each process has an index of its own.
    std::fs::copy(config.data_dir.join("keys.toml"), folder.path().join("keys.toml")).unwrap();
    (config.database.url, config.data_dir) = (config.database_url(), folder.path().to_owned());
    config.listen.address = "127.0.0.1:0".parse().unwrap();
    let second = RunningCloud::start(config).await.unwrap();
    let node = crate::events::TestNode::register(&cloud, cloud.client.id).await;
    let now = crate::events::recent(&cloud);
    node.upload(&cloud, &[crate::events::hit("a", now), crate::events::hit("b", now)]).await;
    let tenant = bartizan_store::TenantId(cloud.client.id);
    let count = async |cloud: &bartizan_cloud::Cloud| {
        let all = bartizan_events_index::Filter::All(vec![]);
        cloud.event_index.ask(tenant, move |index| index.matching(tenant.0, &all)).await.unwrap().len()
    };
    assert_eq!((count(&cloud.running.cloud).await, count(&second.cloud).await), (2, 2));
    let admin = cloud.admin_pair().await;
    let path = format!("/v1/client/{}/events", cloud.client.id);
    let deleted = cloud.call(&admin, Method::DELETE, &path, Some(&json!({"confirm": "Acme"}))).await;
    assert_eq!(deleted.status, 200);
    assert_eq!((count(&cloud.running.cloud).await, count(&second.cloud).await), (0, 0));
    node.upload(&cloud, &[crate::events::hit("c", now)]).await;
    assert_eq!((count(&cloud.running.cloud).await, count(&second.cloud).await), (1, 1));
    for process in [&cloud.running.cloud, &second.cloud] {
        let found = bartizan_cloud::services::event_check::check(process, true).await.unwrap();
        assert!(found.iter().all(|tenant| tenant.faults.is_empty()), "{found:?}");
    }
    second.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn masks_fold_letters_alike_on_every_database() {
    let postgres = tokio::task::spawn_blocking(bartizan_testkit::postgres::fresh_database).await.unwrap();
    for database in [String::new(), postgres] {
        let cloud = bartizan_testkit::TestCloud::start_with(|config| {
            if !database.is_empty() {
                config.database.url = database.clone();
            }
        })
        .await;
        let node = crate::events::TestNode::register(&cloud, cloud.client.id).await;
        let now = crate::events::recent(&cloud);
        let paths = ["/ÄPFEL/Birne", "/äpfel/birne", "/APFEL"];
        let hits = paths.iter().enumerate().map(|(at, path)| {
            crate::events::hit_with(&format!("m{at}"), now, json!({"path": path, "parameter": path}))
        });
        node.upload(&cloud, &hits.collect::<Vec<_>>()).await;
        let admin = cloud.admin_pair().await;
        for (mask, expected) in
            [("/Äpfel*", 2), ("/äPFEL/*", 2), ("/apfel*", 1), ("/?pfel*", 3), ("*BIRNE", 2)]
        {
            let filter = json!({"path": mask});
            let counted = cloud.post(&admin, "/v1/objects/hit/count", json!({"filter": filter})).await.body();
            let listed = crate::events::hits(&cloud, &admin, filter.clone()).await.len();
            let attacks = crate::events::attacks(&cloud, &admin, filter).await.len();
            assert_eq!(
                (&counted["count"], listed, attacks),
                (&json!(expected), expected, expected),
                "{mask}"
            );
        }
    }
}

#[tokio::test]
async fn files_of_tenants_that_are_gone_go_with_the_next_start() {
    let scene = Scene::new().await;
    // The file is there once it was written.
    scene.cloud.running.cloud.event_index.rebuild().await.unwrap();
    let client = scene.cloud.client.id;
    let mut config = scene.cloud.running.cloud.config.clone();
    scene.cloud.running.shutdown().await;
    let folder = config.data_dir.join("events-index");
    // A process that died between deleting a tenant and its file, and a damaged file of one long gone.
    let gone = [folder.join("987654.events"), folder.join("987655.damaged")];
    for path in &gone {
        std::fs::write(path, b"payloads of somebody").unwrap();
    }
    config.listen.address = "127.0.0.1:0".parse().unwrap();
    let again = RunningCloud::start(config).await.unwrap();
    let forgotten = tokio::time::timeout(std::time::Duration::from_secs(60), async {
        while gone.iter().any(|path| path.exists()) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    forgotten.await.expect("files of nobody are still there");
    assert!(folder.join(format!("{client}.events")).exists());
    again.shutdown().await;
}
