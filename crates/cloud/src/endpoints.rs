//! One file per resource: handlers that parse, call one service method and shape the reply.

use utoipa_axum::router::OpenApiRouter;

use crate::state::Cloud;

pub mod account;
pub mod activity;
pub mod api_discovery;
pub mod api_spec;
pub mod api_tokens;
pub mod attack_series;
pub mod attack_vectors;
pub mod attack_views;
pub mod attacks;
pub mod billing;
pub mod blacklist;
pub mod clients;
pub mod configuration;
pub mod credentials;
pub mod dashboards;
pub mod events;
pub mod health;
pub mod hit_reports;
pub mod hits;
pub mod integration;
pub mod invitations;
pub mod ip_list;
pub mod ip_rule;
pub mod mfa;
pub mod node_group;
pub mod node_sync;
pub mod password;
pub mod pools;
pub mod privacy;
pub mod rechecker;
pub mod reports;
pub mod rule;
pub mod rules_settings;
pub mod rules_snapshots;
pub mod scim;
pub mod search;
pub mod security_issues;
pub mod session;
pub mod settings;
pub mod signup;
pub mod sso;
pub mod sso_groups;
pub mod sso_logout;
pub mod suggest;
pub mod trigger;
pub mod user;
pub mod users;
pub mod vulns;

/// Every route of the API. The document is made of the same declarations.
#[must_use]
pub fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .merge(health::routes())
        .merge(session::routes())
        .merge(user::routes())
        .merge(credentials::routes())
        .merge(account::routes())
        .merge(mfa::routes())
        .merge(password::routes())
        .merge(invitations::routes())
        .merge(signup::routes())
        .merge(users::routes())
        .merge(clients::routes())
        .merge(settings::routes())
        .merge(sso::routes())
        .merge(sso_groups::routes())
        .merge(sso_logout::routes())
        .merge(scim::routes())
        .merge(billing::routes())
        .merge(activity::routes())
        .merge(api_tokens::routes())
        .merge(pools::routes())
        .merge(events::routes())
        .merge(hits::routes())
        .merge(hit_reports::routes())
        .merge(attacks::routes())
        .merge(attack_series::routes())
        .merge(attack_vectors::routes())
        .merge(attack_views::routes())
        .merge(search::routes())
        .merge(vulns::routes())
        .merge(security_issues::routes())
        .merge(dashboards::routes())
        .merge(reports::routes())
        .merge(rechecker::routes())
        .merge(privacy::routes())
        .merge(ip_list::routes())
        .merge(ip_rule::routes())
        .merge(blacklist::routes())
        .merge(node_group::routes())
        .merge(node_sync::routes())
        .merge(rule::routes())
        .merge(rules_settings::routes())
        .merge(rules_snapshots::routes())
        .merge(suggest::routes())
        .merge(trigger::routes())
        .merge(integration::routes())
        .merge(api_spec::routes())
        .merge(api_discovery::routes())
        .merge(configuration::routes())
}
