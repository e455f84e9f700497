//! The contract: wire types, envelopes, filters, permissions, errors. No I/O, no database.
//!
//! Everything that two sides of a wire must agree on lives here, so that the cloud, the node and the
//! clients cannot drift apart. Modules named after a resource hold the shapes of its endpoints; `node`
//! holds the node-to-cloud protocol.

pub mod abuse_event;
pub mod activity;
pub mod api_discovery;
pub mod api_spec;
pub mod api_token;
pub mod attack;
pub mod attack_type;
pub mod attack_vector;
pub mod attack_view;
pub mod billing;
pub mod capec;
pub mod client;
pub mod configuration;
pub mod dashboard;
pub mod envelope;
pub mod error;
pub mod filter;
pub mod hit;
pub mod hit_explanation;
pub mod integration;
pub mod invitation;
pub mod ip_list;
pub mod lenient;
pub mod list;
pub mod listing;
pub mod mfa;
pub mod node;
pub mod node_group;
pub mod owasp;
pub mod permission;
pub mod pool;
pub mod privacy;
pub mod public_id;
pub mod rechecker;
pub mod report;
pub mod rule;
pub mod rules_settings;
pub mod rules_snapshot;
pub mod scim;
pub mod search;
pub mod security_issue;
pub mod session;
pub mod settings;
pub mod signup;
pub mod sso;
pub mod trigger;
pub mod user;
pub mod vuln;
pub mod vuln_type;

pub use attack_type::AttackType;
pub use envelope::{Compared, Empty, Envelope, json_response};
pub use error::{ApiError, ErrorBody};
pub use permission::{Grant, Permission, Role};
