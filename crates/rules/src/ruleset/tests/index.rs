//! The index against asking every rule.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::condition::{Condition, ConditionPoint};

/// The meaning of a condition, written as plainly as possible: what the index must agree with.
fn holds(condition: &Condition, facts: &RequestFacts<'_, '_>) -> bool {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let header = |wanted: &str| -> Vec<String> {
        let same = facts.headers.iter().filter(|(name, _)| text(name).to_uppercase() == wanted);
        same.map(|(_, value)| text(value).trim().to_owned()).collect()
    };
    let values: Vec<String> = match condition.point() {
        ConditionPoint::Instance => vec![facts.instance.to_string()],
        ConditionPoint::Scheme => vec![facts.scheme.into()],
        ConditionPoint::Method => vec![facts.method.into()],
        ConditionPoint::Proto => vec![facts.proto.into()],
        ConditionPoint::Uri => vec![text(facts.target.raw())],
        ConditionPoint::ActionName => vec![text(facts.target.action_name())],
        ConditionPoint::ActionExt => facts.target.action_ext().map(text).into_iter().collect(),
        ConditionPoint::Path(index) => {
            facts.target.segments().get(*index as usize).map(|segment| text(segment)).into_iter().collect()
        }
        ConditionPoint::Host => header("HOST"),
        ConditionPoint::Header(name) => header(name),
        ConditionPoint::Get(key) => {
            let pairs = facts.target.query_pairs().filter(|(name, _)| **name == *key.as_bytes());
            pairs.map(|(_, value)| text(&value)).collect()
        }
    };
    let wanted = condition.value().unwrap_or_default();
    match condition.kind() {
        ConditionKind::Absent => values.is_empty(),
        ConditionKind::Equal => values.iter().any(|value| value == wanted),
        ConditionKind::Iequal => values.iter().any(|value| crate::condition::lower(value) == wanted),
        ConditionKind::Regex => {
            let pattern = Pattern::compile(wanted).unwrap();
            values.iter().any(|value| pattern.is_match(value.as_bytes()))
        }
    }
}

fn scopes(source: &RulesetSource) -> Vec<(i64, Scope)> {
    let scope = |hint: &HintSource| serde_json::from_value(hint.action.clone()).unwrap();
    source.hints.iter().map(|hint| (hint.id, scope(hint))).collect()
}

/// Ids of the hints that apply, by asking every hint.
fn linear_ids(scopes: &[(i64, Scope)], facts: &RequestFacts<'_, '_>) -> Vec<i64> {
    let applies = |scope: &Scope| scope.conditions().iter().all(|condition| holds(condition, facts));
    let mut ids: Vec<i64> = scopes.iter().filter(|(_, scope)| applies(scope)).map(|(id, _)| *id).collect();
    ids.sort_unstable();
    ids
}

fn words() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "B", "b", "api", "v1", ""]).prop_map(str::to_owned)
}

fn conditions() -> impl Strategy<Value = Value> {
    let point = prop_oneof![
        3 => Just(json!(["header", "HOST"])),
        4 => (0..3).prop_map(|index| json!(["path", index])),
        2 => Just(json!(["action_name"])),
        1 => Just(json!(["action_ext"])),
        1 => Just(json!(["method"])),
        1 => Just(json!(["instance"])),
        1 => Just(json!(["header", "X-A"])),
        2 => Just(json!(["get", "a"])),
        2 => words().prop_map(|key| json!(["get", key])),
        1 => words().prop_map(|key| json!(["header", format!("X-{key}")])),
    ];
    let kind = prop::sample::select(vec!["equal", "equal", "equal", "iequal", "regex", "absent"]);
    (point, kind, words()).prop_map(|(point, kind, value)| {
        let value = if kind == "regex" { format!("^{value}.?") } else { value };
        json!({"type": kind, "point": point, "value": value})
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_index_finds_what_asking_every_rule_finds(
        actions in prop::collection::vec(prop::collection::vec(conditions(), 0..4), 1..60),
        requests in prop::collection::vec(
            (prop::collection::vec(words(), 0..4), words(), prop::collection::vec(words(), 0..3),
             prop::collection::vec(words(), 0..3), prop::option::of(words())),
            8,
        ),
    ) {
        let block = hint(0, 1, json!([]), mode("block"));
        let hints = (1..).zip(actions);
        let hints: Vec<HintSource> =
            hints.map(|(id, action)| again(&block, id, Value::Array(action))).collect();
        let source = RulesetSource { version: 1, clientid: 1, hints };
        let rules = Ruleset::compile(&source).unwrap();
        let scopes = scopes(&source);
        for (path, host, others, query, method) in &requests {
            let query: Vec<String> = query.iter().zip("ab".chars().cycle()).map(|(value, key)| format!("{key}={value}")).collect();
            let target = format!("/{}?{}", path.join("/"), query.join("&"));
            let mut headers: Vec<(&[u8], &[u8])> = vec![(b"Host", host.as_bytes())];
            headers.extend(others.iter().map(|value| (&b"x-a"[..], value.as_bytes())));
            with_request(method.as_deref().unwrap_or("GET"), &target, &headers, |facts| {
                let mut found: Vec<i64> = rules.select(facts).hint_ids().collect();
                found.sort_unstable();
                prop_assert_eq!(found, linear_ids(&scopes, facts));
                Ok(())
            })?;
        }
    }
}

/// The same hint in another branch, without validating it again.
fn again(sample: &HintSource, id: i64, action: Value) -> HintSource {
    HintSource { id, action, ..sample.clone() }
}

/// 10,000 hints over 2,000 branches of the shapes that clients write.
fn large_source() -> RulesetSource {
    let samples = [
        mode("block"),
        json!({"type": "vpatch", "attack_type": "sqli", "point": ["get", "q"]}),
        json!({"type": "disable_attack_type", "attack_type": "xss", "point": ["uri"]}),
        json!({"type": "sensitive_data", "point": ["header", "COOKIE"]}),
        json!({"type": "disable_stamp", "stamp": 9, "point": ["uri"]}),
    ]
    .map(|fields| hint(0, 1, json!([]), fields));
    let mut hints = Vec::new();
    for branch in 0..2000_i64 {
        let mut action = vec![
            json!({"type": "iequal", "point": ["header", "HOST"], "value": format!("h{}.test", branch % 40)}),
            json!({"point": ["path", 0], "value": format!("s{}", branch / 40)}),
        ];
        if branch % 3 == 0 {
            action.push(json!({"type": "absent", "point": ["path", 1]}));
            action.push(json!({"point": ["action_name"], "value": "list"}));
        }
        if branch % 50 == 0 {
            action.push(json!({"type": "regex", "point": ["header", "USER-AGENT"], "value": "curl|wget"}));
        }
        for sample in &samples {
            let id = i64::try_from(hints.len()).unwrap();
            hints.push(again(sample, id, Value::Array(action.clone())));
        }
    }
    RulesetSource { version: 1, clientid: 1, hints }
}

#[test]
fn ten_thousand_rules_are_selected_as_one_by_one_and_few_are_looked_at() {
    let source = large_source();
    let rules = Ruleset::compile(&source).unwrap();
    assert_eq!((rules.hint_count(), rules.branch_count()), (10_000, 2000));
    let scopes = scopes(&source);
    for (host, path) in [
        ("h0.test", "/s0/list"),
        ("H7.test", "/s3/x"),
        ("h39.test", "/s49/list"),
        ("h1.test", "/s99/x"),
        ("", "/"),
    ] {
        let headers: Headers<'_> = &[(b"Host", host.as_bytes()), (b"User-Agent", b"curl/8")];
        with_request("GET", path, headers, |facts| {
            let mut found: Vec<i64> = rules.select(facts).hint_ids().collect();
            found.sort_unstable();
            assert_eq!(found, linear_ids(&scopes, facts), "{host}{path}");
            let mut looked_at = 0;
            rules.index.candidates(&Facts::new(*facts), &mut |_| looked_at += 1);
            assert!(looked_at <= 8, "{looked_at} candidates of 2000 for {host}{path}");
        });
    }
}

#[test]
fn branches_on_many_different_names_are_not_looked_at_one_by_one() {
    let at = |point: Value, kind: &str| json!([{"type": kind, "point": point, "value": "v"}]);
    let block = hint(0, 1, json!([]), mode("block"));
    let hints = (0..1000).map(|id| match id % 3 {
        0 => again(&block, id, at(json!(["header", format!("x-{id}")]), "equal")),
        1 => again(&block, id, at(json!(["get", format!("k{id}")]), "iequal")),
        _ => again(&block, id, at(json!(["get", format!("k{id}")]), "regex")),
    });
    let rules = ruleset(hints.collect());
    with_request("GET", "/?k1=V&k2=xv&k4=w", &[(b"X-3", b"v"), (b"X-6", b"w")], |facts| {
        let mut found: Vec<i64> = rules.select(facts).hint_ids().collect();
        found.sort_unstable();
        assert_eq!(found, [1, 2, 3]);
        let mut looked_at = 0;
        rules.index.candidates(&Facts::new(*facts), &mut |_| looked_at += 1);
        assert!(looked_at <= 5, "{looked_at} candidates of 1000");
    });
}
