//! How issues are found: stored name, name of the contract, name for people (`spec/events.md` section 4.5).

/// Stored name and name of the contract.
pub(super) const NAMES: &[(&str, &str)] = &[
    ("passive", "passive_detect"),
    ("attack_rechecker", "threat_replay"),
    ("schema_testing", "schema_based"),
    ("aasm", "aasm"),
    ("scanner", "scanner"),
    ("manual", "manual"),
];

/// The detection method that issues call by this name; an unknown name stands for itself.
pub(crate) fn method_of(name: &str) -> &str {
    NAMES.iter().find(|(_, id)| *id == name).map_or(name, |(method, _)| method)
}

/// How issues call a detection method, and how people do.
pub(crate) fn names_of(method: &str) -> (&str, &str) {
    let name = NAMES.iter().find(|(known, _)| *known == method).map_or(method, |(_, name)| name);
    let display = match name {
        "passive_detect" => "Passive Detect",
        "threat_replay" => "Threat Replay Testing",
        "schema_based" => "Schema-Based Testing",
        "aasm" => "AASM",
        "scanner" => "Scanner",
        "manual" => "Manual",
        other => other,
    };
    (name, display)
}
