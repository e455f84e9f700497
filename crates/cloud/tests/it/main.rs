//! Black-box tests over HTTP: one module per resource, each test with its own database.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

mod access;
mod openapi;
mod session;
mod users;
