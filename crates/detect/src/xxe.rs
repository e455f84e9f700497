//! XML external entities in text that the XML parser of the walk did not take (broken or embedded documents).
//!
//! A parsed document with an external entity is the walk's own finding. Both carry no stamp: `xxe` can be switched
//! off per type only.

use bartizan_api::attack_type::AttackType;

use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Xxe,
    signatures: &[
        Signature {
            stamp: 4001,
            subtype: "xxe_external",
            gate: &["<!entity"],
            needs: "",
            test: Test::Pattern(r"<!entity[\s]+[\w.:-]+[\s]+(?:system|public)[\s]+[\x22']"),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 4002,
            subtype: "xxe_parameter",
            gate: &["<!entity"],
            needs: "",
            test: Test::Pattern(r"<!entity[\s]+%[\s]+[\w.:-]+[\s]+"),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 4003,
            subtype: "xxe_external",
            gate: &["<!doctype"],
            needs: "",
            test: Test::Pattern(
                r"<!doctype[\s]+[\w.:-]+[\s]+(?:system[\s]+[\x22']|public[\s]+[\x22'][^\x22']{0,120}[\x22'][\s]+[\x22'])(?:file|php|expect|gopher|https?://(?:\d|localhost|[^\x22'/]*(?:burp|oast|interact|attacker|evil))|ftp|\.\.|/)",
            ),
            trust: Trust::Any,
            places: Places::All,
        },
    ],
};
