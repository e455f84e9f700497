//! The node as its neighbours see it: clients in front, an upstream behind, a cloud beside.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is what is wanted; clippy exempts only the test functions"
)]

mod bodies;
mod cloud;
mod enforcement;
mod evasion;
mod evidence;
mod faults;
mod harness;
mod hygiene;
mod inspection;
mod modes;
mod operation;
mod protocol;
mod response;
mod rules;
mod sampling;
mod statistics;
mod upstream;
