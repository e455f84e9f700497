//! What one framework takes for an order: the parts of published exploits that no other text has.
//!
//! Benign look-alikes: documentation and source code (documents), names of methods in prose, connection strings without
//! options that load code, `{"type": "markup"}`.

use bartizan_api::attack_type::AttackType;

use crate::signature::{Detector, Places, Signature, Test, Trust};

/// Names of functions and classes of exploits; they count only where a field says what to call or make (`ThinkPHP`, Craft CMS).
pub(crate) const CONSTRUCTOR: u32 = 3212;

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Rce,
    signatures: &[
        // Drawings that hand their fetching to a shell (CVE-2016-3714). Without a drawing it is a filter of a template, an
        // alternative of a program, or a code span.
        Signature {
            stamp: 3016,
            subtype: "rce_shell",
            gate: &["url(http", "url('http", "url(\"http"],
            needs: "|`",
            test: Test::Pattern(
                r"(?:graphic-context(?s:.{0,300})|\b(?:fill|stroke)[\s]{1,8}['\x22]?|\bimage[\s]{1,8}\w{1,16}[\s][\d,.\s-]{1,40}['\x22]?)\burl\(['\x22]?https?:[^\s)\x22'`|]{0,200}(?:[\x22'][\s]*\|[\s]*[\w/]|`[\w/])",
            ),
            trust: Trust::Any,
            places: Places::Values,
        },
        // Controls and directives of ASP.NET pages as the whole value (CVE-2025-53770); in a sentence they are its subject.
        Signature {
            stamp: 3114,
            subtype: "rce_aspnet",
            gate: &["<%@", "runat", "compresseddatatable"],
            needs: "<",
            test: Test::Pattern(
                r"^[\s]*<%@[\s]*(?:register|assembly|import|webhandler|webservice|implements)[\s][^<>]{0,400}%>[\s]*(?:<|$)|^[\s]*<[\w:]{1,60}[\s][^<>]{0,400}\brunat[\s]*=[\s]*['\x22]?server\b[^<>]{0,400}>[\s]*(?:<|$)|<[\w:]{1,60}[\s][^<>]{0,400}\bcompresseddatatable[\s]*=",
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
                "think\\",
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
            test: Test::Checked(
                r"(?:^|/)\\+think\\+\w|(?:^|/)think\\+\w{1,32}(?:\\+\w{1,32}){0,4}/\w|[/\\]invokefunction[?&](?:\S{0,200}&)?function=|\b__class['\x22\s]{0,4}[:=][\s]*['\x22]?\\*guzzlehttp\\+psr7\\+fnstream|^__construct\(\)$|(?:^|\[)#(?:post_render|pre_render|lazy_builder|access_callback|value_callback)(?:$|\])",
                // As values they are something that is looked for or written about.
                |context, span| {
                    let found = context.value.get(span.clone()).unwrap_or_default();
                    context.place.is_name() || !(found.starts_with(b"#") || found.starts_with(b"__construct"))
                },
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: CONSTRUCTOR,
            subtype: "rce_php",
            gate: &["__construct", "call_user_func", "psr7\\fnstream", "psr7\\\\fnstream"],
            needs: "",
            test: Test::Pattern(
                r"^__construct(?:\(\))?$|^call_user_func(?:_array)?$|^\\*guzzlehttp\\+psr7\\+fnstream$",
            ),
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
                r"\bjdbc:(?:mysql|mariadb):[^\s\x22'<>]{0,300}[?&(,](?:autodeserialize=(?:true|yes)|(?:query|statement)interceptors=[^\s&]{0,160}serverstatusdiff)|\bjdbc:h2:[^\x22'<>]{0,200};[\s]*init[\s]*=[^\x22'<>]{0,200}?\b(?:create[\s]+(?:or[\s]+replace[\s]+)?(?:force[\s]+)?(?:alias|trigger|aggregate)\b|runscript[\s]+from[\s]*['\x22]?(?:https?:|ftp:|\\\\|//))|\bjdbc:postgresql:[^\s\x22'<>]{0,300}[?&](?:socketfactory=(?:org\.springframework|javax?)\.|socketfactoryarg=[^\s&]{0,80}(?:[/\\]|%2f|%5c)|loggerfile=[^\s&]{0,160}(?:[/\\]|\.\.|%2f|%5c|\.jsp))|\bjdbc:db2:[^\s\x22'<>]{0,300}clientrerouteserverlistjndiname=",
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
