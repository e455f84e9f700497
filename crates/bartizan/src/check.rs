//! `bartizan check`: is this configuration file usable? What does detection make of this request? What does this
//! expression match?

use std::path::{Path, PathBuf};

use bartizan_cloud::CloudConfig;

use crate::{outcome::Failure, output::print};

mod regex;
mod request;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    /// Configuration file of a cloud or a node.
    #[arg(long, required = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(clap::Subcommand)]
enum What {
    /// Say of each line of standard input whether an expression of a rule matches it: `0` or `FAIL`.
    Regex(regex::Args),
    /// Explain what detection makes of a request: its points, the signatures that fired and why.
    Request(request::Args),
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    match (&args.what, &args.config) {
        (Some(What::Regex(args)), _) => regex::run(args),
        (Some(What::Request(args)), _) => request::run(args),
        (None, Some(path)) => configuration(path),
        (None, None) => Err(Failure::usage("say --config FILE, request FILE or regex PATTERN")),
    }
}

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

fn configuration(path: &Path) -> Result<(), Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("{} cannot be read: {error}", path.display())))?;
    if is_node_file(&text) {
        crate::node::load(path)?;
        print(format_args!("{}: a valid node configuration", path.display()))?;
    } else {
        CloudConfig::load(path).map_err(Failure::usage)?;
        print(format_args!("{}: a valid cloud configuration", path.display()))?;
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
