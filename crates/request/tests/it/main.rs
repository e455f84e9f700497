//! Properties of the whole walk: it never panics, every limit holds, and points survive the wire.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use bartizan_request::{
    Arity, Element, Limits, Parser, Point, PointPath, Report, RequestParts, Role, Step, Target, Visitor, walk,
};
use proptest::prelude::*;

/// Counts what it sees and checks what must hold for every single visit.
#[derive(Default)]
struct Auditor {
    visits: usize,
    bytes: usize,
    max_decoders: usize,
    stop_after: Option<usize>,
}

impl Visitor for Auditor {
    fn visit(&mut self, point: &PointPath<'_>, value: &[u8], _role: Role) -> ControlFlow<()> {
        self.visits += 1;
        self.bytes += value.len();
        self.max_decoders = self.max_decoders.max(point.decoder_depth());
        let owned = point.to_point();
        assert!(owned.selects(point) && owned.covers(point), "{owned}");
        assert_eq!(owned.steps().len(), point.depth());
        if self.stop_after == Some(self.visits) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn audit(parts: &RequestParts<'_>, limits: &Limits) -> (Auditor, Report) {
    let mut auditor = Auditor::default();
    let started = Instant::now();
    let report = walk(parts, limits, &mut auditor);
    assert_eq!(report.leaves, auditor.visits);
    assert!(auditor.visits <= limits.max_leaves);
    assert!(auditor.max_decoders <= limits.max_depth);
    // One chunk beyond is produced before a bomb is noticed.
    assert!(report.decoded_bytes <= limits.max_decoded_bytes + (64 << 10), "{}", report.decoded_bytes);
    assert!(started.elapsed() < Duration::from_secs(20), "took {:?}", started.elapsed());
    (auditor, report)
}

const TYPES: [&str; 13] = [
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "text/xml",
    "application/graphql",
    "application/grpc",
    "application/grpc-web-text",
    "application/x-protobuf",
    "application/json; charset=ibm500",
    "application/x-www-form-urlencoded; charset=ibm037",
    "text/plain",
    "multipart/form-data",
    "",
];

/// Texts that lead into every parser, to be cut, joined and wrapped.
const SEEDS: &[&[u8]] = &[
    b"{\"a\":[1,{\"b\":\"\\u003c\\ud83d\"}],'c':NaN,}//x",
    b"a=1&b[]=2&b[]=3&c[d][e]=%2527;f=g+h",
    b"--b\r\nContent-Disposition: form-data; name=\"a\"; filename*=UTF-8''x%2f\r\nX: y\r\n\r\n{\"z\":1}\r\n--b--\r\n",
    b"<?xml version=\"1.0\" encoding=\"utf-8\"?><!DOCTYPE a [<!ENTITY e \"&f;&f;\"><!ENTITY f 'g'>]><a b='&e;'><c>&e;</c><c/><![CDATA[<d>]]><!-- e --></a>",
    b"query Q($v: [Int!] = [1]) @d(x: {y: \"z\\n\"}) { a: b(c: $v) { ...F ... on T { g } } } # end",
    b"\0\0\0\0\x0b\x08\x05\x12\x07' or 1=\0\0\0\0\x02\x08\x01",
    b"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
    b"%25252527%u0027%c0%a7&lt;&#x3c;\\x3c\\u003c\\74+ADw-",
    b"PHNjcmlwdD4=",
    b"O:4:\"User\":1:{s:2:\"id\";a:1:{i:0;s:8:\"' or 1=1\";}}",
    b"3c7363726970743e",
    b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\x04\0\x43\xbe\xb7\xe8\x01\0\0\0",
    b"\x28\xb5\x2f\xfd\x24\x01\x09\0\0a",
    b"\xff\xfe<\0a\0>\0b\0<\0/\0a\0>\0",
    b"/wEPFgIFAWECrAIYAR4BaxUCAXgBeTwrAAkBBzIDAAEA",
    b"\x1b\x12\x02bc\x1c\x0a\x01a\xff",
    b"{\"a\"=\"b\" 'c':`d`, # e\n\"f\":[g h}",
    b"--b\r\nContent-Type: multipart/mixed; boundary*0=i; boundary*1=j\r\n\r\n--ij\r\n\r\nx\r\n--ijk\r\n--b--\r\n",
    b"<!DOCTYPE a PUBLIC \"b\" \"http://c/\" [<!ENTITY % p \"&#60;!ENTITY q 'r'>\">%p;]><a>&q;</a>",
    b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x2e\0\0\0\0\0\0\0\0\0",
];

/// A seed, raw bytes, or two such things joined, wrapped or damaged.
fn material() -> impl Strategy<Value = Vec<u8>> {
    let seed = proptest::sample::select(SEEDS).prop_map(<[u8]>::to_vec);
    let leaf = prop_oneof![3 => seed, 1 => proptest::collection::vec(any::<u8>(), 0..64)];
    leaf.prop_recursive(5, 40, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| [a, b].concat()),
            (inner.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut a, at, byte)| {
                let length = a.len().max(1);
                if let Some(slot) = a.get_mut(at.index(length)) {
                    *slot = byte;
                }
                a
            }),
            (inner.clone(), any::<prop::sample::Index>()).prop_map(|(mut a, at)| {
                a.truncate(at.index(a.len() + 1));
                a
            }),
            inner.clone().prop_map(|a| encode_base64(&a)),
            inner.clone().prop_map(|a| encode_percent(&a)),
            inner.clone().prop_map(|a| encode_gzip(&a)),
            inner.clone().prop_map(|a| [
                b"{\"k\":\"",
                &*String::from_utf8_lossy(&a).escape_default().to_string().into_bytes(),
                b"\"}"
            ]
            .concat()),
            inner.prop_map(|a| [b"<a>", &a[..], b"</a>"].concat()),
        ]
    })
}

fn encode_base64(data: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(data).into_bytes()
}

fn encode_percent(data: &[u8]) -> Vec<u8> {
    data.iter().flat_map(|byte| format!("%{byte:02x}").into_bytes()).collect()
}

fn encode_gzip(data: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// What fuzzing kept (`fuzz/corpus`), each file because it reaches code that the others do not.
#[test]
fn inputs_kept_by_fuzzing_stay_within_the_limits() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut seen = 0;
    for folder in std::fs::read_dir(corpus).expect("the corpus is checked in") {
        for file in std::fs::read_dir(folder.expect("readable").path()).expect("folders only") {
            let data = std::fs::read(file.expect("readable").path()).expect("readable");
            for content_type in TYPES {
                let headers: [(&[u8], &[u8]); 3] = [
                    (b"content-type", content_type.as_bytes()),
                    (b"cookie", &data),
                    (b"authorization", &data),
                ];
                let parts = RequestParts {
                    method: "POST",
                    target: &data,
                    headers: &headers,
                    body: &data,
                    body_truncated: false,
                };
                audit(&parts, &Limits::default());
            }
            seen += 1;
        }
    }
    assert!(seen >= 100, "only {seen} files");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_input_stays_within_the_limits(
        target in material(), header in material(), body in material(),
        content_type in proptest::sample::select(&TYPES[..]), truncated: bool,
        tight: bool,
    ) {
        let limits = if tight {
            Limits {
                max_depth: 3, max_leaves: 40, max_decoded_bytes: 4096, max_json_depth: 4, max_xml_depth: 4,
                max_entity_expansions: 3, max_entity_bytes: 64, max_archive_levels: 1, ..Limits::default()
            }
        } else {
            Limits::default()
        };
        let headers: [(&[u8], &[u8]); 4] = [
            (b"content-type", content_type.as_bytes()), (b"cookie", &header), (b"x-a", &header), (b"X-A", &body),
        ];
        let parts = RequestParts {
            method: "POST", target: &target, headers: &headers, body: &body, body_truncated: truncated,
        };
        audit(&parts, &limits);
    }

    #[test]
    fn a_visitor_can_stop_anywhere(body in material(), after in 1usize..30) {
        let parts = RequestParts { method: "POST", target: b"/?a=b", headers: &[], body: &body, body_truncated: false };
        let mut auditor = Auditor { stop_after: Some(after), ..Auditor::default() };
        let report = walk(&parts, &Limits::default(), &mut auditor);
        prop_assert_eq!(report.stopped, auditor.visits == after);
    }

    #[test]
    fn targets_come_apart_and_together(target in proptest::collection::vec(any::<u8>(), 0..80)) {
        let slashed = [b"/", &target[..]].concat();
        let parsed = Target::parse(&slashed);
        prop_assert_eq!(parsed.raw(), &slashed[..]);
        let joined = match parsed.query() {
            Some(query) => [parsed.path(), b"?", query].concat(),
            None => parsed.path().to_vec(),
        };
        prop_assert_eq!(joined, slashed.clone());
        let slashes = parsed.path().iter().filter(|&&b| b == b'/').count();
        prop_assert_eq!(parsed.segments().len() + 1, slashes);
    }

    #[test]
    fn points_survive_both_wire_forms(steps in proptest::collection::vec(step(), 1..8)) {
        let point = Point::new(steps).unwrap();
        let flat = serde_json::to_string(&point).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Point>(&flat).unwrap(), &point);
        prop_assert_eq!(&Point::from_json(&point.to_nested()).unwrap(), &point);
    }
}

fn step() -> impl Strategy<Value = Step> {
    (proptest::sample::select(Element::ALL), ".{0,12}", any::<u32>()).prop_map(|(element, key, index)| {
        match element.arity() {
            Arity::Simple => Step::Simple(element),
            Arity::Keyed => Step::Keyed(element, key.into()),
            Arity::Indexed => Step::Indexed(element, index),
        }
    })
}

fn audit_body(content_type: &str, body: &[u8]) -> (Auditor, Report) {
    let headers: [(&[u8], &[u8]); 1] = [(b"content-type", content_type.as_bytes())];
    let parts = RequestParts { method: "POST", target: b"/", headers: &headers, body, body_truncated: false };
    audit(&parts, &Limits::default())
}

/// Each level under several boundaries, so that every part holds all deeper ones several times.
fn nested_multipart(levels: usize) -> Vec<u8> {
    let mut body = "x".repeat(100_000);
    for level in (0..levels).rev() {
        let next = level + 1;
        let types =
            format!("Content-Type: multipart/mixed; boundary=b{next}; boundary=c{next}; boundary=d{next}");
        body =
            format!("--b{level}\r\n--c{level}\r\n{types}\r\n\r\n{body}\r\n--c{level}--\r\n--b{level}--\r\n");
    }
    body.into_bytes()
}

#[test]
fn hostile_shapes_are_bounded() {
    let shapes: Vec<(&str, Vec<u8>)> = vec![
        ("application/json", "[".repeat(1 << 20).into_bytes()),
        ("application/json", format!("[{}[]]", "[],".repeat(1 << 20)).into_bytes()),
        ("application/graphql", "{a b c d }".repeat(1 << 17).into_bytes()),
        ("application/json", format!("{}{}", "{\"a\":".repeat(200_000), "}".repeat(200_000)).into_bytes()),
        ("text/xml", "<a>".repeat(300_000).into_bytes()),
        ("text/xml", (0..50_000).map(|n| format!("<a{n}/>")).collect::<String>().into_bytes()),
        (
            "text/xml",
            format!("<a {}/>", (0..50_000).map(|n| format!("b{n}='' ")).collect::<String>()).into_bytes(),
        ),
        ("multipart/form-data; boundary=b", "--b\n\n".repeat(200_000).into_bytes()),
        (
            "multipart/form-data; boundary=b; boundary=bb; boundary=bbb",
            "--bbb\n\n".repeat(50_000).into_bytes(),
        ),
        ("application/x-www-form-urlencoded", "a&".repeat(500_000).into_bytes()),
        ("application/x-www-form-urlencoded", "a[][][][]=1&".repeat(50_000).into_bytes()),
        ("application/x-www-form-urlencoded", "a=1;".repeat(200_000).into_bytes()),
        ("application/x-www-form-urlencoded", format!("a={}", "%25".repeat(200_000)).into_bytes()),
        ("text/plain", "&amp;%26\\u0026".repeat(20_000).into_bytes()),
        ("application/graphql", "{a".repeat(200_000).into_bytes()),
        ("application/grpc", vec![0; 500_000]),
        ("application/json", format!("{{{}}}", "\"a\":/*".repeat(50_000)).into_bytes()),
        ("application/json", "\"\\\"\n".repeat(200_000).into_bytes()),
        ("application/json", "{\"a\":'\\'\n".repeat(50_000).into_bytes()),
        ("application/json", "{\"a\" \"b\"".repeat(100_000).into_bytes()),
        ("application/x-protobuf", vec![0x0B; 500_000]),
        (
            "text/xml",
            format!(
                "<!DOCTYPE a [{}]><a b='{}'/>",
                "<!ENTITY % p '&#60;!ENTITY'>".repeat(20_000),
                "&x".repeat(200_000)
            )
            .into_bytes(),
        ),
        (
            "multipart/mixed; boundary=b",
            "--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n".repeat(20_000).into_bytes(),
        ),
        ("multipart/mixed; boundary=b0; boundary=c0", nested_multipart(40)),
    ];
    for (content_type, body) in shapes {
        audit_body(content_type, &body);
    }
}

#[test]
fn many_headers_are_no_trouble() {
    let names: Vec<String> = (0..10_000).map(|n| format!("x-{}", n % 5000)).collect();
    let headers: Vec<(&[u8], &[u8])> = names.iter().map(|name| (name.as_bytes(), &b"value"[..])).collect();
    let parts =
        RequestParts { method: "GET", target: b"/", headers: &headers, body: b"", body_truncated: false };
    let (_, report) = audit(&parts, &Limits::default());
    assert!(report.stopped);
}

#[test]
fn nested_containers_fit_on_a_small_stack() {
    let mut value = "x".to_owned();
    for _ in 0..3 {
        let depth = 250;
        let quoted = serde_json::to_string(&value).unwrap();
        value = format!("{}{quoted}{}", "[".repeat(depth), "]".repeat(depth));
    }
    let xml = format!("{}{}{}", "<a>".repeat(250), value.replace('<', "&lt;"), "</a>".repeat(250));
    for body in [value, xml] {
        let run = move || {
            audit_body("text/plain", body.as_bytes());
        };
        // Half of what a runtime's worker thread has.
        std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
    }
}

#[test]
fn parser_names_are_found_again() {
    for parser in Parser::ALL {
        assert_eq!(Parser::from_name(parser.name()), Some(parser));
    }
    assert_eq!(Parser::from_name("urlenc"), Some(Parser::FormUrlencoded));
    assert_eq!(Parser::from_name("nothing"), None);
}
