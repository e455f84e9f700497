//! The fields of the Attacks API: what each is called, where it may stand, and which column it reads
//! (`spec/events.md` section 5.9, as one table).

use std::sync::Arc;

use bartizan_api::AttackType;
use bartizan_events_index::{Dimension, Number, Text};

use super::normal;

/// Operators that a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ops {
    /// `=`, `!=`, `in` with wildcards.
    Glob,
    /// `=`, `!=`, `in`.
    Exact,
    /// Also order.
    Order,
    /// `=`, `!=` with one text to look for.
    Search,
}

impl Ops {
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Ops::Glob | Ops::Exact => &["=", "!=", "in"],
            Ops::Order => &["=", "!=", "in", ">", "<", ">=", "<="],
            Ops::Search => &["=", "!="],
        }
    }
}

/// Length of a time bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grain {
    Hour,
    Day,
    Week,
    Month,
}

/// The values that a stored text stands for.
type Derive = fn(&str) -> Vec<String>;

/// Where a field is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// A text; `true` when a value without wildcards may stand anywhere in it.
    Text(Text, bool),
    /// A path, as an endpoint has it; also found as it was received.
    Path,
    /// A source address, also by network.
    Address,
    /// An attack type, also by alias or group.
    Type,
    /// Derived from a text.
    Derived(Text, Derive),
    /// A number.
    Number(Number),
    /// A number of which 0 is none.
    Id(Number),
    /// `4xx`.
    StatusGroup,
    /// `tp`, `fp`, or nothing.
    Mark,
    /// A time bucket.
    Time(Grain),
    /// The request id.
    Request,
    /// Decided when a group is complete.
    BlockStatus,
    /// A text to look for in a column.
    Search(Text),
    /// The value of a context parameter that a key names, or of any.
    Context,
}

/// A field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) kind: &'static str,
    pub(super) ops: Ops,
    /// May group a query.
    pub(super) group: bool,
    /// May group a widget.
    pub(super) stats: bool,
    pub(super) place: Place,
}

const fn field(
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    uses: &'static str,
    ops: Ops,
    place: Place,
) -> Field {
    // "G S W", "S W", "G W", "W".
    let bytes = uses.as_bytes();
    let (mut group, mut stats, mut at) = (false, false, 0);
    while at < bytes.len() {
        #[expect(clippy::indexing_slicing, reason = "bounded by the loop, evaluated by the compiler")]
        match bytes[at] {
            b'G' => group = true,
            b'S' => stats = true,
            _ => {}
        }
        at += 1;
    }
    Field { name, label, kind, ops, group, stats, place }
}

/// Every field, in the order of the schema.
pub(super) const FIELDS: &[Field] = &[
    field("attack_type", "Attack Type", "string", "GSW", Ops::Glob, Place::Type),
    field("attack_subtype", "Attack Subtype", "string", "GSW", Ops::Glob, Place::Text(Text::Subtype, false)),
    field("host", "Host", "string", "GSW", Ops::Glob, Place::Text(Text::Host, true)),
    field("normalized_path", "Path", "string", "GSW", Ops::Glob, Place::Path),
    field("ip", "Source IP", "string", "GSW", Ops::Glob, Place::Address),
    field("point", "Attacked Parameter", "string", "GSW", Ops::Glob, Place::Text(Text::Parameter, true)),
    field("request_id", "Request ID", "string", "GW", Ops::Exact, Place::Request),
    field("mitigation_control_id", "Mitigation Control", "id", "GSW", Ops::Exact, Place::Id(Number::Control)),
    field("ts_hour", "Time (hour)", "date", "GSW", Ops::Order, Place::Time(Grain::Hour)),
    field("ts_day", "Time (day)", "date", "GSW", Ops::Order, Place::Time(Grain::Day)),
    field("ts_week", "Time (week)", "date", "GSW", Ops::Order, Place::Time(Grain::Week)),
    field("ts_month", "Time (month)", "date", "GSW", Ops::Order, Place::Time(Grain::Month)),
    field("country", "Country", "string", "SW", Ops::Glob, Place::Text(Text::Country, false)),
    field("method", "HTTP Method", "string", "SW", Ops::Exact, Place::Text(Text::Method, false)),
    field("status_code", "Status Code", "integer", "SW", Ops::Order, Place::Number(Number::Status)),
    field("status_code_group", "Status Code Group", "string", "SW", Ops::Exact, Place::StatusGroup),
    field("protocol", "HTTP Version", "string", "SW", Ops::Exact, Place::Text(Text::Protocol, false)),
    field("scheme", "Scheme", "string", "SW", Ops::Exact, Place::Text(Text::Scheme, false)),
    field("api_protocol", "API Protocol", "string", "SW", Ops::Exact, Place::Text(Text::ApiProtocol, false)),
    field(
        "auth_protocol",
        "Auth Protocol",
        "string",
        "SW",
        Ops::Exact,
        Place::Derived(Text::AuthProtocol, items),
    ),
    field("application_id", "Application", "id", "SW", Ops::Exact, Place::Number(Number::Application)),
    field(
        "location_type",
        "Parameter Location",
        "string",
        "SW",
        Ops::Exact,
        Place::Derived(Text::Parameter, location),
    ),
    field("user", "User", "string", "SW", Ops::Glob, Place::Text(Text::User, true)),
    field("user_role", "User Role", "string", "SW", Ops::Glob, Place::Text(Text::UserRole, true)),
    field("orig_session_id", "Session ID", "string", "SW", Ops::Glob, Place::Text(Text::Session, true)),
    field("cve_id", "CVE", "string", "SW", Ops::Glob, Place::Derived(Text::KnownAttack, cves)),
    field("cwe_id", "CWE", "string", "SW", Ops::Glob, Place::Derived(Text::Kind, cwes)),
    field("owasp_category", "OWASP", "string", "SW", Ops::Glob, Place::Derived(Text::Kind, owasp)),
    field("capec_id", "CAPEC", "string", "SW", Ops::Glob, Place::Derived(Text::Kind, capecs)),
    field("block_status", "Blocking Status", "string", "W", Ops::Exact, Place::BlockStatus),
    field("mark", "Verification Status", "string", "SW", Ops::Exact, Place::Mark),
    field("security_issue_id", "Security Issue", "id", "SW", Ops::Exact, Place::Id(Number::Issue)),
    field("context_param", "Session Context Parameter", "string", "W", Ops::Glob, Place::Context),
    field("payload_search", "Attack Payload Content", "text", "W", Ops::Search, Place::Search(Text::Payload)),
    field("parameter_search", "Parameter Search", "text", "W", Ops::Search, Place::Search(Text::Parameter)),
    field("uri_length", "URI Length", "integer", "W", Ops::Order, Place::Number(Number::UriLength)),
];

/// The field of a name or alias.
pub(super) fn find(name: &str) -> Option<&'static Field> {
    let name = if name == "path" { "normalized_path" } else { name };
    FIELDS.iter().find(|field| field.name == name)
}

/// Display columns: name, label, the field whose values they list.
pub(super) const DISPLAY: &[(&str, &str, &str)] = &[
    ("attack_types", "Attack Types", "attack_type"),
    ("attack_subtypes", "Attack Subtypes", "attack_subtype"),
    ("hosts", "Hosts", "host"),
    ("paths", "Paths", "normalized_path"),
    ("ips", "Source IPs", "ip"),
    ("ip_addresses", "Source IPs", "ip"),
    ("users", "Users", "user"),
    ("user_roles", "User Roles", "user_role"),
    ("countries", "Countries", "country"),
    ("methods", "HTTP Methods", "method"),
    ("status_codes", "Status Codes", "status_code"),
    ("cve_ids", "CVE", "cve_id"),
    ("cwe_ids", "CWE", "cwe_id"),
    ("owasp_categories", "OWASP", "owasp_category"),
    ("capec_ids", "CAPEC", "capec_id"),
    ("context_params", "Session Context Parameters", "context_param"),
];

/// Columns made of others.
pub(super) const COMPUTED: &[(&str, &str)] = &[("attack_name", "Attack"), ("security_info", "Security Info")];

impl Field {
    /// Values that may be chosen from, with their labels; empty when there is no such list.
    pub(super) fn options(&self) -> Vec<(String, String)> {
        let same = |values: &[&str]| values.iter().map(|v| ((*v).to_owned(), (*v).to_owned())).collect();
        match self.name {
            "attack_type" => AttackType::ALL
                .iter()
                .filter(|kind| !kind.is_internal())
                .map(|kind| (kind.code().to_owned(), kind.info().label.to_owned()))
                .collect(),
            "status_code_group" => same(&["1xx", "2xx", "3xx", "4xx", "5xx"]),
            "scheme" => same(&["http", "https"]),
            "location_type" => same(&["query", "body", "header", "cookie", "path"]),
            "block_status" => same(&["Blocked", "Partially Blocked", "Monitoring"]),
            "mark" => [("tp", "True positive"), ("fp", "False positive"), ("__none__", "Not verified")]
                .map(|(value, label)| (value.to_owned(), label.to_owned()))
                .into(),
            "api_protocol" => same(&[
                "web-form",
                "graphql",
                "rest",
                "grpc",
                "websocket",
                "webdav",
                "soap",
                "xml-rpc",
                "json-rpc",
                "none",
            ]),
            "auth_protocol" => same(&[
                "api-key", "awsv2", "awsv4", "basic", "bearer", "cookie", "hawk", "jwt", "oauth1", "oauth2",
                "openid", "digest", "ntlm", "scram", "spnego", "none",
            ]),
            _ => vec![],
        }
    }

    /// What rows are grouped by; time buckets need a zone and are made elsewhere.
    pub(super) fn dimension(&self) -> Option<Dimension> {
        Some(match self.place {
            Place::Text(column, _) => Dimension::Text(column),
            Place::Path => Dimension::Mapped(Text::Path, Arc::new(|path| vec![normal::path(path)])),
            Place::Address => Dimension::Text(Text::Ip),
            Place::Type => Dimension::Text(Text::Kind),
            Place::Derived(column, derive) => Dimension::Mapped(column, Arc::new(derive)),
            Place::Number(column) | Place::Id(column) => Dimension::Number(column, 1),
            Place::StatusGroup => Dimension::Number(Number::Status, 100),
            Place::Mark => Dimension::Number(Number::Mark, 1),
            Place::Request => Dimension::Request,
            Place::Context => Dimension::Mapped(Text::Context, Arc::new(context_texts)),
            Place::Time(_) | Place::BlockStatus | Place::Search(_) => return None,
        })
    }
}

/// The items of a stored `,a,b,` list.
pub(super) fn items(list: &str) -> Vec<String> {
    crate::services::event_view::items(list)
}

/// The CVE ids among the tags of a known attack.
pub(super) fn cves(list: &str) -> Vec<String> {
    items(list).into_iter().filter(|tag| tag.starts_with("CVE-")).collect()
}

/// The CWE ids of an attack type.
pub(super) fn cwes(kind: &str) -> Vec<String> {
    let numbers = AttackType::parse_code(kind).map_or(&[][..], |kind| kind.info().cwe);
    numbers.iter().map(|number| format!("CWE-{number}")).collect()
}

/// The CAPEC attack patterns of an attack type.
pub(super) fn capecs(kind: &str) -> Vec<String> {
    let numbers = AttackType::parse_code(kind).map_or(&[][..], bartizan_api::capec::of_type);
    numbers.iter().map(|number| format!("CAPEC-{number}")).collect()
}

/// The OWASP categories of an attack type.
pub(super) fn owasp(kind: &str) -> Vec<String> {
    bartizan_api::owasp::of_type(kind).map(|category| category.id.to_owned()).collect()
}

/// Names and values of stored context parameters.
pub(super) fn context(stored: &str) -> Vec<(String, String)> {
    // Written by ingestion; empty in most rows.
    if stored.is_empty() { vec![] } else { serde_json::from_str(stored).unwrap_or_default() }
}

/// Context parameters as people read them.
fn context_texts(stored: &str) -> Vec<String> {
    context(stored).into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

/// Where a rendered point lies.
fn location(parameter: &str) -> Vec<String> {
    let first = parameter.split('_').next().unwrap_or_default();
    let place = match first {
        "GET" => "query",
        "POST" => "body",
        "HEADER" if parameter.to_uppercase().starts_with("HEADER_COOKIE") => "cookie",
        "HEADER" => "header",
        "PATH" | "URI" | "ACTION" => "path",
        _ => return vec![],
    };
    vec![place.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_lie_somewhere() {
        assert_eq!(location("POST_JSON_DOC_HASH_id_value"), ["body"]);
        assert_eq!(location("HEADER_COOKIE_COOKIE_sid_value"), ["cookie"]);
        assert_eq!(location("HEADER_X-A_value"), ["header"]);
        assert!(location("").is_empty());
    }

    #[test]
    fn every_display_column_lists_a_field() {
        for (name, _, of) in DISPLAY {
            assert!(find(of).is_some_and(|field| field.dimension().is_some()), "{name}");
        }
    }
}
