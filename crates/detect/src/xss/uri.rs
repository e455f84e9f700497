//! URLs that run script or bring a page of their own: `javascript:…`, `data:text/html,…`.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::shape::Context;
use crate::signature::{Detector, Places, Signature, Test, Trust};
use crate::xss::markup::{is_active_picture, is_plain_header};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Xss,
    signatures: &[
        Signature {
            stamp: 1010,
            subtype: "xss_js_uri",
            gate: &["script:", "script&", "script\t", "script%3a"],
            needs: "",
            test: Test::Checked(
                r"(?:=|url\(|^|content=[^>]{0,40}url)[\s\x22'`\x00-\x20(;]*(?:(?:feed|view-source):){0,6}(?:java|vb|live|j\s?a\s?v\s?a\s?)script(?::|&colon;|&#0*58;?|%3a)[^\s].{2,}|(?:java|vb)script(?::|&colon;)[\s/*'\x22`;+-]*(?:alert|confirm|prompt|eval|document|window|location|top|void|msgbox|fetch|import|this|self|open|print|console|[\x22'`/*%<]|\w{1,24}\(|[^\x00-\x7f])",
                |context, span| !does_nothing(context, span),
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
            test: Test::Checked(
                r"<[a-z][^<>]{0,300}?(?:href|src|action|formaction|data|background|poster|to|from|values|code|dynsrc|lowsrc|srcdoc)[\s]*=[\s\x22'`\x00-\x20]*(?:(?:java|vb|live)script[\s]*(?::|&)|data:(?:text/html|image/svg|text/xml|application/xhtml|,|[^,]{0,40}script))",
                |context, span| !does_nothing(context, span),
            ),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 1012,
            subtype: "xss_js_uri",
            gate: &["script:", "script&", "jav", "vbs", "livescript"],
            needs: "",
            test: Test::Checked(
                r"^[\s\x00-\x20\x22']*(?:(?:feed|view-source|mhtml|jar):){0,6}(?:java|vb|live)script[\s]*(?::|&colon;)[\s]*(?:[^\s]{0,200}[(=`'\x22/\[%&<;\\.$+:]|[^\s]+$|void\b|$)|\.protocol[\s]*=[\s]*[\x22'`](?:java|vb)script\b|(?:url|href|src)[\s(=\x22']*(?:java|vb)script|j(?:&(?:tab|newline);|[\s])*a(?:&(?:tab|newline);|[\s])*v(?:&(?:tab|newline);|[\s])*a(?:&(?:tab|newline);|[\s])*s(?:&(?:tab|newline);|[\s])*c(?:&(?:tab|newline);|[\s])*r(?:&(?:tab|newline);|[\s])*i(?:&(?:tab|newline);|[\s])*p(?:&(?:tab|newline);|[\s])*t(?:&(?:tab|newline);|[\s])*(?::|&colon;)[\s]*(?:[^\s]{0,200}[(=`\x27\x22/\[%&<;\\.$+:]|[^\s]+$|void\b|$)",
                |context, span| !does_nothing(context, span),
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 1013,
            subtype: "xss_js_uri",
            gate: &["data:"],
            needs: "",
            test: Test::Checked(
                r"(?:^|=|[\s\x22'(])data:[\s]*(?:text/(?:html|xml|javascript|vbscript)|application/(?:xhtml|xml|javascript|x-javascript)|image/svg\+xml|[^,;<>]{0,24};base64,PHNjcmlwd|,[\s]*(?:alert|<))|<[^<>]{0,60}data:,",
                |context, span| !is_still_data(context, span),
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
    ],
};

/// `javascript:void(0)`: what links that only a handler makes work have for an address.
fn does_nothing(context: &Context<'_>, span: &Range<usize>) -> bool {
    const NOTHING: [&[u8]; 3] = [b"void(0)", b"void 0", b"void(null)"];
    let matched = context.value.get(span.clone()).unwrap_or_default();
    let Some(colon) = memchr::memchr(b':', matched) else { return false };
    if !matched
        .get(..colon)
        .is_some_and(|head| head.trim_ascii_end().to_ascii_lowercase().ends_with(b"javascript"))
    {
        return false;
    }
    let rest = context.after(span.start + colon + 1).trim_ascii_start();
    let end = rest.iter().position(|b| matches!(b, b'"' | b'\'' | b'>' | b'`')).unwrap_or(rest.len());
    let closes = rest.get(end).is_none_or(|b| *b != b'`') && (end < rest.len() || colon < 20);
    let code = rest.get(..end).unwrap_or_default().trim_ascii();
    let code = code.strip_suffix(b";").unwrap_or(code).trim_ascii_end();
    closes && NOTHING.contains(&code)
}

/// Takes what is there, padded or not: values are cut and quoted in many ways.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A vector graphic in a URL, as style sheets and icons hold it, that runs nothing.
fn is_still_data(context: &Context<'_>, span: &Range<usize>) -> bool {
    let matched = context.value.get(span.clone()).unwrap_or_default();
    if !matched.to_ascii_lowercase().ends_with(b"image/svg+xml") {
        return false;
    }
    let rest = context.after(span.end);
    let Some(comma) = memchr::memchr(b',', rest) else { return false };
    let (header, text) = (rest.get(..comma).unwrap_or_default(), rest.get(comma + 1..).unwrap_or_default());
    let header = header.to_ascii_lowercase();
    let picture = if header == b";base64" {
        let digits =
            text.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')).count();
        let (encoded, rest) = text.split_at(digits);
        let padding = rest.iter().take_while(|b| **b == b'=').count();
        if padding > 2 || !ends_url(matched, rest.get(padding..).unwrap_or_default()) {
            return false;
        }
        LENIENT.decode(encoded).ok()
    } else {
        is_plain_header(&header).then(|| unescape(text))
    };
    picture.is_some_and(|picture| {
        let picture = picture.to_ascii_lowercase();
        memchr::memmem::find(&picture, b"<svg").is_some() && !is_active_picture(&picture)
    })
}

/// Whether a URL ends before `rest`: at the sign that closes what opened it, or with the value.
fn ends_url(matched: &[u8], rest: &[u8]) -> bool {
    match (matched.first(), rest.first()) {
        (_, None) => true,
        (Some(open @ (b'"' | b'\'')), Some(close)) => open == close,
        (Some(b'('), Some(close)) => *close == b')',
        (Some(b'='), Some(close)) => *close == b'>',
        _ => false,
    }
}

/// Percent escapes resolved, and what they hide.
fn unescape(text: &[u8]) -> Vec<u8> {
    let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let escaped = match tail {
            [high, low, after @ ..] if *first == b'%' => {
                digit(high).zip(digit(low)).map(|(high, low)| (high << 4 | low, after))
            }
            _ => None,
        };
        let (byte, after) = escaped.unwrap_or((*first, tail));
        out.push(byte);
        rest = after;
    }
    out
}
