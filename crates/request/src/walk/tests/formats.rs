//! Formats that are damaged, nested or rare: where their values stand.

use super::*;

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn damaged_json_keeps_the_points_of_its_members() {
    let seen = see("/", &[JSON], br#"{"t":"x" "id":"1 or 1=1" , "a":[1,"b"#);
    seen.assert_has(&[
        ("post json_doc hash t", "x"),
        ("post json_doc hash id", "1 or 1=1"),
        ("post json_doc hash a array 0", "1"),
    ]);
    assert_eq!(seen.role("post"), Some(Role::Leaf));
    // Undeclared, and inside of a value.
    let seen = see("/?q=%7b%22a%22:%22b%22%5d", &[], br#"{"a":"b"} ]"#);
    seen.assert_has(&[("post json_doc hash a", "b"), ("get q json_doc hash a", "b")]);
}

#[test]
fn what_is_no_json_is_not_mended() {
    let seen = see("/?q=%5bINFO%5d+%22a%22&r=%7b%7b7*7%7d%7d", &[JSON], b"He said \"no\".");
    assert!(
        seen.recorder.seen.iter().all(|(point, _, _)| !point.contains("json_doc")),
        "{:?}",
        seen.recorder.seen
    );
    let noise: Vec<u8> = (0..=255u8).flat_map(|n| [b'"', n.wrapping_mul(7), 0xFE, n % 9]).collect();
    let seen = see("/", &[JSON], &[b"{".as_slice(), &noise].concat());
    assert!(seen.value("post json_doc").is_none());
}

#[test]
fn a_deep_container_is_a_leaf_and_the_rest_is_parsed() {
    let body = format!("{{\"x\":{}{{\"k\":\"v\"}}{},\"id\":\"1\"}}", "[".repeat(300), "]".repeat(300));
    let seen = see("/", &[JSON], body.as_bytes());
    seen.assert_has(&[("post json_doc hash id", "1")]);
    let deepest = format!("post json_doc hash x{}", " array 0".repeat(255));
    assert_eq!(seen.value(&deepest), Some(&*format!("{}{{\"k\":\"v\"}}{}", "[".repeat(45), "]".repeat(45))));
    assert_eq!(seen.value(&format!("{deepest} array 1")), Some("v"));
    assert_eq!(seen.report.depth_limited, 1);
    assert_eq!(seen.role("post"), Some(Role::Leaf));

    let body = format!("<r><d>{}x{}</d><id>1</id></r>", "<d>".repeat(300), "</d>".repeat(300));
    let seen = see("/", &[("content-type", "text/xml")], body.as_bytes());
    seen.assert_has(&[("post xml xml_tag r xml_tag id", "1")]);
    assert_eq!(seen.report.depth_limited, 1);
}

#[test]
fn xml_is_read_up_to_its_fault() {
    let seen = see("/", &[("content-type", "text/xml")], b"<r><a>1</a><b>2</b><c");
    seen.assert_has(&[("post xml xml_tag r xml_tag a", "1"), ("post xml xml_tag r xml_tag b", "2")]);
    assert_eq!(seen.role("post"), Some(Role::Leaf));
}

#[test]
fn a_view_state_has_points() {
    let state = b"\xFF\x01\x0F\x05\x01a\x18\x01\x05\x01k\x16\x01\x3C\x2B\x00\x09\x01\x07\x05\x01z";
    let encoded = ::base64::Engine::encode(&::base64::engine::general_purpose::STANDARD, state);
    let body = format!("__VIEWSTATE={}", encoded.replace('+', "%2B").replace('=', "%3D"));
    let seen = see("/", &[], body.as_bytes());
    let at = "post form_urlencoded __VIEWSTATE base64 viewstate";
    let entry = format!("{at} viewstate_pair 1 viewstate_dict k");
    seen.assert_has(&[
        (&format!("{at} viewstate_pair 0"), "a"),
        (&format!("{entry} viewstate_dict_key"), "k"),
        (&format!("{entry} viewstate_dict_value viewstate_array 0 viewstate_sparse_array 7"), "z"),
    ]);
    let off = see_with("/", &[], body.as_bytes(), &Limits::default(), &[Parser::Viewstate]);
    assert!(off.recorder.seen.iter().all(|(point, _, _)| !point.contains("viewstate")));
}

#[test]
fn protobuf_is_read_with_and_without_frames() {
    let message = b"\x0A\x01a\x1B\x12\x02bc\x1C\xFF";
    let seen = see("/", &[("content-type", "application/x-protobuf")], message);
    seen.assert_has(&[("post protobuf 1", "a"), ("post protobuf 2", "bc")]);
    let frames = [b"\0\0\0\0\x0A".as_slice(), message, b"\x80\0\0\0\x04x: y"].concat();
    let seen = see("/", &[("content-type", "application/grpc-web+proto")], &frames);
    seen.assert_has(&[("post grpc 0 protobuf 2", "bc"), ("post grpc 1", "x: y")]);
    let encode = |bytes: &[u8]| ::base64::Engine::encode(&::base64::engine::general_purpose::STANDARD, bytes);
    let text = [encode(&frames[..15]), encode(&frames[15..])].concat();
    let seen = see("/", &[("content-type", "application/grpc-web-text")], text.as_bytes());
    seen.assert_has(&[("post base64 grpc 0 protobuf 2", "bc"), ("post base64 grpc 1", "x: y")]);
}

#[test]
fn a_multipart_part_may_be_multipart() {
    let inner = "--i\r\nContent-Disposition: file; filename=\"a\"\r\n\r\n1\r\n--i\r\n\r\n2\r\n--i--";
    let body = format!(
        "--o\r\nContent-Disposition: form-data; name=\"f\"\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n{inner}\r\n--o--"
    );
    let seen = see("/", &[("content-type", "multipart/form-data; boundary=o")], body.as_bytes());
    seen.assert_has(&[
        ("post multipart f multipart  array 0 file", "1"),
        ("post multipart f multipart  array 1", "2"),
    ]);
    // As many levels as a body may name are no danger.
    let mut nested = "--b\r\n\r\nx\r\n--b--".to_owned();
    for _ in 0..40 {
        nested = format!("--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{nested}");
    }
    let seen = see("/", &[("content-type", "multipart/mixed; boundary=b")], nested.as_bytes());
    assert!(seen.report.leaves < 5000, "{}", seen.report.leaves);
}

#[test]
fn tokens_are_known_under_other_schemes_and_with_odd_headers() {
    let encode =
        |text: &str| ::base64::Engine::encode(&::base64::engine::general_purpose::URL_SAFE_NO_PAD, text);
    for scheme in ["JWT ", "Token ", "DPoP ", "bearer ", ""] {
        for header in
            [r#"{"alg":"none"}"#, " {\"alg\":\"none\"}", "\n{\"alg\":\"none\"}", r#"{"\u0061lg":"none"}"#]
        {
            let token = format!("{scheme}{}.{}.c2ln", encode(header), encode(r#"{"sub":"x"}"#));
            let seen = see("/", &[("authorization", &token)], b"");
            seen.assert_has(&[("header AUTHORIZATION jwt jwt_payload base64 json_doc hash sub", "x")]);
        }
    }
}

#[test]
fn code_pages_are_decoded_as_declared() {
    // `a=<b>`, whole and as the escapes of a form.
    let declared = [("content-type", "application/x-www-form-urlencoded; charset=\"IBM037\"")];
    for body in [&b"\x81\x7E\x4C\x82\x6E"[..], b"%81=%4C%82%6E"] {
        let seen = see("/", &declared, body);
        seen.assert_has(&[("post percent form_urlencoded a", "<b>")]);
    }
    let part = b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Type: text/plain; charset=cp500\r\n\r\n\x4C\x82\x6E\r\n--b--";
    let seen = see("/", &[("content-type", "multipart/form-data; boundary=b")], part);
    seen.assert_has(&[("post multipart a percent", "<b>")]);
    // `<?xml?><a>b</a>` says itself what it is.
    let xml = b"\x4C\x6F\xA7\x94\x93\x6F\x6E\x4C\x81\x6E\x82\x4C\x61\x81\x6E";
    see("/", &[], xml).assert_has(&[("post percent xml xml_tag a", "b")]);
    let seen = see("/", &[("content-type", "application/x-www-form-urlencoded; charset=utf-8")], b"a=%81");
    assert!(seen.value("post percent form_urlencoded a").is_none());
}

#[test]
fn an_archive_that_unpacks_to_too_much_is_a_bomb() {
    let upload = |claimed: u32| {
        let archive = crate::decode::zip::tests::archive(claimed, &[0xFF; 100]);
        let head = b"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.zip\"\r\n\r\n";
        see(
            "/",
            &[("content-type", "multipart/form-data; boundary=b")],
            &[head, &archive[..], b"\r\n--b--"].concat(),
        )
    };
    assert!(upload(30_000_000).report.has(AnomalyKind::DataBomb));
    assert!(!upload(100_000).report.has(AnomalyKind::DataBomb));
}

#[test]
fn a_coding_that_shows_is_undone_whatever_is_declared() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(b"a=1").unwrap();
    let packed = encoder.finish().unwrap();
    see("/", &[("content-encoding", "br")], &packed).assert_has(&[("post gzip form_urlencoded a", "1")]);
}
