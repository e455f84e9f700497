//! XML as a list of events, and the document type's entities.
//!
//! Events come from `quick-xml`, which resolves nothing by itself. Entities are declared by the attacker,
//! so their expansion is ours: internal ones within a budget, external ones never.

use quick_xml::events::Event;
use quick_xml::reader::Reader;

/// The events of a document, as far as it could be read.
pub(crate) struct Document<'i> {
    pub(crate) events: Vec<Event<'i>>,
    /// Read to the end, and every element closed.
    pub(crate) is_complete: bool,
}

/// More events than this can not all be visited anyway.
const MAX_EVENTS: usize = 200_000;

/// Reads a document whose elements nest at most `max_depth` deep.
pub(crate) fn read(input: &[u8], max_depth: usize) -> Document<'_> {
    let mut reader = Reader::from_reader(input.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(input));
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.allow_dangling_amp = true;
    config.trim_markup_names_in_closing_tags = true;
    let mut events = Vec::new();
    let mut depth = 0usize;
    let mut elements = 0usize;
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => {
                return Document { events, is_complete: depth == 0 && elements > 0 };
            }
            Ok(event) => {
                match event {
                    Event::Start(_) => {
                        depth += 1;
                        elements += 1;
                    }
                    Event::End(_) => depth = depth.saturating_sub(1),
                    _ => {}
                }
                events.push(event);
                if depth > max_depth || events.len() > MAX_EVENTS {
                    return Document { events, is_complete: false };
                }
            }
            Err(_) => return Document { events, is_complete: false },
        }
    }
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

/// Entity declarations kept per document.
const MAX_ENTITIES: usize = 1024;

/// The entities declared in a document type.
pub(crate) fn entities(doctype: &[u8]) -> Vec<Entity> {
    const START: &[u8] = b"<!ENTITY";
    let finder = memchr::memmem::Finder::new(START);
    let declarations = finder.find_iter(doctype).take(MAX_ENTITIES);
    declarations.filter_map(|at| entity(doctype.get(at + START.len()..)?)).collect()
}

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

/// Whether the document type itself lies at a URL. `PUBLIC` ones are the catalogued DTDs of HTML and the
/// like, a relative one a leftover; a `SYSTEM` URL makes a parser fetch what the client names.
pub(crate) fn has_remote_subset(doctype: &[u8]) -> bool {
    let head = doctype.get(..memchr::memchr(b'[', doctype).unwrap_or(doctype.len())).unwrap_or_default();
    let system = memchr::memmem::find(head, b"SYSTEM").and_then(|at| head.get(at..));
    let is_public = memchr::memmem::find(head, b"PUBLIC").is_some();
    !is_public && system.is_some_and(|id| memchr::memmem::find(id, b":/").is_some())
}

/// More expansion than allowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bomb;

/// Expands references within the budget of one document.
pub(crate) struct Expander {
    pub(crate) entities: Vec<Entity>,
    expansions_left: usize,
    bytes_left: usize,
}

/// Entities inside entities; sane documents have two or three.
const MAX_ENTITY_DEPTH: usize = 32;

impl Expander {
    pub(crate) fn new(entities: Vec<Entity>, max_expansions: usize, max_bytes: usize) -> Expander {
        Expander { entities, expansions_left: max_expansions, bytes_left: max_bytes }
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
            let end = tail.iter().take(MAX_NAME).position(|&b| b == b';');
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
        let known = self.entities.iter().position(|e| e.name == name && !e.is_parameter && !e.is_external);
        let Some(index) = known else {
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
        let value = self.entities.get_mut(index).map(|e| std::mem::take(&mut e.value)).unwrap_or_default();
        let result = self.expand(&value, depth + 1, out);
        if let Some(entity) = self.entities.get_mut(index) {
            entity.value = value;
        }
        result
    }
}

/// Longest entity name looked for.
const MAX_NAME: usize = 128;

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
    }

    #[test]
    fn documents_are_complete_only_when_closed() {
        assert!(read(b"<a><b/>t</a>", 10).is_complete);
        for bad in [&b"<a><b></a>"[..], b"<a>", b"text", b"<!-- -->", b"<a><a><a/></a></a>"] {
            assert!(!read(bad, 2).is_complete, "{}", String::from_utf8_lossy(bad));
        }
        assert_eq!(declared_encoding(b"<?xml version='1.0' encoding='UTF-16'?><a/>"), Some(&b"UTF-16"[..]));
    }
}
