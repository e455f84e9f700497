//! `kill -9` of node or cloud at any moment loses no hit and doubles none.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::process::{Process, eventually, free_port};

/// How often a process is killed.
const KILLS: usize = 50;
/// Attacks sent around each kill.
const ATTACKS: usize = 6;

/// A cloud and a node as separate processes, in a folder.
struct Pair {
    folder: PathBuf,
    api_port: u16,
    node_port: u16,
    token: String,
    http: reqwest::Client,
}

impl Pair {
    async fn prepare(folder: &Path) -> Pair {
        let (api_port, node_port) = (free_port(), free_port());
        let cloud =
            format!("data_dir = {:?}\n[listen]\naddress = \"127.0.0.1:{api_port}\"\n", folder.join("cloud"));
        std::fs::write(folder.join("cloud.toml"), cloud).unwrap();
        let admin = |arguments: &[&str]| admin(folder, arguments);
        admin(&["create-client", "--name", "Acme"]);
        admin(&["create-user", "--client", "1", "--email", "a@acme.test"]);
        let shown = admin(&["create-token", "--email", "a@acme.test", "--name", "test"]);
        let token = shown.lines().find(|line| line.len() == 64).unwrap().to_owned();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
        Pair { folder: folder.to_owned(), api_port, node_port, token, http }
    }

    fn admin(&self, arguments: &[&str]) -> String {
        admin(&self.folder, arguments)
    }

    async fn start_cloud(&self) -> Process {
        let config = self.folder.join("cloud.toml");
        let mut process =
            Process::start(&["cloud", "--config", config.to_str().unwrap()], &self.folder.join("cloud.log"));
        process.keep_secret([self.token.clone()]);
        eventually("the cloud", Duration::from_secs(20), || async {
            self.http
                .get(format!("http://127.0.0.1:{}/readyz", self.api_port))
                .send()
                .await
                .ok()?
                .status()
                .is_success()
                .then_some(())
        })
        .await;
        process
    }

    async fn start_node(&self) -> Process {
        let config = self.folder.join("node.toml");
        let process =
            Process::start(&["node", "--config", config.to_str().unwrap()], &self.folder.join("node.log"));
        eventually("the node", Duration::from_secs(20), || async {
            self.http.get(format!("http://127.0.0.1:{}/", self.node_port)).send().await.ok().map(|_| ())
        })
        .await;
        process
    }

    async fn api(&self, path: &str, body: &Value) -> Option<Value> {
        let request = self.http.post(format!("http://127.0.0.1:{}{path}", self.api_port)).json(body);
        let reply = request.header("X-WallarmApi-Token", &self.token).send().await.ok()?;
        assert!(reply.status().is_success(), "{path}: {}", reply.status());
        Some(reply.json::<Value>().await.ok()?["body"].take())
    }

    /// Sends an attack; the request id of the refusal, when one came back.
    async fn attack(&self, number: usize) -> Option<String> {
        let url = format!("http://127.0.0.1:{}/n{number}?file=../../../etc/passwd", self.node_port);
        let reply = self.http.get(url).send().await.ok()?;
        assert_eq!(reply.status(), 403);
        Some(reply.headers()["x-request-id"].to_str().unwrap().to_owned())
    }

    /// How often each request id appears among the hits.
    async fn hits(&self) -> Option<BTreeMap<String, usize>> {
        let mut seen = BTreeMap::new();
        for page in 0.. {
            let body = json!({"filter": {"type": "ptrav"}, "limit": 1000, "offset": page * 1000});
            let hits = self.api("/v1/objects/hit", &body).await?;
            let hits = hits.as_array()?;
            for hit in hits {
                *seen.entry(hit["request_id"].as_str()?.to_owned()).or_default() += 1;
            }
            if hits.len() < 1000 {
                break;
            }
        }
        Some(seen)
    }
}

/// What a command for administrators prints.
fn admin(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bartizan"));
    command.arg("admin").arg("--config").arg(folder.join("cloud.toml")).args(arguments);
    let output = command.output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}{shown}", String::from_utf8_lossy(&output.stderr));
    shown
}

/// An upstream that answers 200 to everything.
async fn upstream() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                let _ = socket.read(&mut buffer).await;
                let _ = socket
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                    .await;
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_hit_is_lost_or_doubled_by_killing_either_side() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::prepare(folder.path()).await;
    let upstream = upstream().await;
    let mut cloud = Some(pair.start_cloud().await);
    let group = pair.api("/v2/node", &json!({"hostname": "group", "type": "cloud_node"})).await.unwrap();
    let node_toml = format!(
        "version = 1\nstate_dir = {:?}\n[cloud]\nhost = \"127.0.0.1\"\nport = {}\nuse_ssl = false\ntoken = {}\n\
         [[listen]]\naddress = \"127.0.0.1:{}\"\n[upstream.u]\nservers = [\"http://127.0.0.1:{upstream}\"]\n\
         [route]\nmode = \"block\"\nupstream = \"u\"\n[status]\naddress = \"127.0.0.1:0\"\n",
        folder.path().join("node"),
        pair.api_port,
        group["token"],
        pair.node_port,
    );
    std::fs::write(folder.path().join("node.toml"), node_toml).unwrap();
    let mut node = Some(pair.start_node().await);

    let (mut answered, mut number) = (BTreeSet::new(), 0);
    for kill in 0..KILLS {
        // The moment of the kill moves through the batch: while hits are written, sent and acknowledged.
        let before = kill % (ATTACKS + 1);
        for step in 0..ATTACKS {
            if step == before {
                if kill % 2 == 0 {
                    node.take().unwrap().kill();
                    node = Some(pair.start_node().await);
                } else {
                    cloud.take().unwrap().kill();
                    if kill % 4 == 1 {
                        answered.extend(pair.attack(number).await);
                        number += 1;
                    }
                    cloud = Some(pair.start_cloud().await);
                }
            }
            answered.extend(pair.attack(number).await);
            number += 1;
        }
        if before == ATTACKS {
            node.take().unwrap().kill();
            node = Some(pair.start_node().await);
        }
    }

    assert!(answered.len() >= KILLS * ATTACKS, "only {} attacks were answered", answered.len());
    let seen = eventually("every answered attack among the hits", Duration::from_secs(60), || async {
        let seen = pair.hits().await?;
        answered.iter().all(|id| seen.contains_key(id)).then_some(seen)
    })
    .await;
    let doubled: Vec<_> = seen.iter().filter(|(_, times)| **times != 1).collect();
    assert!(doubled.is_empty(), "doubled hits: {doubled:?}");
    let counted = pair.api("/v1/objects/attack/count", &json!({"filter": {"type": "ptrav"}})).await.unwrap();
    assert_eq!(
        counted["hits"].as_u64().and_then(|hits| usize::try_from(hits).ok()),
        Some(seen.len()),
        "counters and hits disagree"
    );
    // Killed once more: what the index lacks is read from the database, and both are compared hit by hit.
    cloud.take().unwrap().kill();
    drop(node);
    let shown = pair.admin(&["check-events", "--index"]);
    assert_eq!(shown.lines().count(), 1, "{shown}");
    assert!(shown.contains(&format!("{} hits: consistent", seen.len())), "{shown}");
}
