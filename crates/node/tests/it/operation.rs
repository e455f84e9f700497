//! The node as its operator handles it: reload, and the calls on the control socket.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use bartizan_node::control::ControlRequest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::cloud::{Cloud, hint, with_cloud};
use crate::harness::{Options, Setup, eventually};
use crate::upstream::Upstream;

const SQLI: &str = "/search?q=1%27%20union%20select%20password%20from%20users--";

/// A client that sends one request after the other on one connection.
struct KeptAlive(TcpStream);

impl KeptAlive {
    async fn connect(setup: &Setup) -> KeptAlive {
        KeptAlive(TcpStream::connect(setup.address()).await.unwrap())
    }

    async fn get(&mut self, path: &str) -> u16 {
        self.0.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
        self.answer().await
    }

    /// Reads one answer; its status.
    async fn answer(&mut self) -> u16 {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        self.0.read_exact(&mut vec![0; length.trim().parse().unwrap()]).await.unwrap();
        head.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reload_puts_another_configuration_in_force_on_the_same_connection() {
    let setup = Setup::in_mode("monitoring").await;
    let mut client = KeptAlive::connect(&setup).await;
    assert_eq!(client.get(SQLI).await, 200);
    let other = Upstream::start().await;
    setup.edit(|text| {
        text.replace("mode = \"monitoring\"", "mode = \"block\"")
            .replace(&setup.upstream.address.to_string(), &other.address.to_string())
    });
    let answer = setup.control(ControlRequest::Reload).await.unwrap();
    assert_eq!(answer["config_revision"], 1);
    assert_eq!(client.get(SQLI).await, 403);
    assert_eq!(client.get("/").await, 200);
    assert_eq!((setup.upstream.requests(), other.requests()), (1, 1));
    assert_eq!(setup.stats().await["config_revision"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn request_in_flight_finishes_under_the_configuration_that_it_began_with() {
    let setup = Setup::in_mode("block").await;
    let mut client = KeptAlive::connect(&setup).await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab";
    client.0.write_all(head.as_bytes()).await.unwrap();
    eventually("the request is in flight", || async { setup.stats().await["requests"] == 1 }).await;
    setup.edit(|text| text.replace("mode = \"block\"", "mode = \"off\""));
    setup.node.reload().await.unwrap();
    client.0.write_all(b"cde").await.unwrap();
    assert_eq!(client.answer().await, 200);
    assert_eq!(client.get(SQLI).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_configuration_is_refused_with_file_line_and_key_and_the_old_one_stays() {
    let setup = Setup::in_mode("block").await;
    let good = std::fs::read_to_string(setup.file()).unwrap();
    let file = setup.file().display().to_string();
    for (more, reason) in [
        ("[inspect]\nbody_maxx = 3\n", "unknown key \"body_maxx\", did you mean \"body_max\"?"),
        ("[limits]\nheader_count = 3\n", "limits.header_count: 3 is out of range, expected 16 to 10000"),
        ("[limits]\nconnections = 17\n", "limits.connections: a change of this needs a restart"),
    ] {
        std::fs::write(setup.file(), format!("{good}{more}")).unwrap();
        let line = good.lines().count() + 2;
        let refusal = setup.control(ControlRequest::Reload).await.unwrap_err();
        assert_eq!(refusal, format!("{file}:{line}: {reason}"));
    }
    let page = "[[block]]\npage = \"/nowhere/page.html\"\n";
    std::fs::write(setup.file(), format!("{good}{page}")).unwrap();
    let refusal = setup.control(ControlRequest::Reload).await.unwrap_err();
    assert!(refusal.contains("/nowhere/page.html"), "{refusal}");
    assert_eq!(setup.status(SQLI).await, 403);
    assert_eq!(setup.stats().await["config_revision"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn reload_opens_new_listeners_closes_old_ones_and_keeps_the_rest() {
    let extra = "listen = [{ address = \"127.0.0.1:0\" }, { address = \"127.0.0.2:0\" }]\n";
    let setup = Setup::new(Options { extra, ..Options::default() }).await;
    let before = setup.node.addresses();
    let mut kept = KeptAlive(TcpStream::connect(before[1]).await.unwrap());
    assert_eq!(kept.get("/").await, 200);
    setup.edit(|text| text.replace("{ address = \"127.0.0.1:0\" }", "{ address = \"127.0.0.3:0\" }"));
    setup.node.reload().await.unwrap();
    let after = setup.node.addresses();
    assert_eq!(after[1], before[1]);
    assert_eq!(kept.get("/").await, 200);
    let mut new = KeptAlive(TcpStream::connect(after[0]).await.unwrap());
    assert_eq!(new.get("/").await, 200);
    assert!(TcpStream::connect(before[0]).await.is_err());
    // An address that is taken refuses the whole.
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = taken.local_addr().unwrap();
    setup.edit(|text| text.replace("127.0.0.3:0", &taken.to_string()));
    let refusal = setup.control(ControlRequest::Reload).await.unwrap_err();
    assert!(refusal.contains(&taken.to_string()), "{refusal}");
    assert_eq!(new.get("/").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn control_socket_belongs_to_the_node_alone_and_shows_no_secrets() {
    let setup = Setup::new(Options { extra: "", ..Options::default() }).await;
    setup.edit(|text| text.replace("[cloud]\n", "[cloud]\ntoken = \"very-secret\"\n"));
    setup.node.reload().await.unwrap();
    let mode = std::fs::metadata(setup.state_dir().join("control.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let status = setup.control(ControlRequest::Status).await.unwrap();
    assert_eq!(status["compatibility"], 4);
    let dump = setup.control(ControlRequest::Dump).await.unwrap();
    assert_eq!(dump["config"]["cloud"]["token"], "********");
    assert!(dump["memory"]["resident"].as_u64().unwrap() > 0);
    assert!(!dump.to_string().contains("very-secret"));
    let refusal = setup.control(ControlRequest::Sync).await.unwrap_err();
    assert_eq!(refusal, "cloud.enabled is false");
}

fn trial(text: &str) -> ControlRequest {
    ControlRequest::TestRequest { text: text.as_bytes().to_vec(), client: None, secure: false }
}

#[tokio::test(flavor = "multi_thread")]
async fn request_that_is_tried_out_gets_the_verdict_of_traffic_and_leaves_no_trace() {
    let setup = Setup::in_mode("block").await;
    let body = "{\"name\": \"1' union select password from users--\"}";
    let text = format!("POST /a?b=c HTTP/1.1\nHost: a\nContent-Type: application/json\n\n{body}");
    let answer = setup.control(trial(&text)).await.unwrap();
    assert_eq!((&answer["verdict"], &answer["mode"]), (&"block".into(), &"block".into()));
    assert_eq!((&answer["cause"], &answer["attack_type"]), (&"attack".into(), &"sqli".into()));
    let points = answer["points"].as_array().unwrap();
    assert!(points.contains(&json!({ "point": ["get", "b"], "value": "c" })), "{points:?}");
    let finding = &answer["findings"][0];
    assert_eq!(finding["point"], json!(["post", "json_doc", "hash", "name"]));
    let clean = setup.control(trial("GET / HTTP/1.1\nHost: a\n")).await.unwrap();
    assert_eq!((&clean["verdict"], &clean["findings"]), (&"pass".into(), &json!([])));
    let smuggled = "POST / HTTP/1.1\nHost: a\nContent-Length: 3\nTransfer-Encoding: chunked\n\nabc";
    let refusal = setup.control(trial(smuggled)).await.unwrap_err();
    assert!(refusal.contains("400"), "{refusal}");
    let stats = setup.stats().await;
    assert_eq!((&stats["requests"], &stats["attacks"], &stats["blocked"]), (&0.into(), &0.into(), &0.into()));
    assert_eq!(setup.upstream.requests(), 0);
    assert!(setup.spooled().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn request_that_is_tried_out_meets_rules_and_lists() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "monitoring").await;
    let plain = setup.control(trial("GET / HTTP/1.1\nHost: a\n")).await.unwrap();
    assert_eq!(plain["api_abuse"], Value::Null, "no rule says");
    let vpatch = json!({ "attack_type": "any", "point": [["get", "card"]] });
    let abuse = json!({ "mode": "disabled" });
    cloud.set_hints(vec![hint(1, "vpatch", json!([]), vpatch), hint(2, "api_abuse_mode", json!([]), abuse)]);
    cloud.set_list(bartizan_api::node::ListName::Deny, "192.0.2.0/24");
    eventually("both are in force", || async {
        let synced = setup.control(ControlRequest::Sync).await.unwrap();
        synced == json!({ "ruleset": 2, "iplists": 1 })
    })
    .await;
    let patched = setup.control(trial("GET /?card=1 HTTP/1.1\nHost: a\n")).await.unwrap();
    assert_eq!((&patched["verdict"], &patched["attack_type"]), (&"block".into(), &"vpatch".into()));
    assert_eq!(patched["api_abuse"], "disabled");
    let from = ControlRequest::TestRequest {
        text: b"GET / HTTP/1.1\nHost: a\n".to_vec(),
        client: Some("192.0.2.7".parse().unwrap()),
        secure: true,
    };
    let denied = setup.control(from).await.unwrap();
    assert_eq!((&denied["verdict"], &denied["cause"]), (&"block".into(), &"acl_ip".into()));
    assert_eq!(cloud.content(|content| content.hit_count()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_says_when_the_cloud_is_away_or_its_bundle_is_refused() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "monitoring").await;
    cloud.change(crate::cloud::Content::forge);
    let refusal = setup.control(ControlRequest::Sync).await.unwrap_err();
    assert_eq!(refusal, "bundle 2 is refused, the rules in force stay");
    drop(cloud);
    let refusal = setup.control(ControlRequest::Sync).await.unwrap_err();
    assert!(refusal.starts_with("the cloud cannot be reached"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unregister_forgets_the_credentials_and_traffic_goes_on() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "block").await;
    let file = setup.state_dir().join("node.yaml");
    assert!(file.exists());
    setup.control(ControlRequest::Unregister).await.unwrap();
    assert_eq!(cloud.content(|content| content.unregistrations), 1);
    assert!(!file.exists());
    assert_eq!(setup.status(SQLI).await, 403);
    let refusal = setup.control(ControlRequest::Unregister).await.unwrap_err();
    assert!(refusal.contains("not registered"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn node_that_unregisters_on_exit_delivers_its_events_first() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "block").await;
    setup.edit(|text| text.replace("[cloud]\n", "[cloud]\nunregister_on_exit = true\n"));
    setup.node.reload().await.unwrap();
    assert_eq!(setup.status(SQLI).await, 403);
    let (state, _upstream) = setup.stop().await;
    assert_eq!((cloud.hits(), cloud.content(|content| content.unregistrations)), (1, 1));
    assert!(!state.path().join("state/node.yaml").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_node_can_be_unregistered_with_what_it_left_on_disk() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "block").await;
    let file = setup.file();
    let (_state, _upstream) = setup.stop().await;
    let config = bartizan_node::Config::load(&file).unwrap();
    bartizan_node::unregister_stopped(&config).await.unwrap();
    assert_eq!(cloud.content(|content| content.unregistrations), 1);
    assert_eq!(bartizan_node::unregister_stopped(&config).await.unwrap_err(), "this node is not registered");
}

#[tokio::test(flavor = "multi_thread")]
async fn reload_that_changes_the_cloud_restarts_the_link() {
    let cloud = Cloud::start().await;
    let setup = Setup::in_mode("block").await;
    assert_eq!(setup.node.uuid(), "");
    let to = format!(
        "host = \"127.0.0.1\"\nport = {}\nuse_ssl = false\ntoken = \"t0ken\"\n",
        cloud.address.port()
    );
    setup.edit(|text| text.replace("[cloud]\nenabled = false\n", &format!("[cloud]\n{to}")));
    setup.node.reload().await.unwrap();
    assert!(setup.node.wait_synced(Duration::from_secs(20)).await);
    assert_eq!(setup.node.uuid(), "node-uuid");
}

#[test]
fn schema_knows_every_key_of_the_example() {
    fn known(schema: &Value, root: &Value, value: &Value, path: &str) {
        let mut schema = schema;
        while let Some(reference) = schema["$ref"].as_str() {
            schema = root.pointer(reference.trim_start_matches('#')).unwrap();
        }
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    let property = &schema["properties"][key];
                    let property =
                        if property.is_null() { &schema["additionalProperties"] } else { property };
                    assert!(property.is_object(), "{path}.{key} is not in the schema");
                    known(property, root, value, &format!("{path}.{key}"));
                }
            }
            Value::Array(items) => {
                items.iter().for_each(|item| known(&schema["items"], root, item, path));
            }
            _ => {}
        }
    }
    let schema = bartizan_node::Config::schema();
    assert_eq!(schema["additionalProperties"], false);
    let example: toml::Table = toml::from_str(include_str!("../../node.example.toml")).unwrap();
    let mut example = serde_json::to_value(example).unwrap();
    // Keys that may be absent are a choice in the schema, which this test does not walk.
    for optional in ["route", "listen"] {
        example.as_object_mut().unwrap().remove(optional);
    }
    known(&schema, &schema, &example, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn forced_registration_discards_the_credentials_on_disk() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "block").await;
    let file = setup.file();
    let (_state, _upstream) = setup.stop().await;
    for (forced, registrations) in [(false, 1), (true, 2)] {
        let mut config = bartizan_node::Config::load(&file).unwrap();
        config.cloud.force_register = forced;
        let node = bartizan_node::Node::start(config).unwrap();
        assert!(node.wait_synced(Duration::from_secs(20)).await);
        assert_eq!(cloud.content(|content| content.registrations), registrations);
        node.shutdown().await;
    }
}
