//! `[limits]`: how much of everything a cloud takes.
//!
//! One table has the keys with their meaning, default and range; struct, defaults and checks follow from it. A test
//! compares it with the manual.

use serde::{Deserialize, Serialize};

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ty = $default:expr, $least:expr, $most:expr;)+) => {
        /// How much of everything a cloud takes.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $name: $kind,)+
        }

        impl Default for Limits {
            fn default() -> Limits {
                Limits { $($name: $default,)+ }
            }
        }

        impl Limits {
            /// Checks ranges.
            ///
            /// # Errors
            /// A sentence that begins with the key and says what it may be.
            pub fn validate(&self) -> Result<(), String> {
                $(if !($least..=$most).contains(&self.$name) {
                    return Err(out_of_range(stringify!($name), &$least, &$most));
                })+
                if self.session_absolute_s < self.session_idle_s {
                    return Err("limits.session_absolute_s must not be below limits.session_idle_s".into());
                }
                Ok(())
            }
        }

        #[cfg(test)]
        const KEYS: &[&str] = &[$(stringify!($name),)+];
    };
}

fn out_of_range(name: &str, least: &dyn std::fmt::Display, most: &dyn std::fmt::Display) -> String {
    format!("limits.{name} must be {least} to {most}")
}

/// Most of what is counted per second or minute.
const RATE: u32 = 1_000_000;
/// Most of what is counted per minute in buckets of all processes, which count milliseconds.
const RATE_PER_MINUTE: u32 = 60_000;
/// Most rows of one kind that a client may be given.
const ROWS: u64 = 1_000_000;
/// Most bytes of what is read at once.
const BYTES: usize = 1 << 30;

limits! {
    /// API requests per second and client.
    requests_per_second: u32 = 500, 1, RATE;
    /// Requests that may come at once.
    request_burst: u32 = 1000, 1, RATE;
    /// Sign-ins, renewals and password checks of each kind per minute, account and network.
    password_checks_per_minute: u32 = 5, 1, RATE_PER_MINUTE;
    /// The same per minute and account, over all networks.
    password_checks_per_minute_account: u32 = 50, 1, RATE_PER_MINUTE;
    /// The same per minute and address.
    password_checks_per_minute_address: u32 = 20, 1, RATE_PER_MINUTE;
    /// Failed header authentications per minute and address.
    failed_authentications_per_minute: u32 = 300, 1, RATE_PER_MINUTE;
    /// The same per minute, address and UUID.
    failed_authentications_per_minute_credential: u32 = 30, 1, RATE_PER_MINUTE;
    /// Recipients of letters per hour and client: invitations, test messages, links of exports, notifications. Letters of
    /// sign-ups have such a budget together.
    letters_per_hour: u32 = 300, 1, RATE;
    /// Reports of a client that wait or are being made.
    waiting_reports: u32 = 20, 1, RATE;
    /// Node calls per second and node, in each process.
    node_requests_per_second: u32 = 200, 1, RATE;
    /// Largest API request body, bytes.
    body_bytes: usize = 1 << 20, 1 << 10, BYTES;
    /// Milliseconds that a body may take while it is read, however slowly it comes.
    body_ms: u64 = 30_000, 100, 3_600_000;
    /// Bytes per second by which it may take longer.
    body_bytes_per_second: u32 = 16_384, 512, 1 << 30;
    /// Milliseconds that a connection may be without a request, and that the head of one may take. HTTP/2 is asked after as
    /// long whether it is still there.
    idle_ms: u64 = 75_000, 25_000, 3_600_000;
    /// Milliseconds in which a client must take something of an answer, or say over HTTP/2 that it is still there.
    stalled_ms: u64 = 300_000, 1000, 3_600_000;
    /// Bytes of a body nobody needs that are read so that the connection can go on; beyond, it is closed after the answer.
    unread_body_bytes: usize = 4 << 20, 0, BYTES;
    /// Milliseconds that this may take.
    unread_body_ms: u64 = 2000, 0, 60_000;
    /// Largest event batch of a node, bytes.
    event_batch_bytes: usize = 16 << 20, 1 << 10, BYTES;
    /// Largest configuration to import, bytes.
    configuration_bytes: usize = 64 << 20, 1 << 10, BYTES;
    /// Rows of events that may wait to be stored before further batches are sent away.
    waiting_events: usize = 200_000, 1, 100_000_000;
    /// Bytes of uploads that may wait to be stored; as rows they take some times as much.
    waiting_event_bytes: usize = 256 << 20, 1 << 20, BYTES * 64;
    /// Hits that one event of a node may stand for; an event that claims more is set aside.
    aggregated_count: u32 = 10_000_000, 1, u32::MAX;
    /// Characters of what a person says about a change of a vulnerability.
    vuln_comment_characters: usize = 4096, 1, 1 << 16;
    /// Idle seconds that end a session.
    session_idle_s: i64 = 86_400, 1, 31_536_000;
    /// Seconds after sign-in that end a session.
    session_absolute_s: i64 = 86_400, 1, 31_536_000;
    /// API tokens of a user, and shared ones of a client.
    api_tokens: u64 = 100, 1, ROWS;
    /// Applications of a client; beyond, events of unknown ones count as the default application.
    applications: u64 = 10_000, 1, ROWS;
    /// Integrations of a client.
    integrations: u64 = 500, 1, ROWS;
    /// Triggers of a client.
    triggers: u64 = 500, 1, ROWS;
    /// API specifications of a client.
    api_specifications: u64 = 1000, 1, ROWS;
    /// Values of one change of an IP list.
    ip_list_values: usize = 1000, 1, 1_000_000;
    /// Lines of an imported IP list.
    ip_list_import_lines: usize = 100_000, 1, 10_000_000;
    /// Applications that an entry of an IP list may name.
    ip_list_applications: usize = 250, 1, 100_000;
    /// Values times applications of one change of an IP list.
    ip_list_pairs: usize = 1_000_000, 1, 100_000_000;
    /// Keys of repeatable changes (`Idempotency-Key`) that a credential may have within 24 hours.
    idempotency_keys: u64 = 1000, 1, ROWS;
    /// Rows of the activity log in one CSV file.
    activity_csv_rows: u64 = 100_000, 1, ROWS * 10;
    /// Notifications of a client that are on their way at the same time.
    deliveries_per_client: usize = 8, 1, 1000;
    /// Notifications of an integration that are on their way at the same time.
    deliveries_per_integration: usize = 2, 1, 1000;
    /// Notifications that are on their way at the same time, in each process.
    deliveries: usize = 32, 1, 10_000;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_names_every_limit() {
        let manual = include_str!("../../../../docs/cloud.md");
        for name in KEYS {
            assert!(
                manual.contains(&format!("`limits.{name}`")),
                "docs/cloud.md does not name limits.{name}"
            );
        }
    }

    #[test]
    fn defaults_are_in_range_and_what_is_not_is_named() {
        Limits::default().validate().unwrap();
        let limits = Limits { ip_list_pairs: 0, ..Limits::default() };
        assert_eq!(limits.validate().unwrap_err(), "limits.ip_list_pairs must be 1 to 100000000");
        let limits = Limits { password_checks_per_minute: 60_001, ..Limits::default() };
        let error = "limits.password_checks_per_minute must be 1 to 60000";
        assert_eq!(limits.validate().unwrap_err(), error);
    }
}
