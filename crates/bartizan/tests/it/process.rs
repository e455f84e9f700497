//! Starting the binary and waiting for conditions.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// A process of the binary under test; killed when dropped.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn start(arguments: &[&str], log: &Path) -> Process {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_bartizan"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Process(child)
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// SIGINT, as Ctrl-C sends it; returns the exit code.
    pub(crate) fn interrupt(mut self) -> Option<i32> {
        Command::new("kill").args(["-INT", &self.0.id().to_string()]).status().unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until `check` gives something, at most `limit`.
pub(crate) async fn eventually<T, F, Fut>(what: &str, limit: Duration, mut check: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let start = Instant::now();
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A demo with its credentials.
pub(crate) struct Demo {
    pub(crate) process: Process,
    pub(crate) credentials: Value,
    pub(crate) http: reqwest::Client,
}

impl Demo {
    /// Starts a demo in a folder, without sample traffic.
    pub(crate) async fn start(folder: &Path, more: &[&str]) -> Demo {
        let (data, file) = (folder.join("data"), folder.join("credentials.json"));
        let _ = std::fs::remove_file(&file);
        let (data, file_text) = (data.to_str().unwrap(), file.to_str().unwrap());
        let mut arguments =
            vec!["demo", "--data-dir", data, "--api-port", "0", "--node-port", "0", "--no-traffic"];
        arguments.extend(["--credentials-file", file_text]);
        arguments.extend(more);
        let process = Process::start(&arguments, &folder.join("log"));
        let read = || async { serde_json::from_slice::<Value>(&std::fs::read(&file).ok()?).ok() };
        let log = folder.join("log");
        let start = Instant::now();
        let credentials = loop {
            if let Some(found) = read().await {
                break found;
            }
            let shown = std::fs::read_to_string(&log).unwrap_or_default();
            assert!(start.elapsed() < Duration::from_secs(30), "the demo is not ready: {shown}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let mut http = reqwest::Client::builder().timeout(Duration::from_secs(10));
        if let Some(ca) = credentials["ca_file"].as_str() {
            http = http
                .add_root_certificate(reqwest::Certificate::from_pem(&std::fs::read(ca).unwrap()).unwrap());
        }
        Demo { process, credentials, http: http.build().unwrap() }
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.credentials[name].as_str().unwrap()
    }

    /// POSTs to the API with the token and returns the `body` of a success.
    pub(crate) async fn api(&self, path: &str, body: Value) -> Value {
        let request = self.http.post(format!("{}{path}", self.text("api_url"))).json(&body);
        let reply = request.header("X-WallarmApi-Token", self.text("api_token")).send().await.unwrap();
        let status = reply.status();
        let text = reply.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str::<Value>(&text).unwrap()["body"].take()
    }

    /// Status of a GET through the node.
    pub(crate) async fn through_node(&self, path: &str) -> u16 {
        self.http.get(format!("{}{path}", self.text("node_url"))).send().await.unwrap().status().as_u16()
    }
}
