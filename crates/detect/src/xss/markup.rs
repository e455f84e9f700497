//! Elements that fetch, style or frame, markup left open, and markup in other notations.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::shape::Context;
use crate::signature::{Detector, Places, Signature, Test, Trust};
use crate::xss::document::is_inert;

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Xss,
    signatures: &[
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
            test: Test::Checked(
                r"<(?:iframe|frame)\b[^>]{0,200}?(?:srcdoc|src)[\s]*=|<(?:object|embed)\b[^>]{0,200}?(?:data|src|code|type|allowscriptaccess)[\s]*=|<applet\b|<(?:svg|math)[\s/>][^>]{0,200}(?:href|on[a-z]+)[\s]*=|<base\b[^>]{0,60}href[\s]*=[\s\x22']*(?://|javascript|data|https?:)|<meta\b[^>]{0,80}http-equiv[\s]*=[\s\x22']*(?:refresh|set-cookie|link)\b|<meta\b[^>]{0,60}charset[\s]*=[\s\x22']*utf-7|<link\b[^>]{0,120}(?:javascript|\.js\b|import|@import)|<isindex\b|<(?:bgsound|ilayer|layer|importimplementation|portal|foreignobject|import)\b|<\w{0,10}:?vmlframe\b|<(?:animate|set|animatetransform|animatemotion)\b[^>]{0,200}(?:href|on[a-z]+|values|to)[\s]*=|<form\b[^>]{0,120}action[\s]*=[\s\x22']*(?:javascript|data)|\bformaction[\s]*=",
                |context, _| !is_embedded_player(context.value),
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
                |context, span| {
                    !is_shown(context, span)
                        && !context.names_a_tag(span.start)
                        && !is_embedded_player(context.value)
                        && !is_inert(context.value)
                },
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
        // Out of an attribute and its tag into another tag: no value begins that way by itself.
        Signature {
            stamp: 1025,
            subtype: "xss_tag",
            gate: &["'>", "\">", "/>", "' >", "\" >"],
            needs: "'\"",
            test: Test::Checked(
                r"^[^<>\n]{0,40}?['\x22][\s]*/?>[\s]{0,4}<[\s]*[a-z!/?]|^['\x22][\s]*/?>[^<>\n]{0,60}<[a-z!/?]",
                ends_an_attribute,
            ),
            trust: Trust::Prose,
            places: Places::Values,
        },
        // No name of a field ends a comment.
        Signature {
            stamp: 1042,
            subtype: "xss_tag",
            gate: &["-->", "--!>"],
            needs: "",
            test: Test::Checked(r"^--!?>$", |context, _| context.place.is_name()),
            trust: Trust::Tight,
            places: Places::Names,
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
                "\\00",
            ],
            needs: "",
            test: Test::Pattern(
                r"style[\s]*=[^>]{0,60}(?:\\0{0,4}[0-9a-f]{2}[\s]?){5,}|style[\s]*=[^>]{0,120}(?:expression[\s]*\(|behaviou?r[\s]*:|-moz-binding|javascript)|(?::|=|\{|;)[^<>]{0,40}(?:expression[\s]*\([^)]{0,40}(?:alert|eval|document|window|cookie)|url[\s]*\([\s\x22'\\]*javascript)|<style[^>]{0,60}>.{0,200}(?:@im|javascript|expression[\s]*\(|\\\\|-moz-binding|behavior[\s]*:)|-moz-binding[\s]*:[\s]*url|:[\s]*(?:\\0{2}[0-9a-f]{2}[\s]?){6,}|^[^\s]{0,3}\x22?[\s]*style[\s]*=[\s]*[\x22']?[a-z-]+:.{0,60}(?:expression|javascript)",
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
                "import ",
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
                r"!entity[\s]+(?:%[\s]*)?[\w.-]+[\s]+(?:system|public)\b|<\?import[\s][^>]{0,80}(?:implementation|namespace)[\s]*=|<xi:include\b|xmlns:\w+[\s]*=[\s]*[\x22']?http://www\.w3\.org/(?:1999/xhtml|2000/svg|1999/xsl|2001/xinclude)|<[a-ce-gi-z]\w{1,10}[\s][^>]{0,60}\bxmlns(?::\w+)?[\s]*=|<!attlist\b|xlink:href[\s]*=|<\?xml-stylesheet[^>]{0,200}(?:script|data:|//)|^import\b[^<>]{0,80}implementation[\s]*=|^xml-stylesheet\b[^<>]{0,60}href[\s]*=|<!--\[if|--!?>[\s]*<|<!\[cdata\[[^\]]{0,60}(?:script|<)",
                |context, span| {
                    !closes_own_comment(context, span)
                        && !is_still_picture(context)
                        && !is_inert(context.value)
                },
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
    ],
};

/// Whether the quote before the first `>` ends what the value did not begin.
fn ends_an_attribute(context: &Context<'_>, span: &Range<usize>) -> bool {
    let Some(close) = memchr::memchr(b'>', context.after(span.start)) else { return false };
    let head = context.before(span.start + close);
    let quote = head.iter().rposition(|b| matches!(b, b'"' | b'\''));
    quote.is_some_and(|at| !head.contains(&b'=') && context.quote_breaks_out(at))
}

/// A player of a well-known host as those hosts give it out to be pasted, and nothing else: one `<iframe …></iframe>` with
/// attributes of size and permission. Or the head's `<meta name="viewport" …>`, which does nothing in a page.
pub(super) fn is_embedded_player(value: &[u8]) -> bool {
    const HOSTS: [&str; 7] = [
        "https://www.youtube.com/embed/",
        "https://www.youtube-nocookie.com/embed/",
        "https://player.vimeo.com/video/",
        "https://open.spotify.com/embed/",
        "https://w.soundcloud.com/player/",
        "https://www.google.com/maps/embed?",
        "https://www.openstreetmap.org/export/embed.html?",
    ];
    const PLAYER: [&str; 10] = [
        "width",
        "height",
        "src",
        "title",
        "frameborder",
        "allow",
        "allowfullscreen",
        "referrerpolicy",
        "loading",
        "scrolling",
    ];
    let Ok(text) = std::str::from_utf8(value.trim_ascii()) else { return false };
    if let Some(text) = text.strip_prefix("<iframe ").and_then(|text| text.strip_suffix("></iframe>")) {
        let Some(attributes) = plain_attributes(text) else { return false };
        let known = attributes.iter().all(|(name, value)| {
            // A blank and an equals sign: in another quote that would be an attribute more.
            PLAYER.contains(name) && !(value.contains(' ') && value.contains('='))
        });
        let mut sources = attributes.iter().filter(|(name, _)| *name == "src");
        let is_hosted = |url: &str| HOSTS.iter().any(|host| url.starts_with(host)) && !url.contains("..");
        return known && sources.next().is_some_and(|(_, url)| is_hosted(url)) && sources.next().is_none();
    }
    let meta = text.strip_prefix("<meta ").and_then(|text| text.strip_suffix('>'));
    let attributes = meta.map(|text| text.trim_end_matches('/')).and_then(plain_attributes);
    attributes.is_some_and(|attributes| {
        matches!(attributes.as_slice(), [("name", "viewport"), ("content", view)] if is_view(view))
    })
}

/// `width=device-width, initial-scale=1`
fn is_view(content: &str) -> bool {
    const KEYS: [&str; 7] = [
        "width",
        "height",
        "initial-scale",
        "maximum-scale",
        "minimum-scale",
        "user-scalable",
        "viewport-fit",
    ];
    content.split(',').all(|pair| pair.trim().split_once('=').is_some_and(|(key, _)| KEYS.contains(&key)))
}

/// Attributes in double quotes or without a value, with nothing in them that is markup to anybody.
fn plain_attributes(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut attributes = Vec::new();
    let mut rest = text.trim_ascii();
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let (value, after) = match after.strip_prefix("=\"") {
            Some(after) => after.split_once('"')?,
            None => ("", after),
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || " -_.,:;/?=&%!+#".contains(c);
        let apart = after.is_empty() || after.starts_with(' ');
        if name.is_empty() || !apart || !value.chars().all(is_plain) || begins_handler(value) {
            return None;
        }
        attributes.push((name, value));
        rest = after.trim_ascii_start();
    }
    Some(attributes)
}

/// Whether a value has the name of a handler before an equals sign.
fn begins_handler(value: &str) -> bool {
    value.match_indices('=').any(|(at, _)| {
        let head = value.get(..at).unwrap_or_default();
        let start = head.rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |start| start + 1);
        head.get(start..).is_some_and(|word| word.len() > 2 && word.to_ascii_lowercase().starts_with("on"))
    })
}

/// A vector graphic without anything that runs or fetches: `<svg viewBox="…"><path d="…"/></svg>`.
pub(super) fn is_still_picture(context: &Context<'_>) -> bool {
    *context.still_picture.get_or_init(|| is_still(context.value))
}

fn is_still(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    let Some(at) = memchr::memmem::find(&lower, b"<svg") else { return false };
    let (head, picture) = lower.split_at(at);
    // `<svg width="48"/>` has no end of its own.
    let closed = picture.trim_ascii_end().ends_with(b"/>") && memchr::memchr_iter(b'<', picture).count() == 1;
    let end = memchr::memmem::rfind(picture, b"</svg>").map(|end| end + b"</svg>".len());
    let end = end.or(closed.then_some(picture.len()));
    // What follows the picture is judged by itself, and the reference tokenizer reads both as one.
    begins_picture(head.trim_ascii())
        && end.is_some_and(|end| picture.get(end..).is_some_and(|rest| !rest.contains(&b'<')))
        && !is_active_picture(picture)
}

/// Whether nothing but the declaration of XML or the beginning of a data URL stands before a picture. Any other text
/// may end a quote or an attribute.
fn begins_picture(head: &[u8]) -> bool {
    let declares =
        head.strip_prefix(b"<?xml").and_then(|text| text.strip_suffix(b"?>")).is_some_and(|text| {
            text.first().is_some_and(u8::is_ascii_whitespace)
                && !text.iter().any(|b| matches!(b, b'<' | b'>'))
        });
    let data = head.strip_prefix(b"data:image/svg+xml").and_then(|text| text.strip_suffix(b","));
    head.is_empty() || declares || data.is_some_and(is_plain_header)
}

/// Whether the parameters of a data URL, in small letters, leave its text as it stands.
pub(super) fn is_plain_header(parameters: &[u8]) -> bool {
    matches!(parameters, b"" | b";utf8" | b";charset=utf8" | b";charset=utf-8")
}

/// Whether a vector graphic, in small letters, runs, fetches or holds other markup.
pub(super) fn is_active_picture(picture: &[u8]) -> bool {
    const ACTIVE: [&[u8]; 12] = [
        b"script",
        b"&#",
        b"<style",
        b"<animate",
        b"<set",
        b"foreignobject",
        b"iframe",
        b"<a ",
        b"<!",
        b"<?",
        b"url(//",
        b"@import",
    ];
    let holds = |text: &[u8]| memchr::memmem::find(picture, text).is_some();
    let picture_at = |at: usize| picture.get(at..).unwrap_or_default();
    let fetches = memchr::memmem::find_iter(picture, b"href").any(|at| {
        let target = picture_at(at + 4).trim_ascii_start();
        let target = target.strip_prefix(b"=").unwrap_or(target).trim_ascii_start();
        !matches!(target, [b'"' | b'\'', b'#', ..])
    });
    let handles = memchr::memmem::find_iter(picture, b"on").any(|at| {
        // Asked first: a run of letters is walked over once only.
        let before = at.checked_sub(1).and_then(|at| picture.get(at));
        if !before.is_some_and(|b| !b.is_ascii_alphanumeric() && *b != b'-') {
            return false;
        }
        let name = picture_at(at).iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        let after = picture_at(at + name).trim_ascii_start();
        after.starts_with(b"=") || after.starts_with(b"%3d")
    });
    fetches || handles || ACTIVE.iter().any(|word| holds(word))
}

/// A background that is fetched from where it says: `style="background: url('https://…')"`.
pub(super) fn fetches_background(lower: &[u8]) -> bool {
    let urls = memchr::memmem::find_iter(lower, b"url").count();
    let plain = memchr::memmem::find_iter(lower, b"url(")
        .filter(|&at| {
            let target = lower.get(at + 4..).unwrap_or_default();
            let target = target
                .strip_prefix(b"'")
                .or_else(|| target.strip_prefix(b"&quot;"))
                .or_else(|| target.strip_prefix(b"\""))
                .unwrap_or(target);
            let url = target.split(|b| matches!(b, b')' | b'\'' | b'"' | b' ')).next().unwrap_or_default();
            (url.starts_with(b"https://") || url.starts_with(b"http://"))
                && !url.iter().any(|b| matches!(b, b'\\' | b'<' | b'`' | b'{' | b'}' | b';' | b'*'))
                && !url.ends_with(b".js")
        })
        .count();
    urls > 0 && urls == plain
}

/// Whether markup only shows something.
fn is_shown(context: &Context<'_>, span: &Range<usize>) -> bool {
    let matched = context.value.get(span.clone()).unwrap_or_default().to_ascii_lowercase();
    if matched.ends_with(b"(") {
        let lower = context.value.to_ascii_lowercase();
        return fetches_background(&lower)
            && !["script", "expression"]
                .iter()
                .any(|word| memchr::memmem::find(&lower, word.as_bytes()).is_some());
    }
    if closes_its_own(context, span, &matched) {
        return true;
    }
    (matched.starts_with(b"<svg") || matched.starts_with(b"</svg")) && is_still_picture(context)
}

/// The end of an element that the value itself began, and that holds no other: `<title>Tags</title>`.
fn closes_its_own(context: &Context<'_>, span: &Range<usize>, matched: &[u8]) -> bool {
    let name = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    let Some(end) = matched.strip_prefix(b"</") else { return false };
    let before = context.before(span.start).to_ascii_lowercase();
    let open = memchr::memchr(b'<', &before).and_then(|at| before.get(at + 1..));
    open.is_some_and(|open| {
        open.get(..name(open)) == end.get(..name(end)) && open.get(name(open)) == Some(&b'>')
    }) && memchr::memchr_iter(b'<', context.value).count() == 2
}

/// The end of a comment that the value itself began: `<!----><a id="x"></a>`.
fn closes_own_comment(context: &Context<'_>, span: &Range<usize>) -> bool {
    context.after(span.start).starts_with(b"--")
        && memchr::memmem::find(context.value.get(..span.start + 2).unwrap_or_default(), b"<!--").is_some()
}

#[cfg(test)]
mod tests {
    use super::is_embedded_player;

    #[test]
    fn players_of_known_hosts_as_they_are_pasted() {
        for text in [
            r#"<iframe width="560" height="315" src="https://www.youtube.com/embed/abc" title="YouTube video player" frameborder="0" allow="accelerometer; autoplay; clipboard-write" allowfullscreen></iframe>"#,
            r#"<iframe src="https://www.google.com/maps/embed?pb=!1m18!1m12" width="600" loading="lazy"></iframe>"#,
            r#"<meta name="viewport" content="width=device-width, initial-scale=1">"#,
        ] {
            assert!(is_embedded_player(text.as_bytes()), "{text}");
        }
        for text in [
            r#"<iframe src="https://evil.example/embed/abc"></iframe>"#,
            r#"<iframe src="https://www.youtube.com.evil.example/embed/abc"></iframe>"#,
            r#"<iframe src="https://www.youtube.com/embed/../redirect?q=https://evil.example"></iframe>"#,
            r#"<iframe src="https://www.youtube.com/embed/abc" onload="alert(1)"></iframe>"#,
            r#"<iframe src="https://www.youtube.com/embed/abc" srcdoc="<script>alert(1)</script>"></iframe>"#,
            r#"<iframe src="https://www.youtube.com/embed/abc" src="javascript:alert(1)"></iframe>"#,
            r#"<iframe title=" onload=alert(1) " src="https://www.youtube.com/embed/abc"></iframe>"#,
            r#"<iframe title=" autofocus onfocus=alert(1) " src="https://www.youtube.com/embed/abc"></iframe>"#,
            r#"<iframe src="https://www.youtube.com/embed/abc"></iframe><script>alert(1)</script>"#,
            r#""><iframe src="https://www.youtube.com/embed/abc"></iframe>"#,
            r#"<iframe src="https://www.youtube.com/embed/abc" style="position:fixed"></iframe>"#,
            r#"<meta name="viewport" content="0;url=javascript:alert(1)" http-equiv="refresh">"#,
            r#"<meta name="viewport" content="width=1, style=x">"#,
            r#"<meta name="referrer" content="unsafe-url">"#,
        ] {
            assert!(!is_embedded_player(text.as_bytes()), "{text}");
        }
    }
}
