//! The node as its neighbours see it: clients in front, an upstream behind, a cloud beside.

mod cloud;
mod enforcement;
mod harness;
mod protocol;
mod upstream;
