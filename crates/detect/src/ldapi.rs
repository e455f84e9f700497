//! LDAP injection: filters that close the application's and open another.
//!
//! Benign look-alikes: directory names (`cn=Jane,ou=People`), a complete filter in a search field of a directory
//! product, C code with `)(`, smileys.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::shape::Context;
use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Ldapi,
    signatures: &[
        Signature {
            stamp: 13001,
            subtype: "ldapi_filter",
            gate: &[")(", ")|(", "(|", "(&", "(!", "*)", "*(", "))\u{0}"],
            needs: "",
            test: Test::Pattern(
                r"\)[\s]*\(?[\s]*[&|!][\s]*\([\s]*[\w.;-]{1,40}[\s]*[~<>]?=|^[^()]{0,80}\*?\)[\s]*\([\s]*[\w-]{1,40}[\s]*[~<>]?=|^[^()]{0,80}\)\)?[\s]*\([&|!]|\*\)[\s]*\([\w-]{1,40}=|^\*\)\)?(?:%00|\x00|\(|$)|^\*(?:\(\)?|\)+)[&|]|^[^()]{0,80}\)\)[\x00]|^[\w.@-]{0,40}\)\)\x00",
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 13002,
            subtype: "ldapi_filter",
            gate: &["objectclass", "uid=", "userpassword", "cn=", "mail=", "samaccountname", "homedirectory"],
            needs: "",
            test: Test::Pattern(
                r"\)[\s]*\([\s]*(?:\w+)[\s]*=[\s]*\*?|[&|(][\s]*(?:objectclass|objectcategory|userpassword|uid|cn|sn|mail|samaccountname|homedirectory|memberof)[\s]*[~<>]?=[^()]{0,60}\*[^()]{0,60}\)?[\s]*\)[\s]*(?:\(|$|%00)|\([\s]*[|&!][\s]*\([\s]*(?:objectclass|uid|cn|userpassword|mail|samaccountname)[\s]*=|\b(?:userpassword|unicodepwd|objectclass|samaccountname|uid|cn|memberof)(?::dn)?:[\d.]{5,}:=",
            ),
            trust: Trust::Tight,
            places: Places::Values,
        },
        // In any text: a filter closed and an alternative opened.
        Signature {
            stamp: 13003,
            subtype: "ldapi_filter",
            gate: &[")(|(", ")(&("],
            needs: "=",
            test: Test::Checked(
                r"\*\)\([\w-]{1,24}=[^()]{0,24}\)\)\([|&]\(|\*\)\)?\([|&]\([\w-]{1,24}=[^()\s]{0,24}(?:\)|$)",
                closes_what_it_did_not_open,
            ),
            trust: Trust::Any,
            places: Places::Names,
        },
    ],
};

/// Whether a parenthesis of the match closes one that the value did not open: the application's. A whole filter closes its own.
fn closes_what_it_did_not_open(context: &Context<'_>, span: &Range<usize>) -> bool {
    let mut open = 0_usize;
    for (at, byte) in context.value.iter().take(span.end).enumerate() {
        match byte {
            b'(' => open += 1,
            b')' if open == 0 && at >= span.start => return true,
            b')' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    false
}
