//! XML as a list of events, and the document type's entities.
//!
//! Events come from `quick-xml`, which resolves nothing by itself. Entities are declared by the attacker,
//! so their expansion is ours: internal ones within a budget, external ones never.

use std::collections::HashMap;

use quick_xml::events::{BytesEnd, Event};
use quick_xml::reader::Reader;

/// The events of a document, as far as it could be read.
pub(crate) struct Document<'i> {
    pub(crate) events: Vec<Event<'i>>,
    /// Read to the end, and every element closed.
    pub(crate) is_complete: bool,
    /// Elements stood deeper than was asked for; they are given side by side at the deepest level.
    pub(crate) is_flattened: bool,
}

/// More events than this can not all be visited anyway.
const MAX_EVENTS: usize = 200_000;

/// Reads a document as far as it goes. Elements nest at most `max_depth` deep; a deeper one ends where the next begins.
pub(crate) fn read(input: &[u8], max_depth: usize) -> Document<'_> {
    let mut reader = Reader::from_reader(input.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(input));
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.allow_dangling_amp = true;
    config.trim_markup_names_in_closing_tags = true;
    let mut document = Document { events: Vec::new(), is_complete: false, is_flattened: false };
    let mut depth = 0usize;
    let mut elements = 0usize;
    // Whether an element of the deepest level is open; its own depth may be any.
    let mut deepest_is_open = false;
    while document.events.len() <= MAX_EVENTS {
        let Ok(event) = reader.read_event() else { break };
        match event {
            Event::Eof => {
                document.is_complete = depth == 0 && elements > 0;
                break;
            }
            Event::Start(_) => {
                depth += 1;
                elements += 1;
                document.is_flattened |= depth > max_depth;
                if depth >= max_depth && std::mem::replace(&mut deepest_is_open, true) {
                    document.events.push(Event::End(BytesEnd::new("")));
                }
                document.events.push(event);
            }
            Event::End(_) => {
                if depth < max_depth || std::mem::take(&mut deepest_is_open) {
                    document.events.push(event);
                }
                depth = depth.saturating_sub(1);
            }
            _ => document.events.push(event),
        }
    }
    document
}

/// Whether the value starts like XML: `<` and a name, `?`, or `!`.
pub(crate) fn looks_like_xml(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(value).trim_ascii_start();
    matches!(value, [b'<', next, ..] if next.is_ascii_alphabetic() || matches!(next, b'_' | b':' | b'?' | b'!' | 128..))
}

/// The encoding named by an XML declaration at the start of the text.
pub(crate) fn declared_encoding(value: &[u8]) -> Option<&[u8]> {
    let declaration = value.trim_ascii_start().strip_prefix(b"<?xml")?;
    let declaration = declaration.get(..memchr::memmem::find(declaration, b"?>")?)?;
    let at = memchr::memmem::find(declaration, b"encoding")?;
    let rest = declaration.get(at + 8..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (&quote, rest) = rest.split_first().filter(|(q, _)| matches!(q, b'"' | b'\''))?;
    rest.get(..memchr::memchr(quote, rest)?)
}

/// An entity declaration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entity {
    pub(crate) name: Vec<u8>,
    /// The replacement text; for an external entity, its identifiers.
    pub(crate) value: Vec<u8>,
    pub(crate) is_external: bool,
    is_parameter: bool,
}

/// Entity declarations kept per document: as many values as are visited.
const MAX_ENTITIES: usize = 20_000;
/// Declarations in the values of parameter entities in the values of such.
const MAX_NESTED: usize = 4;

/// The entities declared in a document type, and those that its parameter entities declare.
pub(crate) fn entities(doctype: &[u8]) -> Vec<Entity> {
    let mut found = declarations(doctype);
    let mut first = 0;
    for _ in 0..MAX_NESTED {
        let parameters = found.get(first..).unwrap_or_default().iter();
        let inner: Vec<Entity> = parameters
            .filter(|entity| entity.is_parameter && !entity.is_external)
            .flat_map(|entity| declarations(&with_characters(&entity.value)))
            .collect();
        first = found.len();
        found.extend(inner);
        found.truncate(MAX_ENTITIES);
        if found.len() == first {
            break;
        }
    }
    found
}

fn declarations(text: &[u8]) -> Vec<Entity> {
    const START: &[u8] = b"<!ENTITY";
    let finder = memchr::memmem::Finder::new(START);
    let declarations = finder.find_iter(text).take(MAX_ENTITIES);
    declarations.filter_map(|at| entity(text.get(at + START.len()..)?)).collect()
}

/// A value with its references to characters replaced, as a parser keeps it.
fn with_characters(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = memchr::memmem::find(rest, b"&#") {
        let (clean, tail) = rest.split_at(at);
        out.extend_from_slice(clean);
        let end = tail.iter().take(MAX_CHARACTER).position(|&byte| byte == b';');
        let decoded = end.and_then(|end| Some((character(tail.get(1..end)?)?, end + 1)));
        let used = match decoded {
            Some((c, used)) => {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                used
            }
            None => {
                out.extend_from_slice(b"&#");
                2
            }
        };
        rest = tail.get(used..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

/// Longest reference to a character.
const MAX_CHARACTER: usize = 16;

fn entity(declaration: &[u8]) -> Option<Entity> {
    let text = declaration.trim_ascii_start();
    let (is_parameter, text) = match text.strip_prefix(b"%") {
        Some(rest) => (true, rest.trim_ascii_start()),
        None => (false, text),
    };
    let end = text.iter().position(|b| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'>'))?;
    let (name, rest) = text.split_at(end);
    let rest = rest.trim_ascii_start();
    let is_external = rest.starts_with(b"SYSTEM") || rest.starts_with(b"PUBLIC");
    let value = if is_external {
        rest.get(..memchr::memchr(b'>', rest).unwrap_or(rest.len()))?
    } else {
        let (&quote, rest) = rest.split_first().filter(|(q, _)| matches!(q, b'"' | b'\''))?;
        rest.get(..memchr::memchr(quote, rest)?)?
    };
    Some(Entity { name: name.to_vec(), value: value.to_vec(), is_external, is_parameter })
}

/// Whether the document type itself lies at a URL that makes a parser fetch what the client names. Catalogued DTDs are
/// in every such document; a relative one is a leftover.
pub(crate) fn has_remote_subset(doctype: &[u8]) -> bool {
    let text = doctype.trim_ascii_start();
    let name = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    let id = text.get(name..).unwrap_or_default().trim_ascii_start();
    // The system identifier follows the public one.
    if let Some(system) = keyword(id, b"PUBLIC").and_then(literal).and_then(|(_, after)| literal(after)) {
        return is_remote(system.0) && !is_catalogued(system.0);
    }
    let head = || id.get(..memchr::memchr(b'[', id).unwrap_or(id.len())).unwrap_or_default();
    match keyword(id, b"SYSTEM") {
        Some(system) => literal(system).map_or_else(|| is_remote(head()), |(id, _)| is_remote(id)),
        // Not as it should be: whoever reads it nevertheless fetches what stands there.
        None => memchr::memmem::find(head(), b"SYSTEM").is_some() && is_remote(head()),
    }
}

/// What follows a keyword that the text begins with.
fn keyword<'t>(text: &'t [u8], word: &[u8]) -> Option<&'t [u8]> {
    let rest = text.strip_prefix(word)?;
    rest.first()
        .is_some_and(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\''))
        .then_some(rest)
}

/// A quoted literal and what follows it.
fn literal(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&quote, rest) = text.trim_ascii_start().split_first().filter(|(q, _)| matches!(q, b'"' | b'\''))?;
    let (inside, after) = rest.split_at_checked(memchr::memchr(quote, rest)?)?;
    Some((inside, after.get(1..)?))
}

/// Whether an identifier names a host, by a scheme or without.
fn is_remote(id: &[u8]) -> bool {
    let id = id.trim_ascii();
    id.starts_with(b"//") || id.starts_with(b"\\\\") || memchr::memmem::find(id, b":/").is_some()
}

/// Whether the document type lies at one of the hosts that publish them.
fn is_catalogued(id: &[u8]) -> bool {
    // Whoever publishes at one of these is known; hosts where anybody may are named with their label.
    const HOSTS: &[&[u8]] = &[
        b"w3.org",
        b"oasis-open.org",
        b"docbook.org",
        b"docbook.sourceforge.net",
        b"hibernate.sourceforge.net",
        b"apple.com",
        b"sun.com",
        b"oracle.com",
        b"bea.com",
        b"ibm.com",
        b"microsoft.com",
        b"adobe.com",
        b"jcp.org",
        b"apache.org",
        b"eclipse.org",
        b"springframework.org",
        b"hibernate.org",
        b"opensymphony.com",
        b"mybatis.org",
        b"checkstyle.org",
        b"puppycrawl.com",
        b"freedesktop.org",
        b"gnome.org",
        b"mozilla.org",
        b"nlm.nih.gov",
        b"idpf.org",
        b"daisy.org",
        b"openoffice.org",
        b"tei-c.org",
        b"musicxml.org",
        b"wapforum.org",
        b"openmobilealliance.org",
        b"cxml.org",
        b"worldpay.com",
        b"jboss.org",
    ];
    let id = id.trim_ascii().to_ascii_lowercase();
    let Some(rest) = id.strip_prefix(b"http://").or_else(|| id.strip_prefix(b"https://")) else {
        return false;
    };
    let host = rest.split(|&byte| byte == b'/').next().unwrap_or_default();
    HOSTS.iter().any(|known| {
        host.strip_suffix(*known).is_some_and(|sub| sub.is_empty() || sub.ends_with(b".") && is_host(sub))
    })
}

fn is_host(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}

/// More expansion than allowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bomb;

/// Expands references within the budget of one document.
pub(crate) struct Expander {
    /// Values of internal entities by name, the first declaration of each.
    values: HashMap<Vec<u8>, Vec<u8>>,
    expansions_left: usize,
    bytes_left: usize,
}

/// Entities inside entities; sane documents have two or three.
const MAX_ENTITY_DEPTH: usize = 32;

impl Expander {
    pub(crate) fn new(entities: Vec<Entity>, max_expansions: usize, max_bytes: usize) -> Expander {
        let mut values = HashMap::with_capacity(entities.len());
        for entity in entities.into_iter().filter(|entity| !entity.is_parameter && !entity.is_external) {
            values.entry(entity.name).or_insert(entity.value);
        }
        Expander { values, expansions_left: max_expansions, bytes_left: max_bytes }
    }

    /// Appends `raw` with its references replaced.
    pub(crate) fn text(&mut self, raw: &[u8], out: &mut Vec<u8>) -> Result<(), Bomb> {
        self.expand(raw, 0, out)
    }

    /// Appends what `&name;` stands for.
    pub(crate) fn reference(&mut self, name: &[u8], out: &mut Vec<u8>) -> Result<(), Bomb> {
        self.replace(name, 0, out)
    }

    fn expand(&mut self, raw: &[u8], depth: usize, out: &mut Vec<u8>) -> Result<(), Bomb> {
        let mut rest = raw;
        while let Some(at) = memchr::memchr(b'&', rest) {
            let (clean, tail) = rest.split_at(at);
            self.emit(clean, depth, out)?;
            let tail = tail.get(1..).unwrap_or_default();
            // A name ends before what can not be in one, so that no byte is looked at for two references.
            let ends = |b: &u8| matches!(b, b';' | b'&' | b'<' | b'"' | b'\'') || b.is_ascii_whitespace();
            let end = tail.iter().position(ends).filter(|&end| tail.get(end) == Some(&b';'));
            rest = match end {
                Some(end) => {
                    self.replace(tail.get(..end).unwrap_or_default(), depth, out)?;
                    tail.get(end + 1..).unwrap_or_default()
                }
                None => {
                    out.push(b'&');
                    tail
                }
            };
        }
        self.emit(rest, depth, out)
    }

    /// Text that comes from an entity is charged; the document's own is not.
    fn emit(&mut self, text: &[u8], depth: usize, out: &mut Vec<u8>) -> Result<(), Bomb> {
        if depth > 0 {
            self.bytes_left = self.bytes_left.checked_sub(text.len()).ok_or(Bomb)?;
        }
        out.extend_from_slice(text);
        Ok(())
    }

    fn replace(&mut self, name: &[u8], depth: usize, out: &mut Vec<u8>) -> Result<(), Bomb> {
        if let Some(c) = character(name) {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(());
        }
        let Some(value) = self.values.get_mut(name) else {
            // Left for the HTML decoder, which knows the rest of the names.
            out.push(b'&');
            out.extend_from_slice(name);
            out.push(b';');
            return Ok(());
        };
        self.expansions_left = self.expansions_left.checked_sub(1).ok_or(Bomb)?;
        if depth >= MAX_ENTITY_DEPTH {
            return Err(Bomb);
        }
        // Taken out while it is read, which also ends a reference to itself.
        let value = std::mem::take(value);
        let result = self.expand(&value, depth + 1, out);
        if let Some(slot) = self.values.get_mut(name) {
            *slot = value;
        }
        result
    }
}

fn character(name: &[u8]) -> Option<char> {
    match name {
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"amp" => Some('&'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        [b'#', b'x' | b'X', digits @ ..] => code_point(digits, 16),
        [b'#', digits @ ..] => code_point(digits, 10),
        _ => None,
    }
}

fn code_point(digits: &[u8], radix: u32) -> Option<char> {
    let value = u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()?;
    char::from_u32(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(doctype: &str, text: &str) -> Result<String, Bomb> {
        let mut expander = Expander::new(entities(doctype.as_bytes()), 10_000, 1 << 20);
        let mut out = Vec::new();
        expander.text(text.as_bytes(), &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn internal_entities_expand_and_unknown_ones_stay() {
        let doctype = r#"x [<!ENTITY a "<&b;>"> <!ENTITY b 'B'> <!ENTITY % p "P">]"#;
        assert_eq!(expanded(doctype, "1&a;2&#x41;&lt;&nbsp;&p;& b"), Ok("1<B>2A<&nbsp;&p;& b".into()));
    }

    #[test]
    fn parameter_entities_declare_entities() {
        let doctype = r#"x [<!ENTITY % p "&#60;!ENTITY z 'Z'><!ENTITY &#37; q '&#x26;#60;!ENTITY y &#34;Y&#34;>'>"> %p; %q;]"#;
        assert_eq!(expanded(doctype, "&z;&y;"), Ok("ZY".into()));
        let long = "E".repeat(400);
        assert_eq!(expanded(&format!("x [<!ENTITY {long} 'L'>]"), &format!("&{long};")), Ok("L".into()));
        let many: String = (0..1100).map(|n| format!("<!ENTITY e{n} '{n}'>")).collect();
        assert_eq!(expanded(&format!("x [{many}]"), "&e1099;"), Ok("1099".into()));
    }

    #[test]
    fn laughs_are_bounded_and_loops_end() {
        let mut doctype = String::from(r#"x [<!ENTITY l0 "lololololol">"#);
        for n in 1..10 {
            let inner = format!("&l{};", n - 1).repeat(10);
            doctype += &format!(r#"<!ENTITY l{n} "{inner}">"#);
        }
        assert_eq!(expanded(&doctype, "&l9;"), Err(Bomb));
        assert!(expanded(r#"x [<!ENTITY a "&b;"><!ENTITY b "&a;">]"#, "&a;").is_ok());
        let quadratic = format!(r#"x [<!ENTITY a "{}">]"#, "a".repeat(50_000));
        assert_eq!(expanded(&quadratic, &"&a;".repeat(100)), Err(Bomb));
    }

    #[test]
    fn external_entities_are_told_from_internal_ones() {
        let found =
            entities(br#"x [<!ENTITY e SYSTEM "file:///etc/passwd"> <!ENTITY % r PUBLIC "a" "http://b">]"#);
        assert!(found.iter().all(|e| e.is_external) && found.len() == 2);
        assert!(has_remote_subset(b"x SYSTEM \"http://evil/x.dtd\""));
        assert!(!has_remote_subset(b"html PUBLIC \"-//W3C//DTD\" \"http://www.w3.org/x\""));
        assert!(!has_remote_subset(b"note SYSTEM \"Note.dtd\""));
        assert!(!has_remote_subset(b"p PUBLIC \"-//W\" \"http://dtd.worldpay.com/paymentService_v1.dtd\""));
        for remote in [
            &b"r SYSTEM \"http://[2001:db8::1]/x.dtd\""[..],
            b"r SYSTEM \"http://evil/x.dtd?[]\" [<!ENTITY a 'b'>]",
            b"SYSTEM SYSTEM \"http://evil/x.dtd\"",
            b"xSYSTEM SYSTEM 'http://evil/x.dtd'",
            b"PUBLIC PUBLIC '-' 'http://evil/x.dtd'",
            b"r SYSTEM \"http://mine.sourceforge.net/x.dtd\"",
            b"r PUBLIC '-' \"http://mine.sourceforge.net/x.dtd\"",
            b"r SYSTEM http://evil/x.dtd",
        ] {
            assert!(has_remote_subset(remote), "{}", String::from_utf8_lossy(remote));
        }
        assert!(!has_remote_subset(b"plist PUBLIC '-//Apple//DTD' 'http://www.apple.com/DTDs/x.dtd'"));
        for id in [
            "http://evil.example/w3.org",
            "http://notw3.org/x",
            "//evil/x",
            "\\\\evil\\x",
            "http://a@w3.org/x",
        ] {
            assert!(has_remote_subset(format!("a PUBLIC \"-//A\" \"{id}\"").as_bytes()), "{id}");
            assert!(has_remote_subset(format!("a SYSTEM '{id}' [").as_bytes()), "{id}");
        }
    }

    #[test]
    fn what_is_too_deep_stands_side_by_side() {
        let document = read(b"<a><b><c>1<d>2</d>3</c><e/></b><f>4</f></a>", 2);
        assert!(document.is_complete && document.is_flattened);
        let note = |event: &Event<'_>| match event {
            Event::Start(start) => format!("<{}", String::from_utf8_lossy(start.name().0)),
            Event::End(_) => ">".to_owned(),
            Event::Text(text) => String::from_utf8_lossy(text).into_owned(),
            other => format!("{other:?}"),
        };
        let events: Vec<String> = document.events.iter().map(note).collect();
        assert_eq!(events.concat(), "<a<b><c1><d2>3<e><f4>>");
        assert!(!read(b"<a><b/></a>", 2).is_flattened);
    }

    #[test]
    fn documents_are_complete_only_when_closed() {
        assert!(read(b"<a><b/>t</a>", 10).is_complete);
        for bad in [&b"<a><b></a>"[..], b"<a>", b"text", b"<!-- -->"] {
            assert!(!read(bad, 2).is_complete, "{}", String::from_utf8_lossy(bad));
        }
        assert_eq!(declared_encoding(b"<?xml version='1.0' encoding='UTF-16'?><a/>"), Some(&b"UTF-16"[..]));
    }
}
