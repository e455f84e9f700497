//! `bartizan node` as a process: signals, and the commands beside it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Process, eventually, free_port};

const ATTACK: &str = "/files?name=../../../../etc/passwd";

/// A node without a cloud, in front of nothing.
struct Node {
    process: Process,
    address: SocketAddr,
    folder: TempDir,
}

impl Node {
    async fn start(mode: &str) -> Node {
        let folder = tempfile::tempdir().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        write(folder.path(), address, mode);
        let config = config(folder.path());
        let process =
            Process::start(&["node", "--config", config.to_str().unwrap()], &folder.path().join("log"));
        let node = Node { process, address, folder };
        eventually("the node", Duration::from_secs(20), || async {
            (node.run(&["status"]).0 == Some(0)).then_some(())
        })
        .await;
        node
    }

    /// Exit code, standard output, standard error of a command on this node.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_bartizan"))
            .arg("node")
            .args(arguments)
            .args(["--config", config(self.folder.path()).to_str().unwrap()])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    fn signal(&self, name: &str) {
        Command::new("kill").args([name, &self.process.child.id().to_string()]).status().unwrap();
    }

    async fn get(&self, path: &str) -> u16 {
        reqwest::get(format!("http://{}{path}", self.address)).await.unwrap().status().as_u16()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

fn config(folder: &Path) -> PathBuf {
    folder.join("node.toml")
}

fn write(folder: &Path, address: SocketAddr, mode: &str) {
    let text = format!(
        "state_dir = {:?}\nworkers = 1\n[cloud]\nenabled = false\n[[listen]]\naddress = \"{address}\"\n\
         [upstream.none]\nservers = [\"http://127.0.0.1:1\"]\n[status]\naddress = \"127.0.0.1:0\"\n\
         [route]\nmode = \"{mode}\"\n",
        folder.join("state")
    );
    std::fs::write(config(folder), text).unwrap();
}

#[tokio::test]
async fn hang_up_and_reload_put_a_changed_file_in_force_and_a_wrong_one_not() {
    let node = Node::start("monitoring").await;
    assert_eq!(node.get(ATTACK).await, 502);
    write(node.folder.path(), node.address, "block");
    node.signal("-HUP");
    eventually("the mode", Duration::from_secs(10), || async {
        (node.get(ATTACK).await == 403).then_some(())
    })
    .await;
    write(node.folder.path(), node.address, "blocking");
    let (code, _, shown) = node.run(&["reload"]);
    assert!(code == Some(2) && shown.contains("node.toml:12") && shown.contains("blocking"), "{shown}");
    node.signal("-HUP");
    eventually("the refusal in the log", Duration::from_secs(10), || async {
        (node.log().matches("configuration is refused").count() == 2).then_some(())
    })
    .await;
    // A wrong file does not keep an operator from the node.
    assert_eq!(node.run(&["status"]).0, Some(0));
    assert_eq!(node.get(ATTACK).await, 403);
    write(node.folder.path(), node.address, "off");
    let (code, shown, _) = node.run(&["reload"]);
    assert!(code == Some(0) && shown.contains("\"config_revision\": 2"), "{shown}");
    assert_eq!(node.get(ATTACK).await, 502);
}

#[tokio::test]
async fn commands_speak_to_the_running_node() {
    let node = Node::start("block").await;
    let request = node.folder.path().join("request");
    std::fs::write(&request, format!("GET {ATTACK} HTTP/1.1\nHost: shop.example\n")).unwrap();
    let (code, shown, error) = node.run(&["test-request", request.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{error}");
    for line in [
        "request      GET /files?name=../../../../etc/passwd",
        "mode         block",
        "  get name = \"../../../../etc/passwd\"",
        "  ptrav at get name = ",
        "verdict      block (attack, ptrav)",
    ] {
        assert!(shown.contains(line), "{line:?} is not in {shown}");
    }
    let (_, shown, _) = node.run(&["dump"]);
    let dump: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(dump["config"]["route"]["mode"], "block");
    let (code, _, shown) = node.run(&["sync"]);
    assert!(code == Some(2) && shown.contains("cloud.enabled is false"), "{shown}");
    let (_, shown, _) = node.run(&["config", "schema"]);
    let schema: Value = serde_json::from_str(&shown).unwrap();
    assert!(schema["properties"]["route"].is_object());
    assert_eq!(node.run(&["check"]).0, Some(0));
}

#[tokio::test]
async fn attacks_leave_a_line_in_the_access_log() {
    let node = Node::start("block").await;
    let more = |when: &str| {
        write(node.folder.path(), node.address, "block");
        let text = std::fs::read_to_string(config(node.folder.path())).unwrap();
        std::fs::write(config(node.folder.path()), format!("{text}[log.access]\nwhen = \"{when}\"\n"))
            .unwrap();
        assert_eq!(node.run(&["reload"]).0, Some(0));
    };
    let lines = || -> Vec<Value> {
        let log = node.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["target"] == "access").map(|line| line["fields"].clone()).collect()
    };
    assert_eq!(node.get(ATTACK).await, 403);
    assert!(lines().is_empty());
    more("attacks");
    assert_eq!((node.get(ATTACK).await, node.get("/").await), (403, 502));
    let [line] = lines().try_into().unwrap();
    assert_eq!(line["wallarm_attack_type_list"], "ptrav");
    assert_eq!(line["wallarm_attack_type"], "32");
    assert_eq!(line["wallarm_attack_point_list"], "[get, 'name']");
    assert_eq!(line["wallarm_block_reason"], "attack mask=0000000000000020");
    assert_eq!((&line["status"], &line["wallarm_mode"]), (&403.into(), &"block".into()));
    assert!(!line.to_string().contains("passwd"), "{line}");
    more("all");
    assert_eq!(node.get("/a?b=c").await, 502);
    let last = lines().pop().unwrap();
    assert_eq!((&last["path"], &last["status"]), (&"/a".into(), &502.into()));
    // The same request id joins the two lines of one request.
    assert_eq!(node.get(ATTACK).await, 403);
    let mut lines = lines();
    let (request, attack) = (lines.pop().unwrap(), lines.pop().unwrap());
    assert_eq!(request["request_id"], attack["request_id"]);
}

#[tokio::test]
async fn commands_say_that_there_is_no_node() {
    let node = Node::start("block").await;
    let Node { mut process, folder, .. } = node;
    Command::new("kill").args(["-TERM", &process.child.id().to_string()]).status().unwrap();
    // SIGTERM is a regular end.
    assert_eq!(process.child.wait().unwrap().code(), Some(0));
    let output = Command::new(env!("CARGO_BIN_EXE_bartizan"))
        .args(["node", "reload", "--config", config(folder.path()).to_str().unwrap()])
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && shown.contains("no node answers"), "{shown}");
}

#[tokio::test]
async fn credentials_of_clients_are_in_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    write(folder.path(), address, "block");
    let log = folder.path().join("log");
    let file = std::fs::File::create(&log).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_bartizan"))
        .args(["node", "--config", config(folder.path()).to_str().unwrap()])
        .env("BARTIZAN_LOG", "debug")
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn()
        .unwrap();
    let _process = Process::of(child, &log);
    let http = reqwest::Client::new();
    let url = format!("http://{address}{ATTACK}");
    let answer = eventually("the node", Duration::from_secs(20), || async {
        http.get(&url).header("cookie", "session=k3pt-s3cret").send().await.ok()
    })
    .await;
    assert_eq!(answer.status(), 403);
    let shown = std::fs::read_to_string(&log).unwrap();
    assert!(shown.contains("the node serves") && !shown.contains("k3pt-s3cret"));
}
