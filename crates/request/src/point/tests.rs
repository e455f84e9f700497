use serde_json::json;

use super::*;

fn point(value: serde_json::Value) -> Point {
    serde_json::from_value(value).unwrap()
}

fn selects(pattern: serde_json::Value, path: serde_json::Value) -> bool {
    point(path).with_path(|path| point(pattern).selects(path))
}

fn covers(pattern: serde_json::Value, path: serde_json::Value) -> bool {
    point(path).with_path(|path| point(pattern).covers(path))
}

#[test]
fn both_wire_forms_are_read_and_the_flat_one_written() {
    let flat = json!(["post", "json_doc", "hash", "id", "array", 3]);
    let nested = json!([["post"], ["json_doc"], ["hash", "id"], ["array", "3"]]);
    assert_eq!(point(flat.clone()), point(nested));
    assert_eq!(serde_json::to_value(point(flat.clone())).unwrap(), flat);
    assert_eq!(point(flat).to_nested(), json!([["post"], ["json_doc"], ["hash", "id"], ["array", 3]]));
}

#[test]
fn wrong_chains_are_refused_with_the_reason() {
    let error = |value| Point::from_json(&value).unwrap_err();
    assert_eq!(error(json!([])), PointError::Empty);
    assert_eq!(error(json!("get")), PointError::NotAList);
    assert_eq!(error(json!(["gut", "x"])), PointError::UnknownElement("gut".into()));
    assert_eq!(error(json!(["get"])), PointError::MissingKey(Element::Get));
    assert_eq!(error(json!(["path", "x"])), PointError::BadIndex(Element::Path));
    assert_eq!(error(json!(["path", -1])), PointError::BadIndex(Element::Path));
    assert_eq!(error(json!([["post", "x"]])), PointError::TooManyItems(Element::Post));
}

#[test]
fn parameter_is_the_upper_case_chain() {
    assert_eq!(point(json!(["get", "q"])).parameter(), "GET_q_value");
    assert_eq!(point(json!(["post", "json_doc", "hash", "id"])).parameter(), "POST_JSON_DOC_HASH_id_value");
    assert_eq!(point(json!(["path", 2])).parameter(), "PATH_2_value");
}

#[test]
fn equivalent_spellings_select_the_same_point() {
    assert!(selects(json!(["header", "x-id"]), json!(["header", "X-ID"])));
    assert!(!selects(json!(["get", "q"]), json!(["get", "Q"])));
    assert!(selects(
        json!(["post", "json_doc", "json_obj", "a", "json_array", 1]),
        json!(["post", "json_doc", "hash", "a", "array", 1])
    ));
    assert!(selects(json!(["post", "xml", "hash", "a"]), json!(["post", "xml", "xml_tag", "a"])));
    assert!(selects(
        json!(["post", "xml", "xml_tag", "a", "xml_tag_array", 0, "xml_attr", "b"]),
        json!(["post", "xml", "xml_tag", "a", "xml_attr", "b"])
    ));
    assert!(!selects(
        json!(["post", "xml", "xml_tag", "a", "xml_tag_array", 1]),
        json!(["post", "xml", "xml_tag", "a"])
    ));
    assert!(!selects(
        json!(["post", "json_doc", "hash", "a", "array", 0]),
        json!(["post", "json_doc", "hash", "a"])
    ));
}

#[test]
fn norms_select_every_value_or_every_name() {
    assert!(selects(json!(["header_all"]), json!(["header", "X"])));
    assert!(selects(json!(["path_all"]), json!(["path", 7])));
    assert!(selects(json!(["get_name"]), json!(["get_name"])));
    assert!(!selects(json!(["get_all"]), json!(["get_name"])));
    assert!(!selects(json!(["get_all"]), json!(["get", "a", "base64"])));
    assert!(selects(
        json!(["post", "json_doc", "hash_all", "base64"]),
        json!(["post", "json_doc", "hash", "x", "base64"])
    ));
}

#[test]
fn covering_reaches_below_and_not_beside() {
    assert!(covers(json!(["get", "q"]), json!(["get", "q"])));
    assert!(covers(json!(["get", "q"]), json!(["get", "q", "base64", "percent"])));
    assert!(covers(json!(["post"]), json!(["post", "json_doc", "hash", "id"])));
    assert!(!covers(json!(["get", "q"]), json!(["get", "r", "hash", "q"])));
    assert!(!covers(json!(["post", "json_doc"]), json!(["post"])));
}
