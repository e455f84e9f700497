use std::io::Write;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::report::ApiProtocol;

mod formats;

/// Records what it sees as `point = value` lines.
#[derive(Default)]
struct Recorder {
    seen: Vec<(String, String, Role)>,
    disabled: Vec<Parser>,
}

impl Visitor for Recorder {
    fn visit(&mut self, point: &PointPath<'_>, value: &[u8], role: Role) -> ControlFlow<()> {
        self.seen.push((point.to_point().to_string(), String::from_utf8_lossy(value).into_owned(), role));
        ControlFlow::Continue(())
    }

    fn parser_allowed(&mut self, _point: &PointPath<'_>, parser: Parser) -> bool {
        !self.disabled.contains(&parser)
    }
}

/// What a walk showed.
struct Seen {
    recorder: Recorder,
    report: Report,
}

impl Seen {
    fn value(&self, point: &str) -> Option<&str> {
        self.recorder.seen.iter().find(|(p, _, _)| p == point).map(|(_, value, _)| value.as_str())
    }

    fn role(&self, point: &str) -> Option<Role> {
        self.recorder.seen.iter().find(|(p, _, _)| p == point).map(|(_, _, role)| *role)
    }

    fn values(&self, point: &str) -> Vec<&str> {
        let at = self.recorder.seen.iter().filter(|(p, _, _)| p == point);
        at.map(|(_, value, _)| value.as_str()).collect()
    }

    #[track_caller]
    fn assert_has(&self, expected: &[(&str, &str)]) {
        for (point, value) in expected {
            assert_eq!(self.value(point), Some(*value), "{point}, in {:#?}", self.recorder.seen);
        }
    }

    fn kinds(&self) -> Vec<AnomalyKind> {
        self.report.anomalies.iter().map(|anomaly| anomaly.kind).collect()
    }
}

fn see(target: &str, headers: &[(&str, &str)], body: &[u8]) -> Seen {
    see_with(target, headers, body, &Limits::default(), &[])
}

fn see_with(
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    limits: &Limits,
    disabled: &[Parser],
) -> Seen {
    let headers: Vec<(&[u8], &[u8])> = headers.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
    let parts = RequestParts {
        method: "POST",
        target: target.as_bytes(),
        headers: &headers,
        body,
        body_truncated: false,
    };
    let mut recorder = Recorder { disabled: disabled.to_vec(), ..Recorder::default() };
    let report = walk(&parts, limits, &mut recorder);
    Seen { recorder, report }
}

fn post(content_type: &str, body: &str) -> Seen {
    see("/", &[("content-type", content_type)], body.as_bytes())
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn base64(data: &[u8]) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(data)
}

#[test]
fn query_shapes_become_hash_array_and_pollution() {
    let seen = see("/?p1[x]=1&p2[]=a&p2[]=b&p3=1&p3=2&u[$ne]=&n[a][b]=c&odd[=1", &[], b"");
    seen.assert_has(&[
        ("get p1 hash x", "1"),
        ("get p2 array 0", "a"),
        ("get p2 array 1", "b"),
        ("get p3 array 0", "1"),
        ("get p3 array 1", "2"),
        ("get p3 pollution", "1,2"),
        ("get u hash $ne", ""),
        ("get u hash_name", "$ne"),
        ("get n hash a hash b", "c"),
        ("get odd[", "1"),
    ]);
    assert_eq!(seen.values("get_name"), ["n", "odd[", "p1", "p2", "p3", "u"]);
}

#[test]
fn the_target_is_visited_in_parts() {
    let seen = see("/a%20b/archive.tar.gz?q=%2527", &[], b"");
    seen.assert_has(&[
        ("uri", "/a%20b/archive.tar.gz?q=%2527"),
        ("uri percent", "/a b/archive.tar.gz?q=%27"),
        ("path 0", "a b"),
        ("action_name", "archive"),
        ("action_ext", "tar.gz"),
        ("get q", "%27"),
        ("get q percent", "'"),
    ]);
    let seen = see("/", &[], b"");
    assert_eq!(seen.value("action_name"), Some(""));
    assert_eq!(seen.value("action_ext"), None);
}

#[test]
fn a_semicolon_is_seen_as_a_separator_too() {
    let seen = see("/?a=1;b=2&c=3", &[], b"");
    seen.assert_has(&[("get a", "1;b=2"), ("get b", "2"), ("get c", "3")]);
}

#[test]
fn an_encoded_equals_sign_divides_for_servers_that_decode_first() {
    see("/?pay%3Dx+or+", &[], b"").assert_has(&[("get_name", "pay"), ("get pay", "x or ")]);
    let whole = see("/?%3Cb%3D", &[], b"");
    assert_eq!(whole.values("get_name"), ["<b="]);
}

#[test]
fn a_text_cut_by_an_equals_sign_is_seen_whole() {
    let seen = see("/?%3Csvg%20onload=alert(1)%3E", &[], b"");
    assert_eq!(seen.values("get_name"), ["<svg onload", "<svg onload=alert(1)>"]);
    assert_eq!(see("/?a-b=1&c[d]=2", &[], b"").values("get_name"), ["a-b", "c"]);
}

#[test]
fn a_token_may_be_the_whole_body() {
    let token = format!("{}.{}.c2ln", base64(b"{\"alg\":\"HS256\"}"), base64(b"{\"sub\":\"a'b\"}"));
    post("text/plain", &token.replace('=', ""))
        .assert_has(&[("post jwt jwt_payload base64 json_doc hash sub", "a'b")]);
}

#[test]
fn headers_are_upper_case_and_may_repeat() {
    let seen = see("/", &[("x-id", " 1 "), ("X-Forwarded-For", "a"), ("x-forwarded-for", "b")], b"");
    seen.assert_has(&[
        ("header X-ID", "1"),
        ("header X-FORWARDED-FOR array 0", "a"),
        ("header X-FORWARDED-FOR array 1", "b"),
        ("header X-FORWARDED-FOR pollution", "a,b"),
    ]);
}

#[test]
fn json_in_base64_in_a_cookie_names_every_step() {
    let value = base64(br#"{"id":"' or 1=1"}"#);
    let seen = see("/", &[("cookie", &format!("a=1; session={value}")), ("Cookie", "b=2")], b"");
    seen.assert_has(&[
        ("header COOKIE cookie a", "1"),
        ("header COOKIE cookie b", "2"),
        ("header COOKIE cookie session base64 json_doc hash id", "' or 1=1"),
    ]);
    assert_eq!(seen.role("header COOKIE"), Some(Role::Parsed));
    assert_eq!(seen.role("header COOKIE cookie session"), Some(Role::Leaf));
    assert_eq!(seen.role("header COOKIE cookie session base64"), Some(Role::Parsed));
}

#[test]
fn json_is_read_whatever_is_declared() {
    for content_type in ["application/json", "text/plain", "application/x-www-form-urlencoded", ""] {
        let seen = post(content_type, r#"{"a":{"b":["x",{"c":1}]},"a":null,"\u003c":"\u003e"}"#);
        seen.assert_has(&[
            ("post json_doc hash a hash b array 0", "x"),
            ("post json_doc hash a hash b array 1 hash c", "1"),
            ("post json_doc hash a", "null"),
            ("post json_doc hash <", ">"),
        ]);
        assert_eq!(seen.role("post"), Some(Role::Parsed));
        assert_eq!(seen.values("post json_doc hash_name"), ["a", "a", "<"]);
    }
}

#[test]
fn lenient_json_is_inspected_raw_as_well() {
    let seen = post("application/json", "{a:'b'} // ' or 1=1");
    assert_eq!(seen.role("post"), Some(Role::Leaf));
    assert_eq!(seen.value("post json_doc hash a"), Some("b"));
}

#[test]
fn what_is_not_json_stays_a_leaf_and_is_counted() {
    let seen = post("application/json", r#"{"a":"#);
    assert_eq!(seen.role("post"), Some(Role::Leaf));
    assert_eq!(seen.report.failed(Parser::JsonDoc), 1);
}

#[test]
fn forms_have_the_shapes_of_queries() {
    let seen = post("application/x-www-form-urlencoded", "a=1+2&b[]=%3C&c%5Bd%5D=e&a=3");
    seen.assert_has(&[
        ("post form_urlencoded a array 0", "1 2"),
        ("post form_urlencoded a pollution", "1 2,3"),
        ("post form_urlencoded b array 0", "<"),
        ("post form_urlencoded c hash d", "e"),
    ]);
    assert_eq!(seen.role("post"), Some(Role::Parsed));
    let seen = post("text/plain", "a=1' or");
    assert_eq!(seen.role("post"), Some(Role::Leaf), "undeclared, so also inspected raw");
    assert_eq!(seen.value("post form_urlencoded a"), Some("1' or"));
    assert_eq!(post("text/plain", "let x = 1;").value("post form_urlencoded let x "), None);
}

#[test]
fn multipart_parts_are_fields_files_and_headers() {
    let body = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{\"b\":1}\r\n\
        --x\r\nContent-Disposition: form-data; name=f; filename=\"s.php\"\r\nContent-Type: text/php\r\n\r\n<?php\r\n--x--\r\n";
    for content_type in ["multipart/form-data; boundary=x", "multipart/form-data; boundary=y", "text/plain"] {
        let seen = post(content_type, body);
        seen.assert_has(&[
            ("post multipart a json_doc hash b", "1"),
            ("post multipart f file", "<?php"),
            ("post multipart f header CONTENT-TYPE", "text/php"),
            ("post multipart f header CONTENT-DISPOSITION content_disp filename", "s.php"),
        ]);
    }
}

#[test]
fn xml_parts_have_their_points() {
    let body = r#"<?xml version="1.0"?><!DOCTYPE r [<!ENTITY e "v">]><r xmlns:n="urn:u"><a b="1&lt;">x</a><a>y<![CDATA[<z>]]></a><n:c>&e;&#33;</n:c><!-- note --><?pi data?></r>"#;
    let seen = post("text/xml", body);
    seen.assert_has(&[
        ("post xml xml_tag r xml_tag a", "x"),
        ("post xml xml_tag r xml_tag a xml_attr b", "1<"),
        ("post xml xml_tag r xml_tag a xml_tag_array 1", "y<z>"),
        ("post xml xml_tag r xml_tag urn:u|n|c", "v!"),
        ("post xml xml_comment 0", " note "),
        ("post xml xml_pi 0", "pi data"),
        ("post xml xml_dtd_entity 0", "v"),
    ]);
    assert_eq!(seen.role("post"), Some(Role::Parsed));
    assert!(seen.kinds().is_empty());
    assert_eq!(post("text/plain", body).role("post"), Some(Role::Leaf));
}

#[test]
fn xml_anomalies() {
    let xxe = r#"<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>"#;
    assert_eq!(post("text/xml", xxe).kinds(), [AnomalyKind::Xxe]);
    assert!(
        see(&format!("/?q={}", xxe.replace('&', "%26").replace('#', "%23")), &[], b"")
            .report
            .has(AnomalyKind::Xxe)
    );

    let mut laughs = String::from("<!DOCTYPE l [<!ENTITY l0 \"lol\">");
    for n in 1..12 {
        laughs += &format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10));
    }
    laughs += "]><l>&l11;</l>";
    assert_eq!(post("text/xml", &laughs).kinds(), [AnomalyKind::DataBomb]);

    let wrong = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a/>";
    assert_eq!(post("text/xml", wrong).kinds(), [AnomalyKind::InvalidXml]);
    let wide: Vec<u8> = "\u{FEFF}<?xml version=\"1.0\" encoding=\"utf-8\"?><a>b</a>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let seen = see("/", &[("content-type", "text/xml")], &wide);
    assert_eq!(seen.kinds(), [AnomalyKind::InvalidXml]);
    assert_eq!(seen.value("post percent xml xml_tag a"), Some("b"));
    assert_eq!(post("text/xml", "<?xml version=\"1.0\"?><a><b></a>").kinds(), [AnomalyKind::InvalidXml]);
    assert!(post("text/html", "<!DOCTYPE html><p>hi<br></p>").kinds().is_empty());
}

#[test]
fn tokens_are_taken_apart() {
    let (header, payload) = (base64(br#"{"alg":"none"}"#), base64(br#"{"sub":"' or 1=1"}"#));
    let token = format!("{}.{}.", header.trim_end_matches('='), payload.trim_end_matches('='));
    for (value, prefix) in [(format!("Bearer {token}"), Some("Bearer")), (token, None)] {
        let seen = see("/", &[("authorization", &value)], b"");
        seen.assert_has(&[
            ("header AUTHORIZATION jwt jwt_header base64 json_doc hash alg", "none"),
            ("header AUTHORIZATION jwt jwt_payload base64 json_doc hash sub", "' or 1=1"),
        ]);
        assert_eq!(seen.value("header AUTHORIZATION jwt jwt_prefix"), prefix);
    }
    let basic = format!("Basic {}", base64(b"admin:' or 1=1"));
    let seen = see("/", &[("authorization", &basic)], b"");
    assert_eq!(seen.value("header AUTHORIZATION base64"), Some("admin:' or 1=1"));
}

#[test]
fn graphql_is_read_where_it_may_stand() {
    let query =
        r#"query Q($v: Int = 3) { user(id: \"' or 1=1\", in: [{k: 2}]) @d(if: true) { n: name ...F } }"#;
    let seen = post("application/json", &format!(r#"{{"query":"{query}"}}"#));
    let base = "post json_doc hash query gql gql_query Q";
    for (point, value) in [
        ("gql_var v", "3"),
        ("hash user gql_arg hash id", "' or 1=1"),
        ("hash user gql_arg hash in array 0 hash k", "2"),
        ("hash user gql_dir d gql_arg hash if", "true"),
        ("hash user hash name gql_alias", "n"),
    ] {
        assert_eq!(seen.value(&format!("{base} {point}")), Some(value), "{:#?}", seen.recorder.seen);
    }
    assert_eq!(seen.report.api_protocol, ApiProtocol::GraphQl);
    assert_eq!(
        see("/?query={a(b:1)}", &[], b"").value("get query gql gql_query  hash a gql_arg hash b"),
        Some("1")
    );
    assert_eq!(post("application/graphql", "{a}").report.api_protocol, ApiProtocol::GraphQl);
    assert_eq!(see("/?q={a(b:1)}", &[], b"").report.api_protocol, ApiProtocol::Rest);
}

#[test]
fn serialized_php_is_read_and_stays_a_leaf() {
    let value = r#"O:4:"User":1:{s:2:"id";a:1:{i:0;s:8:"' or 1=1";}}"#;
    let seen = see("/", &[("cookie", &format!("s={}", base64(value.as_bytes())))], b"");
    seen.assert_has(&[
        ("header COOKIE cookie s base64", value),
        ("header COOKIE cookie s base64 hash id hash 0", "' or 1=1"),
    ]);
    assert_eq!(seen.role("header COOKIE cookie s base64"), Some(Role::Leaf));
}

#[test]
fn grpc_strings_are_leaves() {
    let body = b"\0\0\0\0\x0B\x08\x05\x12\x07' or 1=";
    let seen = see("/", &[("content-type", "application/grpc+proto")], body);
    seen.assert_has(&[
        ("post grpc 0 protobuf 1 protobuf_varint", "5"),
        ("post grpc 0 protobuf 2", "' or 1="),
    ]);
    assert_eq!(seen.report.api_protocol, ApiProtocol::Grpc);
}

/// Oddities: a query value, and a point below it where the payload shows.
#[test]
fn disguises_are_taken_off() {
    let cases: &[(&str, &str, &str)] = &[
        ("%25252527", "percent percent percent", "'"),
        ("%2526lt%253b", "percent htmljs", "<"),
        ("%26%23x3c%3b", "htmljs", "<"),
        ("%26%23x25%3b27", "htmljs percent", "'"),
        ("%5Cu003cscript", "htmljs", "<script"),
        ("%25u0027x", "percent", "'x"),
        ("%C0%A7x", "percent", "'x"),
        ("%EF%BC%9Cscript", "percent", "<script"),
        ("%2BADw-script%2BAD4-", "percent", "<script>"),
        ("PHNjcmlwdD4%3D", "base64", "<script>"),
        ("PHNjcmlwdD4", "base64", "<script>"),
        ("UEhOamNtbHdkRDQ9", "base64 base64", "<script>"),
        ("JTNDc2NyaXB0JTNF", "base64 percent", "<script>"),
        ("3c7363726970743e", "hex", "<script>"),
        ("0x3c7363726970743e", "hex", "<script>"),
        ("data:text/html;base64,PHNjcmlwdD4%3D", "base64", "<script>"),
        ("%7B%22a%22%3A%22%255Cu003c%22%7D", "json_doc hash a percent htmljs", "<"),
        ("{\"a\":\"[\\\"b\\\"]\"}", "json_doc hash a json_doc array 0", "b"),
        ("<a>%26lt;</a>", "xml xml_tag a", "<"),
    ];
    for (query, below, expected) in cases {
        let seen = see(&format!("/?q={query}"), &[], b"");
        assert_eq!(
            seen.value(&format!("get q {below}")),
            Some(*expected),
            "{query}: {:#?}",
            seen.recorder.seen
        );
        assert!(seen.value("get q").is_some());
    }
}

/// Layers of two kinds can be taken off in many orders, which all come to the same values. This body, which a fuzzer
/// made, was 390 points.
#[test]
fn mixed_layers_are_taken_off_once() {
    let body =
        b"40\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b]\x000,1N{\x83`%E5c~\x5c\x5c\xdd'#\x00\
        \x5c\x5c!>\xc20\xc4:\xde\xc1\xac\xc3\xde\xf3N'#V\x00L{{\x83`%E0c~\x5c\x5c!>\xc2\x83\xc4\xde\x1f\
        \x1f\x1f\x1f\x1f\x1f\x1f\x1f\x1f\x1f\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b+\x0bSON\x00\x00\x00\
        0\xc1\xac0CC1VUTNUTNCC1VUTN74{\xbd&5=\xb9\x5c \xd1&#FN+AEC1TCC1VUTNCC1VUTN7+AEC1VUT+\x01\x01'N'0\
        O\x00''\x01\x01\x81\x01\x01\x01\x01\xc3\xde\xf3N\x1f\x1f\x1f\x1f\x1f\x1f\x1f\x1f\x0f\x1f\x1f\x1f\
        \x1f\x1f\x1f\x1f\x1f\x1f'EEEE#\x00\x5c\x5c!>\xff\xff\xff\x01\x8e\x8e\x8e\x8e\x8e\x8e\x8e\x8e\x8e\
        \x8e\x8e\x8e\x8e\x1f\x1f\x1f\x8e\x8e\x8e\x1f\x8e\x8e\x1f";
    assert_eq!(body.len(), 244);
    let seen = see("/", &[("content-type", "application/json")], body);
    assert!(seen.recorder.seen.len() < 100, "{} visits", seen.recorder.seen.len());
}

#[test]
fn ordinary_values_grow_no_children() {
    for query in
        ["checkout", "a+b", "100%25", "caf%C3%A9", "C%23", "fish%20%26%20chips", "2024-01-01T00:00:00Z"]
    {
        let seen = see(&format!("/?q={query}"), &[], b"");
        let points: Vec<_> = seen.recorder.seen.iter().filter(|(p, _, _)| p.starts_with("get q ")).collect();
        assert!(points.is_empty(), "{query}: {points:?}");
    }
}

#[test]
fn content_codings_are_undone() {
    let json = br#"{"a":"b"}"#;
    let headers = [("content-encoding", "gzip"), ("content-type", "application/json")];
    see("/", &headers, &gzip(json)).assert_has(&[("post gzip json_doc hash a", "b")]);
    see("/", &[], &gzip(json)).assert_has(&[("post gzip json_doc hash a", "b")]);
    let twice = [("content-encoding", "gzip, gzip")];
    see("/", &twice, &gzip(&gzip(json))).assert_has(&[("post gzip gzip json_doc hash a", "b")]);
    let zstd = zstd::encode_all(&json[..], 1).unwrap();
    see("/", &[("content-encoding", "zstd")], &zstd).assert_has(&[("post gzip json_doc hash a", "b")]);
    let wrong = see("/", &headers, json);
    wrong.assert_has(&[("post json_doc hash a", "b")]);
    assert_eq!(wrong.report.failed(Parser::Gzip), 1);
}

/// How often values may be decoded again goes by the size of what is looked at, not of what was sent.
#[test]
fn decoding_goes_on_in_a_compressed_body() {
    let filler: Vec<String> = (0..9_000).map(|n| format!("a%2{}b{n}", n % 8)).collect();
    let body = format!("{{\"filler\":[\"{}\"],\"last\":\"x%27y\"}}", filler.join("\",\""));
    let headers = [("content-encoding", "gzip"), ("content-type", "application/json")];
    see("/", &headers, &gzip(body.as_bytes())).assert_has(&[("post gzip json_doc hash last percent", "x'y")]);
}

/// A request of some hundred bytes is read some hundred times at most, whatever its layers.
#[test]
fn a_small_request_is_not_expanded_far() {
    for piece in ["%26amp;\\u0026&#x25;41", "%2525252541", "\\x5cx5cx41&#37;32"] {
        let body = piece.repeat(240 / piece.len());
        let seen = see("/", &[("content-type", "text/plain")], body.as_bytes());
        let bytes: usize = seen.recorder.seen.iter().map(|(_, value, _)| value.len()).sum();
        assert!(bytes < 64 << 10, "{piece}: {bytes} bytes in {} visits", seen.recorder.seen.len());
    }
}

/// Forms within forms are taken apart once; a parameter behind them is still read to its end.
#[test]
fn nested_forms_use_nothing_up() {
    let encoded =
        |text: &str| text.replace('%', "%25").replace('&', "%26").replace('=', "%3D").replace('<', "%3C");
    let nested = (0..11).fold("m=1".to_owned(), |inner, n| format!("a{n}={}&b{n}=2", encoded(&inner)));
    let target = format!("/?q={}&z=%2525253Cscript%2525253Ealert(1)", encoded(&nested));
    let seen = see(&target, &[], b"");
    let bytes: usize = seen.recorder.seen.iter().map(|(_, value, _)| value.len()).sum();
    assert!(bytes < 24 * target.len(), "{bytes} bytes of {}", target.len());
    assert!(seen.recorder.seen.iter().any(|(_, value, _)| value.starts_with("<script>")));
}

#[test]
fn bombs_are_reported_and_cost_little() {
    let bomb = gzip(&vec![b'a'; 32 << 20]);
    let seen = see("/", &[("content-encoding", "gzip")], &bomb);
    assert_eq!(seen.kinds(), [AnomalyKind::DataBomb]);
    assert!(seen.report.decoded_bytes < 4 << 20);
    let nested = (0..5).fold(b"x".to_vec(), |inner, _| gzip(&inner));
    assert_eq!(see("/", &[], &nested).kinds(), [AnomalyKind::DataBomb]);
}

#[test]
fn parsers_can_be_switched_off() {
    let off = |parser, body: &str| {
        see_with("/", &[("content-type", "application/json")], body.as_bytes(), &Limits::default(), &[parser])
    };
    let seen = off(Parser::JsonDoc, r#"{"a":"b"}"#);
    assert_eq!(seen.role("post"), Some(Role::Leaf));
    assert_eq!(seen.value("post json_doc hash a"), None);
    let seen = see_with("/", &[("cookie", "a=1")], b"", &Limits::default(), &[Parser::Cookie]);
    assert_eq!(seen.role("header COOKIE"), Some(Role::Leaf));
}

#[test]
fn a_past_deadline_stops_at_once() {
    let limits = Limits { deadline: Some(Instant::now() - Duration::from_secs(1)), ..Limits::default() };
    let body = format!("[{}1]", "1,".repeat(1000));
    let seen = see_with("/", &[], body.as_bytes(), &limits, &[]);
    assert!(seen.report.stopped && seen.report.has(AnomalyKind::OverlimitTime));
    assert!(seen.report.leaves < 50);
}

#[test]
fn the_number_of_values_is_limited() {
    let body = format!("[{}1]", "1,".repeat(30_000));
    let seen = post("application/json", &body);
    assert!(seen.report.stopped && seen.report.has(AnomalyKind::OverlimitTime));
    // One is for what is beyond, and numbers are not worth it.
    assert_eq!(seen.recorder.seen.len(), Limits::default().max_leaves - 1);
}

#[test]
fn what_is_beyond_the_number_of_values_is_one_value() {
    let body = format!(r#"[{}"\u0027 x",{{"a-b":["y z",7]}}]"#, "1,".repeat(30_000));
    let seen = post("application/json", &body);
    assert!(seen.report.stopped && seen.report.has(AnomalyKind::OverlimitTime));
    assert_eq!(seen.recorder.seen.len(), Limits::default().max_leaves);
    // Of several places: the point is none of them.
    let (point, rest, role) = seen.recorder.seen.last().unwrap();
    assert_eq!((point.as_str(), rest.as_str(), *role), ("post", "' x\na-b\ny z\n", Role::Leaf));
    let form = format!("{}q=%27+x", "a=1&".repeat(30_000));
    let seen = post("application/x-www-form-urlencoded", &form);
    let (point, rest, _) = seen.recorder.seen.last().unwrap();
    assert_eq!((point.as_str(), rest.ends_with("q=' x\n")), ("post", true));
    // What comes after the section has its share.
    let target = format!("/?{}q=%27+x", "a=1&".repeat(30_000));
    let seen = see(&target, &[("X-A", "1")], b"");
    seen.assert_has(&[("header X-A", "1")]);
    let mut rests = seen.recorder.seen.iter().filter(|(point, ..)| point == "get_all");
    assert!(rests.next().is_some_and(|(_, value, _)| value.ends_with("q=' x\n")));
}

#[test]
fn a_truncated_body_is_not_an_invalid_one() {
    let headers: [(&[u8], &[u8]); 1] = [(b"content-type", b"application/json")];
    let parts = RequestParts {
        method: "POST",
        target: b"/",
        headers: &headers,
        body: br#"{"a":"b","c":"' or 1"#,
        body_truncated: true,
    };
    let mut recorder = Recorder::default();
    let report = walk(&parts, &Limits::default(), &mut recorder);
    let seen = Seen { recorder, report };
    seen.assert_has(&[("post json_doc hash a", "b"), ("post json_doc hash c", "' or 1")]);
    assert_eq!(seen.kinds(), [AnomalyKind::OverlimitSize]);
    assert_eq!(seen.report.failed(Parser::JsonDoc), 0);

    let parts = RequestParts { body: b"<?xml version='1.0'?><a><b>c", ..parts };
    let mut recorder = Recorder::default();
    let report = walk(&parts, &Limits::default(), &mut recorder);
    assert_eq!(Seen { recorder, report }.kinds(), [AnomalyKind::OverlimitSize]);
}

#[test]
fn nesting_is_bounded_and_counted() {
    let mut value = String::from("<script>alert(1)");
    for _ in 0..20 {
        value = base64(value.as_bytes());
    }
    let seen = see("/", &[], value.as_bytes());
    assert!(seen.report.depth_limited > 0);
    assert!(seen.recorder.seen.iter().all(|(p, _, _)| p.matches("base64").count() <= 12));
    let deep = format!("{}1{}", "[".repeat(250), "]".repeat(250));
    let seen = post("application/json", &serde_json::to_string(&[&deep, &deep]).unwrap());
    assert!(seen.report.failed(Parser::JsonDoc) == 0 && !seen.report.stopped);
}

#[test]
fn a_declared_form_is_read_whatever_it_looks_like() {
    let form = "application/x-www-form-urlencoded";
    for body in ["{\"a\":\"&q=x+y&\"}", "[]/*&q=x+y&*/", "<a>&q=x+y&</a>", "--b\r\n&q=x+y&"] {
        post(form, body).assert_has(&[("post form_urlencoded q", "x y")]);
    }
    // Without a pair there is nothing to find.
    assert!(post(form, "{\"a\":1}").values("post").len() == 1);
}

#[test]
fn every_declared_type_counts() {
    let body = "preamble\r\n--b\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\nx\r\n--b--\r\n";
    let multipart = "multipart/form-data; boundary=b";
    let repeated = [("Content-Type", "application/json"), ("Content-Type", multipart)];
    see("/", &repeated, body.as_bytes()).assert_has(&[("post multipart q", "x")]);
    let joined = format!("application/json, {multipart}");
    see("/", &[("Content-Type", &joined)], body.as_bytes()).assert_has(&[("post multipart q", "x")]);
}

#[test]
fn a_stuffed_query_does_not_hide_the_rest() {
    let target = format!("/?{}", "a&".repeat(20_000));
    let seen = see(&target, &[("X-A", "1"), ("Content-Type", "application/json")], b"{\"q\":\"x\"}");
    seen.assert_has(&[("header X-A", "1"), ("post json_doc hash q", "x")]);
    assert_eq!(seen.kinds(), [AnomalyKind::OverlimitTime]);
    assert!(seen.report.stopped);
    assert!(seen.report.leaves <= Limits::default().max_leaves);
}
