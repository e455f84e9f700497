//! Figures from the event index against the same figures from the database.

use bartizan_api::filter::{Condition, Filter, IpTest, Mask, Range, Test};
use bartizan_cloud::services::indexed_events::{self, attack_order, attack_page};
use bartizan_store::{
    TenantId, Tenants,
    attacks::{AttackOrder, AttackQuery, Position, Start},
    hits::{HitQuery, Term, Timeline},
};
use bartizan_testkit::TestCloud;
use serde_json::{Value, json};

use super::{TestNode, attacks, hit_with, recent};

const KINDS: [&str; 4] = ["sqli", "xss", "rce", "dirbust"];

fn events(now: i64) -> Vec<Value> {
    (0..60)
        .map(|n: i64| {
            let pick = |count: i64| n * 7 % count;
            let country = (pick(3) > 0).then_some(["DE", "US"][usize::try_from(pick(2)).unwrap()]);
            let changes = json!({
                "attack_type": KINDS[usize::try_from(pick(4)).unwrap()], "ip": if pick(11) == 9 { "2001:db8::7".to_owned() } else { format!("192.0.2.{}", pick(11)) },
                "path": format!("/p{}", pick(5)), "domain": format!("Shop{}.test", pick(2)), "statuscode": 200 + pick(3) * 100,
                "value": format!("1' UNION select Ü{}", pick(6)), "aggregated_count": 1 + pick(4),
                "block_status": if pick(3) == 0 { "blocked" } else { "monitored" },
                "parameter": format!("GET_q{}_value", pick(2)),
                "known_attack": if pick(4) == 0 { json!([]) } else { json!(["CVE-2017-9841", "generic"]) },
                "context": {"country": country, "datacenter": (pick(5) == 0).then_some("aws"), "tor": pick(9) == 0},
            });
            hit_with(&format!("i{n}"), now - n * 400, changes)
        })
        .collect()
}

fn tests(now: i64) -> Vec<(&'static str, Test)> {
    let texts = |words: &[&str]| Test::Texts(words.iter().map(|word| (*word).to_owned()).collect());
    let range = |from, to| Test::Ints(vec![], vec![Range { from, to }]);
    let like =
        |pattern: &str| Test::Masks(vec![Mask::Like(pattern.to_owned()), Mask::Exact("/p4".to_owned())]);
    vec![
        ("type", texts(&["sqli", "dirbust"])),
        ("time", range(Some(now - 9000), Some(now - 2000))),
        ("time", Test::Ints(vec![now - 400], vec![])),
        ("statuscode", Test::Ints(vec![200], vec![Range { from: Some(400), to: None }])),
        ("domain", like("shop1%")),
        ("path", like("%/p_")),
        ("parameter", Test::Masks(vec![Mask::Exact("GET_q1_value".to_owned())])),
        ("parameter", like("%mult%")),
        ("value", like("%union%3")),
        ("value", like("%üNION%")),
        ("value", like("%ü2")),
        (
            "ip",
            Test::Ips(vec![IpTest::Prefix("192.0.2.1".to_owned()), IpTest::Exact("192.0.2.7".to_owned())]),
        ),
        ("ip", Test::Ips(vec![IpTest::Between("192.0.2.3".parse().unwrap(), "192.0.2.5".parse().unwrap())])),
        ("ip", Test::Ips(["::/0", "2001:db8::/64"].map(|net| IpTest::parse(net).unwrap()).to_vec())),
        ("ip", Test::Ips(vec![IpTest::parse("0.0.0.0/0").unwrap()])),
        ("remote_country", texts(&["DE", ""])),
        ("remote_country", Test::Null),
        ("known_attack", Test::Bool(true)),
        ("known_attack", texts(&["CVE-2017-9841"])),
        ("known_attack", texts(&["cve-2017-9841"])),
        ("block_status", texts(&["blocked"])),
        ("state", Test::Null),
        ("state", texts(&["falsepositive"])),
        ("vulnid", Test::Null),
        ("request_id", texts(&["00000000000000000000000000006930", "none"])),
        ("stamps", Test::Ints(vec![7], vec![])),
    ]
}

#[tokio::test]
async fn the_index_and_the_database_say_the_same() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let now = recent(&cloud);
    node.upload(&cloud, &events(now)).await;
    let judged = attacks(&cloud, &admin, json!({"type": "rce"})).await[0]["attackid"].clone();
    let mark = json!({"filter": {"clientid": cloud.client.id, "attackid": [judged]}});
    assert_eq!(cloud.post(&admin, "/v1/objects/hit/mark_false", mark).await.status, 200);

    let state = &cloud.running.cloud;
    let tenants = Tenants::from(TenantId(cloud.client.id));
    let mut cases = vec![vec![]];
    for (field, test) in tests(now) {
        for negated in [false, true] {
            cases.push(vec![Condition { field, negated, test: test.clone() }]);
            let other = Condition { field: "type", negated: true, test: Test::Texts(vec!["xss".to_owned()]) };
            cases.push(vec![Condition { field, negated, test: test.clone() }, other]);
            for of_hit in [
                Condition {
                    field: "parameter",
                    negated,
                    test: Test::Masks(vec![Mask::Exact("GET_q0_value".to_owned())]),
                },
                Condition { field: "type", negated: false, test: Test::Texts(vec!["dirbust".to_owned()]) },
            ] {
                cases.push(vec![Condition { field, negated, test: test.clone() }, of_hit]);
            }
        }
    }
    let mut described = 0;
    for clause in cases {
        let filter = Filter { clauses: vec![clause.clone()], ignored: vec![] };
        let query = HitQuery { tenants: &tenants, since: now - 1_000_000, filter: &filter };
        let count = indexed_events::count(state, query).await.unwrap();
        assert_eq!(count, state.store.hit_count(query).await.unwrap(), "{clause:?}");
        let sorted = |mut kinds: Vec<bartizan_store::hits::KindCount>| {
            kinds.sort_by_key(|count| (count.kind.clone(), count.blocked, count.statuscode));
            kinds
        };
        let kinds = indexed_events::kinds(state, query).await.unwrap();
        assert_eq!(sorted(kinds), sorted(state.store.hit_kinds(query).await.unwrap()), "{clause:?}");
        let timeline = Timeline::over(now - 12_345, now, 7);
        let series = indexed_events::series(state, query, timeline).await.unwrap();
        assert_eq!(series, state.store.hit_series(query, timeline).await.unwrap(), "{clause:?}");
        for name in [
            "type",
            "ip",
            "remote_country",
            "datacenter",
            "tor",
            "known_attack",
            "statuscode",
            "block_status",
        ] {
            let term = Term::named(name).unwrap();
            let found = indexed_events::terms(state, query, term, 100).await.unwrap();
            assert_eq!(found, state.store.hit_terms(query, term, 100).await.unwrap(), "{name} {clause:?}");
        }
        let query = AttackQuery { tenants: &tenants, since: now - 1_000_000, filter: &filter, among: None };
        let (attacks, hits) = state.store.attack_totals(query).await.unwrap();
        let ips = state.store.attack_addresses(query).await.unwrap();
        assert_eq!(
            indexed_events::attack_count(state, query).await.unwrap(),
            (attacks, hits, ips),
            "{clause:?}"
        );
        let page = state.store.attack_page(query, AttackOrder::LastTime, true, Start::Offset(0), 100).await;
        let ids: Vec<i64> = page.unwrap().iter().map(|(attack, _)| attack.id).collect();
        // Orders do not depend on how many conditions there are.
        let orders = [AttackOrder::IpCount, AttackOrder::VectorsCount, AttackOrder::ResponseStatus];
        for order in orders.into_iter().filter(|_| clause.len() < 2) {
            for desc in [true, false] {
                let mut start = Start::Offset(0);
                for _ in 0..3 {
                    let told = state.store.attack_page(query, order, desc, start.clone(), 2).await.unwrap();
                    let found = attack_order::page(state, query, order, desc, start, 2).await.unwrap();
                    let positions =
                        |page: &[(_, Position)]| page.iter().map(|one| one.1.clone()).collect::<Vec<_>>();
                    assert_eq!(positions(&found), positions(&told), "{order:?} {desc} {clause:?}");
                    let Some((_, last)) = found.last() else { break };
                    start = Start::After(last.clone());
                }
                let offset = Start::Offset(1);
                let told = state.store.attack_page(query, order, desc, offset.clone(), 9).await.unwrap();
                let found = attack_order::page(state, query, order, desc, offset, 9).await.unwrap();
                assert_eq!(found, told, "{order:?} {desc} {clause:?}");
            }
        }
        let tenant = TenantId(cloud.client.id);
        if let Some(found) = attack_page::indexed(state, tenant, query, &ids).await {
            assert_eq!(found, state.store.attack_aggregates(query, &ids).await.unwrap(), "{clause:?}");
            described += found.len();
        }
    }
    assert!(described > 100, "the index described {described} attacks");
}
