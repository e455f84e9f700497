//! Filter grammar cases, by family.

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
    assert!(Filter::parse(&json!({"ip": "house"}), FIELDS, Family::Events).is_err());
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
}

#[test]
fn a_change_must_select_by_more_than_the_tenant() {
    for empty in [json!({}), json!(null), json!({"id": 0}), json!({"vulnid": 5}), json!([{"time": 1}, {}])] {
        let mut filter = events(empty);
        filter.drop_zero("id");
        assert_eq!(filter.require_selective("vulnid").unwrap_err(), ApiError::empty_filter());
    }
    let mut filter = events(json!({"id": [0, 5]}));
    filter.drop_zero("id");
    assert!(filter.require_selective("vulnid").is_ok());
}
