//! Filters mean what lists show, and the object endpoints and the Attacks API mean the same.

use bartizan_cloud::{RunningCloud, services::event_check};
use bartizan_store::{
    entity::attack,
    sea_orm::{ConnectionTrait, EntityTrait, QueryOrder},
};
use bartizan_testkit::{Credential, TestCloud};
use serde_json::{Value, json};

use super::{TestNode, assert_consistent, attacks, hit_with, hits, recent};

struct Scene {
    cloud: TestCloud,
    node: TestNode,
    admin: Credential,
    now: i64,
}

async fn scene(events: impl Fn(i64) -> Vec<Value>) -> Scene {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let now = recent(&cloud);
    let reply = node.upload(&cloud, &events(now)).await;
    assert_eq!(reply["rejected"], json!([]));
    Scene { cloud, node, admin, now }
}

impl Scene {
    /// What lists of hits show of the field for a filter, sorted.
    async fn of_hits(&self, field: &str, filter: Value) -> Vec<String> {
        sorted(hits(&self.cloud, &self.admin, filter).await.iter().map(|hit| hit[field].clone()))
    }

    async fn of_attacks(&self, field: &str, filter: Value) -> Vec<String> {
        let found = attacks(&self.cloud, &self.admin, filter.clone()).await;
        let count = self.cloud.post(&self.admin, "/v1/objects/attack/count", json!({"filter": filter})).await;
        assert_eq!(count.body()["attacks"], found.len());
        sorted(found.iter().map(|attack| attack[field].clone()))
    }

    /// What the Attacks API shows of a dimension for one condition.
    async fn of_vectors(&self, dimension: &str, field: &str, value: &str) -> Vec<String> {
        let body = json!({"select": ["requests_count"], "group_by": [dimension], "where":
            {"kind": "condition", "field": field, "op": "=", "values": [value]}});
        let path = format!("/v1/client/{}/attack-vectors/security-agg/query", self.cloud.client.id);
        let reply = self.cloud.post(&self.admin, &path, body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let rows = reply.json()["data"].as_array().unwrap().clone();
        sorted(rows.iter().map(|row| row[dimension].clone()))
    }
}

fn sorted(values: impl Iterator<Item = Value>) -> Vec<String> {
    let mut values: Vec<String> = values.map(|value| value.as_str().unwrap().to_owned()).collect();
    values.sort_unstable();
    values
}

#[tokio::test]
async fn an_attack_is_found_by_the_method_it_shows() {
    let by = |id: &str, time: i64, method: &str| hit_with(id, time, json!({"method": method}));
    let scene =
        scene(|now| vec![by("a", now, "POST"), by("b", now + 1, "GET"), by("c", now + 2, "GET")]).await;
    let shown = async |scene: &Scene, method: &str| {
        assert_eq!(scene.of_attacks("method", json!({})).await, [method]);
        for other in ["GET", "POST", "PUT"] {
            let expected: &[&str] = if other == method { &[method] } else { &[] };
            assert_eq!(scene.of_attacks("method", json!({"method": other})).await, expected, "{other}");
            let rest: &[&str] = if other == method { &[] } else { &[method] };
            assert_eq!(scene.of_attacks("method", json!({"!method": other})).await, rest, "!{other}");
        }
        assert_consistent(&scene.cloud).await;
    };
    // The first hit was another.
    shown(&scene, "GET").await;
    let many = hit_with("d", scene.now + 3, json!({"method": "PUT", "aggregated_count": 5}));
    scene.node.upload(&scene.cloud, &[many, by("e", scene.now + 4, "POST")]).await;
    shown(&scene, "PUT").await;
    // What is false does not count, until it is not false any more.
    for (mode, method) in [("true", "GET"), ("false", "PUT")] {
        let id = hits(&scene.cloud, &scene.admin, json!({"method": "PUT"})).await[0]["id"].clone();
        let mark = json!({"filter": {"id": id}, "mode": mode});
        assert_eq!(
            scene.cloud.post(&scene.admin, "/v1/objects/hit/mark_false", mark).await.body()["marked"],
            1
        );
        shown(&scene, method).await;
    }
    // The Attacks API counts vectors, each of which has its own.
    assert_eq!(scene.of_vectors("host", "method", "POST").await, ["shop.test"]);
    // Whoever makes up methods makes nothing grow.
    let odd: Vec<Value> = (0..200).map(|n| by(&format!("o{n}"), scene.now + 5, &format!("M{n}"))).collect();
    scene.node.upload(&scene.cloud, &odd).await;
    shown(&scene, "PUT").await;
}

#[tokio::test]
async fn an_attack_all_of_whose_hits_were_false_takes_the_method_of_the_next() {
    let scene = scene(|now| vec![hit_with("a", now, json!({}))]).await;
    let mark =
        json!({"filter": {"attackid": attacks(&scene.cloud, &scene.admin, json!({})).await[0]["attackid"]}});
    assert_eq!(
        scene.cloud.post(&scene.admin, "/v1/objects/attack/mark_false", mark).await.body()["marked"],
        1
    );
    assert_eq!(scene.of_attacks("method", json!({"method": "POST"})).await, ["POST"]);
    scene.node.upload(&scene.cloud, &[hit_with("b", scene.now + 1, json!({"method": "PUT"}))]).await;
    assert_eq!(scene.of_attacks("method", json!({"method": "PUT"})).await, ["PUT"]);
    assert_consistent(&scene.cloud).await;
}

/// On both databases: the statements differ.
#[tokio::test(flavor = "multi_thread")]
async fn attacks_from_before_take_the_method_of_most_of_their_hits() {
    let postgres = tokio::task::spawn_blocking(bartizan_testkit::postgres::fresh_database).await.unwrap();
    for database in [String::new(), postgres] {
        let cloud = TestCloud::start_with(|config| {
            if !database.is_empty() {
                config.database.url = database.clone();
            }
        })
        .await;
        let node = TestNode::register(&cloud, cloud.client.id).await;
        let admin = cloud.admin_pair().await;
        let now = recent(&cloud);
        let by = |id: &str, path: &str, method: &str, count: i64| {
            hit_with(id, now, json!({"path": path, "method": method, "aggregated_count": count}))
        };
        let events = [
            by("a", "/most", "POST", 1),
            by("b", "/most", "GET", 2),
            by("c", "/alike", "b", 1),
            by("d", "/alike", "B", 1),
            by("e", "/one", "PUT", 1),
            by("f", "/false", "POST", 9),
            by("g", "/false", "GET", 1),
        ];
        node.upload(&cloud, &events).await;
        let id = hits(&cloud, &admin, json!({"path": "/false", "method": "POST"})).await[0]["id"].clone();
        let mark = json!({"filter": {"id": id}});
        assert_eq!(cloud.post(&admin, "/v1/objects/hit/mark_false", mark).await.body()["marked"], 1);
        let connection = cloud.running.cloud.store.writer();
        let of = async |cloud: &bartizan_cloud::Cloud| {
            let rows =
                attack::Entity::find().order_by_asc(attack::Column::Id).all(cloud.store.writer()).await;
            rows.unwrap().into_iter().map(|row| (row.path, row.method)).collect::<Vec<_>>()
        };
        let told = of(&cloud.running.cloud).await;
        for statement in [
            "ALTER TABLE attacks DROP COLUMN methods",
            "UPDATE attacks SET method = 'POST' WHERE path <> '/one'",
            "DELETE FROM seaql_migrations WHERE version LIKE 'm0170%'",
        ] {
            connection.execute_unprepared(statement).await.unwrap();
        }
        let mut config = cloud.running.cloud.config.clone();
        config.listen.address = "127.0.0.1:0".parse().unwrap();
        cloud.running.shutdown().await;
        let again = RunningCloud::start(config).await.unwrap();
        assert_eq!(of(&again.cloud).await, told);
        let methods: Vec<&str> = told.iter().map(|(_, method)| method.as_str()).collect();
        assert_eq!(methods, ["GET", "B", "PUT", "GET"]);
        let found = event_check::check(&again.cloud, false).await.unwrap();
        assert!(found.iter().all(|tenant| tenant.faults.is_empty()), "{found:?}");
        again.shutdown().await;
    }
}

#[tokio::test]
async fn addresses_mean_the_same_everywhere() {
    let from = |id: &str, now: i64, ip: &str| hit_with(id, now, json!({"ip": ip, "path": format!("/{id}")}));
    // A socket of both families reports IPv4 within IPv6.
    let scene = scene(|now| {
        vec![
            from("a", now, "10.0.0.1"),
            from("b", now, "::ffff:10.0.1.2"),
            from("c", now, "2001:db8::7"),
            from("d", now, "::1"),
        ]
    })
    .await;
    let (all, v4, v6) = (
        vec!["10.0.0.1", "10.0.1.2", "2001:db8::7", "::1"],
        vec!["10.0.0.1", "10.0.1.2"],
        vec!["2001:db8::7", "::1"],
    );
    assert_eq!(scene.of_hits("ip", json!({})).await, all);
    let path_of =
        |ip: &str| ["/a", "/b", "/c", "/d"][all.iter().position(|known| *known == ip).unwrap()].to_owned();
    for (asked, expected) in [
        ("10.0.1.2", vec!["10.0.1.2"]),
        ("::ffff:10.0.1.2", vec!["10.0.1.2"]),
        ("::FFFF:a00:1", vec!["10.0.0.1"]),
        ("2001:DB8:0::7", vec!["2001:db8::7"]),
        ("10.0.0.0/24", vec!["10.0.0.1"]),
        ("::ffff:10.0.0.0/120", vec!["10.0.0.1"]),
        ("::ffff:0:0/96", v4.clone()),
        ("0.0.0.0/0", v4.clone()),
        ("::/0", v6.clone()),
        ("::/64", vec!["::1"]),
        ("2000::/3", vec!["2001:db8::7"]),
        ("10.0.0.2-10.0.1.2", vec!["10.0.1.2"]),
        ("::-2001:db8::7", v6.clone()),
        ("10.0.", v4.clone()),
        ("10.0.1.", vec!["10.0.1.2"]),
        ("0.0.", vec![]),
    ] {
        let filter = json!({"ip": asked});
        let mut paths: Vec<String> = expected.iter().map(|ip| path_of(ip)).collect();
        paths.sort_unstable();
        assert_eq!(scene.of_hits("ip", filter.clone()).await, expected, "{asked}");
        assert_eq!(scene.of_attacks("path", filter).await, paths, "{asked}");
        assert_eq!(scene.of_vectors("ip", "ip", asked).await, expected, "{asked}");
        // Asked with something that only the database knows.
        let with_stamps = json!({"ip": asked, "stamps": 7});
        assert_eq!(scene.of_hits("ip", with_stamps.clone()).await, expected, "{asked}");
        let count =
            scene.cloud.post(&scene.admin, "/v1/objects/hit/count", json!({"filter": with_stamps})).await;
        assert_eq!(count.body()["count"], expected.len(), "{asked}");
        let query = json!({"query": format!("ip:{asked}")});
        let found = scene.cloud.post(&scene.admin, "/v1/search", query).await.body();
        assert_eq!(scene.of_attacks("path", found["attacks"].clone()).await, paths, "{asked}");
    }
    for bad in ["::1-10.0.0.1", "10.0.0.9-10.0.0.1", "10.0.0.0/33", "10.0.0"] {
        let reply = scene.cloud.post(&scene.admin, "/v1/objects/hit", json!({"filter": {"ip": bad}})).await;
        assert_eq!((reply.status, reply.json()["body"]["ip"]["value"].clone()), (400, json!(bad)), "{bad}");
    }
}

#[tokio::test]
async fn masks_take_letters_of_either_case() {
    let at = |id: &str, now: i64, path: &str| {
        hit_with(id, now, json!({"path": path, "value": format!("x {path} y")}))
    };
    let scene =
        scene(|now| vec![at("a", now, "/ÜBER/Заказ"), at("b", now, "/über/заказ"), at("c", now, "/uber")])
            .await;
    let both = ["/ÜBER/Заказ", "/über/заказ"];
    for mask in ["/über*", "/ÜBER*", "*/заКАЗ", "/?BER/*"] {
        assert_eq!(scene.of_hits("path", json!({"path": mask})).await, both, "{mask}");
        assert_eq!(scene.of_attacks("path", json!({"path": mask})).await, both, "{mask}");
        assert_eq!(scene.of_attacks("path", json!({"path": mask, "stamps": 7})).await, both, "{mask}");
        assert_eq!(scene.of_vectors("normalized_path", "normalized_path", mask).await, both, "{mask}");
    }
    assert_eq!(scene.of_hits("path", json!({"value": "*ЗАКАЗ*"})).await, both);
    assert_eq!(scene.of_hits("path", json!({"search": "ЗАКАЗ"})).await, both);
    assert_eq!(scene.of_vectors("normalized_path", "payload_search", "ЗАКАЗ").await, both);
    assert_eq!(scene.of_vectors("normalized_path", "normalized_path", "ЗАКАЗ").await, both);
    // More letters, and more masks, than anybody writes.
    let letters: String = ('\u{c0}'..='\u{58f}').collect();
    let many: Vec<String> = (0..250).map(|n| format!("*{letters}{n}*")).collect();
    for filter in [json!({"path": many}), json!({"value": many}), json!({"search": many})] {
        assert!(scene.of_hits("path", filter.clone()).await.is_empty());
        assert!(scene.of_attacks("path", filter).await.is_empty());
    }
    // Without a mask the object endpoints compare exactly.
    assert_eq!(scene.of_hits("path", json!({"path": "/über/заказ"})).await, ["/über/заказ"]);
}

#[tokio::test]
async fn flags_and_masks_of_everything() {
    let scene = scene(|now| {
        vec![hit_with("a", now, json!({"experimental": true})), hit_with("b", now, json!({"path": "/b"}))]
    })
    .await;
    for (filter, expected) in [
        (json!({"experimental": false}), vec!["/b"]),
        (json!({"experimental": true}), vec!["/search"]),
        (json!({"experimental": null}), vec!["/b"]),
        (json!({"!experimental": false}), vec!["/b", "/search"]),
        (json!({"!experimental": true}), vec!["/b"]),
        (json!({"experimental": [true, false]}), vec!["/b", "/search"]),
        (json!({"!experimental": [true, false]}), vec!["/b"]),
        (
            json!({"path": "*", "domain": "*", "parameter": "**", "value": "*", "vector": "*"}),
            vec!["/b", "/search"],
        ),
        (json!({"path": ["*", "/b"]}), vec!["/b", "/search"]),
        (json!({"!path": "*"}), vec!["/b", "/search"]),
    ] {
        assert_eq!(scene.of_hits("path", filter.clone()).await, expected, "{filter}");
        assert_eq!(scene.of_attacks("path", filter.clone()).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn times_are_pairs_ranges_and_digits() {
    let scene = scene(|now| {
        (0..4).map(|n| hit_with(&format!("t{n}"), now + n, json!({"path": format!("/{n}")}))).collect()
    })
    .await;
    let now = scene.now;
    for (time, expected) in [
        (json!([now + 1, now + 2]), vec!["/1", "/2"]),
        (json!([[now + 1, now + 2]]), vec!["/1", "/2"]),
        (json!([now + 2, null]), vec!["/2", "/3"]),
        (json!([null, now]), vec!["/0"]),
        (json!([[now, now], [now + 3]]), vec!["/0", "/3"]),
        (json!([(now + 1).to_string(), (now + 2).to_string()]), vec!["/1", "/2"]),
        (json!([[(now + 2).to_string(), null]]), vec!["/2", "/3"]),
        (json!((now + 3).to_string()), vec!["/3"]),
        (json!([now + 3]), vec!["/3"]),
        (json!([now, now + 1, now + 3]), vec!["/0", "/1", "/3"]),
    ] {
        assert_eq!(scene.of_hits("path", json!({"time": time})).await, expected, "{time}");
        assert_eq!(scene.of_attacks("path", json!({"time": time})).await, expected, "{time}");
    }
    // A flat pair of other numbers is two numbers.
    assert!(scene.of_hits("path", json!({"statuscode": [400, 500]})).await.is_empty());
    assert_eq!(scene.of_hits("path", json!({"statuscode": [[400, 500]]})).await.len(), 4);
    assert_eq!(scene.of_hits("path", json!({"statuscode": ["403", 500]})).await.len(), 4);
}
