//! `bartizan node`: one filter node, or a word with the one that runs.

use std::{
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use bartizan_node::{
    Config, Node, NodeError, RunningNode,
    control::{ControlError, ControlRequest, call},
};
use clap::{Parser, Subcommand};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    outcome::{Failure, asked_to_stop, chain},
    output::print,
};

mod trial;

#[derive(Parser)]
pub(crate) struct Args {
    /// Configuration file.
    #[arg(long, global = true, default_value = "/etc/bartizan/node.toml")]
    config: PathBuf,
    /// Register anew although there are credentials on disk.
    #[arg(long)]
    force_register: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Validate the configuration and exit.
    Check,
    /// About the configuration file.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Print diagnostics of the running node, without secrets.
    Dump,
    /// Have the running node read its configuration file again.
    Reload,
    /// Print the statistics of the running node.
    Status,
    /// Have the running node fetch rules and lists now.
    Sync,
    /// Inspect a request as the running node would, and print points, findings, mode and verdict.
    TestRequest(trial::Args),
    /// Leave the cloud's list of nodes and forget the credentials.
    Unregister,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Print the JSON Schema of the file.
    Schema,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let Some(command) = args.command else {
        let mut config = load(&args.config)?;
        config.cloud.force_register |= args.force_register;
        return serve(config).await;
    };
    let state_dir = Config::state_dir_of(&args.config);
    let answer = match command {
        Command::Check => {
            load(&args.config)?;
            return print(format_args!("{}: a valid node configuration", args.config.display()));
        }
        Command::Config { command: ConfigCommand::Schema } => Config::schema(),
        Command::Dump => ask(&state_dir, ControlRequest::Dump).await?,
        Command::Reload => ask(&state_dir, ControlRequest::Reload).await?,
        Command::Status => ask(&state_dir, ControlRequest::Status).await?,
        Command::Sync => ask(&state_dir, ControlRequest::Sync).await?,
        Command::TestRequest(trial) => return print(trial.run(&state_dir).await?),
        Command::Unregister => return unregister(&args.config, &state_dir).await,
    };
    print(serde_json::to_string_pretty(&answer).map_err(Failure::fault)?)
}

/// Reads and validates a node's file.
pub(crate) fn load(path: &Path) -> Result<Config, Failure> {
    Config::load(path).map_err(|error| Failure::usage(chain(&error)))
}

async fn ask(state_dir: &Path, request: ControlRequest) -> Result<Value, Failure> {
    call(state_dir, request).await.map_err(|error| refused(&error))
}

fn refused(error: &ControlError) -> Failure {
    match error {
        ControlError::Exchange(_) => Failure::fault(chain(error)),
        _ => Failure::usage(chain(error)),
    }
}

/// By the running node, or, when there is none, with the credentials that it left on disk.
async fn unregister(config: &Path, state_dir: &Path) -> Result<(), Failure> {
    match call(state_dir, ControlRequest::Unregister).await {
        Ok(_) => {}
        Err(ControlError::Absent { .. }) => {
            bartizan_node::unregister_stopped(&load(config)?).await.map_err(Failure::usage)?;
        }
        Err(error) => return Err(refused(&error)),
    }
    print("unregistered")
}

async fn serve(config: Config) -> Result<(), Failure> {
    let mut hang_up = signal(SignalKind::hangup()).map_err(Failure::fault)?;
    let node = start(config).await?;
    tracing::info!(addresses = ?node.addresses(), status = %node.status_address(), "the node serves");
    let mut asked_to_stop = std::pin::pin!(asked_to_stop());
    loop {
        tokio::select! {
            () = &mut asked_to_stop => break,
            Some(()) = hang_up.recv() => {
                if let Err(error) = node.reload().await {
                    tracing::error!(reason = chain(&error), "configuration is refused, the one in force stays");
                }
            }
        }
    }
    node.shutdown().await;
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
