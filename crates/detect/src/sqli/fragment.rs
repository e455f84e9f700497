//! Cuttings of a statement: so short that no other sign fits, and so odd that no text begins or ends like it.
//!
//! Benign look-alikes: `"union station` while somebody types a search, `5' 10"`, `"?page=2"`, `((a + b) * c)`, `in (10, 20)`,
//! `12 as received from Anna`, `I'd like '`.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::place::Place;
use crate::shape::Context;
use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Sqli,
    signatures: &[
        // Quotes that probe, and operators behind a quote that closes what the value did not open.
        Signature {
            stamp: 2101,
            subtype: "sqli_probe",
            gate: &["'", "\"", "`"],
            needs: "",
            test: Test::Checked(
                concat!(
                    r"^(?:'\x22|\x22')$|^\d{1,10}(?:'\x22|\x22'|\\['\x22])[;)\s]*$|^\d{1,10}'{g}'{g}\d",
                    r"|^['\x22`]{1,2}{o}(?:[*=?]{1,2}{o}){1,3}(?:#|--|\d+$)|^['\x22`]{1,2}{o}[*=]{1,2}{o}\w{1,12}{o}=",
                    r"|^['\x22`]{g}(?:x?or|and){g}\w{1,16}{g}\d+$|^['\x22`]{g}(?:regexp|rlike){o}$",
                    r"|^[^'\x22`]{0,12}\bas['\x22`]{o}from\b|^\\'(?:and|or)\b",
                    r"|^\w{1,16}{o}={o}'[^']{0,24}'(?:{o},{o}0x[\da-f]+$|{g}not{g}(?:regexp|rlike|like|in|between){o}['(])",
                    r"|^\d{1,12}{o}={o}'\d{1,12}'{g}(?:or|and)--",
                ),
                |context, span| !measures(context, span),
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        // Operators and keywords that continue what stands before the value.
        Signature {
            stamp: 2102,
            subtype: "sqli_clause",
            gate: &["like null", "\\0x", "(select", " from", "+from", "null", "where"],
            needs: "",
            test: Test::Pattern(
                r"^(?:not{g})?like{g}null$|^\\0x[\da-f]{4}|[=(]\(select$|^;{g}as{g}\w{1,16}{g}from\b|^\d{1,12}\)*{g}as{g}\w{1,16}{g}from{g}(?:dual\b|information_schema\b|sys\.|sys(?:objects|columns|databases|users|tables|ibm)\b|pg_\w|mysql\.|sqlite_\w|all_\w|dba_\w|msys\w|(?:users?|accounts?|admins?|members?|customers?|passwords?){o}(?:--|#|;|\)|,|/\*|{g}where\b|{g}limit{g}\d))|^\d{1,12}['\x22]{g}(?:is|not)null\b|^{o}where{g}\w{1,32}{o}={o}0x(?:[\da-f]{2}){2,}",
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
    ],
};

/// Feet and inches, or a pair of quotes, in a body: there a text may be as short as that.
fn measures(context: &Context<'_>, span: &Range<usize>) -> bool {
    let matched = context.value.get(span.clone()).unwrap_or_default();
    let quotes = matched.iter().position(|b| !b.is_ascii_digit()).and_then(|at| matched.get(at..));
    let pair = quotes.is_some_and(|text| {
        matches!(text, [b'\'', b'"', rest @ ..] | [b'"', b'\'', rest @ ..] if rest.iter().all(|b| matches!(b, b';' | b')') || b.is_ascii_whitespace()))
    });
    pair && matches!(context.place, Place::BodyValue | Place::BodyName | Place::FileContent)
}
