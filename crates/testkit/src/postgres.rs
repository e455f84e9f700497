//! A real PostgreSQL, started once per test process in a folder of its own, as an ordinary user.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, OnceLock},
};

static SERVER: OnceLock<Mutex<Server>> = OnceLock::new();

struct Server {
    folder: PathBuf,
    databases: u32,
}

/// The URL of a new, empty database.
#[must_use]
pub fn fresh_database() -> String {
    let server = SERVER.get_or_init(|| Mutex::new(Server::start()));
    let mut server = server.lock().unwrap();
    server.databases += 1;
    let name = format!("test{}", server.databases);
    let socket = server.folder.join("socket");
    let created = as_ordinary_user(&binary("createdb"))
        .args(["-h", socket.to_str().unwrap(), "-U", "bartizan", &name])
        .status()
        .unwrap();
    assert!(created.success(), "createdb failed");
    let host = socket.to_str().unwrap().replace('/', "%2F");
    format!("postgres://bartizan@{host}/{name}")
}

impl Server {
    fn start() -> Server {
        // /tmp: socket paths are limited to about 100 bytes.
        let folder = PathBuf::from(format!("/tmp/bartizan-pg-{}", std::process::id()));
        let (data, socket) = (folder.join("data"), folder.join("socket"));
        std::fs::create_dir_all(&socket).unwrap();
        std::fs::create_dir_all(&data).unwrap();
        hand_over(&folder);
        run(as_ordinary_user(&binary("initdb"))
            .args(["-U", "bartizan", "-A", "trust", "--no-sync", "-D"])
            .arg(&data));
        let options =
            format!("-c listen_addresses='' -c unix_socket_directories='{}' -c fsync=off", socket.display());
        run(as_ordinary_user(&binary("pg_ctl"))
            .args(["start", "-w", "-o", &options, "-l"])
            .arg(folder.join("log"))
            .arg("-D")
            .arg(&data));
        stop_with_this_process(&folder);
        Server { folder, databases: 0 }
    }
}

fn run(command: &mut Command) {
    let output =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).status().unwrap();
    assert!(output.success(), "{command:?} failed");
}

/// A shell that waits for this process to end and then stops the server and removes its folder.
fn stop_with_this_process(folder: &Path) {
    let script = "while kill -0 \"$1\" 2>/dev/null; do sleep 0.5; done; \"$2\" stop -m immediate -D \"$3/data\"; rm -rf \"$3\"";
    as_ordinary_user(Path::new("sh"))
        .args(["-c", script, "sh", &std::process::id().to_string()])
        .arg(binary("pg_ctl"))
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
}

/// The newest installed server's program.
fn binary(name: &str) -> PathBuf {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .expect("PostgreSQL is not installed: `make test` installs it, or `apt-get install postgresql`")
        .map(|entry| entry.unwrap().path())
        .collect();
    versions.sort();
    versions.pop().expect("PostgreSQL is not installed: `apt-get install postgresql`").join("bin").join(name)
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}

/// PostgreSQL refuses to run as root; then the account of Debian's package is used.
fn as_ordinary_user(program: &Path) -> Command {
    if is_root() {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
            .arg(program)
            .current_dir("/tmp");
        command
    } else {
        Command::new(program)
    }
}

fn hand_over(folder: &Path) {
    if is_root() {
        run(Command::new("chown").args(["-R", "postgres:postgres"]).arg(folder));
    }
}
