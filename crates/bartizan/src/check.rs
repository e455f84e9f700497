//! `bartizan check`: is this configuration file usable?

use std::path::Path;

use bartizan_cloud::CloudConfig;

use crate::outcome::Failure;

/// Top-level keys that only a node's file has.
const NODE_KEYS: [&str; 12] = [
    "version",
    "role",
    "workers",
    "state_dir",
    "blocking",
    "cloud",
    "upstream",
    "route",
    "client_ip",
    "acl",
    "inspect",
    "spool",
];

pub(crate) fn run(path: &Path) -> Result<(), Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("{} cannot be read: {error}", path.display())))?;
    if is_node_file(&text) {
        crate::node::load(path)?;
        println!("{}: a valid node configuration", path.display());
    } else {
        CloudConfig::load(path).map_err(Failure::usage)?;
        println!("{}: a valid cloud configuration", path.display());
    }
    Ok(())
}

/// Nodes have several listeners, clouds one; a file that does not parse is judged by the first key found.
fn is_node_file(text: &str) -> bool {
    match toml::from_str::<toml::Table>(text) {
        Ok(table) => {
            table.get("listen").is_some_and(toml::Value::is_array)
                || NODE_KEYS.iter().any(|key| table.contains_key(*key))
        }
        Err(_) => NODE_KEYS
            .iter()
            .any(|key| text.lines().any(|line| line.trim_start().trim_start_matches('[').starts_with(key))),
    }
}
