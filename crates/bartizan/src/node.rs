//! `bartizan node`: one filter node.

use std::{
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use bartizan_node::{Config, Node, NodeError, RunningNode};
use clap::{Parser, Subcommand};

use crate::outcome::{Failure, asked_to_stop, chain};

#[derive(Parser)]
pub(crate) struct Args {
    /// Configuration file.
    #[arg(long, global = true, default_value = "/etc/bartizan/node.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Validate the configuration and exit.
    Check,
    /// Print the statistics of the running node.
    Status,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let config = load(&args.config)?;
    match args.command {
        None => serve(config).await,
        Some(Command::Check) => {
            println!("{}: a valid node configuration", args.config.display());
            Ok(())
        }
        Some(Command::Status) => status(&config).await,
    }
}

/// Reads and validates a node's file.
pub(crate) fn load(path: &Path) -> Result<Config, Failure> {
    Config::load(path).map_err(|error| Failure::usage(chain(&error)))
}

async fn serve(config: Config) -> Result<(), Failure> {
    let node = start(config).await?;
    tracing::info!(addresses = ?node.addresses(), status = %node.status_address(), "the node serves");
    asked_to_stop().await;
    node.shutdown().await;
    Ok(())
}

async fn status(config: &Config) -> Result<(), Failure> {
    let url = format!("http://{}/wallarm-status", config.status.address);
    let reply = reqwest::get(&url).await.and_then(reqwest::Response::error_for_status);
    let reply =
        reply.map_err(|error| Failure::usage(format!("no node answers at {url}: {}", chain(&error))))?;
    println!("{}", reply.text().await.map_err(|error| Failure::fault(chain(&error)))?);
    Ok(())
}

/// Writes a node's file (it holds a token: readable by its owner only) and starts the node it describes.
pub(crate) async fn start_with(text: &str, path: &Path) -> Result<RunningNode, Failure> {
    let unusable =
        |error: std::io::Error| Failure::usage(format!("{} cannot be written: {error}", path.display()));
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
    }
    let mut file = std::fs::OpenOptions::new();
    let mut file = file.write(true).create(true).truncate(true).mode(0o600).open(path).map_err(unusable)?;
    file.write_all(text.as_bytes()).map_err(unusable)?;
    start(load(path)?).await
}

async fn start(config: Config) -> Result<RunningNode, Failure> {
    // Starting blocks on disk and sockets, and may wait for the cloud of this very process.
    let started = tokio::task::spawn_blocking(move || Node::start(config)).await.map_err(Failure::fault)?;
    started.map_err(|error| match error {
        NodeError::Register(_) => Failure::fault(chain(&error)),
        _ => Failure::usage(chain(&error)),
    })
}
