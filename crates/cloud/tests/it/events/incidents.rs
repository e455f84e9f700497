//! Proofs of vulnerabilities by nodes, and the incidents that they make.

use bartizan_store::vulns::incidents::attacks_of_vulns;
use bartizan_testkit::TestCloud;
use serde_json::{Value, json};

use super::{TestNode, assert_consistent, attacks, hit_with, hits, recent};

/// A proof that the SQL injection of hit `of` worked.
pub(crate) fn proof(id: &str, of: &str, time: i64, changes: Value) -> Value {
    let mut proof = json!({
        "kind": "vuln_evidence", "event_id": format!("{id:p<20}"), "request_id": request_of(of),
        "ts_ms": time * 1000, "application": -1, "vuln_type": "sqli", "exploited": true, "attack_type": "sqli",
        "parameter": "POST_JSON_DOC_ARRAY_0_HASH_q_value", "domain": "shop.test", "path": "/search",
        "method": "POST", "scheme": "https", "statuscode": 500, "sign": "MySQL error",
        "description": "The answer holds an error of the database.",
        "evidence": "You have an error in your SQL syntax", "raw": {
            "method": "POST", "uri": "/search?x=1", "proto": "HTTP/1.1", "headers": {"HOST": ["shop.test"]},
            "body": "[]"
        }
    });
    for (key, value) in changes.as_object().unwrap() {
        proof[key] = value.clone();
    }
    proof
}

fn request_of(hit: &str) -> String {
    let hex: String = hit.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex:0>32}")
}

#[tokio::test]
async fn a_proof_makes_a_vulnerability_and_an_incident() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let events =
        [hit_with("a", now, json!({"block_status": "monitored"})), hit_with("b", now, json!({"path": "/x"}))];
    node.upload(&cloud, &events).await;
    let proven = proof("p", "a", now, json!({}));
    node.upload(&cloud, std::slice::from_ref(&proven)).await;
    // Sent again, and in another batch: it counts once.
    node.upload(&cloud, &[proven.clone(), proven]).await;
    let admin = cloud.admin_pair().await;
    let mut settings = insta::Settings::clone_current();
    settings.set_sort_maps(true);
    let _sorted = settings.bind_to_scope();
    let vulns = cloud.post(&admin, "/v1/objects/vuln", json!({})).await.json();
    insta::assert_json_snapshot!(vulns, {
        ".body[].id" => "[id]", ".body[].clientid" => "[client]", ".body[].validate_time" => "[time]",
        ".body[].incidents[]" => "[joined]",
    });
    let vuln = &vulns["body"][0];

    let incidents = attacks(&cloud, &admin, json!({"!vulnid": null})).await;
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0]["vulnid"], vuln["id"]);
    assert_eq!(vuln["incidents"], json!([incidents[0]["attackid"]]));
    assert_eq!(incidents[0]["vulns"][0]["wid"], vuln["wid"]);
    assert_eq!(incidents[0]["incident_status"], "open");
    assert_eq!(attacks(&cloud, &admin, json!({"vulnid": null})).await.len(), 1);
    let hit = &hits(&cloud, &admin, json!({"security_issue_id": vuln["id"]})).await[0];
    assert_eq!(hit["vulnid"], vuln["id"]);

    cloud.post(&admin, "/v1/objects/vuln/close", json!({"id": vuln["id"]})).await.body();
    let closed = attacks(&cloud, &admin, json!({"incident_status": "closed"})).await;
    assert_eq!((closed.len(), &closed[0]["incident_status"]), (1, &json!("closed")));
    assert!(attacks(&cloud, &admin, json!({"incident_status": "open"})).await.is_empty());
    let summary = cloud.post(&admin, "/v2/hits/summary", json!({})).await.body();
    assert_eq!(summary["incidents"], 1);
    assert_consistent(&cloud).await;
}

#[tokio::test]
async fn every_entity_of_a_request_is_part_of_the_incident() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let entity = |id: &str, index: u32| {
        let parameter = format!("POST_XML_XML_DTD_ENTITY_{index}_value");
        let point = json!(["post", "xml", "xml_dtd_entity", index]);
        let mut hit =
            hit_with(id, now, json!({"attack_type": "xxe", "point": point, "parameter": parameter}));
        hit["request_id"] = json!(request_of("a"));
        hit
    };
    let traversal = hit_with("c", now, json!({"attack_type": "ptrav", "request_id": request_of("a")}));
    node.upload(&cloud, &[entity("a", 0), entity("b", 1), traversal]).await;
    let changes =
        json!({"vuln_type": "xxe", "attack_type": "xxe", "parameter": "POST_XML_XML_DTD_ENTITY_0_value"});
    node.upload(&cloud, &[proof("p", "a", now, changes)]).await;
    let admin = cloud.admin_pair().await;
    let proven = hits(&cloud, &admin, json!({"!vulnid": null})).await;
    assert_eq!(proven.iter().map(|hit| &hit["type"]).collect::<Vec<_>>(), ["xxe", "xxe"]);
    assert_eq!(attacks(&cloud, &admin, json!({"!vulnid": null})).await.len(), 2);
    assert_consistent(&cloud).await;
}

#[tokio::test]
async fn a_proof_that_overtakes_its_hit_finds_it_later() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    node.upload(&cloud, &[proof("p", "a", now, json!({}))]).await;
    let admin = cloud.admin_pair().await;
    assert!(attacks(&cloud, &admin, json!({"!vulnid": null})).await.is_empty());
    node.upload(&cloud, &[hit_with("a", now, json!({}))]).await;
    assert_eq!(attacks(&cloud, &admin, json!({"!vulnid": null})).await.len(), 1);
}

#[tokio::test]
async fn a_flaw_seen_again_opens_again_unless_a_user_called_it_false() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let admin = cloud.admin_pair().await;
    node.upload(&cloud, &[proof("p", "a", now - 30, json!({}))]).await;
    let vuln = async || cloud.post(&admin, "/v1/objects/vuln", json!({})).await.body()[0].clone();
    let id = vuln().await["id"].clone();
    cloud.post(&admin, "/v1/objects/vuln/close", json!({"id": id, "comment": "fixed"})).await.body();
    // It was seen before it was closed, so the fix may hold.
    node.upload(&cloud, &[proof("q", "a", now - 20, json!({}))]).await;
    assert_eq!(vuln().await["status"], "closed");
    cloud.running.cloud.clock.shift_ms(100_000);
    node.upload(&cloud, &[proof("r", "a", now + 100, json!({}))]).await;
    assert_eq!(
        (vuln().await["status"].as_str(), vuln().await["invalidate_time"].clone()),
        (Some("open"), json!(null))
    );
    cloud.post(&admin, "/v1/objects/vuln/falsepositive", json!({"id": id})).await.body();
    node.upload(&cloud, &[proof("s", "a", now + 110, json!({})), hit_with("a", now, json!({}))]).await;
    assert_eq!(vuln().await["status"], "falsepositive");

    let detail = cloud.get(&admin, &format!("/v1/security_issues/{id}")).await.json();
    assert_eq!((&detail["volume"], &detail["state"]), (&json!(4), &json!("marked_false")));
    let history: Vec<_> = detail["status_history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["author"].clone(), one["from"].clone(), one["to"].clone(), one["comment"].clone()))
        .collect();
    let row =
        |author: &str, from: &str, to: &str, text: &str| (json!(author), json!(from), json!(to), json!(text));
    assert_eq!(
        history,
        [
            row("system", "", "open", "Found by passive detection"),
            row("Ada Admin", "open", "closed", "fixed"),
            row("system", "closed", "open", "Seen again"),
            row("Ada Admin", "open", "marked_false", ""),
        ]
    );
}

#[tokio::test]
async fn incidents_are_cut_for_each_vulnerability_by_itself() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    // Three attacks prove one flaw, the newest attack another.
    let ages = [("a", 12_000, "/search"), ("b", 8000, "/search"), ("c", 4000, "/search"), ("d", 0, "/other")];
    for (id, age, path) in ages {
        let hit = hit_with(id, now - age, json!({"path": path}));
        node.upload(&cloud, &[hit, proof(id, id, now - age, json!({"path": path}))]).await;
    }
    let admin = cloud.admin_pair().await;
    let listed = cloud.post(&admin, "/v1/objects/vuln", json!({})).await.body();
    let vulns: Vec<i64> =
        listed.as_array().unwrap().iter().map(|vuln| vuln["id"].as_i64().unwrap()).collect();
    let numbers: Vec<usize> =
        listed.as_array().unwrap().iter().map(|vuln| vuln["incidents"].as_array().unwrap().len()).collect();
    assert_eq!(numbers, [3, 1]);
    let store = &cloud.running.cloud.store;
    let tenants = bartizan_store::Tenants::from(bartizan_store::TenantId(cloud.client.id));
    // More vulnerabilities than one statement asks for.
    let asked: Vec<i64> = vulns.iter().copied().chain(1_000_000..1_000_250).collect();
    for (each, expected) in [(1, vec![vec![12_000], vec![0]]), (2, vec![vec![12_000, 8000], vec![0]])] {
        let found = attacks_of_vulns(store.reader(), &tenants, &asked, each).await.unwrap();
        let ages: Vec<Vec<i64>> =
            vulns.iter().map(|id| found[id].iter().map(|attack| now - attack.first_time).collect()).collect();
        assert_eq!(ages, expected, "the first ones, in order");
        assert_eq!(found.len(), 2);
    }
    let stranger = bartizan_store::Tenants::from(bartizan_store::TenantId(cloud.client.id + 1));
    assert!(attacks_of_vulns(store.reader(), &stranger, &asked, 9).await.unwrap().is_empty());
    assert_consistent(&cloud).await;
}

#[tokio::test]
async fn a_leak_that_was_judged_false_hides_no_other_leak_at_its_address() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let admin = cloud.admin_pair().await;
    let leak = |id: &str, class: &str, sign: &str| {
        let changes = json!({"vuln_type": "infoleak", "exploited": false, "attack_type": null, "parameter": "",
            "sign_class": class, "sign": sign});
        proof(id, "none", now, changes)
    };
    let seen = async || -> Vec<(String, String)> {
        let vulns = cloud.post(&admin, "/v1/objects/vuln", json!({})).await.body();
        let text = |vuln: &Value, key: &str| vuln[key].as_str().unwrap().to_owned();
        vulns
            .as_array()
            .unwrap()
            .iter()
            .map(|vuln| (text(vuln, "additional"), text(vuln, "status")))
            .collect()
    };
    let row = |sign: &str, status: &str| (sign.to_owned(), status.to_owned());
    // A node of before does not say what leaks.
    node.upload(&cloud, &[leak("a", "", "A stack trace of Python")]).await;
    let id = cloud.post(&admin, "/v1/objects/vuln", json!({})).await.body()[0]["id"].clone();
    cloud.post(&admin, "/v1/objects/vuln/falsepositive", json!({"id": id})).await.body();
    // The same sign is the same leak, and from then on so is every sign of its class.
    node.upload(&cloud, &[leak("b", "stack_trace", "A stack trace of Python")]).await;
    node.upload(&cloud, &[leak("c", "stack_trace", "A stack trace of Java")]).await;
    assert_eq!(seen().await, [row("A stack trace of Python", "falsepositive")]);
    // Something else is another one.
    node.upload(&cloud, &[leak("d", "card_number", "A payment card number")]).await;
    node.upload(&cloud, &[leak("e", "card_number", "A payment card number")]).await;
    assert_eq!(
        seen().await,
        [row("A stack trace of Python", "falsepositive"), row("A payment card number", "open")]
    );
}

#[tokio::test]
async fn rules_judge_new_flaws_false_or_keep_them_out() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let admin = cloud.admin_pair().await;
    let path = "/v1/security_issues/false_positive_rules";
    for broken in [
        json!({}),
        json!({"title": ""}),
        json!({"title": "t", "scope": {"moon": "x"}}),
        json!({"title": "t", "scope": {"hostname": "("}}),
        json!({"title": "t", "issues": {"types": "sqli"}}),
        json!({"title": "t", "action": "explode"}),
    ] {
        let reply = cloud.post(&admin, path, broken.clone()).await;
        assert_eq!(reply.status, 400, "{broken}: {}", reply.text);
    }
    let rule = json!({"title": "Staging", "source": ["passive_detect"], "scope": {"hostname": "^staging"}});
    let rule = cloud.post(&admin, path, rule).await.json();
    insta::assert_json_snapshot!(rule, {
        ".id" => "[id]", ".client_id" => "[client]", ".created_at" => "[time]",
    });
    let drop = json!({"title": "Leaks", "issues": {"types": ["info"]}, "action": "auto_delete"});
    let drop = cloud.post(&admin, path, drop).await.json();
    node.upload(
        &cloud,
        &[
            proof("p", "a", now, json!({"domain": "staging.shop.test"})),
            proof("q", "a", now, json!({"vuln_type": "infoleak", "exploited": false, "attack_type": null})),
            proof("r", "a", now, json!({})),
        ],
    )
    .await;
    let rows = cloud.post(&admin, "/v1/security_issues", json!({"order_by": "host"})).await.json();
    assert_eq!(rows.as_array().unwrap().len(), 2);
    assert_eq!((&rows[0]["host"], &rows[0]["state"]), (&json!("shop.test"), &json!("open")));
    assert_eq!(
        (&rows[1]["state"], &rows[1]["false_positive_rule_id"]),
        (&json!("marked_false"), &rule["id"])
    );
    let put = json!({"title": "Stage"});
    let id = rule["id"].clone();
    let changed = cloud.call(&admin, reqwest::Method::PUT, &format!("{path}/{id}"), Some(&put)).await.json();
    assert_eq!((&changed["title"], &changed["scope"]), (&json!("Stage"), &json!({"hostname": "^staging"})));
    for rule in [&rule, &drop] {
        let path = format!("{path}/{}", rule["id"]);
        assert_eq!(cloud.call(&admin, reqwest::Method::DELETE, &path, None).await.status, 200);
        assert_eq!(cloud.call(&admin, reqwest::Method::DELETE, &path, None).await.status, 404);
    }
    assert_eq!(cloud.get(&admin, path).await.json(), json!([]));
}

#[tokio::test]
async fn broken_proofs_and_absurd_hits_are_set_aside() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let events = [
        proof("p", "a", now, json!({"vuln_type": ""})),
        proof("!", "a", now, json!({})),
        hit_with("a", now, json!({"ts_ms": -5})),
        hit_with("b", now, json!({"ts_ms": 9_000_000_000_000_000i64})),
        hit_with("c", now, json!({"response_size": u64::MAX})),
        hit_with("d", now, json!({"statuscode": 60_000})),
        hit_with("e", now, json!({})),
        proof("q", "e", now, json!({"evidence": "x".repeat(100_000)})),
    ];
    let reply = node.upload(&cloud, &events).await;
    let indexes: Vec<_> =
        reply["rejected"].as_array().unwrap().iter().map(|one| one["index"].clone()).collect();
    assert_eq!(indexes, [0, 1, 2, 3, 4, 5]);
    let admin = cloud.admin_pair().await;
    assert_eq!(attacks(&cloud, &admin, json!({"!vulnid": null})).await.len(), 1);
}

#[tokio::test]
async fn a_node_may_report_a_flaw_by_itself() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let by = bartizan_testkit::Credential::Node(node.uuid.clone(), node.secret.clone());
    let body = json!({
        "clientid": 1, "type": "infoleak", "method": "GET", "domain": "shop.test", "path": "/debug",
        "parameter": "", "request_time": recent(&cloud),
        "raw": {"method": "GET", "uri": "/debug", "proto": "HTTP/1.1", "headers": {}, "response_stamps":
            [{"blocked": false, "type": "stack_trace", "value": {"example": "Traceback", "original_size": 9}, "num": 1}]},
    });
    let first = cloud.post(&by, "/v2/vuln/passive_detection", body.clone()).await.body();
    assert_eq!((&first["type"], &first["title"]), (&json!("infoleak"), &json!("Information Exposure")));
    let again = cloud.post(&by, "/v2/vuln/passive_detection", body).await.body();
    assert_eq!(again["id"], first["id"]);
    let bad = cloud.post(&by, "/v2/vuln/passive_detection", json!({"type": "infoleak"})).await;
    assert_eq!((bad.status, bad.json()["body"].clone()), (400, json!({"domain": {"error": "is required"}})));
}

#[tokio::test]
async fn what_an_answer_showed_is_shown_with_the_request_that_made_it() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let shown = "root:x:0:0:root:/root:/bin/bash\n<b>not markup</b>";
    let raw = json!({
        "method": "GET", "uri": "/file", "proto": "HTTP/1.1", "body": "", "headers": {
            "HOST": ["shop.test"], "X-FILE": ["../../etc/passwd"], "X": ["other"], "AUTHORIZATION": ["********"],
        },
    });
    let changes = json!({
        "vuln_type": "ptrav", "attack_type": "ptrav", "parameter": "HEADER_X-FILE_value", "method": "GET",
        "path": "/file", "evidence": shown, "raw": raw,
    });
    node.upload(&cloud, &[proof("p", "a", recent(&cloud), changes)]).await;
    let vuln = cloud.post(&admin, "/v1/objects/vuln", json!({})).await.body()[0].clone();
    let detail = cloud.get(&admin, &format!("/v1/security_issues/{}", vuln["id"])).await.json();
    assert_eq!((&vuln["evidence"], &detail["evidence"]), (&json!(shown), &json!(shown)));
    let example = "GET /file HTTP/1.1\nHost: shop.test\nX-FILE: ../../etc/passwd\n";
    assert_eq!(
        (&vuln["exploit_example"], &detail["exploitation_examples"]),
        (&json!(example), &json!([example]))
    );
}

#[tokio::test]
async fn flaws_of_one_kind_are_one_group_of_issues() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let now = recent(&cloud);
    let leak = |class: &str, sign: &str| {
        json!({"vuln_type": "infoleak", "exploited": false, "attack_type": null, "parameter": "",
            "sign_class": class, "sign": sign})
    };
    let proofs = [
        proof("a", "a", now, json!({"path": "/a"})),
        proof("b", "b", now, json!({"path": "/b", "domain": "other.test"})),
        proof("c", "c", now, json!({"parameter": "GET_q_value"})),
        proof("d", "d", now, leak("stack_trace", "A stack trace of Java")),
        proof("e", "e", now, leak("card_number", "A payment card number")),
    ];
    node.upload(&cloud, &proofs).await;
    let body = json!({"client_id": cloud.client.id});
    let groups = cloud.post(&admin, "/v1/security_issues/groups", body.clone()).await.json();
    let told: Vec<_> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            (
                group["title"].as_str().unwrap(),
                group["security_issues_count"].as_u64(),
                group["hosts_count"].as_u64(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("SQL Injection", Some(3), Some(2)),
            ("Information Exposure: A payment card number", Some(1), Some(1)),
            ("Information Exposure: A stack trace of Java", Some(1), Some(1)),
        ]
    );
    let count = cloud.post(&admin, "/v1/security_issues/groups_count", body).await.json();
    assert_eq!(count, json!({"count": 3}));
    let of_group = json!({"client_id": cloud.client.id, "filter": {"group_id": groups[0]["group_id"]}});
    assert_eq!(cloud.post(&admin, "/v1/security_issues", of_group).await.json().as_array().unwrap().len(), 3);
}
