//! The cloud: endpoints (one file per resource), services, workers, authentication.
//!
//! A request runs: `edge` (who, may they, not too often) → `endpoints` (parse, shape) → `services` (rules of
//! the product, one transaction) → `bartizan_store`. Routes and their OpenAPI document are one declaration;
//! who may call them is one table, [`access`].

pub mod access;
pub mod auth;
mod certificates;
pub mod config;
mod connection;
mod console;
mod edge;
pub mod endpoints;
mod extract;
mod failure;
mod idempotency;
pub mod keys;
pub mod limits;
pub mod mail;
pub mod notices;
pub mod openapi;
pub mod outgoing;
pub mod pdf;
pub mod secrets;
pub mod server;
pub mod services;
pub mod state;
mod strict_json;

pub use config::{CloudConfig, ConfigError};
pub use failure::Failure;
pub use server::{RunningCloud, StartError};
pub use state::Cloud;
