//! One entity per table. Rows are plain data: no query lives here.
//!
//! The tables themselves are made by [`crate::migration`]; a test compares the two.

pub mod action;
pub mod activity;
pub mod api_token;
pub mod attack;
pub mod attack_export;
pub mod attack_view;
pub mod attack_view_default;
pub mod client;
pub mod client_settings;
pub mod config_version;
pub mod event_batch;
pub mod event_head;
pub mod event_setting;
pub mod false_positive_rule;
pub mod hint;
pub mod hit;
pub mod hit_raw;
pub mod incident;
pub mod invitation;
pub mod ip_group;
pub mod login_failure;
pub mod mark_rule;
pub mod node_group;
pub mod node_instance;
pub mod partner;
pub mod partner_client;
pub mod pool;
pub mod rejected_event;
pub mod ruleset_setting;
pub mod session;
pub mod sso_config;
pub mod sso_group;
pub mod ticket;
pub mod traffic_minute;
pub mod user;
pub mod vuln;
pub mod vuln_change;
pub mod vuln_proof;
