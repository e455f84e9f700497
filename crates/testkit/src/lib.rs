//! What tests share: a cloud on a free port with a company in it, typed callers, a real PostgreSQL.
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
pub mod postgres;
pub mod store;

pub use cloud::{Credential, Reply, TestCloud};
