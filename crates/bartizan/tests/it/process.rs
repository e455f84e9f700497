//! Starting the binary and waiting for conditions.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::Value;

/// A process of the binary under test; killed when dropped. Fails its test when it logged one of its secrets.
pub(crate) struct Process {
    pub(crate) child: Child,
    log: PathBuf,
    secrets: Vec<String>,
}

impl Process {
    /// Logs go to the file; what is said to people on standard output does not.
    pub(crate) fn start(arguments: &[&str], log: &Path) -> Process {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_bartizan"))
            .args(arguments)
            .env("BARTIZAN_LOG", "debug")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap();
        Process::of(child, log)
    }

    /// A process that a test started by itself.
    pub(crate) fn of(child: Child, log: &Path) -> Process {
        Process { child, log: log.to_owned(), secrets: vec![] }
    }

    /// What must not be in the log when the process ends.
    pub(crate) fn keep_secret(&mut self, secrets: impl IntoIterator<Item = String>) {
        self.secrets.extend(secrets);
    }

    fn check_log(&self) {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        for line in text.lines() {
            let secret = self.secrets.iter().find(|secret| line.contains(secret.as_str()));
            let Some(secret) = secret else { continue };
            panic!("a secret was logged: {}", line.replace(secret.as_str(), "<secret>"));
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGINT, as Ctrl-C sends it; returns the exit code.
    pub(crate) fn interrupt(mut self) -> Option<i32> {
        Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            self.check_log();
        }
    }
}

/// A port that nobody listens on, below those that the system gives to whoever asks for any: a process that is stopped and
/// started again on its port must not find another test there.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test processes side by side begin at different places.
    let begin = u16::try_from(std::process::id() % 20_000).unwrap();
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % 20_000;
        let port = 12_000 + (begin + step) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
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
        let mut process = Process::start(&arguments, &folder.join("log"));
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
        let secret = |name: &str| credentials[name].as_str().unwrap().to_owned();
        process.keep_secret(["password", "secret", "api_token"].map(secret));
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
        self.call(Method::POST, path, body).await
    }

    /// The same with another method.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        let request = self.http.request(method, format!("{}{path}", self.text("api_url"))).json(&body);
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
