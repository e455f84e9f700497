//! How a command ends: success, a user's mistake (exit code 2), or a fault (exit code 1).

use std::{fmt, future::Future, process::ExitCode};

/// Why a command failed, in one line.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something the user can change: configuration, a taken port, an unwritable folder.
    Usage(String),
    /// Anything else.
    Fault(String),
}

impl Failure {
    pub(crate) fn usage(error: impl fmt::Display) -> Failure {
        Failure::Usage(one_line(&error))
    }

    pub(crate) fn fault(error: impl fmt::Display) -> Failure {
        Failure::Fault(one_line(&error))
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Usage(_) => 2,
            Failure::Fault(_) => 1,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(text) | Failure::Fault(text) => f.write_str(text),
        }
    }
}

fn one_line(error: &impl fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// Runs a command on a multi-threaded runtime.
pub(crate) fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::fault(format!("the runtime does not start: {error}")))?
        .block_on(command)
}

/// Returns when the process is asked to stop (Ctrl-C or SIGTERM).
pub(crate) async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut stream) => {
                stream.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}
