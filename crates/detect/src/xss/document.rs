//! Documents of XML that no browser runs anything of: SAML and WS-Federation messages, process models, maps, formulas.
//!
//! They travel in parameters, and to a reader of HTML their default namespace and their unknown elements look odd. A value is
//! such a document only if all of it is: well formed, one root, no declarations but that of XML and of names and plain texts,
//! no name that HTML or vector graphics know as anything that acts, no attribute that acts or refers, no namespace of theirs.
//! Whatever stands before or behind it, and any sign that a lenient reader may take for markup, makes it something else.

/// Longest document that is read; the signatures that ask are for short values.
const LONGEST: usize = 16 << 10;
/// Elements inside each other.
const DEEPEST: usize = 64;
/// Prefixes that its names have.
const MOST_PREFIXES: usize = 64;
/// Texts that its document type names.
const MOST_ENTITIES: usize = 64;

/// Local names that act, load, frame, style or change how what follows is read, in HTML, vector graphics or stylesheets.
const ACTIVE: [&[u8]; 71] = [
    b"a",
    b"animate",
    b"animatemotion",
    b"animatetransform",
    b"applet",
    b"area",
    b"audio",
    b"base",
    b"bgsound",
    b"body",
    b"br",
    b"button",
    b"details",
    b"dialog",
    b"div",
    b"embed",
    b"event",
    b"fencedframe",
    b"font",
    b"foreignobject",
    b"form",
    b"frame",
    b"frameset",
    b"handler",
    b"head",
    b"html",
    b"iframe",
    b"ilayer",
    b"image",
    b"img",
    b"import",
    b"include",
    b"input",
    b"isindex",
    b"keygen",
    b"layer",
    b"link",
    b"listener",
    b"listing",
    b"maction",
    b"marquee",
    b"meta",
    b"mglyph",
    b"noembed",
    b"noscript",
    b"object",
    b"p",
    b"param",
    b"picture",
    b"plaintext",
    b"portal",
    b"script",
    b"select",
    b"set",
    b"slot",
    b"source",
    b"span",
    b"style",
    b"svg",
    b"table",
    b"template",
    b"textarea",
    b"title",
    b"track",
    b"use",
    b"video",
    b"vmlframe",
    b"xml",
    b"xmp",
    b"xss",
    b"annotation-xml",
];
/// Names of HTML without a prefix: they format, and so the value is a part of a page. Those that vocabularies of XML use for
/// their data (`Address`, `Code`, `Data`, `Label`, `Time`, `Summary`, `Content`) are not among them.
const FORMATTING: [&[u8]; 81] = [
    b"abbr",
    b"acronym",
    b"article",
    b"aside",
    b"b",
    b"basefont",
    b"bdi",
    b"bdo",
    b"big",
    b"blink",
    b"blockquote",
    b"canvas",
    b"caption",
    b"center",
    b"cite",
    b"col",
    b"colgroup",
    b"datalist",
    b"dd",
    b"del",
    b"dfn",
    b"dl",
    b"dt",
    b"em",
    b"fieldset",
    b"figcaption",
    b"figure",
    b"h1",
    b"h2",
    b"h3",
    b"h4",
    b"h5",
    b"h6",
    b"hgroup",
    b"hr",
    b"i",
    b"ins",
    b"kbd",
    b"legend",
    b"li",
    b"main",
    b"mark",
    b"menu",
    b"menuitem",
    b"meter",
    b"multicol",
    b"nav",
    b"nextid",
    b"nobr",
    b"noframes",
    b"ol",
    b"optgroup",
    b"option",
    b"pre",
    b"q",
    b"rb",
    b"rp",
    b"rt",
    b"rtc",
    b"ruby",
    b"s",
    b"samp",
    b"section",
    b"selectedcontent",
    b"shadow",
    b"small",
    b"spacer",
    b"strike",
    b"strong",
    b"sub",
    b"sup",
    b"tbody",
    b"td",
    b"tfoot",
    b"th",
    b"thead",
    b"tr",
    b"tt",
    b"u",
    b"ul",
    b"wbr",
];
/// Prefixes that need no declaration.
const KNOWN_PREFIXES: [&[u8]; 3] = [b"xml", b"xmlns", b"xsi"];
/// Where the schemas of documents that people exchange are; a parser may load one from where a document says.
const SCHEMA_HOSTS: [&[u8]; 9] = [
    b"docs.oasis-open.org",
    b"maven.apache.org",
    b"schemas.opengis.net",
    b"www.garmin.com",
    b"www.omg.org",
    b"www.opengis.net",
    b"www.topografix.com",
    b"www.w3.org",
    b"www8.garmin.com",
];
/// Attributes that run, load or refer.
const REFERRING: [&[u8]; 28] = [
    b"action",
    b"archive",
    b"attributename",
    b"background",
    b"by",
    b"classid",
    b"code",
    b"codebase",
    b"data",
    b"dataformatas",
    b"datasrc",
    b"dynsrc",
    b"event",
    b"formaction",
    b"from",
    b"handler",
    b"href",
    b"imagesrcset",
    b"implementation",
    b"lowsrc",
    b"ping",
    b"poster",
    b"src",
    b"srcdoc",
    b"srcset",
    b"style",
    b"to",
    b"values",
];
/// Parts of namespaces in which the same names act after all.
const ACTIVE_NAMESPACES: [&[u8]; 8] =
    [b"xhtml", b"/svg", b"xsl", b"xinclude", b"xlink", b"xml-events", b"xbl", b"html"];

/// The signatures that such a document explains.
pub(crate) const STAMPS: [u32; 3] = [1021, 1041, 1099];

/// Whether the whole value is a document of which no browser runs anything.
pub(crate) fn is_inert(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let is_control = |b: &u8| b.is_ascii_control() && !matches!(b, b'\t' | b'\r' | b'\n');
    if value.len() > LONGEST || value.first() != Some(&b'<') || value.iter().any(is_control) {
        return false;
    }
    let (rest, entities) = after_doctype(after_declaration(value));
    let mut reader = Reader { rest, entities, declared: Vec::new(), prefixes: Vec::new() };
    let is_inert = reader.is_inert().unwrap_or(false);
    // A prefix that nothing declares is one that frameworks read: `hx:on`, `ev:event`.
    let is_declared = |prefix: &&[u8]| KNOWN_PREFIXES.contains(prefix) || reader.declared.contains(prefix);
    is_inert && reader.prefixes.iter().all(is_declared)
}

/// Behind `<?xml version="1.0" …?>`.
fn after_declaration(value: &[u8]) -> &[u8] {
    let Some(rest) = value.strip_prefix(b"<?xml ") else { return value };
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b" =\"'.-_".contains(b);
    let length = rest.iter().take_while(|b| is_plain(b)).count();
    match rest.get(length..).and_then(|rest| rest.strip_prefix(b"?>")) {
        Some(rest) => rest.trim_ascii_start(),
        None => value,
    }
}

/// Behind a document type with declarations of names and plain texts alone, and the names of the texts.
fn after_doctype(value: &[u8]) -> (&[u8], Vec<&[u8]>) {
    let split = || {
        let rest = value.strip_prefix(b"<!DOCTYPE ")?;
        let (head, rest) = rest.split_at_checked(memchr::memchr(b']', rest)? + 1)?;
        let rest = rest.trim_ascii_start().strip_prefix(b">")?;
        declares_only(head).then(|| (rest.trim_ascii_start(), entities(head)))
    };
    split().unwrap_or((value, Vec::new()))
}

/// The names of texts that may be referred to: those that no reader of HTML takes for a mark of its own (`&lt`).
fn entities(head: &[u8]) -> Vec<&[u8]> {
    const MARKS: [&[u8]; 7] = [b"lt", b"gt", b"quot", b"amp", b"apos", b"nvlt", b"nvgt"];
    memchr::memmem::find_iter(head, b"<!ENTITY ")
        .filter_map(|at| head.get(at + 9..)?.split(|b| !is_entity_name(b)).next())
        .filter(|name| {
            let lower = name.to_ascii_lowercase();
            !name.is_empty() && !MARKS.iter().any(|mark| lower.starts_with(mark))
        })
        .take(MOST_ENTITIES)
        .collect()
}

const fn is_entity_name(b: &u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')
}

/// Whether the value is the head of a document type with declarations of names and plain texts alone, as the parser of XML
/// shows it: `book [<!ENTITY company "Acme Ltd">]`. No tag can be in it, for readers of HTML neither.
pub(super) fn declares_only(value: &[u8]) -> bool {
    let Some(open) = memchr::memchr(b'[', value) else { return false };
    let (name, subset) = value.split_at(open);
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"_-.: \n".contains(b);
    let Some(subset) =
        subset.strip_prefix(b"[").and_then(|subset| subset.trim_ascii_end().strip_suffix(b"]"))
    else {
        return false;
    };
    let mut rest = subset.trim_ascii();
    while !rest.is_empty() {
        let Some(end) = memchr::memchr(b'>', rest) else { return false };
        let (declaration, after) = rest.split_at(end);
        if !is_plain_declaration(declaration) {
            return false;
        }
        rest = after.get(1..).unwrap_or_default().trim_ascii_start();
    }
    name.iter().all(is_name)
}

fn is_plain_declaration(declaration: &[u8]) -> bool {
    let model = |b: &u8| b.is_ascii_alphanumeric() || b" \t\r\n_-.:(),|*+?#".contains(b);
    if let Some(element) =
        declaration.strip_prefix(b"<!ELEMENT ").or_else(|| declaration.strip_prefix(b"<!ATTLIST "))
    {
        return element.iter().all(model);
    }
    let Some(entity) = declaration.strip_prefix(b"<!ENTITY ") else { return false };
    let name = entity.iter().take_while(|b| is_entity_name(b)).count();
    let text = entity.get(name..).unwrap_or_default().trim_ascii();
    let is_text = |b: &u8| b.is_ascii_alphanumeric() || *b >= 0x80 || b" ,.;:!?()+-/#".contains(b);
    let text = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
    name > 0 && text.is_some_and(|text| text.iter().all(is_text))
}

struct Reader<'v> {
    rest: &'v [u8],
    /// Names of texts that the document declares.
    entities: Vec<&'v [u8]>,
    /// Prefixes that the document declares, and those of its names.
    declared: Vec<&'v [u8]>,
    prefixes: Vec<&'v [u8]>,
}

impl<'v> Reader<'v> {
    /// `None` where it is no such document.
    fn is_inert(&mut self) -> Option<bool> {
        let mut open: Vec<&'v [u8]> = Vec::new();
        loop {
            self.text(open.is_empty())?;
            let Some(rest) = self.rest.strip_prefix(b"<") else { return Some(open.is_empty()) };
            self.rest = rest;
            if let Some(rest) = self.rest.strip_prefix(b"/") {
                self.rest = rest;
                let name = self.name()?;
                self.blanks();
                self.rest = self.rest.strip_prefix(b">")?;
                if open.pop()? != name {
                    return None;
                }
            } else {
                let name = self.element()?;
                if self.rest.strip_prefix(b"/>").is_none() {
                    open.push(name);
                }
                self.rest = self.rest.strip_prefix(b"/>").or_else(|| self.rest.strip_prefix(b">"))?;
            }
            if open.len() > DEEPEST {
                return None;
            }
            // One root, and nothing behind it.
            if open.is_empty() {
                return Some(self.rest.is_empty());
            }
        }
    }

    /// Text up to the next tag; outside of the root there is none.
    fn text(&mut self, outside: bool) -> Option<()> {
        let length = memchr::memchr(b'<', self.rest).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        // Inside an attribute of a page the quote would end it, and the rest would be more attributes.
        let is_attribute = text.contains(&b'=') && text.iter().any(|b| matches!(b, b'"' | b'\'' | b'`'));
        let is_plain = !text.contains(&b'>') && !is_attribute && has_references_to(&self.entities, text);
        (!outside && is_plain || text.is_empty()).then_some(())
    }

    fn blanks(&mut self) -> bool {
        let before = self.rest.len();
        self.rest = self.rest.trim_ascii_start();
        self.rest.len() < before
    }

    fn name(&mut self) -> Option<&'v [u8]> {
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':');
        let length = self.rest.iter().take_while(|b| is_name(b)).count();
        let (name, rest) = self.rest.split_at(length);
        self.rest = rest;
        name.first().is_some_and(u8::is_ascii_alphabetic).then_some(name)
    }

    /// The name of an element that does not act, behind its attributes.
    fn element(&mut self) -> Option<&'v [u8]> {
        let name = self.name()?;
        let local = local(name);
        // A dash makes a custom element, of which a script of the page knows what it does.
        if ACTIVE.contains(&local.as_slice())
            || FORMATTING.contains(&name.to_ascii_lowercase().as_slice())
            || name.contains(&b'-')
        {
            return None;
        }
        self.note_prefix(name)?;
        while self.blanks() && !self.rest.starts_with(b"/>") && !self.rest.starts_with(b">") {
            self.attribute()?;
        }
        Some(name)
    }

    fn note_prefix(&mut self, name: &'v [u8]) -> Option<()> {
        let Some(length) = memchr::memchr(b':', name) else { return Some(()) };
        let prefix = name.get(..length)?;
        if !self.prefixes.contains(&prefix) {
            self.prefixes.push(prefix);
        }
        // Few in an honest document, however many names have them.
        (self.prefixes.len() <= MOST_PREFIXES).then_some(())
    }

    fn attribute(&mut self) -> Option<()> {
        let name = self.name()?;
        self.blanks();
        self.rest = self.rest.strip_prefix(b"=")?;
        self.blanks();
        let quote = *self.rest.first().filter(|b| matches!(b, b'"' | b'\''))?;
        let body = self.rest.get(1..)?;
        let end = memchr::memchr(quote, body)?;
        let value = body.get(..end)?;
        self.rest = body.get(end + 1..)?;
        let local = local(name);
        // With a dash, wherever it is, they are programs of frameworks: `ng-init`, `v-html`, `data-…`, `hx-on:load`. Some read
        // other signs as dashes: `ng_init`, `ng:init`, `on:click`.
        let lower = name.to_ascii_lowercase();
        let acts = local.starts_with(b"on")
            || lower.starts_with(b"on")
            || lower.starts_with(b"ng_")
            || lower.starts_with(b"ng:")
            || REFERRING.contains(&local.as_slice())
            || name.contains(&b'-')
            || memchr::memchr_iter(b':', name).count() > 1;
        let is_namespace = name == b"xmlns" || name.starts_with(b"xmlns:");
        if let Some(prefix) = name.strip_prefix(b"xmlns:") {
            self.declared.push(prefix);
        } else {
            self.note_prefix(name)?;
        }
        if local.ends_with(b"schemalocation") && !has_known_schemas(&local, value) {
            return None;
        }
        let value_lower = value.to_ascii_lowercase();
        let holds = |word: &&[u8]| memchr::memmem::find(&value_lower, word).is_some();
        let is_active_namespace = is_namespace && ACTIVE_NAMESPACES.iter().any(holds);
        // The other kind of quote would end an attribute that the page had begun.
        let is_plain = !value.iter().any(|b| matches!(b, b'<' | b'>' | b'"' | b'\'' | b'`' | b'\\' | b'{'))
            && has_plain_references(value)
            && !begins_attribute(&value_lower)
            && !holds(&&b"script:"[..]);
        // In a script, a call behind what the quote ended.
        let calls = value.contains(&b';') && value.contains(&b'(');
        (!acts && !is_active_namespace && is_plain && !calls).then_some(())
    }
}

/// Whether a value would be attributes of its own behind the quote that ends another: ` onload=…`.
fn begins_attribute(lower: &[u8]) -> bool {
    let has_blank = lower.iter().any(|b| b.is_ascii_whitespace() || b.is_ascii_control());
    memchr::memchr_iter(b'=', lower).any(|at| {
        let head = lower.get(..at).unwrap_or_default();
        let word = head.iter().rev().take_while(|b| b.is_ascii_alphanumeric()).count();
        has_blank || head.get(at - word..).is_some_and(|word| word.starts_with(b"on"))
    })
}

/// The name without its prefix, in small letters.
fn local(name: &[u8]) -> Vec<u8> {
    let local = name.rsplit(|b| *b == b':').next().unwrap_or(name);
    local.to_ascii_lowercase()
}

/// Whether an ampersand stands only before what cannot become markup by being decoded.
fn has_plain_references(text: &[u8]) -> bool {
    has_references_to(&[], text)
}

/// The same, where plain texts of these names may be referred to as well.
fn has_references_to(entities: &[&[u8]], text: &[u8]) -> bool {
    memchr::memchr_iter(b'&', text).all(|at| {
        let rest = text.get(at + 1..).unwrap_or_default();
        let is_entity = |name: &&[u8]| rest.strip_prefix(*name).is_some_and(|rest| rest.starts_with(b";"));
        rest.starts_with(b"amp;") && !rest.starts_with(b"amp;#") || entities.iter().any(is_entity)
    })
}

/// Whether the schemas that a document names, each behind its namespace, are where schemas are kept.
fn has_known_schemas(local: &[u8], value: &[u8]) -> bool {
    let is_known = |address: &[u8]| {
        let after =
            [&b"http://"[..], b"https://"].into_iter().find_map(|scheme| address.strip_prefix(scheme));
        let host = after.and_then(|after| after.split(|&b| b == b'/').next()).unwrap_or_default();
        SCHEMA_HOSTS.contains(&host)
    };
    let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    local == b"schemalocation" && words.skip(1).step_by(2).all(is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_maps_and_models_are_inert() {
        for text in [
            r#"<samlp:AuthnRequest xmlns="urn:oasis:names:tc:SAML:2.0:metadata" ID="id6c1c" Version="2.0" IssueInstant="2013-03-18T03:28:54.1839884Z" xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"><Issuer xmlns="urn:oasis:names:tc:SAML:2.0:assertion">https://www.contoso.com</Issuer></samlp:AuthnRequest>"#,
            r#"<kml xmlns="http://www.opengis.net/kml/2.2"><Placemark><name>x</name></Placemark></kml>"#,
            r#"<?xml version="1.0" encoding="UTF-8"?> <kml xmlns="http://www.opengis.net/kml/2.2"><Placemark/></kml>"#,
            r#"<math xmlns="http://www.w3.org/1998/Math/MathML"><mi>x</mi><mo>=</mo><mn>1</mn></math>"#,
            r#"<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"><bpmn:process id="p"/></bpmn:definitions>"#,
            r#"<a:b xmlns:a="urn:a" a:c="1" xml:lang="en" xsi:type="xs:string"><Address>x</Address></a:b>"#,
            r#"<!DOCTYPE book [<!ENTITY company "Acme Ltd">]><book>&company;</book>"#,
            r#"<gpx xmlns="http://www.topografix.com/GPX/1/1" xsi:schemaLocation="http://www.topografix.com/GPX/1/1 http://www.topografix.com/GPX/1/1/gpx.xsd"/>"#,
        ] {
            assert!(is_inert(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn schemas_elsewhere_are_not_loaded_for_nothing() {
        for location in [
            r#"xsi:schemaLocation="http://a.b/ http://evil.example/a.xsd""#,
            r#"xsi:schemaLocation="http://a.b/ http://www.w3.org@evil.example/a.xsd""#,
            r#"xsi:schemaLocation="http://a.b/ http://www.w3.org\@evil.example/a.xsd""#,
            r#"xsi:schemaLocation="http://a.b/ http://www.w3.org/a.xsd http://c.d/ //evil.example/a.xsd""#,
            r#"xsi:schemaLocation="http://a.b/ file:///etc/passwd""#,
            r#"xsi:noNamespaceSchemaLocation="http://www.w3.org/a.xsd""#,
        ] {
            let text = format!(r#"<a xmlns="http://a.b/" {location}>x</a>"#);
            assert!(!is_inert(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn declarations_of_names_and_texts_are_no_markup() {
        for text in [
            "book [<!ENTITY company \"Acme Ltd\">]",
            "note [<!ELEMENT note (to, from*)>\n<!ELEMENT to (#PCDATA)>\n<!ENTITY a \"b\">]",
            "note [ ]",
        ] {
            assert!(declares_only(text.as_bytes()), "{text}");
        }
        for text in [
            "a [<!ENTITY % b \"c\">]",
            "a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]",
            "a [<!ENTITY b \"<script>alert(1)</script>\">]",
            "a [<!ENTITY b \"&#60;script>\">]",
            "a [<!ENTITY b \"c\" onload=alert(1)>]",
            "a [<!ENTITY b \"c\">]><script>alert(1)</script>",
            "a [<!ENTITY b \"x=y\">]",
            "<img src=x onerror=alert(1)> [<!ELEMENT a (b)>]",
            "a [<!ELEMENT b onload=alert(1)>]",
            "a [<script>alert(1)</script>]",
            "a",
        ] {
            assert!(!declares_only(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn whatever_could_act_is_not() {
        for text in [
            "<kml xmlns=\"a\"><script>alert(1)</script></kml>",
            "<kml xmlns=\"a\"><x:script xmlns:x=\"http://www.w3.org/1999/xhtml\">alert(1)</x:script></kml>",
            "<x:kml xmlns:x=\"http://www.w3.org/1999/xhtml\"/>",
            "<kml onload=\"alert(1)\"/>",
            "<kml x:onload=\"alert(1)\"/>",
            "<kml xmlns='a' onfocus=alert(1)>x</kml>",
            "<kml xlink:href=\"javascript:alert(1)\"/>",
            "<kml a=\"JavaScript:alert(1)\"/>",
            "<kml a=\"' onload=alert(1) '\"/>",
            "<kml a='\" onload=alert(1) \"'/>",
            "<kml a=\"&#x6a;avascript:alert(1)\"/>",
            "<kml>&lt;script&gt;alert(1)&lt;/script&gt;</kml>",
            "<kml>x</kml><script>alert(1)</script>",
            "\"><kml>x</kml>",
            "<kml>x</kml>\" onload=\"alert(1)",
            "<kml><![CDATA[<script>alert(1)</script>]]></kml>",
            "<kml><!-- --><x/></kml>",
            "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><kml>&b;</kml>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><kml>&d;</kml>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><kml e=\"&b;\"/>",
            "<!DOCTYPE a [<!ENTITY lt \"c\">]><kml>&lt;script></kml>",
            "<!DOCTYPE a [<!ENTITY ltb \"c\">]><kml>&ltb;script</kml>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><script>alert(1)</script>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><!DOCTYPE a><kml/>",
            "<?xml-stylesheet href=\"//e.example/a.xsl\"?><kml/>",
            "<?xml version=\"1.0\"?><?xml-stylesheet href=\"//e.example/a.xsl\"?><kml/>",
            "<math><mtext><table><mglyph><style><img src=x></style></mglyph></table></mtext></math>",
            "<math href=\"javascript:alert(1)\">x</math>",
            "<math><maction actiontype=\"statusline#http://e.example\">x</maction></math>",
            "<svg><set/></svg>",
            "<kml a=\" onfocus=alert(1) autofocus x=\">x</kml>",
            "<kml a=\"/onfocus=alert(1)//\">x</kml>",
            "<kml>\" onfocus=alert(1) autofocus x=\"</kml>",
            "<kml ng-init=\"alert(1)\">x</kml>",
            "<kml data-x=\"1\">x</kml>",
            "<kml xmlns=\"http://www.opengis.net/kml/2.2\" hx-on:load=\"deleteAccount(1)\">x</kml>",
            "<kml xmlns=\"a\" x-on:load=\"f(1)\">x</kml>",
            "<kml xmlns=\"a\" v-on:click=\"f(1)\">x</kml>",
            "<kml xmlns=\"a\" x-bind:innerhtml=\"f(1)\">x</kml>",
            "<kml xmlns=\"a\" v-bind:x=\"f(1)\">x</kml>",
            "<kml xmlns=\"a\" ev:event=\"load\" ev:handler=\"f\">x</kml>",
            "<v:rect a=\"b\">x</v:rect>",
            "<kml xmlns=\"a\" hx:get=\"f\">x</kml>",
            "<kml xmlns=\"a\" xmlns:on=\"b\" on:click=\"f\">x</kml>",
            "<kml xmlns=\"a\" xmlns:ng=\"b\" ng:init=\"f(1)\">x</kml>",
            "<kml xmlns=\"a\" xmlns:x=\"b\" x:ng:init=\"f(1)\">x</kml>",
            "<kml xmlns=\"a\" ng_init=\"f(1)\">x</kml>",
            "<kml xmlns=\"a\" a=\";import(name)//\">x</kml>",
            "<kml xmlns=\"a\" srcset=\"//e.example/a\">x</kml>",
            "<kml xmlns=\"a\" attributeName=\"b\" to=\"c\">x</kml>",
            "<h1 xmlns=\"a\">x</h1>",
            "<center xmlns=\"a\">x</center>",
            "<x-app xmlns=\"a\" config=\"//evil\">x</x-app>",
            "<kml/x>",
            "<kml><a></kml></a>",
            "<kml>",
            "<kml a=b/>",
            "<kml/ onload=alert(1)>",
            "<kml\u{c}onload=\"alert(1)\"/>",
            "<x xmlns=\"a\"><y>> <script></y></x>",
            "<jakarta xmlns=\"a\" is=\"b\" style=\"x:expression(alert(1))\"/>",
        ] {
            assert!(!is_inert(text.as_bytes()), "{text}");
        }
    }
}
