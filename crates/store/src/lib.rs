//! Persistence: entities, migrations, queries. Knows no HTTP.
//!
//! One set of entities, migrations and queries serves SQLite (the default: WAL, one writer) and
//! PostgreSQL. Every query takes its tenant as a typed argument, [`TenantId`] or [`Tenants`], so one without
//! a tenant does not compile. The exceptions are look-ups that *find out* the tenant (a credential, a
//! session); they live in [`identity`] and say so.

pub mod activity;
pub mod activity_chain;
pub mod api_discovery;
pub mod api_specs;
pub mod api_tokens;
pub mod attack_views;
pub mod attacks;
pub mod auth_changes;
pub mod billing;
mod bulk;
pub mod client_settings;
pub mod clients;
pub mod conditions;
pub mod config_versions;
pub mod connection;
pub mod dashboards;
pub mod deliveries;
mod difference;
pub mod dropped_requests;
pub mod entity;
pub mod error;
pub mod event_check;
pub mod event_index;
pub mod event_settings;
mod fair;
pub mod false_positive_rules;
pub mod hints;
pub mod hits;
pub mod idempotency;
pub mod identity;
pub mod ingest;
pub mod integrations;
pub mod invitations;
pub mod ip_groups;
pub mod json_text;
pub mod login_failures;
pub mod mark_rules;
pub mod migration;
pub mod nodes;
mod page;
pub mod partner_clients;
pub mod periodic_notifications;
pub mod pools;
pub mod privacy;
pub mod rate_limits;
pub mod reports;
pub mod rules_snapshots;
pub mod ruleset_settings;
pub mod scim;
pub mod sessions;
pub mod sso;
pub mod tenant;
pub mod tickets;
pub mod traffic;
pub mod triggers;
pub mod usage;
pub mod users;
pub mod verifications;
pub mod vulns;

pub use auth_changes::AuthMark;
pub use connection::{Store, StoreOptions};
pub use error::StoreError;
pub use json_text::JsonText;
pub use sea_orm;
pub use tenant::{TenantId, Tenants};
