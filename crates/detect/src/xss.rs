//! Cross-site scripting: markup that executes, URLs that execute, and script that breaks out of its context.
//!
//! Formatting markup is not an attack: HTML mail, markdown and rich-text editors send it all day. Evidence is an
//! element that runs something, an event handler, a script URL in an attribute or alone, or script expressions
//! that only an exploit needs. The reference tokenizer (libinjection) gives a second opinion on short values.
//!
//! Benign look-alikes: `<b>`, `<a href="https://…">`, mail with `<style>` and `<meta charset>`, `x < y`, generics
//! (`Vec<String>`), `onboarding = true`, JSX handlers (`onClick={save}`), prose about JavaScript.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::shape::{Context, Shape};
use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Xss,
    signatures: &[
        Signature {
            stamp: 1001,
            subtype: "xss_tag",
            gate: &["<script", "< script", "<\u{0}script", "script>", ":script", "</script"],
            needs: "",
            test: Test::Checked(
                r"<[\s/\x00]*(?:\w{1,16}:)?script(?:[\s/>\x00+(&:;<=\x22'`]|$)|</script[^\w-]",
                runs_script,
            ),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 1002,
            subtype: "xss_event",
            gate: &["on"],
            needs: "=",
            test: Test::Checked(
                r"<[a-z!?/%][^<>]{0,400}?[\s\x22'/\x00`;+]on[a-z]{3,36}[\s\x00]*=[\s\x00]*(?:[^\s{>]|$)",
                is_handler,
            ),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 1003,
            subtype: "xss_event",
            gate: &["on"],
            needs: "=",
            test: Test::Checked(
                r"(?:[\x22'`>/;]|^|\s\s|[\s+]\S{0,2})[\s\x00/+]*\bon(?:[a-z]{4,36})[\s\x00+]*=[\s\x00+]*(?:[\x22'`]?[\s\x00]*(?:javascript:|\(?(?:alert|confirm|prompt|eval|print|fetch|import|setTimeout|set\w+|document|window|location|top|self|this|parent|atob|console|new|throw|location|\$|name|url|navigator|with|function|[a-z]+=)[^\w]|[\w$.]{1,30}[\(`]|\w+=))",
                breaks_attribute,
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 1004,
            subtype: "xss_attribute",
            gate: &["on"],
            needs: "=",
            test: Test::Checked(
                r"(?:^|[\x22'`;/\s])[\s]*\bon[a-z]{3,50}[\s\x00+]{0,8}(?:=|%3d)",
                is_dom_event,
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 1010,
            subtype: "xss_js_uri",
            gate: &["script:", "script&", "script\t", "script%3a"],
            needs: "",
            test: Test::Pattern(
                r"(?:=|url\(|^|content=[^>]{0,40}url)[\s\x22'`\x00-\x20(;]*(?:java|vb|live|j\s?a\s?v\s?a\s?)script(?::|&colon;|&#0*58;?|%3a)[^\s].{2,}|(?:java|vb)script(?::|&colon;)[\s/*'\x22`;+-]*(?:alert|confirm|prompt|eval|document|window|location|top|void|msgbox|fetch|import|this|self|open|print|console|[\x22'`/*%<]|\w{1,24}\(|[^\x00-\x7f])",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 1011,
            subtype: "xss_js_uri",
            gate: &[
                "href",
                "src",
                "action",
                "data",
                "background",
                "xlink",
                "from=",
                "to=",
                "values=",
                "content",
            ],
            needs: "<",
            test: Test::Pattern(
                r"<[a-z][^<>]{0,300}?(?:href|src|action|formaction|data|background|poster|to|from|values|code|dynsrc|lowsrc|srcdoc)[\s]*=[\s\x22'`\x00-\x20]*(?:(?:java|vb|live)script[\s]*(?::|&)|data:(?:text/html|image/svg|text/xml|application/xhtml|,|[^,]{0,40}script))",
            ),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 1012,
            subtype: "xss_js_uri",
            gate: &["script:", "script&", "jav", "vbs", "livescript"],
            needs: "",
            test: Test::Pattern(
                r"^[\s\x00-\x20\x22']*(?:(?:feed|view-source|mhtml|jar):){0,6}(?:java|vb|live)script[\s]*(?::|&colon;)[\s]*(?:[^\s]{0,200}[(=`'\x22/\[%&<;\\.$+:]|[^\s]+$|void\b|$)|\.protocol[\s]*=[\s]*[\x22'`](?:java|vb)script\b|(?:url|href|src)[\s(=\x22']*(?:java|vb)script|j(?:&(?:tab|newline);|[\s])*a(?:&(?:tab|newline);|[\s])*v(?:&(?:tab|newline);|[\s])*a(?:&(?:tab|newline);|[\s])*s(?:&(?:tab|newline);|[\s])*c(?:&(?:tab|newline);|[\s])*r(?:&(?:tab|newline);|[\s])*i(?:&(?:tab|newline);|[\s])*p(?:&(?:tab|newline);|[\s])*t(?:&(?:tab|newline);|[\s])*(?::|&colon;)[\s]*(?:[^\s]{0,200}[(=`\x27\x22/\[%&<;\\.$+:]|[^\s]+$|void\b|$)",
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 1013,
            subtype: "xss_js_uri",
            gate: &["data:"],
            needs: "",
            test: Test::Pattern(
                r"(?:^|=|[\s\x22'(])data:[\s]*(?:text/(?:html|xml|javascript|vbscript)|application/(?:xhtml|xml|javascript|x-javascript)|image/svg\+xml|[^,;<>]{0,24};base64,PHNjcmlwd|,[\s]*(?:alert|<))|<[^<>]{0,60}data:,",
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 1020,
            subtype: "xss_tag",
            gate: &[
                "<iframe",
                "<object",
                "<embed",
                "<applet",
                "<svg",
                "<math",
                "<base",
                "<meta",
                "<link",
                "<isindex",
                "<form",
                "<frame",
                "<bgsound",
                "<layer",
                "<ilayer",
                "<import",
                "<vmlframe",
                ":vmlframe",
                "<marquee",
                "<xss",
                "<animate",
                "<set",
                "<foreignobject",
                "<portal",
                "<template",
                "<style",
                "<table",
                "<body",
                "<img",
                "<input",
                "<details",
                "<video",
                "<audio",
                "<textarea",
                "<button",
                "<body",
                "<noscript",
                "<title",
                "<xml",
                "<html",
                "<plaintext",
                "<listing",
                "<keygen",
                "<basefont",
                "<blink",
                "<dialog",
            ],
            needs: "",
            test: Test::Pattern(
                r"<(?:iframe|frame)\b[^>]{0,200}?(?:srcdoc|src)[\s]*=|<(?:object|embed)\b[^>]{0,200}?(?:data|src|code|type|allowscriptaccess)[\s]*=|<applet\b|<(?:svg|math)[\s/>][^>]{0,200}(?:href|on[a-z]+)[\s]*=|<base\b[^>]{0,60}href[\s]*=[\s\x22']*(?://|javascript|data|https?:)|<meta\b[^>]{0,80}http-equiv[\s]*=[\s\x22']*(?:refresh|set-cookie|link)\b|<meta\b[^>]{0,60}charset[\s]*=[\s\x22']*utf-7|<link\b[^>]{0,120}(?:javascript|\.js\b|import|@import)|<isindex\b|<(?:bgsound|ilayer|layer|importimplementation|portal|foreignobject|import)\b|<\w{0,10}:?vmlframe\b|<(?:animate|set|animatetransform|animatemotion)\b[^>]{0,200}(?:href|on[a-z]+|values|to)[\s]*=|<form\b[^>]{0,120}action[\s]*=[\s\x22']*(?:javascript|data)|\bformaction[\s]*=",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 1021,
            subtype: "xss_tag",
            gate: &[
                "<iframe",
                "<object",
                "<embed",
                "<svg",
                "<math",
                "<base",
                "<meta",
                "<link",
                "<form",
                "<frame",
                "<style",
                "<body",
                "<html",
                "<input",
                "<button",
                "<textarea",
                "<img",
                "<video",
                "<audio",
                "<marquee",
                "<isindex",
                "<applet",
                "<xss",
                "<image",
                "<template",
                "<details",
                "<select",
                "<option",
                "<dialog",
                "</",
                "<xml",
                "<bgsound",
                "<x:",
                "<title",
                "<f o r m",
                "<noscript",
                "<blink",
                "<table",
                "<td",
                "<div",
            ],
            needs: "",
            test: Test::Checked(
                r"<[\s]*(?:iframe|frameset|frame|object|embed|applet|svg|math|base|meta|link|form|style|isindex|marquee|bgsound|xss|image|noscript|plaintext|listing|xmp|noembed|layer|ilayer)(?:[\s/>\x00#]|$)|<(?:body|html)[\s/][^<>]{0,200}(?:[\s/\x22]on\w+|background|manifest)[\s]*=|</(?:style|title|textarea|noscript|noembed|xmp|template|iframe|svg|math)[\s]*>|<f[\s]o[\s]r[\s]m|<(?:img|input|video|audio|div|td|table|tr|th|image)\b[^>]{0,80}(?:background|lowsrc|dynsrc|style)[\s]*=[^>]{0,60}(?:script|expression|url[\s]*\()",
                |context, span| !is_still_picture(context, span),
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 1023,
            subtype: "xss_dangling",
            gate: &["=\"//", "='//", "=\"http", "='http", "target=\"", "= \"//"],
            needs: "<",
            test: Test::Pattern(
                r"<[a-z][^<>]{0,200}[\s](?:src|href|background|poster|action|data|ping|srcset|code|cite)[\s]*=[\s]*[\x22'](?:https?:)?//[^\x22'<>\s]{1,200}$|<base[\s][^<>]{0,40}target[\s]*=[\s]*[\x22'][^\x22']{0,40}$",
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 1022,
            subtype: "xss_css",
            gate: &[
                "expression",
                "@import",
                "-moz-binding",
                "behavior",
                "behaviour",
                "url(",
                "url",
                "style",
                "@im",
            ],
            needs: "",
            test: Test::Pattern(
                r"style[\s]*=[^>]{0,60}(?:\\0{0,4}[0-9a-f]{2}[\s]?){5,}|style[\s]*=[^>]{0,120}(?:expression[\s]*\(|behaviou?r[\s]*:|-moz-binding|javascript)|(?::|=|\{|;)[^<>]{0,40}(?:expression[\s]*\([^)]{0,40}(?:alert|eval|document|window|cookie)|url[\s]*\([\s\x22'\\]*javascript)|<style[^>]{0,60}>.{0,200}(?:@im|javascript|expression[\s]*\(|\\\\|-moz-binding|behavior[\s]*:)|-moz-binding[\s]*:[\s]*url|^[^\s]{0,3}\x22?[\s]*style[\s]*=[\s]*[\x22']?[a-z-]+:.{0,60}(?:expression|javascript)",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 1024,
            subtype: "xss_css",
            gate: &["expression"],
            needs: "(",
            test: Test::Pattern(
                r"style[\s]*=[^>]{0,80}expression[\s]*\([^)]{0,20}(?:alert|eval|confirm|prompt|document|window)",
            ),
            trust: Trust::Any,
            places: Places::All,
        },
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
                r"(?:document[\s]*(?:\.|\[|\)[\s]*\[)[\s\x22'`]*(?:cookie|write|writeln|domain|location|body|url|referrer|forms|queryselector|createelement|documentelement|getelement|defaultview|open|scripts)|window[\s]*(?:\.|\[)[\s\x22'`]*(?:location|open|name|alert|eval|document|onerror|\x22|'|navigate|atob)|\b(?:self|top|this|parent|frames|window|globalthis|document)[\s]*\[[^\]]{1,80}\][\s]*[(\[`=]|(?:^|[\s;=(,'\x22`+*/|&!~>:{}-])(?:alert|confirm|prompt)[\s]*(?:\(|`|\.(?:call|apply|bind))|\b(?:location|localstorage|sessionstorage)[\s]*(?:\.(?:href|hash|replace|assign|search)|=[\s]*[\x22'`]?(?:javascript|//|https?:|name))|\blocation[\s]*=[\s]*['\x22]\w{0,14}['\x22][\s]*\+|;[\s]*location[\s]*=[\s]*\w{1,3}[\s]*;?[\s]*$|\.innerhtml[\s]*=|navigation\.navigate|\bnavigator\.\w+\()",
                |context, span| !is_sentence(context, span),
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
            ],
            needs: "(`[=",
            test: Test::Pattern(
                r"\b(?:eval|settimeout|setinterval|setimmediate|execscript|msgbox)[\s]*(?:\(|`)[^)]{0,}|string\.fromcharcode[\s]*\(|\batob[\s]*\(|\bbtoa[\s]*\(|new[\s]+function[\s]*\(|\[?[\x22'`]?constructor[\x22'`]?\]?[\s]*(?:\.|\[)[\s\x22'`]*constructor|constructor[\s]*\([\s]*[\x22'`]|(?:^|[^\w.])import[\s]*\([\s]*[\x22'`][^.\x22'`]|\breflect\.(?:apply|construct|get|set)|(?:!\+?\[\][\s]*(?:[+)\]]|$)|(?:^|[^\w\]])\[\]\[|\(!?\[\]\s*\+|\+!\+\[\]|\[\+!\+|\(!\[\])|\[[\s]*\][\s]*\.[\s]*\w+[\s]*\.[\s]*(?:call|apply)|\([\s]*(?:alert|confirm|prompt|eval|print)[\s]*\)[\s]*[(`]|\b(?:alert|confirm|prompt)[\s]*\?\.|[(,][\s]*(?:alert|confirm|prompt)[\s]*\)[\s]*\.\w+[\s]*\(|\.[\s]*(?:alert|confirm|prompt)[\s]*\([\s]*\d|\b\w{1,3}[\s]*=[\s]*\(?(?:alert|confirm|prompt|eval)\)?[\s]*[,;\s]|=[\s]*/[a-z]{1,10}/[\s]*\.[\s]*source\b|(?:^|[,;\s])[$\w]{1,8}=(?:document|unescape|eval)[,;]|(?:['\x22]\w{0,8}['\x22][\s]*\+[\s]*){3,}['\x22]|&\{(?:document|alert|window|location|\w{1,24}\()|[\x22'`]al?e?r?[\x22'`][\s]*\+[\s]*[\x22'`]l?e?r?t|\bwrite[\s]*\([\s]*cookie|\bwith[\s]*\([\s]*document|\b(?:top|self|window|parent|frames|globalthis|this)\?\.\[|\.(?:call|apply)[\s]*`|onerror[\s]*=[\s]*(?:alert|eval|confirm|prompt)|throw[\s]+onerror|\bvalueof[\s]*[=:][\s]*(?:alert|eval)|\$\.(?:getscript|globaleval)[\s]*\(|new[\s]+xmlhttprequest\b|\{[\s]*onerror[\s]*=|\.(?:find|map|filter|some|every|foreach|findindex|flatmap|reduce|sort)[\s]*\([\s]*(?:alert|confirm|prompt|eval|print)[\s]*\)",
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
            stamp: 1040,
            subtype: "xss_encoded",
            gate: &["+adw-", "\u{bc}script", "\\xbc", "\u{0}<", "\u{2}", "%u003c", "\\u003c", "&#", "\u{bc}"],
            needs: "",
            test: Test::Pattern(
                r"\+adw-[\s/]*(?:[a-z]|/|!)|(?:(?:^|[\x00-\x7f])\xbc|(?:^|[^\da-f])\\xbc|\xc2\xbc|\\xc2\\xbc)[\s/]*(?:script|[a-z]{2,10}[^<]{0,60}(?:\xbe|\\xbe|\xc2\xbe))|(?:\\u003c|%u003c|\\x3c)[\s/]*(?:script|img|svg|iframe|body|object)\b",
            ),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 1041,
            subtype: "xss_tag",
            gate: &[
                "<!entity",
                "!entity",
                "<!doctype",
                "<!attlist",
                "xlink:href",
                "xmlns",
                "<?xml",
                "<?import",
                "<xi:",
                "xi:include",
                "-->",
                "<!--",
                "@import",
                "<![cdata",
                "xml-stylesheet",
            ],
            needs: "",
            test: Test::Checked(
                r"!entity[\s]+(?:%[\s]*)?[\w.-]+[\s]+(?:system|public)\b|<\?import[\s][^>]{0,80}(?:implementation|namespace)[\s]*=|<xi:include\b|xmlns:\w+[\s]*=[\s]*[\x22']?http://www\.w3\.org/(?:1999/xhtml|2000/svg|1999/xsl|2001/xinclude)|<[a-ce-gi-z]\w{1,10}[\s][^>]{0,60}\bxmlns(?::\w+)?[\s]*=|<!attlist\b|xlink:href[\s]*=|<\?xml-stylesheet[^>]{0,200}(?:script|data:|//)|^xml-stylesheet\b[^<>]{0,60}href[\s]*=|<!--\[if|--!?>[\s]*<|<!\[cdata\[[^\]]{0,60}(?:script|<)",
                |context, span| !closes_own_comment(context, span),
            ),
            trust: Trust::Tight,
            places: Places::Names,
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
        Signature {
            stamp: 1099,
            subtype: "xss_grammar",
            gate: &["<", "on", "javascript", "style"],
            needs: "<=",
            test: Test::Code(grammar),
            trust: Trust::Tight,
            places: Places::All,
        },
    ],
};

/// The end of a comment that the value itself began: `<!----><a id="x"></a>`.
fn closes_own_comment(context: &Context<'_>, span: &Range<usize>) -> bool {
    context.after(span.start).starts_with(b"--")
        && memchr::memmem::find(context.value.get(..span.start + 2).unwrap_or_default(), b"<!--").is_some()
}

/// In a short value the tag is enough. Text about scripts names the tag, too (`the <script> tag`, `::<Script>`); there
/// it must have a source or something to run.
fn runs_script(context: &Context<'_>, span: &Range<usize>) -> bool {
    if context.before(span.start).ends_with(b"::") {
        return false;
    }
    // `Loader<Script>`: a type parameter.
    let generic = context.before(span.start).last().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
        && context.value.get(span.clone()) == Some(b"<Script>");
    if generic && context.shape() != Shape::Tight {
        return false;
    }
    // `how to use <script> in html`: words on both sides.
    let is_word = |b: &u8| b.is_ascii_alphabetic() || *b == b' ' || *b == b'?';
    let before = context.before(span.start);
    let about = before.contains(&b' ')
        && before.iter().all(is_word)
        && context.value.get(..span.end).is_some_and(|text| text.ends_with(b"<script>"))
        && context.after(span.end).iter().all(is_word);
    if context.shape() == Shape::Tight {
        return !about;
    }
    let tail = context.after(span.end);
    let tail = tail.get(..tail.len().min(300)).unwrap_or(tail);
    if context.is_in_code(span.start) && !exploits(tail) {
        return false;
    }
    let tag_end = memchr::memchr(b'>', tail).unwrap_or(0);
    let (attributes, body) = match context.value.get(span.end.saturating_sub(1)) {
        Some(b'>') => (&b""[..], tail),
        _ => (tail.get(..tag_end).unwrap_or_default(), tail.get(tag_end..).unwrap_or_default()),
    };
    let content = body.split(|b| *b == b'<').next().unwrap_or_default();
    let runs = content.iter().any(|b| matches!(b, b'(' | b'=' | b'`' | b'[')) && !content.starts_with(b"`");
    runs || memchr::memmem::find(attributes, b"=").is_some()
}

/// Whether the matched `on…=` is an event handler and not a JSX property or an attribute of another word.
fn is_handler(context: &Context<'_>, span: &Range<usize>) -> bool {
    let tail = context.after(span.end.saturating_sub(1));
    // JSX: `onClick={handler}`; markup that browsers run has no braces there.
    if tail.starts_with(b"{") {
        return false;
    }
    let near = tail.get(..tail.len().min(300)).unwrap_or(tail);
    // The source of a page template: `onclick="buy({{id}})"`.
    let line = near.split(|b| *b == b'>').next().unwrap_or_default();
    let is_template = context.shape() == Shape::Document && memchr::memmem::find(line, b"({{").is_some();
    !(is_template || context.is_in_code(span.start)) || exploits(near)
}

/// A vector graphic without anything that runs or fetches: `<svg viewBox="…"><path d="…"/></svg>`.
fn is_still_picture(context: &Context<'_>, span: &Range<usize>) -> bool {
    const ACTIVE: [&[u8]; 8] =
        [b"script", b"href", b"on", b"&#", b"style", b"animate", b"foreignobject", b"iframe"];
    let mut lower = context.value.to_ascii_lowercase();
    let matched = lower.get(span.start..).unwrap_or_default();
    let is_svg = matched.starts_with(b"<svg") || matched.starts_with(b"</svg");
    let Some(at) = memchr::memmem::find(&lower, b"<svg").filter(|_| is_svg) else { return false };
    let lower = lower.split_off(at);
    let head = context.before(at).trim_ascii();
    (head.is_empty() || head.starts_with(b"<?xml") && head.ends_with(b"?>") || !head.contains(&b'<'))
        && memchr::memmem::find(&lower, b"</svg>").is_some()
        && !ACTIVE.iter().any(|word| memchr::memmem::find(&lower, word).is_some())
}

/// Whether script does what exploits do and examples in documentation hardly ever do.
fn exploits(script: &[u8]) -> bool {
    const SIGNS: [&[u8]; 14] = [
        b"alert",
        b"confirm(",
        b"prompt(",
        b"eval(",
        b"cookie",
        b"atob",
        b"fromcharcode",
        b"fetch(",
        b"location",
        b"xmlhttprequest",
        b"innerhtml",
        b"window[",
        b"srcdoc",
        b"localstorage",
    ];
    let lower = script.to_ascii_lowercase();
    SIGNS.iter().any(|sign| memchr::memmem::find(&lower, sign).is_some())
}

/// An event handler outside a tag counts only when it breaks out of an attribute.
fn breaks_attribute(context: &Context<'_>, span: &Range<usize>) -> bool {
    match context.value.get(span.start) {
        Some(b'"' | b'\'' | b'`') => context.quote_breaks_out(span.start),
        _ => is_dom_event(context, span),
    }
}

/// Whether the word before the `=` at the end of the match begins like an event of the DOM.
fn is_dom_event(context: &Context<'_>, span: &Range<usize>) -> bool {
    const EVENTS: &[&[u8]] = &[
        b"abort",
        b"activate",
        b"after",
        b"anim",
        b"append",
        b"auxclick",
        b"bef",
        b"begin",
        b"beforeinput",
        b"blur",
        b"bounce",
        b"cached",
        b"cancel",
        b"canplay",
        b"cell",
        b"change",
        b"click",
        b"close",
        b"context",
        b"copy",
        b"cuechange",
        b"cut",
        b"data",
        b"dbl",
        b"deactivate",
        b"device",
        b"drag",
        b"drop",
        b"durationchange",
        b"emptied",
        b"end",
        b"error",
        b"filter",
        b"finish",
        b"focus",
        b"fullscreen",
        b"gesture",
        b"hash",
        b"help",
        b"input",
        b"invalid",
        b"key",
        b"layout",
        b"load",
        b"lose",
        b"message",
        b"mouse",
        b"move",
        b"online",
        b"offline",
        b"orientation",
        b"page",
        b"paste",
        b"pause",
        b"play",
        b"pointer",
        b"popstate",
        b"progress",
        b"property",
        b"ratechange",
        b"ready",
        b"repeat",
        b"reset",
        b"resize",
        b"row",
        b"scroll",
        b"search",
        b"seek",
        b"select",
        b"show",
        b"start",
        b"stalled",
        b"storage",
        b"submit",
        b"suspend",
        b"time",
        b"toggle",
        b"touch",
        b"transition",
        b"unload",
        b"unhandled",
        b"volume",
        b"waiting",
        b"webkit",
        b"wheel",
        b"zoom",
    ];
    let Some(matched) = context.value.get(span.clone()) else { return false };
    // JSX, as in `is_handler`.
    if context.after(span.end).starts_with(b"{") {
        return false;
    }
    let lower = matched.to_ascii_lowercase();
    let Some(at) = memchr::memmem::find(&lower, b"on") else { return false };
    let name = lower.get(at + 2..).unwrap_or_default();
    EVENTS.iter().any(|event| name.starts_with(event))
}

/// `confirm (or deny)` in running words is a word with a parenthesis.
fn is_sentence(context: &Context<'_>, span: &Range<usize>) -> bool {
    let blanks = memchr::memchr_iter(b' ', context.before(span.start)).count();
    let spaced = context.value.get(span.clone()).is_some_and(|m| m.ends_with(b" ("));
    let inner = context.after(span.end).split(|b| *b == b')').next().unwrap_or_default();
    let words = inner.contains(&b' ') && inner.iter().all(|b| b.is_ascii_alphabetic() || *b == b' ');
    spaced && (blanks >= 2 || words)
}

const GRAMMAR_MAX: usize = 1024;

/// The second opinion of the reference tokenizer, for short values that hold a tag, a handler or a script URL.
fn grammar(context: &Context<'_>) -> Option<Range<usize>> {
    let value = context.value;
    let named =
        memchr::memmem::find(value, b" <script> ").is_some_and(|at| !runs_script(context, &(at + 1..at + 9)));
    if named && memchr::memchr_iter(b'<', value).count() == 1 {
        return None;
    }
    let code = memchr::memmem::find(value, b"={").is_some() || memchr::memmem::find(value, b"::<").is_some();
    if code {
        return None;
    }
    let has_tag = value.contains(&b'<');
    let has_break = value.iter().any(|b| matches!(b, b'"' | b'\'' | b'`'));
    // A tag begins with a letter or one of these signs, an attribute has a value.
    let tag = value
        .windows(2)
        .any(|w| matches!(w, [b'<', b] if b.is_ascii_alphabetic() || matches!(b, b'!' | b'?' | b'%' | b'/')));
    if !tag && !value.contains(&b'=') {
        return None;
    }
    if value.len() > GRAMMAR_MAX
        || value.trim_ascii_start().starts_with(b"<?x")
        || value.starts_with(b"<div xmlns=")
        || !(has_tag || has_break && value.contains(&b'='))
    {
        return None;
    }
    // The reference counts every `style`; formatting is harmless unless it computes or fetches.
    let lower = value.to_ascii_lowercase();
    let active: [&[u8]; 5] = [b"expression", b"url", b"script", b"behavi", b"import"];
    let harmless = !active.iter().any(|word| memchr::memmem::find(&lower, word).is_some());
    let verdict = match memchr::memmem::find(&lower, b"style") {
        Some(_) if harmless => {
            let mut form = lower.clone();
            let places: Vec<usize> = memchr::memmem::find_iter(&lower, b" style").collect();
            for at in places {
                if let Some(byte) = form.get_mut(at + 1) {
                    *byte = b'_';
                }
            }
            libinjectionrs::detect_xss(&form)
        }
        _ => libinjectionrs::detect_xss(value),
    };
    (verdict == libinjectionrs::XssResult::Xss).then_some(0..value.len())
}
