//! LDAP injection: filters that close the application's and open another.
//!
//! Benign look-alikes: directory names (`cn=Jane,ou=People`), a complete filter in a search field of a directory
//! product, C code with `)(`, smileys.

use bartizan_api::attack_type::AttackType;

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
            test: Test::Pattern(
                r"\*\)\([\w-]{1,24}=[^()]{0,24}\)\)\([|&]\(|\*\)\)?\([|&]\([\w-]{1,24}=[^()\s]{0,24}(?:\)|$)",
            ),
            trust: Trust::Any,
            places: Places::Names,
        },
    ],
};
