//! How issues are found: stored name, name of the contract, name for people (`spec/events.md` section 4.5).

const SOURCES: &[(&str, &str, &str)] = &[
    ("passive", "passive_detect", "Passive Detect"),
    ("attack_rechecker", "threat_replay", "Threat Replay Testing"),
    ("schema_testing", "schema_based", "Schema-Based Testing"),
    ("aasm", "aasm", "AASM"),
    ("scanner", "scanner", "Scanner"),
    ("manual", "manual", "Manual"),
];

/// The detection method that issues call by this name; an unknown name stands for itself.
pub(crate) fn method_of(name: &str) -> &str {
    SOURCES.iter().find(|(_, id, _)| *id == name).map_or(name, |(method, _, _)| method)
}

/// How issues call a detection method, and how people do.
pub(crate) fn names_of(method: &str) -> (&str, &str) {
    SOURCES.iter().find(|(known, _, _)| *known == method).map_or((method, method), |(_, id, name)| (id, name))
}
