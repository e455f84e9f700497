//! Requests whose judgement depends on the place of a value: a header, a field of a body by its name, a link.

use bartizan_detect::{Engine, NoPolicy, inspect};
use bartizan_request::{Limits, RequestParts};

fn found(target: &str, header: (&str, &str), body: &str) -> Vec<&'static str> {
    let headers =
        [(header.0.as_bytes(), header.1.as_bytes()), (&b"Content-Type"[..], &b"application/json"[..])];
    let parts = RequestParts {
        method: "POST",
        target: target.as_bytes(),
        headers: &headers,
        body: body.as_bytes(),
        body_truncated: false,
    };
    let found = inspect(&Engine::new(), &parts, &Limits::default(), &mut NoPolicy).detections;
    found.iter().map(|detection| detection.attack_type.code()).collect()
}

#[test]
fn proxies_name_paths_of_their_own() {
    for header in [("X-Forwarded-Prefix", "/root/app"), ("X-Original-URL", "/var/run/app")] {
        assert!(found("/v1/items", header, "{}").is_empty(), "{header:?}");
    }
    assert!(found("/v1/items?file=/var/run/app.pid", ("Accept", "*/*"), "{}").contains(&"ptrav"));
}

#[test]
fn settings_that_hold_credentials_are_no_data_of_a_service() {
    let body = |text: &str| found("/v1/items", ("Accept", "*/*"), text);
    for attack in [r#"{"file":"/etc/rancher/k3s/k3s.yaml"}"#, r#"{"path":"/etc/openstack/clouds.yaml"}"#] {
        assert_eq!(body(attack), ["ptrav"], "{attack}");
    }
    assert!(body(r#"{"file":"/etc/enrichment/lookup.csv"}"#).is_empty());
}

#[test]
fn a_text_in_a_link_has_two_lines() {
    let target = |text: &str| found(text, ("Accept", "*/*"), "{}");
    for text in [
        "/new?text=Party%20at%20Anna's%0ALocation:%20Main%20Street%205",
        "/new?text=Party+at+Anna's%0ALocation:+Main+Street+5",
        "/new?text=Party%20at%20Anna%27s%0ALocation%3A%20Main%20Street%205",
        "/new?text=Party+at+Anna%27s%0D%0ALocation%3A+Main+Street+5",
        "/new?q=Lunch%0ATime:12",
    ] {
        assert!(target(text).is_empty(), "{text} {:?}", target(text));
    }
    for attack in [
        "/new?text=Party%20at%20Anna's%0ALocation:%20https://evil.example/",
        "/new?text=Party%20at%20Anna's%0D%0ALocation:%20%2f%2fevil.example",
        "/new?q=Lunch%0D%0ATime:12",
    ] {
        assert!(target(attack).contains(&"crlf"), "{attack}");
    }
}

#[test]
fn an_order_to_change_a_profile_is_one_of_a_body() {
    let body = |text: &str| found("/v1/items", ("Accept", "*/*"), text);
    for text in [
        r#"{"user_properties":{"$set":{"plan":"free"}}}"#,
        r#"{"events":[{"group_properties":{"$unset":{"plan":"-"}}}]}"#,
    ] {
        assert!(body(text).is_empty(), "{text} {:?}", body(text));
    }
    for attack in [
        r#"{"properties":{"$set":{"role":"admin"}}}"#,
        r#"{"user_properties":{"x":{"$set":{"role":"admin"}}}}"#,
    ] {
        assert!(body(attack).contains(&"nosqli"), "{attack} {:?}", body(attack));
    }
    for attack in ["/v1/items?properties[$set][role]=admin", "/v1/items?user_properties[$set][role]=admin"] {
        let found = found(attack, ("Accept", "*/*"), "{}");
        assert!(found.contains(&"nosqli"), "{attack} {found:?}");
    }
}
