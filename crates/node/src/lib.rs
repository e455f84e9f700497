//! The filter node: reverse proxy, decision pipeline, counters, spool, cloud link.

mod block;
mod client_ip;
mod clock;
pub mod config;
mod lists;
mod request_id;
mod routes;
mod spool;
