//! HTML character references and JavaScript string escapes, both in one pass.
//!
//! `&lt;`, `&#60`, `&#x3c;`, `\x3c`, `\u003c`, `\u{3c}`, `\74`, `\n`, `\'`. A browser applies one after
//! the other; so does the walk, since the result is decoded again while it changes.

use super::percent::hex_digit;

/// Decodes once; false when nothing was to be decoded.
pub(crate) fn decode(input: &[u8], out: &mut Vec<u8>) -> bool {
    let mut changed = false;
    let mut rest = input;
    while let Some(at) = memchr::memchr2(b'&', b'\\', rest) {
        let (clean, tail) = rest.split_at(at);
        out.extend_from_slice(clean);
        let Some((&sign, after)) = tail.split_first() else { break };
        let decoded = if sign == b'&' { reference(after) } else { escape(after) };
        match decoded {
            Some((c, used)) => {
                push(out, c);
                rest = after.get(used..).unwrap_or_default();
                changed = true;
            }
            None => {
                out.push(sign);
                rest = after;
            }
        }
    }
    out.extend_from_slice(rest);
    changed
}

/// Code points below 256 that came from byte escapes could be bytes of UTF-8; as Latin-1 they are what
/// JavaScript makes of them.
fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// A character reference after its `&`, and its length. The final `;` is optional as in browsers.
fn reference(input: &[u8]) -> Option<(char, usize)> {
    let (c, used) = match input {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16).map(|(c, used)| (c, used + 2))?,
        [b'#', digits @ ..] => number(digits, 10).map(|(c, used)| (c, used + 1))?,
        _ => named(input)?,
    };
    let semicolon = usize::from(input.get(used) == Some(&b';'));
    Some((c, used + semicolon))
}

/// Leading zeros are free for an attacker, so their number is not limited.
fn number(digits: &[u8], radix: u32) -> Option<(char, usize)> {
    let mut value = 0u32;
    let mut used = 0;
    for &digit in digits {
        let Some(digit) = char::from(digit).to_digit(radix) else { break };
        value = value.saturating_mul(radix).saturating_add(digit);
        used += 1;
    }
    if used == 0 {
        return None;
    }
    Some((char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER), used))
}

/// The named references that matter for markup and code; the five oldest work without `;`.
fn named(input: &[u8]) -> Option<(char, usize)> {
    let end = input.iter().take(16).position(|b| !b.is_ascii_alphanumeric()).unwrap_or(input.len().min(16));
    let name = input.get(..end)?;
    if input.get(end) == Some(&b';') {
        let found = NAMED.iter().find(|(known, _)| known.as_bytes() == name);
        if let Some((known, c)) = found {
            return Some((*c, known.len()));
        }
    }
    let bare = NAMED.iter().take(BARE).find(|(known, _)| name.starts_with(known.as_bytes()));
    bare.map(|(known, c)| (*c, known.len()))
}

/// How many entries of [`NAMED`] need no `;`.
const BARE: usize = 9;

const NAMED: [(&str, char); 48] = [
    ("lt", '<'),
    ("LT", '<'),
    ("gt", '>'),
    ("GT", '>'),
    ("quot", '"'),
    ("QUOT", '"'),
    ("amp", '&'),
    ("AMP", '&'),
    ("nbsp", ' '),
    ("apos", '\''),
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("excl", '!'),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
    ("lpar", '('),
    ("rpar", ')'),
    ("ast", '*'),
    ("midast", '*'),
    ("plus", '+'),
    ("comma", ','),
    ("period", '.'),
    ("sol", '/'),
    ("colon", ':'),
    ("semi", ';'),
    ("equals", '='),
    ("quest", '?'),
    ("commat", '@'),
    ("lsqb", '['),
    ("lbrack", '['),
    ("bsol", '\\'),
    ("rsqb", ']'),
    ("rbrack", ']'),
    ("Hat", '^'),
    ("lowbar", '_'),
    ("UnderBar", '_'),
    ("grave", '`'),
    ("DiacriticalGrave", '`'),
    ("lcub", '{'),
    ("lbrace", '{'),
    ("verbar", '|'),
    ("vert", '|'),
    ("VerticalLine", '|'),
    ("rcub", '}'),
    ("rbrace", '}'),
    ("hyphen", '-'),
    ("dash", '-'),
];

/// A JavaScript escape after its backslash, and its length.
fn escape(input: &[u8]) -> Option<(char, usize)> {
    let (&kind, rest) = input.split_first()?;
    match kind {
        b'x' => hex_run::<2>(rest).map(|c| (c, 3)),
        b'u' if rest.first() == Some(&b'{') => {
            let digits = rest.get(1..)?;
            let (c, used) = number(digits, 16)?;
            (digits.get(used) == Some(&b'}')).then_some((c, used + 3))
        }
        b'u' => hex_run::<4>(rest).map(|c| (c, 5)),
        b'0'..=b'7' => {
            let digits = input.iter().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
            let (c, used) = number(input.get(..digits)?, 8)?;
            Some((c, used))
        }
        b'n' => Some(('\n', 1)),
        b'r' => Some(('\r', 1)),
        b't' => Some(('\t', 1)),
        b'b' => Some(('\u{8}', 1)),
        b'f' => Some(('\u{c}', 1)),
        b'v' => Some(('\u{b}', 1)),
        b'\r' | b'\n' => None,
        kind if kind.is_ascii() => Some((char::from(kind), 1)),
        _ => None,
    }
}

fn hex_run<const N: usize>(input: &[u8]) -> Option<char> {
    let digits = input.get(..N)?;
    let value = digits.iter().try_fold(0u32, |value, &b| Some(value << 4 | u32::from(hex_digit(b)?)))?;
    // Surrogate halves are rare and no attack of their own.
    Some(char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(input: &str) -> Option<String> {
        let mut out = Vec::new();
        decode(input.as_bytes(), &mut out).then(|| String::from_utf8_lossy(&out).into_owned())
    }

    #[test]
    fn every_spelling_of_a_bracket() {
        let spellings = [
            "&lt;",
            "&lt",
            "&LT;",
            "&#60;",
            "&#60",
            "&#0000060;",
            "&#x3c;",
            "&#X3C",
            r"\x3c",
            r"\u003c",
            r"\u{3c}",
            r"\u{00003C}",
            r"\74",
            r"\074",
        ];
        for spelling in spellings {
            assert_eq!(decoded(spelling).as_deref(), Some("<"), "{spelling}");
        }
        assert_eq!(
            decoded("java&Tab;script&colon;alert&lpar;1&rpar;").as_deref(),
            Some("java\tscript:alert(1)")
        );
    }

    #[test]
    fn plain_ampersands_are_left_alone() {
        assert_eq!(decoded("fish & chips &co; a&b=c &#; \\"), None);
        assert_eq!(decoded("&ltscript&gt").as_deref(), Some("<script>"));
        assert_eq!(decoded(r"c\'a\/t").as_deref(), Some("c'a/t"));
    }
}
