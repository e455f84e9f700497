//! The store on a real database: SQLite, or PostgreSQL when `BARTIZAN_TEST_DATABASE=postgres`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

mod bulk;
mod connection;
mod users;
