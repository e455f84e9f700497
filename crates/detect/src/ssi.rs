//! Server-side and edge-side includes.
//!
//! Benign look-alikes: ordinary HTML comments, conditional comments of mail clients.

use bartizan_api::attack_type::AttackType;

use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Ssi,
    signatures: &[
        Signature {
            stamp: 25001,
            subtype: "ssi_directive",
            gate: &["<!--#", "<!-- #", "<!--\t#", "<!--+#", "<!--  #", "!--#", "&lt;!--#"],
            needs: "",
            test: Test::Pattern(
                r"(?:<|&lt;|%3c)!--[\s+]*#[\s+]*(?:exec|include|echo|config|printenv|fsize|flastmod|set|if|elif|else|endif|odbc|email)\b",
            ),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 25002,
            subtype: "ssi_edge",
            gate: &["<esi:", "<!--esi"],
            needs: "",
            test: Test::Pattern(
                r"<esi:(?:include|inline|remove|vars|debug|assign|eval|try|choose|comment)\b|<!--esi\b",
            ),
            trust: Trust::Any,
            places: Places::All,
        },
    ],
};
