//! Where an answer sends the browser by itself: by `Location`, by `Refresh`, by an element of its page that says the same,
//! or by a script that sets the address of the page.

use super::{
    ResponseParts,
    reflection::{
        self,
        page::{self, Steering},
        script,
    },
};

/// Most addresses of one answer.
const MAX: usize = 64;
/// Longest address that is read, bytes.
const ADDRESS_MAX: usize = 4096;
/// What a script calls the window and the document.
const OWNERS: [&[u8]; 8] =
    [b"window", b"document", b"top", b"self", b"parent", b"globalThis", b"frames", b"opener"];

/// How an answer leads elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    Location,
    Refresh,
    Meta,
    Script,
}

impl Via {
    /// The sign that a parameter did it.
    pub(super) fn asked(self) -> &'static str {
        match self {
            Via::Location => "Location names the host of a parameter",
            Via::Refresh => "Refresh names the host of a parameter",
            Via::Meta => "The page goes on to the host of a parameter",
            Via::Script => "A script of the page goes to the host of a parameter",
        }
    }

    /// The sign that an attack did it.
    pub(super) fn injected(self) -> &'static str {
        match self {
            Via::Location => "Location names the injected host",
            Via::Refresh => "Refresh names the injected host",
            Via::Meta => "The page goes on to the injected host",
            Via::Script => "A script of the page goes to the injected host",
        }
    }

    /// What stands before the address in the evidence.
    pub(super) fn label(self) -> &'static str {
        match self {
            Via::Location => "Location: ",
            Via::Refresh => "Refresh: ",
            Via::Meta => "meta refresh: ",
            Via::Script => "location = ",
        }
    }
}

/// An address that the browser goes to.
pub(super) struct Destination {
    pub(super) via: Via,
    pub(super) address: String,
}

impl Destination {
    /// The evidence, no further than its host: what follows may be a secret of the request, or one that the application adds.
    pub(super) fn shown(&self, host: &str) -> String {
        let scheme = self.address.split("//").next().unwrap_or_default();
        format!("{}{scheme}//{host}", self.via.label())
    }
}

/// All addresses that an answer sends the browser to.
pub(super) fn destinations(response: &ResponseParts<'_>) -> Vec<Destination> {
    let text = |name: &str| std::str::from_utf8(response.header(name)?).ok();
    if (300..400).contains(&response.status)
        && let Some(location) = text("location")
    {
        // What else the answer says is not looked at by browsers.
        return vec![Destination { via: Via::Location, address: location.trim().to_owned() }];
    }
    let mut found = Vec::new();
    let mut add = |via, address: Option<String>| {
        found.extend(address.map(|address| Destination { via, address }));
    };
    add(Via::Refresh, text("refresh").and_then(refreshed));
    if reflection::is_page(response) {
        for element in page::steering(response.body) {
            match element {
                Steering::Refresh(content) => add(Via::Meta, refreshed(&unescaped(content))),
                Steering::Script(code) => set_by(code).for_each(|address| add(Via::Script, Some(address))),
            }
        }
    } else if reflection::is_script(response) {
        set_by(response.body).for_each(|address| add(Via::Script, Some(address)));
    }
    found.truncate(MAX);
    found
}

/// The address in `0; url=https://host/` (HTML, section 4.2.5.3).
fn refreshed(text: &str) -> Option<String> {
    let rest = text.trim_start().trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').trim_start();
    let rest = rest.strip_prefix([';', ',']).unwrap_or(rest).trim_start();
    let named = rest.get(..3).filter(|name| name.eq_ignore_ascii_case("url")).and_then(|_| rest.get(3..));
    let named = named.and_then(|rest| rest.trim_start().strip_prefix('='));
    let address = named.map_or(rest, str::trim_start);
    let address = match address.chars().next() {
        Some(quote @ ('"' | '\'')) => address.get(1..)?.split(quote).next()?,
        _ => address,
    };
    Some(address.trim().to_owned()).filter(|address| !address.is_empty() && address.len() <= ADDRESS_MAX)
}

/// The value of an attribute without its entities, as far as addresses have them.
fn unescaped(value: &[u8]) -> String {
    let value = value.get(..ADDRESS_MAX).unwrap_or(value);
    let text = String::from_utf8_lossy(value);
    let mut parts = text.split('&');
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let known = part.split_once(';').and_then(|(name, rest)| Some((entity(name)?, rest)));
        match known {
            Some((c, rest)) => {
                all.push(c);
                all.push_str(rest);
            }
            None => {
                all.push('&');
                all.push_str(part);
            }
        }
    }
    all
}

fn entity(name: &str) -> Option<char> {
    let named = match name {
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        "sol" => '/',
        "colon" => ':',
        "period" => '.',
        "equals" => '=',
        _ => {
            let number = name.strip_prefix('#')?;
            let hex = number.strip_prefix(['x', 'X']);
            return char::from_u32(match hex {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            });
        }
    };
    Some(named)
}

/// The addresses that a script sets as that of the page.
fn set_by(code: &[u8]) -> impl Iterator<Item = String> {
    script::places(code, b"location").into_iter().filter_map(move |at| {
        let rest = code.get(at + b"location".len()..)?;
        if is_owned_elsewhere(code.get(..at)?) {
            return None;
        }
        let rest = rest.trim_ascii_start();
        let (rest, is_text) = match rest.strip_prefix(b".href") {
            Some(rest) => (rest.trim_ascii_start(), true),
            None => (rest, false),
        };
        let value = match rest {
            [b'=', after @ ..] if after.first() != Some(&b'=') => after,
            // What has these names there belongs to texts.
            _ if is_text => return None,
            _ => [&b".assign"[..], b".replace"]
                .iter()
                .find_map(|call| rest.strip_prefix(*call)?.trim_ascii_start().strip_prefix(b"("))?,
        };
        literal(value.trim_ascii_start())
    })
}

/// Whether the `location` behind this code is the variable or the member of something else.
fn is_owned_elsewhere(before: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$');
    let last_word = |text: &[u8]| {
        let length = text.iter().rev().take_while(|byte| is_name(byte)).count();
        text.get(text.len() - length..).unwrap_or_default().to_vec()
    };
    if before.last().is_some_and(is_name) {
        return true;
    }
    let trimmed = before.trim_ascii_end();
    match trimmed.strip_suffix(b".") {
        Some(object) => !OWNERS.contains(&last_word(object).as_slice()),
        None => [&b"var"[..], b"let", b"const", b"function"].contains(&last_word(trimmed).as_slice()),
    }
}

/// The text of a string that begins here, as far as it is written out.
fn literal(code: &[u8]) -> Option<String> {
    let (quote, rest) = code.split_first().filter(|(quote, _)| b"\"'`".contains(quote))?;
    let rest = rest.get(..ADDRESS_MAX).unwrap_or(rest);
    let (mut text, mut at) = (Vec::new(), 0);
    while let Some(byte) = rest.get(at).filter(|byte| *byte != quote) {
        at += 1;
        if *byte != b'\\' {
            text.push(*byte);
            continue;
        }
        // `\/` is a slash, `\x2f` and `\u002f` are, too.
        let (digits, skipped) = match rest.get(at)? {
            b'x' => (rest.get(at + 1..at + 3)?, 3),
            b'u' => (rest.get(at + 1..at + 5)?, 5),
            other => {
                text.push(*other);
                at += 1;
                continue;
            }
        };
        let number = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        let mut buffer = [0; 4];
        text.extend_from_slice(char::from_u32(number)?.encode_utf8(&mut buffer).as_bytes());
        at += skipped;
    }
    String::from_utf8(text).ok()
}

#[cfg(test)]
mod tests;
