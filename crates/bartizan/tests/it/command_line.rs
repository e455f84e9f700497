//! Mistakes end with one clear line and exit code 2.

use std::{
    io::Write,
    net::TcpListener,
    process::{Command, Stdio},
};

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_bartizan")).args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Exit code 2, and the last line on standard error holds every one of these texts.
fn assert_refused(arguments: &[&str], texts: &[&str]) {
    let (code, shown) = run(arguments);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!((code, lines.len()), (Some(2), 1), "{shown}");
    for text in texts {
        assert!(shown.contains(text), "{text:?} is not in {shown:?}");
    }
}

#[test]
fn a_taken_port_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let data = folder.path().to_str().unwrap();
    assert_refused(
        &["demo", "--data-dir", data, "--api-port", &port, "--node-port", "0"],
        &[&port, "in use"],
    );
    assert_refused(
        &["demo", "--data-dir", data, "--api-port", "0", "--node-port", &port],
        &[&port, "in use"],
    );
}

#[test]
fn an_unusable_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let inside = file.join("data");
    assert_refused(&["demo", "--data-dir", inside.to_str().unwrap()], &["data folder", "file/data"]);
}

#[test]
fn a_wrong_key_is_named_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = folder.path().join("cloud.toml");
    std::fs::write(&cloud, "region = \"us1\"\n[listen]\nadress = \"127.0.0.1:0\"\n").unwrap();
    for command in [["cloud", "--config"], ["check", "--config"]] {
        let arguments = [command[0], command[1], cloud.to_str().unwrap()];
        assert_refused(&arguments, &["cloud.toml:3", "adress"]);
    }
    let node = folder.path().join("node.toml");
    std::fs::write(&node, "version = 1\n[route]\nmodus = \"block\"\n").unwrap();
    for command in [["node", "--config"], ["check", "--config"]] {
        let arguments = [command[0], command[1], node.to_str().unwrap()];
        assert_refused(&arguments, &["node.toml:3", "modus"]);
    }
}

#[test]
fn a_valid_file_is_called_valid() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = folder.path().join("cloud.toml");
    std::fs::write(&cloud, "region = \"eu1\"\n").unwrap();
    let (code, shown) = run(&["check", "--config", cloud.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{shown}");
}

#[test]
fn an_expression_is_tried_on_values() {
    let tried = |pattern: &str, values: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bartizan"))
            .args(["check", "regex", pattern])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A pattern that is refused reads nothing.
        let _ = child.stdin.take().unwrap().write_all(values.as_bytes());
        let output = child.wait_with_output().unwrap();
        let shown = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code(), shown)
    };
    assert_eq!(tried("/[.]git", "/x/.git/config\n/index\n\n"), (Some(0), "0\nFAIL\nFAIL\n".to_owned()));
    let (code, shown) = tried("(?=a)", "a\n");
    assert!(code == Some(2) && shown.contains("(?=a)"), "{shown}");
    let (code, shown) = tried("x.{50}y", "a\n");
    assert!(code == Some(2) && shown.contains("x.{50}y"), "{shown}");
}

/// A pipe that nobody reads any more: what is printed into it is lost.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn commands_end_quietly_when_their_output_is_not_read_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let cloud = file("cloud.toml", &format!("data_dir = {:?}\n", folder.path().join("data")));
    let node = file("node.toml", "version = 1\n");
    let request = file("request", "GET /a?b=%27+or+1%3D1-- HTTP/1.1\n\n");
    let ended = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_bartizan"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(closed_pipe())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        // Services log there.
        let said = said.lines().filter(|line| !line.starts_with('{')).collect::<Vec<_>>().join("\n");
        (output.status.code(), said)
    };
    let admin = ["admin", "--config", &cloud];
    for arguments in [
        &["check", "request", &request][..],
        &["check", "request", "--json", &request],
        &["check", "--config", &cloud],
        &["node", "--config", &node, "config", "schema"],
        &[admin[0], admin[1], admin[2], "create-client", "--name", "Acme"],
        &[admin[0], admin[1], admin[2], "export-config", "--client", "1"],
        &[admin[0], admin[1], admin[2], "check-events"],
        &[admin[0], admin[1], admin[2], "check-activity"],
    ] {
        assert_eq!(ended(arguments), (Some(0), String::new()), "{arguments:?}");
    }
    // What cannot be asked for again was not given to anybody.
    let user = [admin[0], admin[1], admin[2], "create-user", "--client", "1", "--email", "eve@acme.test"];
    assert_eq!(ended(&user).0, Some(1));
}

#[test]
fn administrators_make_tenants_users_and_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("cloud.toml");
    std::fs::write(&config, format!("data_dir = {:?}\n", folder.path().join("data"))).unwrap();
    let config = config.to_str().unwrap();
    let admin = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_bartizan"))
            .args(["admin", "--config", config])
            .args(arguments)
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, shown) = admin(&["create-client", "--name", "Acme"]);
    assert_eq!(code, Some(0), "{shown}");
    let (code, shown) = admin(&["create-user", "--client", "1", "--email", "eve@acme.test"]);
    assert!(code == Some(0) && shown.contains("password "), "{shown}");
    let (code, shown) = admin(&["create-user", "--client", "1", "--email", "eve@acme.test"]);
    assert!(code == Some(2) && shown.contains("already exists"), "{shown}");
    let (code, shown) = admin(&["create-user", "--client", "9", "--email", "x@acme.test"]);
    assert!(code == Some(2) && shown.contains("no client 9"), "{shown}");
    let (code, shown) =
        admin(&["create-user", "--client", "1", "--email", "g@acme.test", "--role", "partner_admin"]);
    assert!(code == Some(2) && shown.contains("--technical"), "{shown}");
    let (code, shown) = admin(&["restore-client", "--client", "1"]);
    assert!(code == Some(2) && shown.contains("not found"), "{shown}");
    let (code, shown) = admin(&["create-token", "--email", "eve@acme.test", "--name", "ci"]);
    assert!(code == Some(0) && shown.lines().any(|line| line.len() == 64), "{shown}");
    let (code, shown) = admin(&["create-operator-token", "--client", "1", "--name", "billing"]);
    assert!(code == Some(0) && shown.lines().any(|line| line.len() == 64), "{shown}");
    let witness = folder.path().join("witness");
    let (code, shown) = admin(&["check-activity", "--witness", witness.to_str().unwrap()]);
    assert!(code == Some(0) && shown.contains("client 1: 0 entries, 2 waiting: unbroken"), "{shown}");
    std::fs::write(&witness, "1 7 abc\n").unwrap();
    let (code, shown) = admin(&["check-activity", "--witness", witness.to_str().unwrap()]);
    assert!(code == Some(1) && shown.contains("client 1: the entry at 7 is not the one"), "{shown}");
    for (text, error) in [("moon\n", "not a witness"), ("", "it is empty")] {
        std::fs::write(&witness, text).unwrap();
        let (code, shown) = admin(&["check-activity", "--witness", witness.to_str().unwrap()]);
        assert!(code == Some(2) && shown.contains(error), "{shown}");
    }
    configuration_goes_from_tenant_to_tenant(folder.path(), admin);
    global_roles_need_a_technical_tenant(admin);
    let backup = folder.path().join("backup");
    let (code, shown) = admin(&["backup", "--to", backup.to_str().unwrap()]);
    assert!(
        code == Some(0) && backup.join("bartizan.db").exists() && backup.join("keys.toml").exists(),
        "{shown}"
    );
    let (code, shown) = admin(&["restore", "--from", backup.to_str().unwrap()]);
    assert!(code == Some(2) && shown.contains("exists"), "{shown}");
    std::fs::remove_dir_all(folder.path().join("data")).unwrap();
    let (code, shown) = admin(&["restore", "--from", backup.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{shown}");
    let (code, shown) = admin(&["reset-password", "--email", "eve@acme.test"]);
    assert_eq!(code, Some(0), "{shown}");
}

fn global_roles_need_a_technical_tenant(admin: impl Fn(&[&str]) -> (Option<i32>, String)) {
    let make = |client: &str, role: &str| {
        let email = format!("{role}@acme.test");
        admin(&["create-user", "--client", client, "--email", &email, "--role", role])
    };
    let (code, shown) = make("1", "partner_admin");
    assert!(code == Some(2) && shown.contains("--technical"), "{shown}");
    let (code, shown) = admin(&["create-client", "--name", "Group", "--technical"]);
    let made = shown.strip_prefix("client ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    assert!(code == Some(0) && shown.contains("(Group)"), "{shown}");
    let (code, shown) = make(made, "partner_admin");
    assert_eq!(code, Some(0), "{shown}");
    let (code, shown) = make(made, "superadmin");
    assert!(code == Some(2) && shown.contains("is not a role"), "{shown}");
}

fn configuration_goes_from_tenant_to_tenant(
    folder: &std::path::Path,
    admin: impl Fn(&[&str]) -> (Option<i32>, String),
) {
    use std::os::unix::fs::PermissionsExt;
    let file = folder.join("acme.json");
    let path = file.to_str().unwrap();
    let (code, shown) = admin(&["export-config", "--client", "1", "--to", path]);
    assert!(code == Some(0) && shown.starts_with(path), "{shown}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replace(
            "\"default\"\n    }\n  ],\n  \"rules_settings\"",
            "\"block\"\n    }\n  ],\n  \"rules_settings\"",
        ),
    )
    .unwrap();
    let changed = std::fs::read_to_string(&file).unwrap();
    assert_ne!(changed, text);
    assert_eq!(admin(&["create-client", "--name", "Other"]).0, Some(0));
    let (code, shown) = admin(&["import-config", "--client", "2", "--from", path, "--dry-run"]);
    assert!(
        code == Some(0) && shown.contains("rules: 1 created, 0 updated, 1 deleted, 0 unchanged"),
        "{shown}"
    );
    assert!(shown.contains("nothing was changed"), "{shown}");
    let (code, shown) = admin(&["import-config", "--client", "2", "--from", path]);
    assert!(code == Some(0) && shown.contains("imported"), "{shown}");
    let (code, shown) = admin(&["export-config", "--client", "2"]);
    assert!(code == Some(0) && shown.starts_with(&changed), "{shown}");
    let (code, shown) = admin(&["export-config", "--client", "9"]);
    assert!(code == Some(2) && shown.contains("there is no client 9"), "{shown}");
    std::fs::write(&file, changed.replace("\"block\"", "\"closed\"")).unwrap();
    let (code, shown) = admin(&["import-config", "--client", "2", "--from", path]);
    assert!(code == Some(2) && shown.contains("rules[0].mode: is invalid: \"closed\""), "{shown}");
    std::fs::write(&file, "{\n  \"format\": }").unwrap();
    let (code, shown) = admin(&["import-config", "--client", "2", "--from", path]);
    assert!(code == Some(2) && shown.contains("acme.json") && shown.contains("line 2"), "{shown}");
}
