//! Vulnerabilities as security issues.

use std::{cmp::Reverse, collections::HashMap};

use bartizan_api::{
    owasp,
    security_issue::{
        IssueDetail, IssueGroup, IssueStatusChange, IssueTag, IssueType, IssueView, Mitigations, VpatchLink,
    },
    vuln_type,
};
use bartizan_store::entity::{verification_callback, vuln::Model, vuln_change};
use serde_json::{Value, json};

use super::{filter, source};

/// The state of an issue.
pub(super) fn state_of(row: &Model) -> &'static str {
    if row.hidden { "hidden" } else { state_word(&row.status) }
}

fn state_word(status: &str) -> &'static str {
    match status {
        "closed" => "closed",
        "falsepositive" => "marked_false",
        _ => "open",
    }
}

fn issue_type(kind: &str) -> IssueType {
    IssueType { id: kind.to_owned(), name: vuln_type::label(kind) }
}

fn tags(incident: bool) -> Vec<IssueTag> {
    let tag = || IssueTag { id: 1, name: "Incident".to_owned(), slug: "incident".to_owned() };
    if incident { vec![tag()] } else { vec![] }
}

/// Where a rendered point lies, and the parameter's own name.
fn parameter_of(rendered: &str) -> (&'static str, String) {
    let rest = |prefix: &str| {
        let name = rendered.strip_prefix(prefix)?;
        Some(name.strip_suffix("_value").or_else(|| name.strip_suffix("_name")).unwrap_or(name).to_owned())
    };
    if let Some(name) = rest("GET_") {
        ("query", name)
    } else if let Some(name) = rest("HEADER_COOKIE_COOKIE_") {
        ("cookie", name)
    } else if let Some(name) = rest("HEADER_") {
        ("header", name)
    } else if let Some(name) = rest("POST_") {
        let own = name.rsplit("HASH_").next().unwrap_or(&name);
        let own = own.strip_prefix("FORM_URLENCODED_").unwrap_or(own);
        ("body", own.to_owned())
    } else if ["PATH_", "URI", "ACTION_"].iter().any(|prefix| rendered.starts_with(prefix)) {
        ("path", rendered.to_owned())
    } else {
        ("", rendered.to_owned())
    }
}

/// An issue as lists show it.
pub(super) fn issue(row: &Model, incident: bool) -> IssueView {
    let (discovered_by, display) = source::names_of(&row.detection_method);
    let (position, name) = parameter_of(&row.parameter);
    IssueView {
        id: row.id,
        client_id: row.client_id,
        severity: vuln_type::severity(row.threat).to_owned(),
        state: state_of(row).to_owned(),
        volume: row.volume.unwrap_or(1),
        name: row.title.clone(),
        created_at: row.created_at.unwrap_or(row.validate_time),
        discovered_at: row.validate_time,
        discovered_by: discovered_by.to_owned(),
        discovered_by_display_name: display.to_owned(),
        url: url(row),
        host: row.domain.clone(),
        path: row.path.clone(),
        parameter_display_name: row.parameter.clone(),
        parameter_position: position.to_owned(),
        parameter_name: name,
        http_method: row.method.clone(),
        aasm_template: row.template.clone(),
        mitigations: Mitigations { vpatch: row.mitigation_rule_id.map(|rule_id| VpatchLink { rule_id }) },
        issue_type: issue_type(&row.kind),
        owasp: owasp::of_type(&row.kind).copied().collect(),
        tags: tags(incident),
        verified: row.validated,
        incident,
        false_positive_rule_id: row.false_positive_rule_id,
    }
}

/// A call that the host was made to make.
fn interaction(call: &verification_callback::Model) -> Value {
    json!({
        "protocol": "http", "time": call.called_at, "source": call.source, "method": call.method,
        "user_agent": call.user_agent,
    })
}

fn url(row: &Model) -> String {
    format!("{}://{}{}", row.scheme.as_deref().unwrap_or("http"), row.domain, row.path)
}

/// An issue with everything known of it.
pub(super) fn detail(
    row: &Model,
    incident: bool,
    history: Vec<vuln_change::Model>,
    calls: &[verification_callback::Model],
) -> IssueDetail {
    let info = vuln_type::info(&row.kind);
    let cwe = info.map(|info| info.cwe).unwrap_or_default();
    let links = owasp::of_type(&row.kind).map(|category| category.link.to_owned());
    let mut references: Vec<String> =
        cwe.iter().map(|id| format!("https://cwe.mitre.org/data/definitions/{id}.html")).collect();
    references.extend(links);
    references.dedup();
    let passive = row.detection_method == "passive";
    let recheck = row.recheck_requested_at.or(row.last_check);
    IssueDetail {
        credentials: vec![],
        additional_info: row.additional.clone(),
        exploitation_examples: [&row.exploit_example]
            .into_iter()
            .filter(|text| !text.is_empty())
            .cloned()
            .collect(),
        evidence: row.evidence.clone().unwrap_or_default(),
        oob_interaction: calls.iter().map(interaction).collect(),
        passive_detect_incident: passive && incident,
        description: row.description.clone(),
        references,
        mitigation: mitigation(&row.kind).to_owned(),
        cwe: cwe.iter().map(|id| format!("CWE-{id}")).collect(),
        risk_info: json!({"threat": row.threat, "severity": vuln_type::severity(row.threat)}),
        source: source::names_of(&row.detection_method).0.to_owned(),
        issue_subtype: json!({}),
        passive_detect_urls: if passive { vec![url(row)] } else { vec![] },
        manual: row.detection_method == "manual",
        leaks_info: vec![],
        url_active: row.status == "open",
        status_history: history.into_iter().map(change).collect(),
        recheckable: row.vuln_recheck_type.is_some() && row.status != "falsepositive",
        last_recheck: recheck.map_or_else(|| json!({}), |time| json!({"time": time})),
        issue: issue(row, incident),
    }
}

fn change(row: vuln_change::Model) -> IssueStatusChange {
    let word = |status: &str| match status {
        "" => String::new(),
        "hidden" => "hidden".to_owned(),
        status => state_word(status).to_owned(),
    };
    IssueStatusChange {
        time: row.time,
        author: row.author,
        from: word(&row.before),
        to: word(&row.after),
        comment: row.comment,
    }
}

/// What helps against a type.
pub(crate) fn mitigation(kind: &str) -> &'static str {
    match kind {
        "sqli" | "nosqli" | "ldapi" => {
            "Pass values to queries as bound parameters, never as text. Give the account of the application only \
             the rights that it needs, and keep error messages of the data store from users."
        }
        "rce" | "ssti" | "deserialize" => {
            "Do not hand input to interpreters, shells, template engines or deserialisers. Where one must be \
             called, choose its arguments from a fixed list."
        }
        "ptrav" | "lfi" | "rfi" | "file_read" | "file_delete" => {
            "Choose files by an identifier from a fixed list. Resolve the path and check that it lies in the \
             intended folder before opening it."
        }
        "xss" => {
            "Encode output for the place where it appears, and send a Content-Security-Policy that forbids inline \
             scripts."
        }
        "redir" | "crlf" => {
            "Redirect only to addresses of a fixed list, and remove line breaks from everything that goes into a \
             header."
        }
        "xxe" => "Switch off document types and external entities in the XML parser.",
        "ssrf" => {
            "Fetch only addresses of a fixed list, resolve names once, and refuse private, link-local and \
             metadata addresses."
        }
        "infoleak" => {
            "Answer errors with a general text and log the details on the server. Remove files that are not meant \
             for visitors from the web root."
        }
        "weak_auth" | "auth" => {
            "Accept only the algorithms that the application uses, sign tokens with a long random key, and change \
             the key that was found."
        }
        "idor" | "bfla" | "broken_access" | "privesc" => {
            "Check on the server, for every object and function, that the caller may use it."
        }
        "vuln_component" => "Update the component to a version without known vulnerabilities.",
        "csrf" => "Require a token that other sites cannot know with every request that changes something.",
        _ => "Check what the input may be before using it, and fix the place that the example shows.",
    }
}

/// Issues gathered by title, severity and source, most severe first, then by title; where they come in an order that was
/// asked for, in that one.
pub(super) fn groups(rows: &[(Model, bool)], is_ordered: bool) -> Vec<IssueGroup> {
    // Tenants apart, each group where its first row is.
    let mut places: HashMap<(i64, &str, &str, &str), usize> = HashMap::new();
    let mut groups: Vec<Vec<&(Model, bool)>> = Vec::new();
    for pair in rows {
        let (row, _) = pair;
        let key = (
            row.client_id,
            vuln_type::severity(row.threat),
            row.title.as_str(),
            row.detection_method.as_str(),
        );
        let place = *places.entry(key).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(place) {
            group.push(pair);
        }
    }
    if !is_ordered {
        let from = |row: &Model| {
            bartizan_api::vuln_type::threats(vuln_type::severity(row.threat)).map_or(0, |(from, _)| from)
        };
        groups.sort_by_cached_key(|rows| {
            rows.first().map(|(row, _)| {
                (Reverse(from(row)), row.title.clone(), row.detection_method.clone(), row.client_id)
            })
        });
    }
    groups.iter().filter_map(|rows| group(rows)).collect()
}

fn group(rows: &[&(Model, bool)]) -> Option<IssueGroup> {
    let (first, _) = rows.first()?;
    let mut hosts: Vec<&str> = rows.iter().map(|(row, _)| row.domain.as_str()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let in_state = |state: &str| rows.iter().filter(|(row, _)| state_of(row) == state).count() as u64;
    let severity = vuln_type::severity(first.threat);
    let (discovered_by, display) = source::names_of(&first.detection_method);
    Some(IssueGroup {
        group_id: filter::group_id(&first.title, severity, &first.detection_method),
        title: first.title.clone(),
        severity: severity.to_owned(),
        discovered_by: discovered_by.to_owned(),
        discovered_by_display_name: display.to_owned(),
        issue_type: issue_type(&first.kind),
        security_issues_count: rows.len() as u64,
        states: bartizan_api::security_issue::IssueStates {
            open: in_state("open"),
            closed: in_state("closed"),
            marked_false: in_state("marked_false"),
            hidden: in_state("hidden"),
        },
        owasp: owasp::of_type(&first.kind).copied().collect(),
        hosts_count: hosts.len() as u64,
        first_host: hosts.first().copied().unwrap_or_default().to_owned(),
        client_id: first.client_id,
        tags: tags(rows.iter().any(|(_, incident)| *incident)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_tell_position_and_name() {
        for (rendered, expected) in [
            ("GET_q_value", ("query", "q")),
            ("POST_JSON_DOC_HASH_user_HASH_name_value", ("body", "name")),
            ("POST_FORM_URLENCODED_login_value", ("body", "login")),
            ("HEADER_COOKIE_COOKIE_sid_value", ("cookie", "sid")),
            ("HEADER_REFERER_value", ("header", "REFERER")),
            ("PATH_1_value", ("path", "PATH_1_value")),
            ("", ("", "")),
        ] {
            let (position, name) = parameter_of(rendered);
            assert_eq!((position, name.as_str()), expected, "{rendered}");
        }
    }
}
