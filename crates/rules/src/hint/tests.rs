use serde_json::{Map, Value, json};

use super::*;

fn body(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(body) => body,
        other => panic!("{other} is no object"),
    }
}

fn create(value: Value) -> Result<HintSpec, FieldErrors> {
    HintSpec::create(&body(value))
}

fn stored(spec: HintSpec) -> StoredHint {
    StoredHint {
        id: 71001,
        actionid: 5120,
        clientid: 7,
        create_time: 1_780_000_000,
        create_userid: 12,
        updated_at: 1_780_000_000,
        system: false,
        uuid: "u".into(),
        group_uuid: "g".into(),
        spec,
    }
}

/// A complete, valid body of every type.
fn sample(kind: HintType) -> Value {
    let control = json!({
        "mode": "block", "threshold": {"count": 5, "period": 60}, "reaction": {"block_by_ip": 600},
    });
    let enumerated = json!({"mode": "regexp", "name_regexps": ["id"], "value_regexps": [""]});
    let own = match kind {
        HintType::WallarmMode => json!({"mode": "block"}),
        HintType::Vpatch | HintType::DisableAttackType => {
            json!({"attack_type": "any", "point": [["get", "q"]]})
        }
        HintType::Regex | HintType::ExperimentalRegex => {
            json!({"attack_type": "vpatch", "point": [["uri"]], "regex": "/[.]git"})
        }
        HintType::DisableRegex => json!({"regex_id": 5, "point": [["uri"]]}),
        HintType::DisableStamp => json!({"stamp": 7994, "point": [["uri"]]}),
        HintType::ApiAbuseMode => json!({"mode": "disabled"}),
        HintType::OverlimitResSettings => json!({"overlimit_time": 0}),
        HintType::SensitiveData | HintType::BinaryData => json!({"point": [["post"]]}),
        HintType::Uploads => json!({"point": [["post"]], "file_type": "docs"}),
        HintType::ParserState => json!({"point": [["post"]], "parser": "xml", "state": "disabled"}),
        HintType::SetResponseHeader => json!({"mode": "append", "name": "X-A", "values": ["", "b"]}),
        HintType::RateLimit => json!({"point": [["remote_addr"]], "rate": 0, "rsp_status": 503}),
        HintType::GraphqlDetection => json!({"mode": "monitoring"}),
        HintType::Brute | HintType::Bola | HintType::Enum => {
            let mut own = body(control);
            own.insert("enumerated_parameters".into(), enumerated);
            Value::Object(own)
        }
        HintType::ForcedBrowsing | HintType::RateLimitEnum => control,
        HintType::FileUploadSizeLimit => json!({"size": 10}),
        HintType::CredentialsPoint => json!({"point": [["get", "p"]], "login_point": [["get", "l"]]}),
        HintType::CredentialsRegex => {
            json!({"regex": "pass", "login_regex": "login", "case_sensitive": false})
        }
        HintType::BruteCounter | HintType::DirbustCounter | HintType::BolaCounter => json!({}),
        HintType::DetailedExport => json!({"mode": "keep_headers"}),
        HintType::ResponseConds => json!({"limit_size": 5}),
    };
    let mut full = body(json!({"type": kind.name(), "clientid": 7, "validated": false, "active": true}));
    full.insert("action".into(), json!([{"type": "iequal", "point": ["header", "HOST"], "value": "a.test"}]));
    full.extend(body(own));
    Value::Object(full)
}

#[test]
fn every_type_is_created_echoed_and_sent_again() {
    for &kind in HintType::ALL {
        let sent = body(sample(kind));
        let hint = stored(HintSpec::create(&sent).unwrap_or_else(|faults| panic!("{kind:?}: {faults}")));
        let echo = hint.to_json();
        for (key, value) in &sent {
            let expected = match Point::from_json(value) {
                Ok(point) if key.ends_with("point") => serde_json::to_value(point).unwrap(),
                _ => value.clone(),
            };
            // Inner objects come back with their defaults.
            if key != "enumerated_parameters" {
                assert_eq!(echo[key], expected, "{kind:?} {key}");
            }
        }
        // The create body, what the hint returned, and nothing at all are all updates without effect.
        for patch in [sent, body(echo.clone()), Map::new()] {
            let again = HintSpec::update(&hint, &patch).unwrap_or_else(|faults| panic!("{kind:?}: {faults}"));
            assert_eq!(again, hint.spec, "{kind:?}");
        }
        let text = serde_json::to_string(&hint.spec).unwrap();
        assert_eq!(serde_json::from_str::<HintSpec>(&text).unwrap(), hint.spec);
    }
}

#[test]
fn echo_is_the_example_of_the_contract() {
    let spec = create(json!({
        "type": "vpatch", "clientid": 7, "attack_type": "sqli", "comment": "Managed by Terraform",
        "point": [["post"], ["form_urlencoded", "login"]],
        "action": [
            {"type": "iequal", "point": ["header", "HOST"], "value": "shop.test"},
            {"type": "equal", "point": ["path", 0], "value": "auth"},
            {"type": "absent", "point": ["path", 1], "value": ""},
        ],
    }));
    let echo = stored(spec.unwrap()).to_json();
    let example = json!({
        "id": 71001, "actionid": 5120, "clientid": 7, "type": "vpatch", "attack_type": "sqli",
        "point": ["post", "form_urlencoded", "login"],
        "action": [
            {"type": "iequal", "point": ["header", "HOST"], "value": "shop.test"},
            {"type": "equal", "point": ["path", 0], "value": "auth"},
            {"type": "absent", "point": ["path", 1], "value": null},
        ],
        "active": true, "enabled": true, "system": false, "validated": false, "variativity_disabled": true,
        "comment": "Managed by Terraform", "title": null, "set": null, "mitigation": null, "regex_id": null,
        "create_time": 1_780_000_000, "create_userid": 12, "updated_at": 1_780_000_000,
    });
    for (key, value) in body(example) {
        assert_eq!(echo[&key], value, "{key}");
    }
    assert_eq!(echo.as_object().unwrap().len(), 19 + 42 + 3);
}

#[track_caller]
fn refused(sent: Value, expected: &Value) {
    assert_eq!(&create(sent).unwrap_err().body(), expected);
}

#[track_caller]
fn refused_field(mut sent: Value, changes: Value, field: &str, error: &str) {
    sent.as_object_mut().unwrap().extend(body(changes));
    let faults = create(sent).unwrap_err();
    assert_eq!(
        faults.0.iter().map(|fault| (&*fault.field, &*fault.error)).collect::<Vec<_>>(),
        [(field, error)]
    );
}

#[test]
fn refusals_name_the_field_and_use_the_literal_texts() {
    refused(json!({}), &json!({"type": {"error": "is invalid", "value": null}}));
    refused(json!({"type": "nope"}), &json!({"type": {"error": "is invalid", "value": "nope"}}));
    refused(
        json!({"type": "vpatch", "comment": ""}),
        &json!({
            "comment": {"error": "can't be blank", "value": ""},
            "attack_type": {"error": "can't be blank", "value": null},
            "point": {"error": "can't be blank", "value": null},
        }),
    );
    let of = sample;
    refused_field(of(HintType::Vpatch), json!({"attack_type": "vpatch"}), "attack_type", "is invalid");
    refused_field(of(HintType::Regex), json!({"attack_type": "any"}), "attack_type", "is invalid");
    refused_field(of(HintType::Regex), json!({"regex": "a**"}), "regex", "is invalid");
    refused_field(of(HintType::Regex), json!({"regex": "x.{50}"}), "regex", "is too complex");
    refused_field(of(HintType::Vpatch), json!({"rate": 1}), "rate", "is invalid");
    refused_field(of(HintType::BruteCounter), json!({"point": [["uri"]]}), "point", "is invalid");
    refused_field(of(HintType::WallarmMode), json!({"mode": "on"}), "mode", "is invalid");
    refused_field(of(HintType::RateLimit), json!({"rate": 1001}), "rate", "should be in 0..1000");
    refused_field(
        of(HintType::RateLimit),
        json!({"rate": null}),
        "rate",
        "should be in 0..1000, can't be blank",
    );
    refused_field(of(HintType::RateLimit), json!({"rsp_status": 0}), "rsp_status", "should be in 400..599");
    refused_field(
        of(HintType::DisableStamp),
        json!({"stamp": 0}),
        "stamp",
        "must be greater than or equal to 1",
    );
    refused_field(
        of(HintType::FileUploadSizeLimit),
        json!({"size": 18_446_744_073_709_551_615_u64}),
        "size",
        "should be in 1..9223372036854775807",
    );
    refused_field(
        of(HintType::GraphqlDetection),
        json!({"max_depth": 0}),
        "max_depth",
        "should be in 1..100",
    );
    refused_field(of(HintType::SetResponseHeader), json!({"name": "a b"}), "name", "is invalid");
    refused_field(of(HintType::SetResponseHeader), json!({"values": []}), "values", "can't be blank");
    refused_field(of(HintType::Vpatch), json!({"action": [{"point": ["post"]}]}), "action", "is invalid");
    refused_field(of(HintType::Vpatch), json!({"title": "x".repeat(256)}), "title", "is invalid");
    refused_field(of(HintType::Brute), json!({"attack_type": "bola"}), "attack_type", "is invalid");
}

#[test]
fn numbers_and_patterns_of_controls_that_nobody_can_use_are_refused() {
    use super::thresholds::{advanced, threshold};
    let large = threshold("threshold", &json!({"count": 1_i64 << 60, "period": 60})).unwrap_err();
    assert_eq!((&*large[0].field, &*large[0].error), ("threshold.count", "should be in 1..2147483647"));
    assert!(threshold("threshold", &json!({"count": 2_147_483_647, "period": 60})).is_ok());
    let condition = |operator: &str, value: &str| {
        advanced(
            "advanced_conditions",
            &json!([{"field": "request_time", "operator": operator, "value": [value]}]),
        )
    };
    for (operator, good, bad) in
        [("match", "^a+$", "("), ("notimatch", "x", "[a"), ("gt", "1.5", "abc"), ("le", "3", "nan")]
    {
        assert!(condition(operator, good).is_ok(), "{operator} {good}");
        assert!(condition(operator, bad).is_err(), "{operator} {bad}");
    }
}

#[test]
fn threshold_controls_check_their_inner_objects() {
    let of = sample;
    refused_field(
        of(HintType::Brute),
        json!({"threshold": {"count": 0, "period": 1}}),
        "threshold.count",
        "must be greater than or equal to 1",
    );
    refused_field(
        of(HintType::Brute),
        json!({"mode": "monitoring"}),
        "reaction",
        "keys should contain only [:graylist_by_ip] keys for the mode monitoring",
    );
    refused_field(
        of(HintType::ForcedBrowsing),
        json!({"reaction": {"graylist_by_ip": 600}}),
        "reaction",
        "keys should contain only [:block_by_session, :block_by_ip] keys for the mode block",
    );
    refused_field(
        of(HintType::ForcedBrowsing),
        json!({"reaction": {"block_by_ip": 599}}),
        "reaction.block_by_ip",
        "should be in 600..315569520",
    );
    refused_field(of(HintType::ForcedBrowsing), json!({"reaction": {}}), "reaction", "can't be blank");
    refused(
        {
            let mut sent = of(HintType::Enum);
            sent["enumerated_parameters"] =
                json!({"mode": "regexp", "name_regexps": [], "value_regexps": ["a"]});
            sent
        },
        &json!({"enumerated_parameters": {"name_regexps": {"error": "can't be blank", "value": []}}}),
    );
    for (changes, field) in [
        (json!({"mode": "exact"}), "enumerated_parameters.points"),
        (
            json!({"mode": "exact", "points": [{"point": ["get", "a"]}], "name_regexps": ["a"]}),
            "enumerated_parameters.name_regexps",
        ),
        (
            json!({"mode": "regexp", "name_regexps": ["(?=a)"], "value_regexps": [""]}),
            "enumerated_parameters.name_regexps",
        ),
        (json!({"mode": "other"}), "enumerated_parameters.mode"),
    ] {
        let mut sent = of(HintType::Bola);
        sent["enumerated_parameters"] = changes;
        assert_eq!(create(sent).unwrap_err().0[0].field.as_ref(), field);
    }
    let mut sent = of(HintType::Enum);
    sent["reaction"] = json!({"block_by_session": 0, "block_by_ip": 600, "graylist_by_ip": null});
    sent["enumerated_parameters"] = json!({"mode": "exact", "points": [{"point": ["post", "json_doc", "array", "0"], "sensitive": true}]});
    sent["arbitrary_conditions"] = json!([{"point": [["get", "a"]], "operator": "eq", "value": ["1"]}]);
    sent["advanced_conditions"] = json!([{"field": "ip", "operator": "ne", "value": ["1.1.1.1"]}]);
    let fields = create(sent).unwrap().fields;
    assert_eq!(fields["reaction"], json!({"block_by_ip": 600}));
    assert_eq!(
        fields["enumerated_parameters"]["points"][0]["point"],
        json!(["post", "json_doc", "array", "0"])
    );
    assert_eq!(fields["arbitrary_conditions"][0]["point"], json!(["get", "a"]));
}

#[test]
fn defaults_are_echoed() {
    let fields = create(sample(HintType::RateLimit)).unwrap().fields;
    assert_eq!(
        (&fields["burst"], &fields["delay"], &fields["time_unit"]),
        (&json!(0), &json!(0), &json!("rps"))
    );
    let fields = create(sample(HintType::GraphqlDetection)).unwrap().fields;
    assert_eq!((&fields["max_aliases"], &fields["debug_enabled"]), (&json!(5), &json!(true)));
    let fields = create(sample(HintType::FileUploadSizeLimit)).unwrap().fields;
    assert_eq!((&fields["mode"], &fields["size_unit"]), (&json!("monitoring"), &json!("b")));
    assert!(create(sample(HintType::RateLimit)).unwrap().variativity_disabled);
    assert!(!create(json!({"type": "brute_counter", "enabled": false})).unwrap().active);
    assert!(create(json!({"type": "brute_counter", "enabled": false, "active": true})).unwrap().active);
    assert!(create(json!({"type": "brute_counter", "title": "", "set": "", "comment": null, "rate": "", "suffix": "x"})).is_ok());
}

#[test]
fn updates_are_partial_and_keep_what_cannot_change() {
    let mut spec = create(sample(HintType::Regex)).unwrap();
    spec.assign_regex_id(31);
    let hint = stored(spec);
    let update = |patch: Value| HintSpec::update(&hint, &body(patch));

    let changed = update(json!({"regex": "/[.]svn", "comment": "c", "title": "", "active": false})).unwrap();
    assert!(changed.regex_changed(&hint.spec) && !changed.active);
    assert_eq!(changed.regex_id(), Some(31));
    assert_eq!((changed.comment.as_deref(), changed.title.as_deref()), (Some("c"), None));
    assert!(changed.source(1, 2).is_none());

    assert!(update(json!({"type": "regex", "point": [["uri"]], "actionid": 5120})).is_ok());
    for (patch, field, error) in [
        (json!({"type": "vpatch"}), "type", "can't be changed"),
        (json!({"action": []}), "action", "can't be changed"),
        (json!({"point": [["get", "x"]]}), "point", "can't be changed"),
        (json!({"comment": ""}), "comment", "can't be blank"),
        (json!({"regex": "("}), "regex", "is invalid"),
        (json!({"stamp": 4}), "stamp", "is invalid"),
    ] {
        let faults = update(patch).unwrap_err();
        assert_eq!((&*faults.0[0].field, &*faults.0[0].error), (field, error));
    }

    let control = stored(create(sample(HintType::Brute)).unwrap());
    let patch = body(json!({"mode": "monitoring", "reaction": {"graylist_by_ip": 900}}));
    assert_eq!(
        HintSpec::update(&control, &patch).unwrap().fields["reaction"],
        json!({"graylist_by_ip": 900})
    );
    let patch = body(json!({"mode": "monitoring"}));
    assert_eq!(HintSpec::update(&control, &patch).unwrap_err().0[0].field.as_ref(), "reaction");
}
