//! `kill -9` of the node at any moment: every hit whose answer arrived reaches the cloud, none of them twice.
//!
//! The node runs in a process of its own: this test binary started again with one test selected, which finds its
//! configuration in the environment.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bartizan_node::{Config, Node};

use crate::cloud::Cloud;
use crate::harness::{Options, config_text, eventually};
use crate::upstream::Upstream;

const CONFIG: &str = "BARTIZAN_TEST_NODE_CONFIG";
const ROUNDS: usize = 12;

/// Not a test by itself: the process that gets killed.
#[test]
fn child_node() {
    let Ok(path) = std::env::var(CONFIG) else { return };
    let path = Path::new(&path);
    let node = Node::start(Config::load(path).unwrap()).unwrap();
    let address = path.with_extension("address");
    std::fs::write(address.with_extension("new"), node.addresses()[0].to_string()).unwrap();
    std::fs::rename(address.with_extension("new"), address).unwrap();
    loop {
        std::thread::park();
    }
}

async fn start(config: &Path) -> (Child, SocketAddr) {
    let address = config.with_extension("address");
    let _ = std::fs::remove_file(&address);
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "faults::child_node", "--nocapture"])
        .env(CONFIG, config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the child listens", || async { address.exists() }).await;
    (child, std::fs::read_to_string(&address).unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_loses_no_hit_and_doubles_none() {
    let (cloud, upstream) = (Cloud::start().await, Upstream::start().await);
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("node.toml");
    let options = Options { cloud: Some(&cloud), ..Options::default() };
    std::fs::write(&config, config_text(&dir.path().join("state"), upstream.address, &options)).unwrap();
    let mut answered = BTreeSet::new();
    for round in 0..ROUNDS {
        let (mut child, address) = start(&config).await;
        let killed = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> =
            (0..3).map(|client| tokio::spawn(attack(address, round, client, Arc::clone(&killed)))).collect();
        let before = cloud.hits();
        // Sometimes in the middle of the first answers, sometimes in the middle of uploads.
        eventually("the attack is under way", || async { round % 2 == 0 || cloud.hits() > before + round })
            .await;
        killed.store(true, Ordering::SeqCst);
        child.kill().unwrap();
        child.wait().unwrap();
        for client in clients {
            answered.extend(client.await.unwrap());
        }
    }
    let (mut child, _) = start(&config).await;
    eventually("every answered hit is in the cloud", || async {
        let arrived = cloud.request_ids();
        answered.iter().all(|id| arrived.contains(id))
    })
    .await;
    child.kill().unwrap();
    child.wait().unwrap();
    let arrived = cloud.request_ids();
    assert!(answered.len() > ROUNDS, "only {} answers", answered.len());
    assert_eq!(
        arrived.iter().collect::<BTreeSet<_>>().len(),
        arrived.len(),
        "a hit arrived under two identities"
    );
}

/// Attacks until the node is gone; the request ids of the answers that arrived.
async fn attack(address: SocketAddr, round: usize, client: usize, killed: Arc<AtomicBool>) -> Vec<String> {
    let http = reqwest::Client::new();
    let mut ids = Vec::new();
    for i in 0.. {
        let url = format!(
            "http://{address}/{round}/{client}/{i}?q=1%27%20union%20select%20password%20from%20users--"
        );
        match http.get(url).send().await {
            Ok(answer) => {
                assert_eq!(answer.status(), 403);
                ids.push(answer.headers()["x-request-id"].to_str().unwrap().to_owned());
            }
            Err(_) if killed.load(Ordering::SeqCst) => break,
            Err(error) => panic!("the node failed before it was killed: {error}"),
        }
    }
    ids
}
