//! Black-box tests of the binary: real processes, real sockets, real files.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, missing_docs, reason = "tests")]

mod command_line;
mod kill;
mod main_job;
mod node;
mod process;
