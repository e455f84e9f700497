//! Selections inside an expression, and the rarer ways to make a server wait.

use bartizan_api::attack_type::AttackType;

use crate::signature::{Detector, Places, Signature, Test, Trust};
use crate::sqli::is_own_statement;

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Sqli,
    signatures: &[
        Signature {
            stamp: 2082,
            subtype: "sqli_select",
            gate: &["select", "case"],
            needs: "",
            test: Test::Checked(
                r"(?:^|[=<>,|+*/(-]|\b(?:or|and|in|not|exists|except|minus|intersect|then|else|when|union|by|from|join)\b|\d|['\x22]\)*){o}\(+{o}select\b{o}[\w*('\x22@`].{0,160}?\b(?:from|case|where)\b|\b(?:or|and|xor|having|where|by)\b{o}\(*{o}case{g}when\b.{1,80}\bthen\b|['\x22)\d]{o}\)*{o},{o}\(+{o}(?:select|case|cast){o}[\s(*]",
                |context, span| {
                    // A statement in parentheses is a value of another one.
                    let nests = context.value.trim_ascii_start().starts_with(b"(") && span.start < 4;
                    (nests || !is_own_statement(context.value)) && !is_log_line(context.value)
                },
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 2083,
            subtype: "sqli_time_based",
            gate: &[
                "user_lock",
                "sleepeachrow",
                "fuzzbits",
                "json_keys((",
                "bit_shift(",
                "raise_error(",
                "regexp_substring",
                "crypt_key",
            ],
            needs: "",
            test: Test::Pattern(
                r"\b(?:user_lock\.sleep|sleepeachrow|fuzzbits|raise_error|regexp_substring){o}\(|json_keys{o}\({o}\(|bit_shift{o}\({o}cast",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
    ],
};

/// A line of a log begins with the time; what an application reports about a statement is quoted in it.
fn is_log_line(value: &[u8]) -> bool {
    let head = value.get(..19).unwrap_or_default();
    let digits = head.iter().filter(|b| b.is_ascii_digit()).count();
    digits >= 12 && head.iter().filter(|b| matches!(b, b':' | b'-' | b'/')).count() >= 4
}
