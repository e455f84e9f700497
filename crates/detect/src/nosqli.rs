//! NoSQL injection: query operators as names, script inside queries, cache protocols.
//!
//! Benign look-alikes: JSON Schema (`$ref`, `$schema`, `$id`), JSON-LD (`@type`), `OData` (`$filter`, `$select`,
//! `$top`), prices (`$in cash`), shell variables, GraphQL variables.

use bartizan_api::attack_type::AttackType;

use crate::shape::Context;
use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Nosqli,
    signatures: &[
        Signature {
            stamp: 8001,
            subtype: "nosqli_operator",
            gate: &["$"],
            needs: "",
            test: Test::Checked(
                r"(?:^|[\[.{,\s\x22'])\$(?:where|ne|nin|gte?|lte?|eq|in|regex|exists|or|nor|and|not|all|size|mod|elemmatch|func(?:tion)?|expr|jsonschema|text|accumulator|comment|options|slice|near(?:sphere)?|geo\w+|max|min|inc|push|pull|set|unset|rename|bits\w+|(?:graph)?lookup|out|merge|unionwith|project|group|unwind|match|sort|rand|natural)(?:$|[\]\[\x22'\s:)])",
                |context, span| {
                    let exact = context.place.is_name();
                    let json = context.value.get(span.end.saturating_sub(1)..).unwrap_or_default();
                    let colon = json.iter().take(4).any(|b| *b == b':');
                    exact
                        || colon
                            && context.value.iter().take(4).any(|b| matches!(b, b'{' | b'[' | b'\'' | b'"'))
                        || json.starts_with(b"]")
                },
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 8002,
            subtype: "nosqli_operator",
            gate: &["[$"],
            needs: "",
            test: Test::Pattern(
                r"\[\$(?:where|ne|nin|gte?|lte?|eq|in|regex|exists|or|nor|and|not|all|size|mod|type|elemmatch|expr|options|func)\]",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 8003,
            subtype: "nosqli_script",
            gate: &["this.", "$where", "db.", "mapreduce", "tojson", "sleep(", "return", "function", "emit("],
            needs: "'\"(=:;|",
            test: Test::Pattern(
                r"['\x22][\s]*(?:\|\||&&|;|\}|,)[\s]*(?:\(?this\.\w+|return\b|sleep\(|db\.\w+|1[\s]*={2,3}[\s]*1|true\b|'\w*'[\s]*={2,3}[\s]*'\w*|\$where)|\bthis\.\w{1,32}[\s]*(?:={2,3}|!=|\.match\()|\$where[\x22']?[\s]*:[\s]*[\x22']|\bdb\.(?:\w{1,32}\.)?(?:find|insert|remove|drop|update|getcollectionnames|dropdatabase|injection)\w*\(|\btojson(?:onelongline)?\(|;[\s]*return[\s]+(?:true|\d|this|'')|[\w'\x22][\s]*\|\|[\s]*this\.\w",
            ),
            trust: Trust::Tight,
            places: Places::Values,
        },
        // In any text: a string that ends, an answer, and a string that begins for what is left.
        Signature {
            stamp: 8007,
            subtype: "nosqli_script",
            gate: &["return true", "1==1", "1 == 1"],
            needs: "'\"",
            test: Test::Pattern(
                r"['\x22][\s]*;[\s]*return[\s]+true[\s]*;[\s]*(?:var[\s]+)?\w{1,16}[\s]*=[\s]*['\x22]|['\x22][\s]*\|\|[\s]*1[\s]*={2,3}[\s]*1\b",
            ),
            trust: Trust::Any,
            places: Places::Values,
        },
        Signature {
            stamp: 8004,
            subtype: "nosqli_operator",
            gate: &["$ne", "$gt", "$regex", "$where", "$nin", "$exists", "$lt", "$or", "$in", "$eq"],
            needs: "",
            test: Test::Checked(
                r"\{[\s]*[\x22']?\$(?:ne|gte?|lte?|nin|regex|where|exists|or|in|eq)[\x22']?[\s]*:",
                |context, _| !starts_like_code(context),
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 8005,
            subtype: "nosqli_cache",
            gate: &[
                "\r\nset ",
                "\r\nflushall",
                "\r\nget ",
                "\r\nconfig ",
                "\r\nslaveof",
                "\r\n*",
                "\r\nstats",
                "\r\nquit",
                "gopher://",
            ],
            needs: "",
            test: Test::Pattern(
                r"\r\n(?:set[\s]+\S+[\s]+\d+[\s]+\d+[\s]+\d+|flushall|config[\s]+set|slaveof[\s]|\*\d+\r\n\$\d+|stats[\s]+\w+|eval[\s]+[\x22'])",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 8010,
            subtype: "nosqli_orm",
            gate: &[
                "__startswith",
                "__regex",
                "__contains",
                "__endswith",
                "password__",
                "__gt",
                "__in",
                "__icontains",
                "__istartswith",
                "__lt",
                "__has_key",
            ],
            needs: "",
            test: Test::Pattern(
                r"^\w+(?:__\w+){1,6}__(?:i?startswith|i?endswith|i?regex|i?contains|has_(?:any_)?keys?)$|^(?:\w+__)?(?:password|passwd|token|secret|pwd)\w*__\w+$|^(?:\w+__){2,}(?:i?startswith|i?endswith|i?regex|i?contains|gte?|lte?|in)$|\{[\s]*\x22(?:\w+__){2,}(?:i?startswith|i?endswith|i?regex|i?contains)\x22[\s]*:",
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 8006,
            subtype: "nosqli_script",
            gate: &["do{", "do {", "redis.call"],
            needs: "",
            test: Test::Pattern(
                r"\bnew(?:[\s+]|%20)+date\(?\)?[\s]*;?[\s]*do[\s]*\{|\bdo[\s]*\{[^}]{1,120}\}[\s]*while[\s]*\([^)]{1,80}[<>-]|\bredis\.p?call\(",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
    ],
};

fn starts_like_code(context: &Context<'_>) -> bool {
    let head: &[u8] = context.value.trim_ascii_start();
    [&b"const "[..], b"let ", b"var ", b"db.", b"await ", b"return ", b"//"]
        .iter()
        .any(|word| head.starts_with(word))
}
