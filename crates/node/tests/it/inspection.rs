//! How far requests are taken apart, as the configuration says it: parsers, confirmation, limits.

use serde_json::json;

use crate::cloud::{Cloud, hint, with_cloud};
use crate::harness::{Options, Setup, eventually};

/// `1' union select password from users--` in base64.
const ENCODED: &str = "MScgdW5pb24gc2VsZWN0IHBhc3N3b3JkIGZyb20gdXNlcnMtLQ==";

async fn node(extra: &str) -> Setup {
    Setup::new(Options { extra, ..Options::default() }).await
}

async fn post(setup: &Setup, body: String) -> u16 {
    let request = setup.http.post(setup.url("/")).header("content-type", "application/json").body(body);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn parsers_are_switched_off_for_the_node_and_for_routes() {
    let routes = "parsers.disabled = [\"base64\"]\n\
        route = { mode = \"block\", hosts = [{ host = \"*\", paths = [\
            { path = \"/on\", parsers = { disabled = [] } },\
            { path = \"/json\", parsers = { disabled = [\"json\", \"htmljs\"] } }] }] }";
    let setup = node(routes).await;
    assert_eq!(setup.status(&format!("/?q={ENCODED}")).await, 200);
    assert_eq!(setup.status(&format!("/on?q={ENCODED}")).await, 403);
    let escaped = r#"{"q":"\u0031' union select password from users--"}"#.replace(' ', "\\u0020");
    let send = |path: &str| {
        let request = setup.http.post(setup.url(path)).header("content-type", "application/json");
        let request = request.body(escaped.clone());
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!((send("/").await, send("/json").await), (403, 200));
    // A path that some server reads as another route is taken apart as far as either says.
    assert_eq!(setup.status(&format!("/x/..%2fon?q={ENCODED}")).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_off_here_no_rule_switches_on() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "block").await;
    assert_eq!(setup.status(&format!("/?q={ENCODED}")).await, 403);
    setup.edit(|text| format!("parsers.disabled = [\"base64\"]\n{text}"));
    setup.node.reload().await.unwrap();
    assert_eq!(setup.status(&format!("/?q={ENCODED}")).await, 200);
    let before = setup.node.ruleset_version();
    let enabled = json!({ "parser": "base64", "state": "enabled", "point": [["get", "q"]] });
    cloud.set_hints(vec![hint(1, "parser_state", json!([]), enabled)]);
    eventually("the rule is in force", || async { setup.node.ruleset_version() > before }).await;
    assert_eq!(setup.status(&format!("/?q={ENCODED}")).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_union_is_an_attack_only_without_confirmation() {
    let open = "/?id=1%27%20UNION%20SELECT";
    let whole = "/?id=1%27%20UNION%20SELECT%201,version()--";
    let setup = Setup::in_mode("block").await;
    assert_eq!((setup.status(open).await, setup.status(whole).await), (200, 403));
    setup.edit(|text| format!("inspect.enable_confirmation = false\n{text}"));
    setup.node.reload().await.unwrap();
    assert_eq!((setup.status(open).await, setup.status(whole).await), (403, 403));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_the_file_hold() {
    let setup = Setup::in_mode("block").await;
    let nested = format!("{}\"MScgb3IgMT0x\"{}", "[".repeat(20), "]".repeat(20));
    let many = |count: usize| format!("[{}\"1\\u0027 union select 1,2 from users-- \"]", "1,".repeat(count));
    assert_eq!(post(&setup, nested.clone()).await, 403);
    // What is beyond the number of values is looked at all the same, as one value.
    assert_eq!(post(&setup, many(30_000)).await, 403);
    setup.edit(|text| {
        format!("inspect.limits = {{ leaves = 1000, json_depth = 8, depth = 1 }}\ninspect.overlimit_mode = \"blocking\"\n{text}")
    });
    setup.node.reload().await.unwrap();
    assert_eq!(post(&setup, nested).await, 200);
    assert_eq!(post(&setup, format!("[{}1]", "1,".repeat(900))).await, 200);
    assert_eq!(post(&setup, format!("[{}1]", "1,".repeat(1100))).await, 403);
    assert_eq!(post(&setup, many(900)).await, 403);
}
