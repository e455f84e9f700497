//! The filter node: reverse proxy, decision pipeline, counters, spool, cloud link.
//!
//! ```text
//! client → proxy::worker (accept, TLS, framing) → proxy (one request) → pipeline (decision) → upstream
//!                                                      │                     │
//!                                                      │                     └ snapshot ← cloud (rules, lists)
//!                                                      └ hits → spool → cloud (events)
//! ```
//!
//! Start with [`Node::start`]; `proxy.rs` shows what happens to a request.

mod access_log;
mod block;
mod budget;
mod client_ip;
mod clock;
mod cloud;
pub mod config;
pub mod control;
mod hits;
mod listeners;
mod lists;
mod live;
mod node;
mod paths;
mod pipeline;
mod proxy;
mod rate_limit;
mod request_id;
mod response;
mod routes;
mod sampler;
mod sampling;
mod sources;
mod spool;
mod state;
mod stats;
mod status;

pub use cloud::unregister_stopped;
pub use config::{Config, ConfigError};
pub use node::{Node, NodeError, RunningNode};
