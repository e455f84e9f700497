//! A node on free ports, clients for it, and waiting without sleeping blindly.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bartizan_node::control::{ControlRequest, call};
use bartizan_node::{Config, Node, RunningNode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::cloud::Cloud;
use crate::upstream::Upstream;

pub(crate) struct Setup {
    pub(crate) node: RunningNode,
    pub(crate) upstream: Upstream,
    pub(crate) http: reqwest::Client,
    state: TempDir,
}

/// What a test changes about the configuration.
pub(crate) struct Options<'a> {
    pub(crate) mode: &'a str,
    pub(crate) extra: &'a str,
    pub(crate) cloud: Option<&'a Cloud>,
    pub(crate) state: Option<TempDir>,
    pub(crate) upstream: Option<Upstream>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Options { mode: "block", extra: "", cloud: None, state: None, upstream: None }
    }
}

pub(crate) fn config_text(state_dir: &Path, upstream: SocketAddr, options: &Options<'_>) -> String {
    let cloud = match options.cloud {
        Some(cloud) => format!(
            "host = \"127.0.0.1\"\nport = {}\nuse_ssl = false\ntoken = \"t0ken\"\n",
            cloud.address.port()
        ),
        None => "enabled = false\n".to_owned(),
    };
    let listen =
        if options.extra.contains("listen =") { "" } else { "[[listen]]\naddress = \"127.0.0.1:0\"\n" };
    let route = if options.extra.contains("route =") {
        String::new()
    } else {
        format!("[route]\nmode = \"{}\"\n", options.mode)
    };
    format!(
        "workers = 1\nstate_dir = {state_dir:?}\n{}\n[cloud]\n{cloud}\n{listen}\
         [upstream.app]\nservers = [\"http://{upstream}\"]\n[status]\naddress = \"127.0.0.1:0\"\n{route}",
        options.extra,
    )
}

impl Setup {
    pub(crate) async fn new(mut options: Options<'_>) -> Setup {
        let upstream = match options.upstream.take() {
            Some(upstream) => upstream,
            None => Upstream::start().await,
        };
        let state = options.state.take().unwrap_or_else(|| tempfile::tempdir().unwrap());
        let text = config_text(&state.path().join("state"), upstream.address, &options);
        let path = state.path().join("node.toml");
        std::fs::write(&path, text).unwrap();
        let node = Node::start(Config::load(&path).unwrap()).unwrap();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Setup { node, upstream, http, state }
    }

    /// The configuration file.
    pub(crate) fn file(&self) -> PathBuf {
        self.state.path().join("node.toml")
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.state.path().join("state")
    }

    /// Changes the text of the configuration file.
    pub(crate) fn edit(&self, change: impl FnOnce(String) -> String) {
        let text = std::fs::read_to_string(self.file()).unwrap();
        std::fs::write(self.file(), change(text)).unwrap();
    }

    /// Asks the node through its control socket.
    pub(crate) async fn control(&self, request: ControlRequest) -> Result<Value, String> {
        call(&self.state_dir(), request).await.map_err(|error| error.to_string())
    }

    pub(crate) async fn in_mode(mode: &str) -> Setup {
        Setup::new(Options { mode, ..Options::default() }).await
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.node.addresses()[0]
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.http.get(self.url(path)).send().await.unwrap()
    }

    pub(crate) async fn status(&self, path: &str) -> u16 {
        self.get(path).await.status().as_u16()
    }

    pub(crate) async fn stats(&self) -> Value {
        let url = format!("http://{}/wallarm-status", self.node.status_address());
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// Events in the spool, decoded; valid while nothing uploads them.
    pub(crate) fn spooled(&self) -> Vec<Value> {
        spooled(&self.state.path().join("state/spool"))
    }

    pub(crate) async fn stop(self) -> (TempDir, Upstream) {
        self.node.shutdown().await;
        (self.state, self.upstream)
    }

    /// Sends bytes as they are and reads until the other side closes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        // An error is a reset after the answer, which is there already.
        let _ = tokio::time::timeout(Duration::from_secs(10), read)
            .await
            .expect("the node keeps the connection open");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

pub(crate) fn spooled(dir: &Path) -> Vec<Value> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut events = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|ext| ext == "seg")) {
        let bytes = std::fs::read(path).unwrap();
        let mut at = 8;
        while at + 16 <= bytes.len() {
            let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
            events.push(serde_json::from_slice(&bytes[at + 16..at + 16 + length]).unwrap());
            at += 16 + length;
        }
    }
    events
}

/// Asks again until the answer is yes.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut check: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !check().await {
        assert!(Instant::now() < deadline, "did not happen: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
