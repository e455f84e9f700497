//! The examples of the contract, and that no query panics.

use proptest::prelude::*;

use super::*;

/// 2026-07-15 12:00:00 UTC, a Wednesday.
const NOW: i64 = 1_784_116_800;

fn calendar() -> Calendar {
    Calendar::new(NOW, "UTC", DateOrder::DayMonthYear)
}

fn found(query: &str) -> Found {
    understand(query, &calendar()).unwrap()
}

fn filter(query: &str) -> Value {
    Value::Object(found(query).filter)
}

fn refused(query: &str) -> (&'static str, String, usize) {
    let error = understand(query, &calendar()).unwrap_err();
    (error.text, error.value, error.column)
}

#[test]
fn the_example_of_the_contract() {
    let found = found("attacks sqli !ip:10.0.0.0/8 statuscode:500+ last hour");
    let reply = filters(found, "only-true", NOW);
    assert_eq!(
        Value::Object(reply.attacks),
        json!({"type": ["sqli"], "!ip": ["10.0.0.0/8"], "statuscode": [[500, null]],
               "time": [[NOW - 3600, NOW]], "!state": "falsepositive", "vulnid": null})
    );
    assert_eq!(Value::Object(reply.vulns), json!({"type": ["sqli"], "time": [[NOW - 3600, NOW]]}));
}

#[test]
fn mistakes_that_would_ask_for_something_else_are_refused() {
    for (query, text, value, column) in [
        ("xss ! sqli", "a word is expected right after the exclamation mark", "!", 5),
        ("!", "a word is expected right after the exclamation mark", "!", 1),
        ("!!sqli", "a word is expected right after the exclamation mark", "!", 1),
        ("!today", "a period cannot be left out", "today", 1),
        ("xss !july", "a period cannot be left out", "july", 5),
        ("13/13/2026", "no such date: dd/mm/yyyy is expected, or quotes around a text", "13/13/2026", 1),
        (
            "11/30/2026 10:00-11/30/2026 13:00",
            "no such date: dd/mm/yyyy is expected, or quotes around a text",
            "11/30/2026",
            1,
        ),
        ("xss 2026-02-30", NO_ISO_DATE, "2026-02-30", 5),
        ("2026-13-01", NO_ISO_DATE, "2026-13-01", 1),
        ("xss >2026-02-30", NO_ISO_DATE, ">2026-02-30", 5),
        ("2026-07-01-2026-06-31", NO_ISO_DATE, "2026-07-01-2026-06-31", 1),
        (">31/02/2026", "no such date: dd/mm/yyyy is expected, or quotes around a text", ">31/02/2026", 1),
        ("xss 2026-07-14 25:00", NO_TIME, "25:00", 16),
        ("13/07/2026 11:12-12:60", NO_TIME, "11:12-12:60", 12),
        ("13/07/2026 11:12-14/07/2026 24:14", NO_TIME, "24:14", 29),
        ("22:00-24:30", NO_TIME, "22:00-24:30", 1),
    ] {
        assert_eq!(refused(query), (text, value.to_owned(), column), "{query}");
    }
    for (query, text) in
        [("'2026-02-30'", "2026-02-30"), ("2026-02-30-a1", "2026-02-30-a1"), ("10:99", "10:99")]
    {
        assert_eq!(filter(query), json!({"search": [text]}), "{query}");
    }
}

const NO_ISO_DATE: &str = "no such date: yyyy-mm-dd is expected, or quotes around a text";
const NO_TIME: &str = "no such time: hh:mm is expected, or quotes around a text";

#[test]
fn what_contradicts_itself_asks_for_nothing() {
    for (query, expected) in [
        ("sampled !sampled", json!({"sampled": false, "request_id": [""]})),
        ("!sampled sampled", json!({"sampled": true, "request_id": [""]})),
        ("sampled sampled", json!({"sampled": true})),
        ("known !known", json!({"known_attack": null, "!known_attack": null})),
        ("known !known:CVE-1", json!({"!known_attack": [null, "CVE-1"]})),
        ("!known:CVE-1 known", json!({"!known_attack": ["CVE-1", null]})),
        ("!known known:CVE-1", json!({"known_attack": null, "request_id": [""]})),
        ("known:CVE-1 !known", json!({"known_attack": null, "request_id": [""]})),
        ("!custom_rule custom_rule", json!({"regex": null, "!regex": null})),
        ("request_id:a !request_id", json!({"request_id": [""]})),
        ("falsepositive !falsepositive", json!({"state": "falsepositive", "!state": "falsepositive"})),
        ("!falsepositive", json!({"!state": "falsepositive"})),
        ("low !low", json!({"threat": [[0, 39]], "!threat": [[0, 39]]})),
    ] {
        let mut reply = filters(found(query), "all", NOW).attacks;
        assert!(reply.shift_remove("time").is_some() && reply.shift_remove("vulnid").is_some());
        assert_eq!(Value::Object(reply), expected, "{query}");
    }
}

#[test]
fn vulnerabilities_have_types_and_applications_of_their_own() {
    for (query, expected) in [
        ("idor", json!({"type": ["idor"]})),
        ("weak_auth sqli", json!({"type": ["weak_auth", "sqli"]})),
        ("!vuln_version api_leak", json!({"!type": ["vuln_component"], "type": ["api_leak"]})),
        ("app:5 !app:7 statuscode:200", json!({"pool": [5], "!pool": [7]})),
    ] {
        let mut reply = filters(found(query), "all", NOW).vulns;
        reply.shift_remove("time");
        assert_eq!(Value::Object(reply), expected, "{query}");
    }
    let reply = filters(found("idor"), "all", NOW);
    assert_eq!(reply.attacks["type"], json!(["bola"]));
}

#[test]
fn words_and_pairs_become_keys() {
    for (query, expected) in [
        ("XSS sqli", json!({"type": ["xss", "sqli"]})),
        ("!ptrav", json!({"!type": ["ptrav"]})),
        ("sqli,XSS", json!({"type": ["sqli", "xss"]})),
        ("!sqli,xss", json!({"!type": ["sqli", "xss"]})),
        ("sqli,nothing", json!({"search": ["sqli,nothing"]})),
        ("\"13/13/2026\" /1/2/2026", json!({"search": ["13/13/2026"], "path": ["/1/2/2026"]})),
        ("statuscode:404 statuscode:400-403,2xx", json!({"statuscode": [404, [400, 403], [200, 299]]})),
        (
            "N:>100 size:<10 rt:>=5",
            json!({"hits": [[101, null]], "size": [[null, 9]], "response_time": [[5, null]]}),
        ),
        (
            "ip:1000+ ip:192.168. ip:10.0.0.1-10.0.0.9",
            json!({"ips": [[1000, null]], "ip": ["192.168.", "10.0.0.1-10.0.0.9"]}),
        ),
        ("2001:db8::1 ::1 10.0.0.0/8", json!({"ip": ["2001:db8::1", "::1", "10.0.0.0/8"]})),
        ("known !custom_rule", json!({"!known_attack": null, "regex": null})),
        ("known:CVE-2018-6008", json!({"known_attack": ["CVE-2018-6008"]})),
        ("/admin POST u:login*", json!({"path": ["/admin", "/login*"], "method": ["POST"]})),
        ("d:*.Shop.com 'two words'", json!({"domain": ["*.shop.com"], "search": ["two words"]})),
        ("u:\"/a b\\\"c\"", json!({"path": ["/a b\"c"]})),
        (
            "high client blocked open",
            json!({"threat": [[70, 100]], "target": ["client"], "block_status": ["blocked"], "status": ["open"]}),
        ),
        (
            "source:tor source:aws source:vpn",
            json!({"tor": ["tor"], "datacenter": ["aws"], "proxy_type": ["VPN"]}),
        ),
        ("weak_auth ai_prompt_injection", json!({"type": ["weak_auth", "ai_prompt_injection"]})),
        ("source:proxy", json!({"proxy_type": ["PUB", "WEB"]})),
        ("p:id", json!({"parameter": ["id", "id_*", "*_id", "*_id_*"]})),
        ("app:7 app:-1", json!({"poolid": [7, -1]})),
        (
            "owasp_api1_2023 !owasp_a3_2021",
            json!({"preset": ["owasp_api1_2023"], "!preset": ["owasp_a3_2021"]}),
        ),
        ("hitid:hits_production_5_202611_v_1:abc", json!({"hitid": ["hits_production_5_202611_v_1:abc"]})),
        ("a:time d:x", json!({"anomality": ["response_time"], "domain": ["x"]})),
        ("known request_id", json!({"!known_attack": null})),
        ("!known !sampled", json!({"known_attack": null, "sampled": false})),
    ] {
        assert_eq!(filter(query), expected, "{query}");
    }
}

#[test]
fn mistakes_are_told_with_their_column() {
    assert_eq!(refused("sqli  foo:bar"), ("unknown attribute", "foo".into(), 7));
    assert_eq!(refused("!foo:bar"), ("unknown attribute", "foo".into(), 2));
    assert_eq!(refused("d:'shop"), ("the quotation is not closed", "shop".into(), 3));
    assert_eq!(refused("sqli owasp_api11_2023"), ("unknown OWASP category", "owasp_api11_2023".into(), 6));
    assert_eq!(refused("last moon"), ("unknown period", "last".into(), 1));
    assert_eq!(refused("statuscode:moon"), ("a number is required", "moon".into(), 1));
    assert_eq!(refused("ip:house"), ("an address is required", "house".into(), 1));
    assert_eq!(refused("sqli a:moon"), ("unknown anomaly", "moon".into(), 6));
    for (query, value, column) in [
        ("statuscode:600-400", "600-400", 1),
        ("xss !ip:10.0.0.9-10.0.0.1", "10.0.0.9-10.0.0.1", 5),
        ("xss ip:9-1", "9-1", 5),
        ("xss 14/07/2026-13/07/2026", "14/07/2026-13/07/2026", 5),
        ("2026-07-14-2026-07-13", "2026-07-14-2026-07-13", 1),
        ("22:00-06:00", "22:00-06:00", 1),
    ] {
        assert_eq!(refused(query), ("the range ends before it begins", value.into(), column), "{query}");
    }
    assert_eq!(refused("xss >2027-01-01"), ("the period has not begun yet", ">2027-01-01".into(), 5));
    assert_eq!(refused("last 99999 months"), ("the period begins before 1970", "last".into(), 1));
    assert_eq!(refused("last 99999 weeks"), ("the period begins before 1970", "last".into(), 1));
}

#[test]
fn periods_are_ranges() {
    let day = 86_400;
    let midnight = NOW - 43_200;
    for (query, expected) in [
        ("today", (midnight, NOW)),
        ("yesterday", (midnight - day, midnight - 1)),
        ("last 3 days", (NOW - 3 * day, NOW)),
        ("last week", (midnight - 9 * day, midnight - 2 * day - 1)),
        ("this week", (midnight - 2 * day, NOW)),
        ("this month", (midnight - 14 * day, NOW)),
        ("last month", (midnight - 44 * day, midnight - 14 * day - 1)),
        ("june", (midnight - 44 * day, midnight - 14 * day - 1)),
        ("2026-07-14", (midnight - day, midnight - 1)),
        ("14/07/2026", (midnight - day, midnight - 1)),
        ("13/07/26-14/07/26", (midnight - 2 * day, midnight - 1)),
        ("2026-07-13-2026-07-14", (midnight - 2 * day, midnight - 1)),
        (">14/07/2026", (midnight - day, NOW)),
        ("14/07/2026 10:15", (midnight - day + 36_900, midnight - day + 36_959)),
        ("08:00-09:30", (midnight + 28_800, midnight + 34_259)),
        ("13/07/2026 11:12-14/07/2026 12:14", (midnight - 2 * day + 40_320, midnight - day + 44_099)),
        ("13/07/2026 11:12-12:14", (midnight - 2 * day + 40_320, midnight - 2 * day + 44_099)),
        (">13/07/2026 11:12 sqli", (midnight - 2 * day + 40_320, NOW)),
    ] {
        assert_eq!(found(query).periods, [expected], "{query}");
    }
    let zoned = Calendar::new(NOW, "UTC-3.0", DateOrder::DayMonthYear);
    assert_eq!(understand("today", &zoned).unwrap().periods, [(midnight + 3 * 3600, NOW)]);
    let zoned = Calendar::new(NOW, "Europe/Berlin", DateOrder::DayMonthYear);
    assert_eq!(understand("today", &zoned).unwrap().periods, [(midnight - 2 * 3600, NOW)]);
    assert!(found("sqli").periods.is_empty());
    assert_eq!(found("10:00-11:00 12:00-13:00").periods.len(), 2);
    assert_eq!(found("2026-07-14 10:00-11:00 12:00-13:00").periods.len(), 2);
}

proptest! {
    #[test]
    fn no_query_panics(query in "\\PC{0,80}", zone in "\\PC{0,12}") {
        let calendar = Calendar::new(NOW, &zone, DateOrder::YearMonthDay);
        let _ = understand(&query, &calendar);
    }

    #[test]
    fn no_query_of_known_pieces_panics(
        pieces in prop::collection::vec(
            prop::sample::select(vec!["!", ":", "'", "\"", "\\", " ", "last", "99999", "-", "/", ">", "<", "+",
                "ip", "statuscode", "2xx", "owasp_", "may", "9999-12-31", "this", "weeks", "é", ",", "[", "*"]),
            0..12)
    ) {
        let _ = understand(&pieces.concat(), &calendar());
        let _ = understand(&pieces.join(" "), &calendar());
    }
}
