//! The tables of modes and of their precedence (`spec/node.md` sections 2.1 and 2.2), cell by cell.

use bartizan_api::node::{ListEntry, ListName};
use serde_json::{Value, json};

use crate::cloud::{Cloud, hint, with_cloud};
use crate::harness::{Options, Setup, eventually};

const ATTACK: &str = "q=1%27%20union%20select%20password%20from%20users--";
const MODES: [&str; 4] = ["off", "monitoring", "safe_blocking", "block"];

/// Puts the client on a list; `None` takes it off all of them.
async fn list(cloud: &Cloud, setup: &Setup, list: Option<ListName>, expires_at: Option<i64>) {
    let mut seq = 0;
    cloud.change(|content| {
        content.lists_seq += 1;
        seq = content.lists_seq;
        content.lists = list
            .map(|list| ListEntry {
                id: seq,
                list,
                kind: "ip".into(),
                value: "127.0.0.1".into(),
                apps: None,
                attack_type: None,
                expires_at,
            })
            .into_iter()
            .collect();
    });
    eventually("the lists are in force", || async { setup.stats().await["lists_seq"] == seq }).await;
}

async fn mode(cloud: &Cloud, setup: &Setup, mode: &str) {
    let before = setup.node.ruleset_version();
    cloud.set_hints(vec![
        hint(1, "wallarm_mode", json!([]), json!({ "mode": mode })),
        hint(2, "vpatch", json!([]), json!({ "attack_type": "any", "point": [["get", "patched"]] })),
        hint(
            3,
            "regex",
            json!([]),
            json!({ "regex": "forbidden", "attack_type": "rce", "point": [["get", "a"]], "regex_id": 77 }),
        ),
    ]);
    eventually("the rules are in force", || async { setup.node.ruleset_version() > before }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cell_of_the_table_of_modes() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "monitoring").await;
    let (attack, regex) = (format!("/?{ATTACK}"), "/?a=forbidden");
    let patched = "/?patched=1";
    // Refused or passed, for: attack, custom pattern, virtual patch, nothing at all.
    let table: [(Option<ListName>, [[u16; 4]; 4]); 4] = [
        (None, [[200, 200, 200, 200], [200, 200, 403, 200], [200, 200, 403, 200], [403, 403, 403, 200]]),
        (
            Some(ListName::Gray),
            [[200, 200, 200, 200], [200, 200, 403, 200], [403, 403, 403, 200], [403, 403, 403, 200]],
        ),
        (
            Some(ListName::Deny),
            [[200, 200, 200, 200], [403, 403, 403, 403], [403, 403, 403, 403], [403, 403, 403, 403]],
        ),
        (Some(ListName::Allow), [[200; 4]; 4]),
    ];
    for (index, name) in MODES.iter().enumerate() {
        mode(&cloud, &setup, name).await;
        for (listed, wanted) in &table {
            list(&cloud, &setup, *listed, None).await;
            for (path, wanted) in [&attack, regex, patched, "/"].iter().zip(wanted[index]) {
                assert_eq!(setup.status(path).await, wanted, "{name}, {listed:?}, {path}");
            }
        }
        // An entry that has expired is none.
        list(&cloud, &setup, Some(ListName::Deny), Some(1)).await;
        assert_eq!(setup.status("/").await, 200, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn off_uploads_and_counts_nothing_and_the_others_do() {
    for name in MODES {
        let setup = Setup::in_mode(name).await;
        setup.status(&format!("/?{ATTACK}")).await;
        let stats = setup.stats().await;
        let counted = u64::from(name != "off");
        assert_eq!((&stats["requests"], &stats["attacks"]), (&counted.into(), &counted.into()), "{name}");
        assert_eq!(setup.spooled().is_empty(), name == "off", "{name}");
        // Bytes are counted once they are written, when the client may have them already.
        eventually(name, || async {
            let stats = setup.stats().await;
            ["bytes_in", "bytes_out"].iter().all(|bytes| stats[*bytes].as_u64() > Some(0))
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn late_denylist_searches_first_and_spares_monitoring() {
    let cloud = Cloud::start().await;
    let options = Options {
        mode: "monitoring",
        extra: "acl = { early = false }",
        cloud: Some(&cloud),
        ..Options::default()
    };
    let setup = Setup::new(options).await;
    assert!(setup.node.wait_synced(std::time::Duration::from_secs(20)).await);
    list(&cloud, &setup, Some(ListName::Deny), None).await;
    for (name, wanted) in MODES.iter().zip([200, 200, 403, 403]) {
        mode(&cloud, &setup, name).await;
        assert_eq!(setup.status("/").await, wanted, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn worked_table_of_precedence() {
    let path = |index: u32, value: &str| json!({ "type": "equal", "point": ["path", index], "value": value });
    let name = |value: &str| json!({ "type": "equal", "point": ["action_name"], "value": value });
    let method = json!({ "type": "equal", "point": ["method"], "value": "POST" });
    let depth = |index: u32| json!({ "type": "absent", "point": ["path", index], "value": "" });
    let set = |id: i64, action: Value, mode: &str| hint(id, "wallarm_mode", action, json!({ "mode": mode }));
    let hints = || {
        vec![
            set(1, json!([]), "monitoring"),
            set(2, json!([path(0, "main")]), "block"),
            set(3, json!([path(0, "main"), depth(1), name("login")]), "monitoring"),
            set(4, json!([path(0, "main"), depth(1), name("apply"), method]), "default"),
        ]
    };
    let rows = [
        ("GET", "/news", "monitoring", "off", "monitoring"),
        ("GET", "/main/x", "monitoring", "off", "monitoring"),
        ("GET", "/main/login", "block", "strict", "block"),
        ("GET", "/main/signup", "monitoring", "strict", "block"),
        ("GET", "/main/apply", "block", "on", "block"),
        ("POST", "/main/apply", "block", "on", "block"),
        ("GET", "/main/feedback", "safe_blocking", "off", "safe_blocking"),
        // Not in the table: what tells a rule from the local mode, and paths that servers resolve.
        ("GET", "/main/apply", "monitoring", "on", "block"),
        ("POST", "/main/apply", "monitoring", "on", "monitoring"),
        ("GET", "/main/login", "block", "on", "monitoring"),
        ("GET", "/news/../main/signup", "monitoring", "on", "block"),
        ("GET", "/main/%2e%2e/news", "monitoring", "on", "block"),
        ("GET", "//main/signup", "monitoring", "on", "block"),
    ];
    for (local, allow) in [
        ("monitoring", "off"),
        ("block", "strict"),
        ("monitoring", "strict"),
        ("block", "on"),
        ("safe_blocking", "off"),
        ("monitoring", "on"),
    ] {
        let cloud = Cloud::start().await;
        let extra = format!("route = {{ mode = \"{local}\", mode_allow_override = \"{allow}\" }}\n");
        let setup = Setup::new(Options { extra: &extra, cloud: Some(&cloud), ..Options::default() }).await;
        cloud.set_hints(hints());
        eventually("the rules are in force", || async { setup.node.ruleset_version() == 2 }).await;
        for (method, path, ..) in rows.iter().filter(|row| (row.2, row.3) == (local, allow)) {
            // As it stands: a client library would resolve the path.
            let request = format!(
                "{method} {path}?{ATTACK} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let answer = setup.raw(request.as_bytes()).await;
            let wanted =
                rows.iter().find(|row| (row.0, row.1, row.2, row.3) == (*method, *path, local, allow));
            let wanted = if wanted.unwrap().4 == "block" { "403" } else { "200" };
            assert_eq!(answer.get(9..12), Some(wanted), "{method} {path} {local} {allow}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_requests_are_inspected_and_go_no_further() {
    let setup = Setup::new(Options { extra: "role = \"mirror\"", ..Options::default() }).await;
    let attack = "q=1%27%20union%20select%20password%20from%20users--";
    assert_eq!(setup.status("/").await, 204);
    assert_eq!(setup.status(&format!("/?{attack}")).await, 204);
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let length = attack.len();
    let answer = setup
        .raw(
            format!(
                "POST /form HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{form}Transfer-Encoding: chunked\r\n\r\n\
                 {length:x}\r\n{attack}\r\n0\r\n\r\n"
            )
            .as_bytes(),
        )
        .await;
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    assert_eq!(setup.upstream.requests(), 0);
    let hits = setup.spooled();
    let found: Vec<_> = hits.iter().filter(|hit| hit["attack_type"] == "sqli").collect();
    assert_eq!(found.len(), 2, "{hits:?}");
    for hit in found {
        assert_eq!((&hit["block_status"], &hit["statuscode"]), (&"monitored".into(), &204.into()));
    }
}
