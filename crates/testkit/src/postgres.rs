//! A real PostgreSQL, started once per test process in a folder of its own, as an ordinary user.
//!
//! It ends with the test process, however that ends: a guard waits for the process's end of a pipe to close,
//! then stops the server and removes its folder.

use std::{
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
};

/// Many tests at once, each with a pool of its own.
const MAX_CONNECTIONS: u32 = 500;

static SERVER: OnceLock<Mutex<Server>> = OnceLock::new();

struct Server {
    folder: PathBuf,
    databases: u32,
    /// Holds the pipe; never read, dropped by the end of the process.
    _guard: Child,
}

/// Whether the tests are to run on PostgreSQL: `BARTIZAN_TEST_DATABASE=postgres`.
#[must_use]
pub fn is_chosen() -> bool {
    std::env::var("BARTIZAN_TEST_DATABASE").is_ok_and(|kind| kind == "postgres")
}

/// The URL of a new, empty database.
#[must_use]
pub fn fresh_database() -> String {
    let server = SERVER.get_or_init(|| Mutex::new(Server::start()));
    let mut server = server.lock().unwrap_or_else(PoisonError::into_inner);
    server.databases += 1;
    let name = format!("test{}", server.databases);
    let socket = server.folder.join("socket");
    run(as_ordinary_user(&binary("createdb")).args([
        "-h",
        socket.to_str().unwrap(),
        "-U",
        "bartizan",
        &name,
    ]));
    let host = socket.to_str().unwrap().replace('/', "%2F");
    format!("postgres://bartizan@{host}/{name}")
}

impl Server {
    fn start() -> Server {
        // /tmp: socket paths are limited to about 100 bytes.
        let folder = tempfile::Builder::new().prefix("bartizan-pg-").tempdir_in("/tmp").unwrap().keep();
        let (data, socket) = (folder.join("data"), folder.join("socket"));
        std::fs::create_dir_all(&socket).unwrap();
        std::fs::create_dir_all(&data).unwrap();
        hand_over(&folder);
        let guard = stop_with_this_process(&folder);
        run(as_ordinary_user(&binary("initdb"))
            .args(["-U", "bartizan", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "-D"])
            .arg(&data));
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c fsync=off -c max_connections={MAX_CONNECTIONS}",
            socket.display()
        );
        run(as_ordinary_user(&binary("pg_ctl"))
            .args(["start", "-w", "-o", &options, "-l"])
            .arg(folder.join("log"))
            .arg("-D")
            .arg(&data));
        Server { folder, databases: 0, _guard: guard }
    }
}

fn run(command: &mut Command) {
    let output =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).status().unwrap();
    assert!(output.success(), "{command:?} failed");
}

/// A shell that waits for this process's end of a pipe to close and then stops the server and removes its
/// folder. In a process group of its own, so that Ctrl-C of the tests does not end it early.
fn stop_with_this_process(folder: &Path) -> Child {
    let script = "cat; \"$1\" stop -m immediate -D \"$2/data\"; rm -rf \"$2\"";
    as_ordinary_user(Path::new("sh"))
        .args(["-c", script, "sh"])
        .arg(binary("pg_ctl"))
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap()
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
