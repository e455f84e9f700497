//! Open redirect: spellings of a foreign host that no honest redirect parameter uses.
//!
//! An absolute URL in a `return_to` parameter is normal; what counts is a host hidden from a naive check.

use bartizan_api::attack_type::AttackType;

use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Redir,
    signatures: &[Signature {
        stamp: 7001,
        subtype: "redir_obscured_host",
        gate: &["//", "\\", "/\t", "/%09", "/%5c", "\u{3002}", "%e3%80%82", "/%2f"],
        needs: "",
        test: Test::Pattern(
            r"^(?:/[\\/]+[\\/]+|\\{2,}|/\\|\\/|/[\t\r\n]+/|/%(?:09|5c|2f|0d|0a)|https?:[\\/]*\\+|https?:/{3,}|https?:\\/)[\w.-]{1,64}\.[a-z]{2,12}(?:[/\\?#]|$)|^(?:https?:)?//[^\s/]{0,40}(?:\xe3\x80\x82|%e3%80%82)[\w.-]+|^(?:https?:)?//[^\s/]{1,64}[\\#?;&]@[\w.-]+\.[a-z]{2,12}|^(?:https?:)?//[\w.-]{4,64}%(?:00|0d|0a|23|40|5c)[\w@.-]+",
        ),
        trust: Trust::Tight,
        places: Places::Arguments,
    }],
};
