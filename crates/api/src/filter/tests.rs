//! Filter grammar cases, by family.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const FIELDS: &[Field] = &[
    Field::new("id", Kind::Int),
    Field::new("time", Kind::Time),
    Field::new("domain", Kind::Mask),
    Field::nullable("vulnid", Kind::Int),
    Field::new("experimental", Kind::Bool),
    Field::new("ip", Kind::Ip),
];

#[expect(clippy::needless_pass_by_value, reason = "cases read better with json! in place")]
fn events(value: serde_json::Value) -> Filter {
    Filter::parse(&value, FIELDS, Family::Events).unwrap()
}

fn test(filter: &Filter) -> &Test {
    &filter.clauses[0][0].test
}

#[test]
fn scalar_and_array_mean_the_same() {
    assert_eq!(events(json!({"id": 5})), events(json!({"id": [5]})));
    assert_eq!(events(json!({"id": "5"})), events(json!({"id": [5]})));
}

#[test]
fn null_asks_for_null_only_on_nullable_fields() {
    assert_eq!(*test(&events(json!({"vulnid": null}))), Test::Null);
    assert!(events(json!({"id": null})).clauses[0].is_empty());
}

#[test]
fn ranges_nest_and_a_flat_time_pair_is_one_range() {
    let open = Range { from: Some(7), to: None };
    assert_eq!(*test(&events(json!({"time": [[7, null]]}))), Test::Ints(vec![], vec![open]));
    assert_eq!(*test(&events(json!({"time": [[7]]}))), Test::Ints(vec![], vec![open]));
    let closed = Range { from: Some(7), to: Some(9) };
    assert_eq!(*test(&events(json!({"time": [7, 9]}))), Test::Ints(vec![], vec![closed]));
    assert_eq!(*test(&events(json!({"id": [7, 9]}))), Test::Ints(vec![7, 9], vec![]));
}

#[test]
fn a_range_that_ends_before_it_begins_is_refused() {
    let refused = |value: serde_json::Value| {
        let error = Filter::parse(&value, FIELDS, Family::Events).unwrap_err();
        error.body.as_object().unwrap().iter().next().map(|(name, entry)| (name.clone(), entry.clone()))
    };
    for (name, sent) in [
        ("time", json!([[9, 7]])),
        ("time", json!([9, 7])),
        ("id", json!([[1, 5], [7, 3]])),
        ("ip", json!("10.0.0.9-10.0.0.1")),
    ] {
        let (field, entry) = refused(json!({name: sent})).unwrap();
        assert_eq!((field.as_str(), &entry["error"]), (name, &json!(REVERSED)), "{sent}");
        assert!(!entry["value"].is_null(), "{sent}");
    }
    for fine in [json!({"time": [[7, 7]]}), json!({"id": [[null, 3]]}), json!({"ip": "::1-::a"})] {
        assert!(Filter::parse(&fine, FIELDS, Family::Events).is_ok(), "{fine}");
    }
    assert!(Filter::parse(&json!({"time": [[7, 7]]}), FIELDS, Family::Accounts).is_ok());
}

#[test]
fn absent_or_one_of_these_is_two_alternatives() {
    let either = events(json!({"vulnid": [null, 5], "id": 1}));
    assert_eq!(either.clauses.len(), 2);
    assert_eq!(either.clauses[0][0].test, Test::Null);
    assert_eq!(either.clauses[1][0].test, Test::Ints(vec![5], vec![]));
    assert!(either.clauses.iter().all(|clause| clause[1].field == "id"));
    let neither = events(json!({"!vulnid": [5, null]}));
    assert_eq!((neither.clauses.len(), neither.clauses[0].len()), (1, 2));
    let error = Filter::parse(&json!({"id": [5, null]}), FIELDS, Family::Events).unwrap_err();
    assert_eq!(error.body["id"]["value"], json!([5, null]));
}

#[test]
fn accounts_ranges_are_half_open() {
    let filter = Filter::parse(&json!({"time": [[7, 9]]}), FIELDS, Family::Accounts).unwrap();
    assert_eq!(*test(&filter), Test::Ints(vec![], vec![Range { from: Some(7), to: Some(8) }]));
}

#[test]
fn an_empty_array_differs_by_family() {
    assert!(events(json!({"id": []})).clauses[0].is_empty());
    let filter = Filter::parse(&json!({"id": []}), FIELDS, Family::Accounts).unwrap();
    assert_eq!(*test(&filter), Test::Nothing);
}

#[test]
fn zero_value_negation_hides_nothing() {
    assert!(events(json!({"!experimental": false})).clauses[0].is_empty());
    assert!(events(json!({"!experimental": true})).clauses[0][0].negated);
}

#[test]
fn several_flags_are_one_of_them() {
    let accounts = |value: Value| {
        let filter = Filter::parse(&value, FIELDS, Family::Accounts).unwrap();
        (filter.clauses[0][0].negated, test(&filter).clone())
    };
    assert_eq!(accounts(json!({"experimental": [false, false]})), (false, Test::Bool(false)));
    assert_eq!(accounts(json!({"!experimental": ["true", true]})), (true, Test::Bool(true)));
    assert_eq!(accounts(json!({"!experimental": false})), (true, Test::Bool(false)));
    // Both are all, and not both is none.
    assert_eq!(accounts(json!({"experimental": [true, false]})), (true, Test::Nothing));
    assert_eq!(accounts(json!({"!experimental": [true, false]})), (false, Test::Nothing));
    let filter = Filter::parse(&json!({"experimental": [true, false]}), FIELDS, Family::Accounts).unwrap();
    assert!(filter.require_selective(&[]).is_err());
    // Said by name, so that vulnerabilities show the hidden ones.
    let both = events(json!({"experimental": [true, false]})).clauses[0][0].clone();
    assert_eq!((both.negated, both.test), (true, Test::Nothing));
    let neither = events(json!({"!experimental": [true, false]})).clauses[0][0].clone();
    assert_eq!((neither.negated, neither.test), (true, Test::Bool(true)));
    let refused =
        Filter::parse(&json!({"experimental": [true, "maybe"]}), FIELDS, Family::Accounts).unwrap_err();
    assert_eq!(refused.body, json!({"error": "experimental: must be true or false", "value": "maybe"}));
}

#[test]
fn unknown_keys_are_refused_or_reported() {
    assert_eq!(events(json!({"nope": 1})).ignored, ["nope"]);
    let error = Filter::parse(&json!({"nope": 1}), FIELDS, Family::Accounts).unwrap_err();
    assert_eq!(error.body, json!({"error": "unknown filter field", "value": "nope"}));
}

#[test]
fn masks_and_addresses() {
    assert_eq!(
        *test(&events(json!({"domain": "*.Shop_?"}))),
        Test::Masks(vec![Mask::Like("%.shop\\__".into())])
    );
    assert!(events(json!({"domain": "*"})).clauses[0].is_empty());
    assert_eq!(*test(&events(json!({"ip": "192.168."}))), Test::Ips(vec![IpTest::Prefix("192.168.".into())]));
    for bad in ["house", "::1-10.0.0.1", "10.0.0.1-::1", "10.0.0.0/33", "::ffff:10.0.0.0/129"] {
        assert!(Filter::parse(&json!({"ip": bad}), FIELDS, Family::Events).is_err(), "{bad}");
    }
}

#[test]
fn ipv4_within_ipv6_is_ipv4_and_families_are_apart() {
    for (asked, holds, lacks) in [
        ("::ffff:10.0.0.1", vec!["10.0.0.1"], vec!["10.0.0.2", "::1"]),
        ("::ffff:10.0.0.0/104", vec!["10.0.0.1", "10.255.255.255"], vec!["11.0.0.0", "::1"]),
        ("::ffff:0:0/96", vec!["0.0.0.0", "255.255.255.255"], vec!["::", "2001:db8::1"]),
        ("::ffff:10.0.0.1-10.0.0.3", vec!["10.0.0.2"], vec!["10.0.0.4"]),
        ("::/0", vec!["::", "2001:db8::1", "ffff::"], vec!["0.0.0.0", "10.0.0.1"]),
        ("::/80", vec!["::1"], vec!["10.0.0.1", "2001:db8::1"]),
        ("0.0.0.0/0", vec!["0.0.0.0", "10.0.0.1"], vec!["::", "2001:db8::1"]),
        ("2001:DB8::/32", vec!["2001:db8::1"], vec!["2001:db9::1", "10.0.0.1"]),
        ("10.0.", vec!["10.0.0.1"], vec!["10.1.0.1", "110.0.0.1"]),
    ] {
        let test = IpTest::parse(asked).unwrap();
        assert!(holds.iter().all(|address| test.holds(address)), "{asked}");
        assert!(!lacks.iter().any(|address| test.holds(address)), "{asked}");
    }
}

#[test]
fn letters_fold_one_to_one() {
    assert_eq!(folded("/API/ÜBER/Москва"), "/api/über/москва");
    // None of them has one counterpart.
    assert_eq!(folded("ßİ\u{212a}"), "ßİ\u{212a}");
    assert_eq!((upper_case('ü'), upper_case('ß'), upper_case('1')), (Some('Ü'), None, None));
    assert_eq!(like_pattern("*ÜB?r_"), "%üb_r\\_");
}

#[test]
fn rack_style_queries_become_json() {
    assert_eq!(
        query_to_json(
            "filter[id]=5&filter[clientid][]=5&filter%5Bclientid%5D%5B%5D=6&filter[!type]=x+y&limit=3"
        ),
        json!({"filter": {"id": "5", "clientid": ["5", "6"], "!type": "x y"}, "limit": "3"})
    );
    assert_eq!(query_to_json("a=1&a=2&b[c][d]=%zz"), json!({"a": "2"}));
    assert_eq!(query_to_json("=&[[]&[a]=1"), json!({}));
    for bad in ["a=%ff", "%zz=1", "a=1%", "filter%5Bid]=99%ff"] {
        assert_eq!(undecodable(&format!("b=1&{bad}")), Some(bad));
    }
    assert_eq!(undecodable("a=%C3%BC+x&b&=&c==&filter%5Bid%5D=1"), None);
}

#[test]
fn a_change_must_select_by_more_than_the_tenant() {
    for empty in [json!({}), json!(null), json!({"id": 0}), json!({"vulnid": 5}), json!([{"time": 1}, {}])] {
        let mut filter = events(empty);
        filter.drop_zero("id");
        assert_eq!(filter.require_selective(&["vulnid"]).unwrap_err(), ApiError::empty_filter());
    }
    let mut filter = events(json!({"id": [0, 5]}));
    filter.drop_zero("id");
    assert!(filter.require_selective(&["vulnid"]).is_ok());
}

/// Any JSON, with the names of the fields above among the keys.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|flag| json!(flag)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
        any::<String>().prop_map(|text| json!(text)),
        Just(json!("10.0.0.0/8")),
        Just(json!("::1-ffff::")),
        Just(json!("*?%_\\")),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        let key = prop_oneof!["!?(id|time|domain|vulnid|experimental|ip)", any::<String>()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(|items| json!(items)),
            prop::collection::vec((key, inner), 0..8)
                .prop_map(|entries| serde_json::Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_filter_is_parsed_or_refused(value in any_json()) {
        for family in [Family::Accounts, Family::Events, Family::Rules] {
            match Filter::parse(&value, FIELDS, family) {
                Ok(filter) => {
                    prop_assert!(filter.clauses.len() <= MAX_CLAUSES);
                    prop_assert!(family != Family::Accounts || filter.ignored.is_empty());
                    // Conditions that hold for everything, such as `{"!id": []}`, select nothing either.
                    prop_assert!(!filter.is_unconstrained() || filter.require_selective(&[]).is_err());
                }
                Err(error) => prop_assert_eq!(error.status.as_u16(), 400),
            }
        }
    }

    #[test]
    fn any_query_string_becomes_an_object(query in any::<String>()) {
        prop_assert!(query_to_json(&query).is_object());
    }

    #[test]
    fn any_bracketed_query_string_becomes_an_object(
        query in "([a-z]{0,2}(\\[[a-z!]{0,2}\\]?){0,12}=?[%0-9a-f&]{0,4}&?){0,12}"
    ) {
        let value = query_to_json(&query);
        prop_assert!(value.is_object());
        // And whatever it is, the filter behind it is parsed or refused.
        let _ = Filter::parse(value.get("f").unwrap_or(&value), FIELDS, Family::Events);
    }

    #[test]
    fn scalars_survive_the_query_string(text in "[a-zA-Z0-9._~-]{1,20}") {
        let value = query_to_json(&format!("filter[!domain][]={text}&filter%5Bid%5D={text}"));
        prop_assert_eq!(value, json!({"filter": {"!domain": [text.clone()], "id": text}}));
    }
}
