//! Black-box tests over HTTP: one module per resource, each test with its own database.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    missing_docs,
    reason = "tests, which make most values where they pass them"
)]
#![recursion_limit = "256"]

mod access;
mod account;
mod activity;
mod activity_chain;
mod api_discovery;
mod api_spec;
mod api_tokens;
mod attack_vectors;
mod billing;
mod clients;
mod configuration;
mod connection;
mod delivery;
mod events;
mod hostile;
mod idempotency;
mod integration;
mod ip_list;
mod letters;
mod mail;
mod mfa;
mod node_group;
mod node_sync;
mod openapi;
mod outcomes;
mod pools;
mod quotas;
mod refusals;
mod rule;
mod rules_settings;
mod secrets;
mod session;
mod settings;
mod signup;
mod sso;
mod tls;
mod trigger;
mod two_clouds;
mod users;
