//! Security issues: every key of the filter with its negation, every order, and groups, judged by what the list itself
//! shows of each issue.

use serde_json::{Value, json};

use super::{
    varied::{self, ROWS, Varied},
    vuln_orders::{ids, sorted},
};

/// A condition and which issues it lets pass.
struct Case {
    filter: Value,
    passes: Box<dyn Fn(&Value) -> bool>,
}

fn case(filter: Value, passes: impl Fn(&Value) -> bool + 'static) -> Case {
    Case { filter, passes: Box::new(passes) }
}

/// A key with values, and the same key negated.
fn both(key: &str, values: &Value, passes: impl Fn(&Value) -> bool + Clone + 'static) -> [Case; 2] {
    let not = passes.clone();
    [case(json!({key: values}), passes), case(json!({format!("!{key}"): values}), move |issue| !not(issue))]
}

fn is_one_of(field: &'static str, values: &[&str]) -> impl Fn(&Value) -> bool + Clone + 'static {
    let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
    move |issue| values.iter().any(|value| issue[field] == json!(value))
}

fn has_category(id: &'static str) -> impl Fn(&Value) -> bool + Clone + 'static {
    move |issue| issue["owasp"].as_array().unwrap().iter().any(|category| category["id"] == id)
}

/// Every key in every form; the second half of each pair is the negation.
fn cases(scene: &Varied, all: &[Value]) -> Vec<Case> {
    let (home, linked, start) = (scene.home, scene.linked, scene.start);
    let (some, more) = (all[3]["id"].clone(), all[17]["id"].clone());
    let is_hidden = |issue: &Value| issue["state"] == "hidden";
    let word = |text: &Value| text.as_str().unwrap().to_lowercase();
    let contains = move |needle: &'static str| {
        move |issue: &Value| {
            let texts = ["name", "host", "path", "parameter_display_name"];
            texts.iter().any(|field| word(&issue[*field]).contains(needle))
        }
    };
    let mut cases = vec![];
    for severity in ["info", "low", "medium", "high", "critical"] {
        cases.extend(both("severity", &json!(severity), is_one_of("severity", &[severity])));
    }
    cases.extend(both("severity", &json!(["low", "CRITICAL"]), is_one_of("severity", &["low", "critical"])));
    cases.extend(both("host", &json!("a.test"), is_one_of("host", &["a.test"])));
    cases.extend(both("host", &json!("*A.test"), is_one_of("host", &["a.test", "api.a.test"])));
    // An underscore is no wildcard, and without one the case counts.
    cases.extend(both("host", &json!(["b_test", "b.test"]), is_one_of("host", &["b_test"])));
    cases.extend(both("host", &json!("?.test"), is_one_of("host", &["a.test", "B.test"])));
    cases.push(case(json!({"host": "*"}), |_| true));
    cases.push(case(json!({"!host": ["none.test", "*"]}), |_| true));
    for (words, states) in [
        (json!("open"), vec!["open"]),
        (json!(["closed"]), vec!["closed"]),
        (json!("marked_false"), vec!["marked_false"]),
        (json!("falsepositive"), vec!["marked_false"]),
        (json!(["false_positive", "open"]), vec!["marked_false", "open"]),
    ] {
        let of = is_one_of("state", &states);
        cases.push(case(json!({"state": words}), of.clone()));
        cases.push(case(json!({"!state": words}), move |issue| !of(issue)));
    }
    cases.push(case(json!({"state": ["hidden", "closed"]}), is_one_of("state", &["hidden", "closed"])));
    cases.push(case(json!({"state": ["hidden", "open"], "!state": "open"}), is_hidden));
    cases.push(case(json!({"state": "open", "!state": ["open", "hidden"]}), |_| false));
    let newer =
        move |field: &'static str, than: i64| move |issue: &Value| issue[field].as_i64().unwrap() >= than;
    cases.push(case(json!({"created_since": start + 6}), newer("created_at", start + 6)));
    cases.push(case(json!({"created_since": [(start + 6).to_string()]}), newer("created_at", start + 6)));
    cases.push(case(json!({"discovered_since": start + 5}), newer("discovered_at", start + 5)));
    for method in ["passive_detect", "threat_replay", "schema_based", "aasm", "scanner", "manual"] {
        cases.extend(both("discovered_by", &json!([method]), is_one_of("discovered_by", &[method])));
    }
    cases.extend(both("id", &some, {
        let some = some.clone();
        move |issue: &Value| issue["id"] == some
    }));
    let pair = json!([some, more.to_string(), 999_999]);
    cases.extend(both("id", &pair, move |issue: &Value| issue["id"] == some || issue["id"] == more));
    for key in ["domain_id", "subdomain_id", "test_run_public_uuids"] {
        cases.extend(both(key, &json!([7, 8]), |_| false));
    }
    let of_type = |ids: &'static [&'static str]| {
        move |issue: &Value| ids.iter().any(|id| issue["issue_type"]["id"] == *id)
    };
    cases.extend(both("issue_type", &json!("sqli"), of_type(&["sqli"])));
    // Names of before, and those of attacks.
    cases.extend(both(
        "issue_type",
        &json!(["vuln_version", "info", "bola"]),
        of_type(&["vuln_component", "infoleak", "idor"]),
    ));
    for category in ["API1:2023", "API1:2019", "A03:2021", "A06:2021", "API8:2019"] {
        cases.extend(both("owasp", &json!(category), has_category(category)));
    }
    cases.extend(both("owasp", &json!("A11:2021"), |_| false));
    cases.extend(both(
        "source_template",
        &json!(["sqli_generic", "moon"]),
        is_one_of("aasm_template", &["sqli_generic"]),
    ));
    cases.extend(both("search_query", &json!("INJECT"), contains("inject")));
    cases.extend(both("search_query", &json!("b_"), contains("b_")));
    cases.extend(both("search_query", &json!("/ORDERS"), contains("/orders")));
    cases.push(case(json!({"verified": true}), |issue| issue["verified"] == true));
    cases.push(case(json!({"verified": false}), |_| true));
    cases.push(case(json!({"!verified": true}), |issue| issue["verified"] == false));
    cases.push(case(json!({"incident": true}), |issue| issue["incident"] == true));
    cases.push(case(json!({"incident": false}), |issue| issue["incident"] == false));
    cases.push(case(json!({"incident": [false]}), |issue| issue["incident"] == false));
    cases.push(case(json!({"!incident": true}), |issue| issue["incident"] == false));
    cases.extend(both("client_id", &json!([home]), move |issue: &Value| issue["client_id"] == home));
    cases.extend(both("client_id", &json!(linked), move |issue: &Value| issue["client_id"] == linked));
    for zero in [
        "severity",
        "host",
        "state",
        "issue_type",
        "owasp",
        "search_query",
        "group_id",
        "id",
        "created_since",
    ] {
        for nothing in [json!(null), json!([]), json!(""), json!(0)] {
            cases.push(case(json!({zero: nothing}), |_| true));
        }
    }
    cases
}

/// What a filter must answer: hidden ones only where it names them.
fn expected(all: &[Value], filters: &[&Case]) -> Vec<Value> {
    let names_hidden = filters.iter().any(|one| one.filter["state"].to_string().contains("hidden"));
    let passes = |issue: &&Value| {
        filters.iter().all(|one| (one.passes)(issue)) && (names_hidden || issue["state"] != "hidden")
    };
    all.iter().filter(passes).cloned().collect()
}

/// What tells a group from others.
fn name_of(group: &Value) -> String {
    json!([group["client_id"], group["title"], group["severity"], group["discovered_by"]]).to_string()
}

/// The groups of issues as their own fields tell them, without what only the server knows.
fn grouped(issues: &[Value]) -> Vec<Value> {
    let mut groups: Vec<(Value, Vec<&Value>)> = vec![];
    for issue in issues {
        let key = json!([issue["client_id"], issue["name"], issue["severity"], issue["discovered_by"]]);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, members)) => members.push(issue),
            None => groups.push((key, vec![issue])),
        }
    }
    let group = |members: &Vec<&Value>| {
        let first = members[0];
        let mut hosts: Vec<&str> = members.iter().map(|issue| issue["host"].as_str().unwrap()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let count = |state: &str| members.iter().filter(|issue| issue["state"] == state).count();
        json!({
            "title": first["name"], "severity": first["severity"], "discovered_by": first["discovered_by"],
            "discovered_by_display_name": first["discovered_by_display_name"], "client_id": first["client_id"],
            "security_issues_count": members.len(), "hosts_count": hosts.len(), "first_host": hosts[0],
            "states": {
                "open": count("open"), "closed": count("closed"), "marked_false": count("marked_false"),
                "hidden": count("hidden"),
            },
            "incident": members.iter().any(|issue| issue["incident"] == true),
        })
    };
    let mut groups: Vec<Value> = groups.iter().map(|(_, members)| group(members)).collect();
    groups.sort_by_key(name_of);
    groups
}

/// Groups of a reply in the same form.
fn shown(groups: &[Value]) -> Vec<Value> {
    let shown = |group: &Value| {
        let mut group = group.clone();
        let tags = group["tags"].take();
        group["incident"] = json!(tags.as_array().unwrap().iter().any(|tag| tag["slug"] == "incident"));
        for known in ["tags", "group_id", "issue_type", "owasp"] {
            group.as_object_mut().unwrap().remove(known);
        }
        group
    };
    let mut groups: Vec<Value> = groups.iter().map(shown).collect();
    groups.sort_by_key(name_of);
    groups
}

/// Every issue of both tenants by id.
async fn everything(scene: &Varied) -> Vec<Value> {
    let states = ["open", "closed", "marked_false", "hidden"];
    let body = json!({
        "client_id": [scene.home, scene.linked], "filter": {"state": states}, "order_by": "id", "unlimited": true,
    });
    let all = scene.issues("", body).await;
    assert_eq!(all.len(), usize::try_from(ROWS).unwrap());
    all
}

/// Asks list, count, groups and their count, and tells what differs from the expected issues.
async fn check(scene: &Varied, all: &[Value], filters: &[&Case]) -> Option<String> {
    let mut filter = json!({});
    for one in filters {
        for (key, value) in one.filter.as_object().unwrap() {
            filter[key] = value.clone();
        }
    }
    let expected = expected(all, filters);
    let body = json!({"client_id": [scene.home, scene.linked], "filter": filter, "order_by": "id"});
    let found = scene.issues("", body.clone()).await;
    let groups = scene.issues("/groups", body.clone()).await;
    let count = async |path: &str| {
        let reply =
            scene.cloud.post(&scene.caller, &format!("/v1/security_issues{path}"), body.clone()).await;
        usize::try_from(reply.json()["count"].as_u64().unwrap()).unwrap()
    };
    let counts = (count("/count").await, count("/groups_count").await);
    let is_right =
        found == expected && counts == (expected.len(), groups.len()) && shown(&groups) == grouped(&expected);
    (!is_right).then(|| format!("{filter}: {:?} instead of {:?}, {counts:?}", ids(&found), ids(&expected)))
}

#[tokio::test]
async fn every_key_of_issues_and_its_negation_are_what_the_issues_say() {
    let scene = varied::scene().await;
    let all = everything(&scene).await;
    let cases = cases(&scene, &all);
    let mut faults = vec![];
    for (index, one) in cases.iter().enumerate() {
        faults.extend(check(&scene, &all, &[one]).await);
        let other = &cases[(index * 7 + 3) % cases.len()];
        let keys = |case: &Case| case.filter.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        if keys(one).iter().all(|key| !keys(other).contains(key)) {
            faults.extend(check(&scene, &all, &[one, other]).await);
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    // Not every case may be trivial.
    let telling = cases.iter().filter(|one| (1..all.len()).contains(&expected(&all, &[one]).len())).count();
    assert!(telling > 80, "{telling}");
}

#[tokio::test]
async fn groups_name_their_members() {
    let scene = varied::scene().await;
    let all = everything(&scene).await;
    let states = json!(["open", "closed", "marked_false", "hidden"]);
    let body = |filter: Value| json!({"filter": filter, "order_by": "id"});
    let groups = scene.issues("/groups", body(json!({"state": states}))).await;
    assert!(groups.len() > 3);
    for group in &groups {
        let is_member = |issue: &&Value| {
            issue["client_id"] == scene.home
                && [("name", "title"), ("severity", "severity"), ("discovered_by", "discovered_by")]
                    .iter()
                    .all(|(of_issue, of_group)| issue[*of_issue] == group[*of_group])
        };
        let (members, others): (Vec<Value>, Vec<Value>) = all
            .iter()
            .filter(|issue| issue["client_id"] == scene.home)
            .cloned()
            .partition(|issue| is_member(&issue));
        let own = body(json!({"group_id": group["group_id"], "state": states}));
        assert_eq!(scene.issues("", own).await, members, "{group}");
        let rest = body(json!({"!group_id": [group["group_id"]], "state": states}));
        assert_eq!(scene.issues("", rest).await, others, "{group}");
        assert_eq!(group["issue_type"], members[0]["issue_type"], "{group}");
    }
}

#[tokio::test]
async fn issues_come_in_every_order_forth_and_back_and_in_pages() {
    let scene = varied::scene().await;
    let all = everything(&scene).await;
    let states = json!({"state": ["open", "closed", "marked_false", "hidden"]});
    let clients = [scene.home, scene.linked];
    let threats: Vec<Value> = scene.vulns(json!({"limit": 1000})).await;
    let threat =
        |issue: &Value| threats.iter().find(|vuln| vuln["id"] == issue["id"]).unwrap()["threat"].clone();
    for name in [
        "id",
        "severity",
        "state",
        "volume",
        "name",
        "host",
        "created_at",
        "discovered_at",
        "discovered_by",
        "issue_type",
    ] {
        let key = |issue: &Value| match name {
            "severity" => threat(issue),
            "issue_type" => issue["issue_type"]["id"].clone(),
            field => issue[field].clone(),
        };
        for (direction, desc) in [("asc", false), ("desc", true)] {
            let expected = sorted(&all, key, desc);
            for order in [
                json!({"order_by": {"name": name, "direction": direction}}),
                json!({"order_by": name, "order_desc": desc}),
            ] {
                let list = async |limit: i64, offset: i64| {
                    let mut body =
                        json!({"client_id": clients, "filter": states, "limit": limit, "offset": offset});
                    body.as_object_mut().unwrap().extend(order.as_object().unwrap().clone());
                    ids(&scene.issues("", body).await)
                };
                assert_eq!(list(0, 0).await, ids(&expected), "{order}");
                let mut pages = vec![];
                for offset in (0..ROWS + 9).step_by(9) {
                    pages.extend(list(9, offset).await);
                }
                assert_eq!(pages, ids(&expected), "{order}");
            }
        }
    }
    // Newest first where nothing is said.
    for order_by in [json!(null), json!(""), json!({}), json!({"name": "", "direction": ""})] {
        let body = json!({"client_id": clients, "filter": states, "order_by": order_by});
        let found = ids(&scene.issues("", body).await);
        assert_eq!(found, ids(&sorted(&all, |issue| issue["discovered_at"].clone(), true)), "{order_by}");
    }
}

#[tokio::test]
async fn what_is_no_filter_or_order_of_issues_is_refused_by_name() {
    let scene = varied::scene().await;
    for (field, body) in [
        ("severity", json!({"filter": {"severity": ["low", "mild"]}})),
        ("state", json!({"filter": {"!state": "lost"}})),
        ("id", json!({"filter": {"id": 1.5}})),
        ("id", json!({"filter": {"!id": ["x"]}})),
        ("domain_id", json!({"filter": {"domain_id": "x"}})),
        ("created_since", json!({"filter": {"created_since": "yesterday"}})),
        ("discovered_since", json!({"filter": {"discovered_since": {}}})),
        ("host", json!({"filter": {"host": {"a": 1}}})),
        ("search_query", json!({"filter": {"search_query": [["a"]]}})),
        ("verified", json!({"filter": {"verified": "maybe"}})),
        ("incident", json!({"filter": {"incident": "maybe"}})),
        ("group_id", json!({"filter": {"!group_id": "x"}})),
        ("client_id", json!({"filter": {"!client_id": "x"}})),
        ("client_id", json!({"client_id": {"a": 1}})),
        ("filter", json!({"filter": "open"})),
        ("order_by", json!({"order_by": {"name": 5}})),
        ("order_by", json!({"order_by": {"name": "id", "direction": "down"}})),
        ("order_by", json!({"order_by": {"name": "id", "direction": 1}})),
        ("order_by", json!({"order_by": ["id"]})),
        ("order_desc", json!({"order_by": "id", "order_desc": "down"})),
        ("limit", json!({"limit": 1001})),
        ("limit", json!({"limit": -1})),
        ("offset", json!({"offset": -1})),
        ("unlimited", json!({"unlimited": "all"})),
    ] {
        for path in ["", "/groups", "/groups_count"] {
            let reply =
                scene.cloud.post(&scene.caller, &format!("/v1/security_issues{path}"), body.clone()).await;
            assert_eq!(reply.status, 400, "{path} {body}: {}", reply.text);
            assert!(reply.json()["body"][field]["error"].is_string(), "{path} {body}: {}", reply.text);
        }
    }
    for foreign in [json!({"client_id": 99_999}), json!({"filter": {"client_id": 99_999}})] {
        assert_eq!(scene.cloud.post(&scene.caller, "/v1/security_issues", foreign).await.status, 403);
    }
}
