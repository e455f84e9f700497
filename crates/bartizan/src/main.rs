//! The `bartizan` binary: command line, configuration files, process start and stop. No logic.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

mod admin;
mod check;
mod cloud;
mod demo;
mod node;
mod outcome;
mod output;

/// Measured against the system allocator in `bench/RESULTS.md`: requests allocate small and free soon.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Open, self-hosted API security: filter nodes, a cloud with a public API, a Console.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start everything on this machine: cloud, node, sample upstream, one company.
    Demo(demo::Args),
    /// Run the cloud: API, Console and API Console.
    Cloud {
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Run a filter node, or work with one.
    Node(node::Args),
    /// Manage a cloud from its own machine.
    Admin(admin::Args),
    /// Validate a configuration file, or explain what detection makes of a request.
    Check(check::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // The one TLS implementation in the process; installing it twice is impossible here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    start_logging(matches!(cli.command, Command::Demo(_)));
    let result = match cli.command {
        Command::Demo(args) => outcome::block_on(demo::run(args)),
        Command::Cloud { config } => outcome::block_on(cloud::run(&config)),
        Command::Node(args) => outcome::block_on(node::run(args)),
        Command::Admin(args) => outcome::block_on(admin::run(args)),
        Command::Check(args) => check::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bartizan: {failure}");
            failure.exit_code()
        }
    }
}

/// Logs go to standard error: JSON lines for services, readable lines (warnings only) for the demo.
fn start_logging(demo: bool) {
    let default = if demo { "warn" } else { "info" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("BARTIZAN_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if demo { builder.init() } else { builder.json().init() }
}
