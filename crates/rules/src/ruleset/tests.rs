use bartizan_api::AttackType;
use bartizan_request::{Point, Target};
use serde_json::json;

use super::*;
use crate::hint::HintSpec;
use crate::mode::{FiltrationMode, ModeOverride, effective_mode};

mod index;

#[expect(clippy::needless_pass_by_value, reason = "callers write literals")]
/// A hint as the cloud would bundle it: through the validation of a create body.
fn hint(id: i64, updated_at: i64, action: Value, fields: Value) -> HintSource {
    let mut body = fields.as_object().unwrap().clone();
    body.insert("action".into(), action);
    let mut spec = HintSpec::create(&body).unwrap();
    if spec.kind.has_regex_id() {
        spec.assign_regex_id(id + 1000);
    }
    spec.source(id, updated_at).unwrap()
}

fn ruleset(hints: Vec<HintSource>) -> Ruleset {
    let source = RulesetSource { version: 3, clientid: 7, hints };
    let bundle = serde_json::to_vec(&source).unwrap();
    Ruleset::compile(&serde_json::from_slice(&bundle).unwrap()).unwrap()
}

type Headers<'a> = &'a [(&'a [u8], &'a [u8])];

fn with_request<R>(
    method: &str,
    target: &str,
    headers: Headers<'_>,
    ask: impl FnOnce(&RequestFacts<'_, '_>) -> R,
) -> R {
    let target = Target::parse(target.as_bytes());
    ask(&RequestFacts { instance: -1, scheme: "https", method, proto: "1.1", target: &target, headers })
}

fn ids(rules: &Ruleset, method: &str, target: &str, headers: Headers<'_>) -> Vec<i64> {
    with_request(method, target, headers, |facts| rules.select(facts).hint_ids().collect())
}

fn mode_of(rules: &Ruleset, method: &str, target: &str) -> Option<FiltrationMode> {
    with_request(method, target, &[(b"Host", b"a.test")], |facts| rules.select(facts).mode())
}

fn mode(name: &str) -> Value {
    json!({"type": "wallarm_mode", "mode": name})
}

#[test]
fn worked_table_of_modes() {
    let at = |uri: &str| crate::uri_conditions(uri).unwrap().to_json();
    let mut apply = at("/main/apply");
    apply.as_array_mut().unwrap().push(json!({"type": "equal", "point": ["method"], "value": "POST"}));
    let rules = ruleset(vec![
        hint(1, 1, json!([]), mode("monitoring")),
        hint(2, 1, at("/main/**/*.*"), mode("block")),
        hint(3, 1, at("/main/login"), mode("monitoring")),
        hint(4, 1, apply, mode("default")),
    ]);
    use FiltrationMode::{Block, Monitoring, SafeBlocking};
    use ModeOverride::{Off, On, Strict};
    for (request, local, may_override, expected) in [
        ("GET /news", Monitoring, Off, Monitoring),
        ("GET /main/x", Monitoring, Off, Monitoring),
        ("GET /main/login", Block, Strict, Block),
        ("GET /main/signup", Monitoring, Strict, Block),
        ("GET /main/apply", Block, On, Block),
        ("POST /main/apply", Block, On, Block),
        ("GET /main/feedback", SafeBlocking, Off, SafeBlocking),
        ("POST /main/apply", Monitoring, On, Monitoring),
        ("GET /main/login", Block, On, Monitoring),
        ("GET /main/login", SafeBlocking, Strict, SafeBlocking),
    ] {
        let (method, target) = request.split_once(' ').unwrap();
        let cloud = mode_of(&rules, method, target);
        assert_eq!(effective_mode(local, may_override, cloud), expected, "{request}");
    }
    assert_eq!(mode_of(&rules, "POST", "/main/apply"), None);
}

#[test]
fn specific_branches_win_and_ties_go_to_the_newest() {
    let host = json!({"type": "iequal", "point": ["header", "HOST"], "value": "a.test"});
    let path = |kind: &str, value: &str| json!({"type": kind, "point": ["path", 0], "value": value});
    let expect = |hints: Vec<HintSource>, expected: &str| {
        let rules = ruleset(hints);
        let found = mode_of(&rules, "GET", "/api/x").unwrap();
        assert_eq!(found.name(), expected);
    };
    // More conditions over fewer, whatever is newer.
    expect(
        vec![
            hint(1, 9, json!([host]), mode("block")),
            hint(2, 1, json!([host, path("equal", "api")]), mode("off")),
        ],
        "off",
    );
    // Direct over case-insensitive over pattern.
    expect(
        vec![
            hint(1, 9, json!([path("iequal", "API")]), mode("block")),
            hint(2, 1, json!([path("equal", "api")]), mode("off")),
            hint(3, 9, json!([path("regex", "api")]), mode("monitoring")),
        ],
        "off",
    );
    // The host decides before the path.
    expect(
        vec![
            hint(1, 1, json!([host]), mode("block")),
            hint(2, 9, json!([path("equal", "api"), {"type": "absent", "point": ["path", 1]}]), mode("off")),
        ],
        "block",
    );
    // One branch, two hints: the newer; then the larger id.
    expect(vec![hint(1, 9, json!([host]), mode("block")), hint(2, 1, json!([host]), mode("off"))], "block");
    expect(vec![hint(1, 5, json!([host]), mode("block")), hint(2, 5, json!([host]), mode("off"))], "off");
}

#[test]
fn conditions_look_at_every_part_of_a_request() {
    let condition =
        |kind: &str, point: Value, value: &str| json!([{"type": kind, "point": point, "value": value}]);
    let cases = [
        (condition("equal", json!(["instance"]), "-1"), true),
        (condition("equal", json!(["instance"]), "1"), false),
        (condition("equal", json!(["scheme"]), "https"), true),
        (condition("equal", json!(["proto"]), "2.0"), false),
        (condition("regex", json!(["method"]), "POST|GET"), true),
        (condition("equal", json!(["method"]), "get"), false),
        (condition("iequal", json!(["method"]), "get"), true),
        (condition("equal", json!(["header", "host"]), "A.test"), true),
        (condition("equal", json!(["header", "x-two"]), "second"), true),
        (condition("absent", json!(["header", "x-two"]), ""), false),
        (condition("absent", json!(["header", "x-none"]), ""), true),
        (condition("equal", json!(["path", 0]), "a b"), true),
        (condition("absent", json!(["path", 2]), ""), true),
        (condition("absent", json!(["path", 1]), ""), false),
        (condition("equal", json!(["action_name"]), "user"), true),
        (condition("equal", json!(["action_ext"]), "tar.gz"), true),
        (condition("equal", json!(["get", "q"]), "1 2"), true),
        (condition("equal", json!(["get", "q"]), "3"), true),
        (condition("absent", json!(["get", "r"]), ""), true),
        (condition("iequal", json!(["get", "ü"]), "Ä"), true),
        (condition("regex", json!(["uri"]), "^/a%20b/.*=3"), true),
        (condition("regex", json!(["get", "e"]), ".*"), false),
        (condition("regex", json!(["header", "X-TWO"]), "^(~(first))$"), true),
    ];
    let headers: Headers<'_> = &[(b"host", b"a.TEST"), (b"X-Two", b" first "), (b"x-two", b"second")];
    for (action, expected) in cases {
        let rules = ruleset(vec![hint(1, 1, action.clone(), mode("block"))]);
        let target = "/a%20b/c/user.tar.gz?q=1+2&q=3&%C3%BC=%C3%A4&e=";
        assert_eq!(!ids(&rules, "GET", target, headers).is_empty(), expected, "{action}");
    }
}

#[test]
fn point_hints_unite_and_answer_for_points_below() {
    let api = json!([{"point": ["path", 0], "value": "api"}]);
    let point = json!([["get", "q"]]);
    let rules = ruleset(vec![
        hint(1, 1, json!([]), json!({"type": "vpatch", "attack_type": "any", "point": point})),
        hint(2, 1, api, json!({"type": "vpatch", "attack_type": "sqli", "point": [["post"], ["json_doc"]]})),
        hint(
            3,
            1,
            json!([]),
            json!({"type": "regex", "attack_type": "vpatch", "regex": "evil", "point": point}),
        ),
        hint(
            4,
            1,
            json!([]),
            json!({"type": "disable_regex", "regex_id": 1003, "point": [["get", "q"], ["hash", "safe"]]}),
        ),
        hint(5, 1, json!([]), json!({"type": "disable_attack_type", "attack_type": "xss", "point": point})),
        hint(
            6,
            1,
            json!([]),
            json!({"type": "disable_attack_type", "attack_type": "any", "point": [["uri"]]}),
        ),
        hint(7, 1, json!([]), json!({"type": "disable_stamp", "stamp": 77, "point": point})),
        hint(8, 1, json!([]), json!({"type": "sensitive_data", "point": point})),
        hint(
            9,
            1,
            json!([]),
            json!({"type": "parser_state", "parser": "xml", "state": "disabled", "point": [["post"]]}),
        ),
        hint(
            10,
            1,
            json!([]),
            json!({"type": "experimental_regex", "attack_type": "xss", "regex": "x", "point": point}),
        ),
    ]);
    let at = |wire: Value, ask: &dyn Fn(&bartizan_request::PointPath<'_>) -> bool| {
        Point::from_json(&wire).unwrap().with_path(|path| ask(path))
    };
    with_request("GET", "/api/x", &[], |facts| {
        let selection = rules.select(facts);
        let types: Vec<Option<AttackType>> = selection.vpatches().map(|vpatch| vpatch.attack_type).collect();
        assert_eq!(types, [Some(AttackType::Sqli), None]);
        let regexes: Vec<(i64, bool)> =
            selection.regexes().map(|rule| (rule.id, rule.experimental)).collect();
        assert_eq!(regexes, [(1010, true), (1003, false)]);
        assert!(selection.regexes().any(|rule| rule.pattern.is_match(b"so evil")));
        let below = json!(["get", "q", "hash", "safe", "base64"]);
        assert!(at(below.clone(), &|path| selection.regex_disabled(path, 1003)));
        assert!(!at(json!(["get", "q"]), &|path| selection.regex_disabled(path, 1003)));
        assert!(!at(below.clone(), &|path| selection.regex_disabled(path, 1010)));
        assert!(at(below.clone(), &|path| selection.type_disabled(path, AttackType::Xss)));
        assert!(!at(below.clone(), &|path| selection.type_disabled(path, AttackType::Sqli)));
        assert!(at(json!(["uri"]), &|path| selection.type_disabled(path, AttackType::Sqli)));
        assert!(at(below.clone(), &|path| selection.stamp_disabled(path, 77)
            && !selection.stamp_disabled(path, 78)));
        assert!(at(below.clone(), &|path| selection.is_sensitive(path)));
        assert!(!at(json!(["get", "r"]), &|path| selection.is_sensitive(path)));
        assert!(at(json!(["post"]), &|path| selection.parser_enabled(path, "xml") == Some(false)));
        assert!(at(json!(["post"]), &|path| selection.parser_enabled(path, "json_doc").is_none()));
    });
    with_request("GET", "/other", &[], |facts| assert_eq!(rules.select(facts).vpatches().count(), 1));
}

#[test]
fn policies_fall_back_from_default_and_stop_at_off() {
    let api = json!([{"point": ["path", 0], "value": "api"}]);
    let graphql = |mode: &str| json!({"type": "graphql_detection", "mode": mode, "max_depth": 7});
    let upload = |mode: &str, size: i64| json!({"type": "file_upload_size_limit", "mode": mode, "size": size, "size_unit": "kb", "point": [["post"]]});
    let header = |mode: &str, value: &str| json!({"type": "set_response_header", "mode": mode, "name": "X-A", "values": [value]});
    let rules = ruleset(vec![
        hint(1, 1, json!([]), graphql("block")),
        hint(2, 1, api.clone(), graphql("default")),
        hint(3, 1, json!([]), upload("block", 2)),
        hint(4, 1, api.clone(), upload("off", 1)),
        hint(5, 1, json!([]), header("append", "general")),
        hint(6, 1, api.clone(), header("replace", "api")),
        hint(
            7,
            1,
            api.clone(),
            json!({"type": "overlimit_res_settings", "overlimit_time": 250, "mode": "blocking"}),
        ),
        hint(8, 1, api.clone(), json!({"type": "brute_counter"})),
        hint(
            9,
            1,
            api.clone(),
            json!({"type": "rate_limit", "point": [["remote_addr"]], "rate": 3, "rsp_status": 503}),
        ),
        hint(10, 1, api.clone(), json!({"type": "api_abuse_mode", "mode": "disabled"})),
        hint(
            11,
            1,
            api,
            json!({"type": "credentials_point", "point": [["get", "p"]], "login_point": [["get", "l"]]}),
        ),
    ]);
    with_request("GET", "/api/x", &[], |facts| {
        let selection = rules.select(facts);
        assert_eq!(selection.graphql().unwrap().mode, PolicyMode::Block);
        assert!(selection.upload_limits().is_empty());
        let values: Vec<&str> = selection.response_headers().map(|header| &*header.values[0]).collect();
        assert_eq!(values, ["general", "api"]);
        assert_eq!(selection.overlimit().unwrap().time_ms, 250);
        assert_eq!(selection.behaviour(HintType::BruteCounter).unwrap().0, 8);
        assert_eq!(selection.rate_limits().map(|(id, limit)| (id, limit.rate)).collect::<Vec<_>>(), [(9, 3)]);
        assert_eq!(selection.api_abuse_enabled(), Some(false));
        assert_eq!(selection.credentials().count(), 1);
    });
    with_request("GET", "/", &[], |facts| {
        let selection = rules.select(facts);
        assert_eq!(selection.upload_limits()[0].max_bytes, 2048);
        assert!(selection.overlimit().is_none() && selection.behaviour(HintType::BruteCounter).is_none());
    });
}

#[test]
fn unknown_types_are_skipped_and_broken_hints_named() {
    let mut unknown = hint(1, 1, json!([]), mode("block"));
    unknown.kind = "from_the_future".into();
    unknown.action = json!([{"type": "psychic", "point": ["aura"]}]);
    let fine = hint(2, 1, json!([]), mode("off"));
    let source =
        RulesetSource { version: 1, clientid: 1, hints: vec![unknown.clone(), unknown, fine.clone()] };
    let rules = Ruleset::compile(&source).unwrap();
    assert_eq!((rules.skipped().get("from_the_future"), rules.hint_count()), (Some(&2), 1));
    assert_eq!(mode_of(&rules, "GET", "/"), Some(FiltrationMode::Off));

    let mut bad_field = hint(3, 1, json!([]), mode("off"));
    bad_field.fields.insert("mode".into(), json!("sideways"));
    let mut bad_scope = hint(4, 1, json!([]), mode("off"));
    bad_scope.action = json!([{"type": "regex", "point": ["method"], "value": "("}]);
    let mut bad_point = hint(5, 1, json!([]), json!({"type": "sensitive_data", "point": ["uri"]}));
    bad_point.fields.remove("point");
    let source =
        RulesetSource { version: 1, clientid: 1, hints: vec![fine, bad_field, bad_scope, bad_point] };
    let RuleError::Hints(faults) = Ruleset::compile(&source).unwrap_err() else {
        panic!("hints are at fault")
    };
    let mut ids: Vec<i64> = faults.iter().map(|fault| fault.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [3, 4, 5]);
}

#[test]
fn a_ruleset_is_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&Ruleset::default());
}
