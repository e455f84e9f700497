//! What one framework takes for an order: the parts of published exploits that no other text has.
//!
//! Benign look-alikes: documentation and source code (documents), names of methods in prose, connection strings without
//! options that load code, `{"type": "markup"}`.

use bartizan_api::attack_type::AttackType;

use crate::signature::{Detector, Places, Signature, Test, Trust};

/// The constructor as a method of a form (`ThinkPHP`); it counts only where a form says its method.
pub(crate) const CONSTRUCTOR: u32 = 3212;

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Rce,
    signatures: &[
        // Drawings that hand their fetching to a shell (CVE-2016-3714).
        Signature {
            stamp: 3016,
            subtype: "rce_shell",
            gate: &["url(http", "url('http", "url(\"http"],
            needs: "|`",
            test: Test::Pattern(
                r"\burl\(['\x22]?https?:[^\s)\x22'`|]{0,200}(?:[\x22'][\s]*[|]+[\s]*[\w/]|`[\w/])",
            ),
            trust: Trust::Any,
            places: Places::Values,
        },
        // Controls and directives of ASP.NET pages in a value (CVE-2025-53770).
        Signature {
            stamp: 3114,
            subtype: "rce_aspnet",
            gate: &["<%@", "runat"],
            needs: "<",
            test: Test::Pattern(
                r"<%@[\s]*(?:register|assembly|import|webhandler|webservice|implements)[\s]|<[\w:]{1,60}[\s][^<>]{0,400}\brunat[\s]*=[\s]*['\x22]?server\b",
            ),
            trust: Trust::Prose,
            places: Places::Values,
        },
        // Calls by name (ThinkPHP) and objects of chains that run what they are given.
        Signature {
            stamp: 3211,
            subtype: "rce_php",
            gate: &[
                "invokefunction",
                "call_user_func",
                "\\think\\",
                "psr7\\fnstream",
                "psr7\\\\fnstream",
                "__construct()",
                "#post_render",
                "#pre_render",
                "#lazy_builder",
                "#access_callback",
                "#value_callback",
            ],
            needs: "",
            test: Test::Pattern(
                r"\\think\\+\w{1,32}[/\\]+\w|[/\\]invokefunction(?:$|[&/?])|^call_user_func(?:_array)?$|\bguzzlehttp\\+psr7\\+fnstream|^__construct\(\)$|(?:^|\[)#(?:post_render|pre_render|lazy_builder|access_callback|value_callback)(?:$|\])",
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: CONSTRUCTOR,
            subtype: "rce_php",
            gate: &["__construct"],
            needs: "",
            test: Test::Pattern(r"^__construct$"),
            trust: Trust::Tight,
            places: Places::Arguments,
        },
        // A command as a text that Groovy runs.
        Signature {
            stamp: 3315,
            subtype: "rce_java",
            gate: &[".execute()"],
            needs: "'\"",
            test: Test::Pattern(r"['\x22]\w[^'\x22\n]{0,160}['\x22]\.execute\(\)"),
            trust: Trust::Tight,
            places: Places::Values,
        },
        // Connections that load classes or run scripts.
        Signature {
            stamp: 3316,
            subtype: "rce_java",
            gate: &["jdbc:"],
            needs: "",
            test: Test::Pattern(
                r"\bjdbc:(?:mysql|mariadb):[^\s\x22'<>]{0,300}[?&(,](?:autodeserialize=(?:true|yes)|queryinterceptors=|statementinterceptors=)|\bjdbc:h2:[^\x22'<>]{0,200};[\s]*init[\s]*=[\s]*(?:runscript|create)|\bjdbc:postgresql:[^\s\x22'<>]{0,300}[?&](?:socketfactory=|loggerfile=)|\bjdbc:db2:[^\s\x22'<>]{0,300}clientrerouteserverlistjndiname=",
            ),
            trust: Trust::Prose,
            places: Places::Values,
        },
        // Metadata of pictures that an interpreter evaluates (CVE-2021-22204).
        Signature {
            stamp: 3431,
            subtype: "rce_perl",
            gate: &["(metadata"],
            needs: "{`(",
            test: Test::Pattern(
                r"\(metadata[\s]{0,4}\(\w{1,32}[\s]+[\x22'][^)]{0,40}?\.[\s]*(?:qx[\s]*[{(|!/]|`|system[\s(]|exec[\s(])",
            ),
            trust: Trust::Any,
            places: Places::Values,
        },
    ],
};
