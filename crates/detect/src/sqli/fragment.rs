//! Cuttings of a statement: so short that no other sign fits, and so odd that no text begins or ends like it.
//!
//! Benign look-alikes: `"union station` while somebody types a search, `5' 10"`, `"?page=2"`, `((a + b) * c)`.

use bartizan_api::attack_type::AttackType;

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
            test: Test::Pattern(concat!(
                r"^(?:'\x22|\x22')$|^\d{1,10}(?:'\x22|\x22'|\\['\x22])[;)\s]*$|^\d{1,10}'{g}'{g}\d|^\w{1,16} '$",
                r"|^['\x22`]{1,2}{o}(?:[*=?]{1,2}{o}){1,3}(?:#|--|\d+$)|^['\x22`]{1,2}{o}[*=]{1,2}{o}\w{1,12}{o}=",
                r"|^['\x22`]{g}(?:x?or|and){g}\w{1,16}{g}\d+$|^['\x22`]{g}(?:regexp|rlike){o}$",
                r"|^[^'\x22`]{0,12}\bas['\x22`]{o}from\b|^\\'(?:and|or)\b|^[\w ]{1,32}{g}(?:not{g})?r?like{g}'$",
                r"|^\w{1,16}{o}={o}'[^']{0,24}'(?:{o},{o}0x[\da-f]+$|{g}not{g}(?:regexp|rlike|like|in|between){o}['(])",
                r"|^\d{1,12}{o}={o}'\d{1,12}'{g}(?:or|and)--",
            )),
            trust: Trust::Tight,
            places: Places::Names,
        },
        // Operators and keywords that continue what stands before the value.
        Signature {
            stamp: 2102,
            subtype: "sqli_clause",
            gate: &["in (", "in(", "like null", "\\0x", "(select", " from", "+from", "=select", "null"],
            needs: "",
            test: Test::Pattern(
                r"^{o}(?:not{g})?in{o}\([\s\d,+-]*\d[\s+]*,[\s\d,+-]*\d[\s+]*\){o}$|^(?:not{g})?like{g}null$|^\\0x[\da-f]{4}|[=(]\(?select$|^;{g}as{g}\w{1,16}{g}from\b|^\d{1,12}\)*{g}as{g}\w{1,16}{g}from{g}\w|^\d{1,12}['\x22]{g}(?:is|not)null\b",
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
    ],
};
