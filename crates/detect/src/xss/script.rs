//! Script expressions that only an exploit needs, also in the templates of frameworks.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::place::Place;
use crate::shape::Context;
use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Xss,
    signatures: &[
        Signature {
            stamp: 1030,
            subtype: "xss_script",
            gate: &[
                "document",
                "window",
                "alert",
                "confirm",
                "prompt",
                "location",
                "cookie",
                "self[",
                "top[",
                "this[",
                "frames",
                "localstorage",
                "parent[",
                "globalthis",
                "navigat",
            ],
            needs: "([.=`",
            test: Test::Checked(
                r"(?:document[\s]*(?:\.|\[|\)[\s]*\[)[\s\x22'`]*(?:cookie|write|writeln|domain|location|body|url|referrer|forms|queryselector|createelement|documentelement|getelement|defaultview|open|scripts)|window[\s]*(?:\.|\[)[\s\x22'`]*(?:location|open|name|alert|eval|document|onerror|\x22|'|navigate|atob)|\b(?:self|top|this|parent|frames|window|globalthis|document)[\s]*\[[^\]]{1,80}\][\s]*[(\[`=]|(?:^|[\s;=(),'\x22`+*/|&!~>:{}-])(?:alert|confirm|prompt)[\s]*(?:\(|`|\.(?:call|apply|bind))|\b(?:location|localstorage|sessionstorage)[\s]*(?:\.(?:href|hash|replace|assign|search)|=[\s]*[\x22'`]?(?:javascript|//|https?:|name))|\blocation[\s]*=[\s]*['\x22]\w{0,14}['\x22][\s]*\+|;[\s]*location[\s]*=[\s]*\w{1,3}[\s]*;?[\s]*$|\.innerhtml[\s]*=|navigation\.navigate|\bnavigator\.\w+\()",
                |context, span| !is_sentence(context, span) && !is_template_text(context),
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 1031,
            subtype: "xss_script",
            gate: &[
                "btoa",
                "call",
                "eval",
                "settimeout",
                "setinterval",
                "function(",
                "fromcharcode",
                "atob",
                "constructor",
                "import(",
                "execscript",
                "reflect.",
                "(1337)",
                "globaleval",
                "[]",
                "![]",
                "call`",
                "call (",
                "apply",
                "valueof",
                "tostring",
                "getselection",
                "fetch(",
                "$.getscript",
                "decodeuri",
                "xmlhttprequest",
                "new function",
                "onerror",
                "throw",
                "infinity",
                "sort.call",
                "alert",
                "=confirm",
                "=prompt",
                "=eval",
                "+\"",
                "+'",
                "?.",
                "with(",
                "with (",
                "write(",
                "+ '",
                "+ \"",
                "(confirm",
                "(prompt",
                "(eval",
                ".source",
                ". source",
                "=document",
                "=unescape",
                "&{",
                "[alert",
                ":alert",
                "symbol.",
                "instanceof",
            ],
            needs: "(`[={",
            test: Test::Checked(
                r"\b(?:settimeout|setinterval|setimmediate|execscript|msgbox)[\s]*(?:\(|`)[^)]{0,}|(?:^|[^`\w])eval[\s]*(?:\(|`|\.(?:call|apply)\()[^)]{0,}|\[symbol\.(?:replace|hasinstance|toprimitive|iterator)\][\s]*[(=]|instanceof(?:alert|eval|confirm|prompt)\(|\{[\s]*valueof[\s]*:[\s]*(?:alert|eval|confirm|prompt)|onerror[\s]*\?\?=|string\.fromcharcode[\s]*\(|\batob[\s]*\(|\bbtoa[\s]*\(|new[\s]+function[\s]*\(|\[?[\x22'`]?constructor[\x22'`]?\]?[\s]*(?:\.|\[)[\s\x22'`]*constructor|constructor[\s]*\([\s]*[\x22'`]|(?:^|[^\w.@])import[\s]*\([\s]*[\x22'`][^.\x22'`]|\breflect\.(?:apply|construct|get|set)|(?:(?:^|[^\w])!\+?\[\][\s]*(?:[+)\]]|$)|(?:^|[^\w\]])\[\]\[[^\d\]]|\(!?\[\]\s*\+|\+!\+\[\]|\[\+!\+|\(!\[\])|\[[\s]*\][\s]*\.[\s]*\w+[\s]*\.[\s]*(?:call|apply)|\([\s]*(?:alert|confirm|prompt|eval|print)[\s]*\)[\s]*[(`]|\b(?:alert|confirm|prompt)[\s]*\?\.|[(,][\s]*(?:alert|confirm|prompt)[\s]*\)[\s]*\.\w+[\s]*\(|\.[\s]*(?:alert|confirm|prompt)[\s]*\([\s]*\d|\b\w{1,3}[\s]*=[\s]*\(?(?:alert|confirm|prompt|eval)\)?[\s]*[,;\s]|=[\s]*/[a-z]{1,10}/[\s]*\.[\s]*source\b|(?:^|[,;\s])[$\w]{1,8}=(?:document|unescape|eval)[,;]|(?:['\x22]\w{0,8}['\x22][\s]*\+[\s]*){3,}['\x22]|&\{(?:document|alert|window|location|\w{1,24}\()|[\x22'`]al?e?r?[\x22'`][\s]*\+[\s]*[\x22'`]l?e?r?t|\bwrite[\s]*\([\s]*cookie|\bwith[\s]*\([\s]*document|\b(?:top|self|window|parent|frames|globalthis|this)\?\.\[|\.(?:call|apply)[\s]*`|onerror[\s]*=[\s]*(?:alert|eval|confirm|prompt)|throw[\s]+onerror|\bvalueof[\s]*[=:][\s]*(?:alert|eval)|\$\.(?:getscript|globaleval)[\s]*\(|new[\s]+xmlhttprequest\b|\{[\s]*onerror[\s]*=|\[(?:alert|confirm|prompt|eval)\][\s]*\[[\s]*\d|\{[\s]*\w{1,8}[\s]*:[\s]*(?:alert|confirm|prompt|eval)[\s]*\}[\s]*[)\]\[.]|\.(?:find|map|filter|some|every|foreach|findindex|flatmap|reduce|sort)[\s]*\([\s]*(?:alert|confirm|prompt|eval|print)[\s]*\)",
                |context, span| !is_template_text(context) && !sets_a_clock(context, span),
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 1032,
            subtype: "xss_script",
            gate: &["alert", "confirm", "prompt", "eval", "print", "document", "fetch", "location"],
            needs: "([`.=",
            test: Test::Checked(
                r"['\x22`}\])][\s]*\)*[\s]*(?:[-+*/%|&^;,<>]|\|\||&&|==)[\s]*\(?(?:alert|confirm|prompt|eval|print|fetch|import|document\.\w+|window\.\w+|top|self|location)[\s]*[\(`\[.=]",
                |context, span| {
                    context.quote_breaks_out(span.start) || context.value.get(span.start) == Some(&b'}')
                },
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 1050,
            subtype: "xss_angular",
            gate: &["{{", "ng-", "v-on", " @", "/@", "x-data", "x-init", "srcdoc", "data-bind"],
            needs: "{=",
            test: Test::Pattern(
                r"\{\{[^}]{0,120}(?:constructor|\$eval|\$on|__proto__|alert[\s]*\(|\$parent|toString\(\)|\$event)[^}]{0,120}|\bng-(?:app|csp|init|click|focus|mouse\w+|src|include|bind-html|cut|copy|paste|key\w+|blur|change|submit|dblclick|on\w*)[\s]*=?|<[^<>]{0,200}[\s/]@[a-z][\w.:-]{1,30}[\s]*=[^<>]{0,80}\(|\bx-(?:init|data)[\s]*=[\s\x22']*[^\s]{0,20}(?:alert|fetch|eval)|<[^>]{1,80}srcdoc[\s]*=",
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
    ],
};

/// `confirm (or deny)` in running words is a word with a parenthesis.
fn is_sentence(context: &Context<'_>, span: &Range<usize>) -> bool {
    let blanks = memchr::memchr_iter(b' ', context.before(span.start)).count();
    let spaced = context.value.get(span.clone()).is_some_and(|m| m.ends_with(b" ("));
    let inner = context.after(span.end).split(|b| *b == b')').next().unwrap_or_default();
    let words = inner.contains(&b' ') && inner.iter().all(|b| b.is_ascii_alphabetic() || *b == b' ');
    spaced && (blanks >= 2 || words)
}

/// `setTimeout(() => …`, `setInterval(function () {…`, `setTimeout(resolve, 500)` in a body: program text that calls a function
/// of its own. What such a function does is judged by itself.
fn sets_a_clock(context: &Context<'_>, span: &Range<usize>) -> bool {
    let matched = context.value.get(span.clone()).unwrap_or_default();
    let Some(open) = memchr::memchr(b'(', matched) else { return false };
    let (name, call) = (matched.get(..open).unwrap_or_default(), context.after(span.start + open + 1));
    let words = memchr::memchr_iter(b' ', context.value).count();
    let runs: [&[u8]; 8] =
        [b"alert", b"confirm", b"prompt", b"eval", b"cookie", b"location", b"atob", b"print("];
    let own = call.starts_with(b"() =>")
        || call.starts_with(b"function")
        || call.starts_with(b"async ")
        || call.starts_with(b"resolve,");
    matches!(context.place, Place::BodyValue | Place::FileContent)
        && [&b"setTimeout"[..], b"setInterval"].contains(&name.trim_ascii())
        && own
        && words >= 3
        && !runs.iter().any(|word| memchr::memmem::find(context.value, word).is_some())
}

/// Program text in a fenced block: to a script, the fence is the beginning and the end of a text.
fn is_template_text(context: &Context<'_>) -> bool {
    context.value.starts_with(b"```")
        && context.is_fenced_block()
        && memchr::memmem::find(context.value, b"${").is_none()
}
