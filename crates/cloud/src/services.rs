//! The rules of the product: what each operation checks, changes, logs and announces.

pub mod action;
pub mod activity;
pub mod api_tokens;
pub mod attacks;
pub mod clients;
pub mod cursor;
pub mod event_view;
pub mod grants;
pub mod hits;
pub mod ingest;
pub mod ip_list;
pub mod listing;
pub mod node_group;
pub mod node_registration;
pub mod node_sync;
pub mod page;
pub mod pools;
pub mod provision;
pub mod rule;
pub mod ruleset;
pub mod search;
pub mod session;
pub mod user_profile;
pub mod user_view;
pub mod users;
pub mod vulns;
