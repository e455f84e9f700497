//! Schema versions, oldest first. Each is safe while the release before still runs.

use sea_orm_migration::prelude::*;

mod m0001_initial;
mod m0020_ruleset_settings;
mod m0030_integrations;
mod m0031_api_specs;
mod m0040_event_context;
mod m0041_mark_rules;
mod m0042_vulnerabilities;
mod m0043_traffic;
mod m0050_event_heads;
mod m0051_attack_views;
mod m0060_accounts;
mod m0061_rate_limits;
mod m0065_invitation_tokens;
mod m0066_billing;
mod m0070_attack_counts;
mod m0075_delivery_batches;
mod m0076_counter_expiry;
mod m0080_dropped_requests;
mod m0081_reports;
mod m0085_verification;
mod m0086_event_epochs;
mod m0087_report_expiry;
mod m0090_sso;
mod m0091_scim;
mod m0095_delayed_builds;
mod m0096_periodic_notifications;
mod m0097_rules_snapshots;
mod m0100_idempotency;
mod m0101_activity_chain;
mod m0102_ldap_client_key;
mod m0110_local_mode;
mod m0111_saml_keys;
mod m0115_client_usage;
mod m0120_hit_users;
mod m0121_vuln_signs;
mod m0131_single_logout;
mod m0132_sent_invitations;
mod m0140_verification_callbacks;
mod m0141_secret_address;
mod m0150_payload_spans;
mod m0151_attack_orders;
mod m0155_delivery_pauses;
mod m0156_rule_order;
mod m0160_mark_rule_expressions;
mod m0161_missed_calls;
mod m0162_sign_places;
mod m0165_false_vulns;
mod m0170_attack_methods;

/// Runs migrations.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_initial::Migration),
            Box::new(m0020_ruleset_settings::Migration),
            Box::new(m0030_integrations::Migration),
            Box::new(m0031_api_specs::Migration),
            Box::new(m0040_event_context::Migration),
            Box::new(m0041_mark_rules::Migration),
            Box::new(m0042_vulnerabilities::Migration),
            Box::new(m0043_traffic::Migration),
            Box::new(m0050_event_heads::Migration),
            Box::new(m0051_attack_views::Migration),
            Box::new(m0060_accounts::Migration),
            Box::new(m0061_rate_limits::Migration),
            Box::new(m0065_invitation_tokens::Migration),
            Box::new(m0066_billing::Migration),
            Box::new(m0070_attack_counts::Migration),
            Box::new(m0075_delivery_batches::Migration),
            Box::new(m0076_counter_expiry::Migration),
            Box::new(m0080_dropped_requests::Migration),
            Box::new(m0081_reports::Migration),
            Box::new(m0085_verification::Migration),
            Box::new(m0086_event_epochs::Migration),
            Box::new(m0087_report_expiry::Migration),
            Box::new(m0090_sso::Migration),
            Box::new(m0091_scim::Migration),
            Box::new(m0095_delayed_builds::Migration),
            Box::new(m0096_periodic_notifications::Migration),
            Box::new(m0097_rules_snapshots::Migration),
            Box::new(m0100_idempotency::Migration),
            Box::new(m0101_activity_chain::Migration),
            Box::new(m0102_ldap_client_key::Migration),
            Box::new(m0110_local_mode::Migration),
            Box::new(m0111_saml_keys::Migration),
            Box::new(m0115_client_usage::Migration),
            Box::new(m0120_hit_users::Migration),
            Box::new(m0121_vuln_signs::Migration),
            Box::new(m0131_single_logout::Migration),
            Box::new(m0132_sent_invitations::Migration),
            Box::new(m0140_verification_callbacks::Migration),
            Box::new(m0141_secret_address::Migration),
            Box::new(m0150_payload_spans::Migration),
            Box::new(m0151_attack_orders::Migration),
            Box::new(m0155_delivery_pauses::Migration),
            Box::new(m0156_rule_order::Migration),
            Box::new(m0160_mark_rule_expressions::Migration),
            Box::new(m0161_missed_calls::Migration),
            Box::new(m0162_sign_places::Migration),
            Box::new(m0165_false_vulns::Migration),
            Box::new(m0170_attack_methods::Migration),
        ]
    }
}
