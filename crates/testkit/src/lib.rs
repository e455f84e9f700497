//! What tests share: a cloud on a free port with a company in it, typed callers, a real PostgreSQL, a mail
//! server, an HTTP receiver.
//!
//! Tests only: panics are assertions here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test that cannot set up has failed"
)]

pub mod cloud;
pub mod logs;
pub mod postgres;
pub mod receiver;
pub mod smtp;
pub mod store;
pub mod tls;

pub use cloud::{Credential, Reply, TestCloud};

/// How long a test waits for what must happen; only a failing test waits that long.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
