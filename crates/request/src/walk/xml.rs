//! XML values: tags, attributes, text, comments, processing instructions, the document type.
//!
//! The text of an element, CDATA included and entities expanded, is the value of its tag's point and is
//! visited when the element ends. The first element of a name is the tag itself, later ones its array
//! items. Comments and processing instructions are numbered through the document.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::slice::Iter;

use quick_xml::events::{BytesStart, Event};

use super::{Flow, Role, Taken, Walker};
use crate::element::Element;
use crate::parser::Parser;
use crate::path::{PointPath, StepRef};
use crate::report::{AnomalyKind, ApiProtocol};
use crate::xml::{Document, Expander, declared_encoding, entities, has_remote_subset, looks_like_xml, read};

/// What the elements of one document share.
struct Shared<'d> {
    /// The `xml` point of the document.
    root: &'d PointPath<'d>,
    expander: Expander,
    /// Prefixes in scope, innermost last.
    namespaces: Vec<(Vec<u8>, String)>,
    comments: u32,
    instructions: u32,
    is_bomb: bool,
}

impl Walker<'_> {
    /// Takes the value as XML, if it is. Only a body declared as XML is nothing else besides: elsewhere
    /// markup is as likely to be an injection.
    pub(super) fn xml(
        &mut self,
        path: &PointPath<'_>,
        value: &[u8],
        is_declared: bool,
    ) -> ControlFlow<(), Taken> {
        if !looks_like_xml(value) || !self.may_parse(path, Parser::Xml) {
            return ControlFlow::Continue(Taken::No);
        }
        let document = read(value, self.limits.max_xml_depth);
        let root = path.child(StepRef::Simple(Element::Xml));
        let has_prolog = value.trim_ascii_start().starts_with(b"<?xml");
        if !document.is_complete {
            if is_declared || has_prolog {
                self.report.note_failed(Parser::Xml);
            }
            // A body of which only the start is here breaks off by our own doing.
            let is_cut_off = self.report.has(AnomalyKind::OverlimitSize);
            let is_body = path.depth() == 1 && path.last().element() == Element::Post;
            if has_prolog && is_body && !is_cut_off {
                self.anomaly(AnomalyKind::InvalidXml, &root);
            }
            // A parser resolves entities, and one that streams has used the elements, before it comes to the mistake.
            if !is_declared && !has_prolog {
                self.doctype_anomalies(&root, &document);
                return ControlFlow::Continue(Taken::No);
            }
            self.visit(path, value, Role::Leaf)?;
            self.xml_document(&root, &document)?;
            return ControlFlow::Continue(Taken::Alongside);
        }
        if contradicts_encoding(value) && path.last().element() != Element::Percent {
            self.anomaly(AnomalyKind::InvalidXml, &root);
        }
        if document.is_flattened {
            self.report.depth_limited += 1;
        }
        let taken = Taken::whole_if(is_declared && !document.is_flattened);
        self.visit(path, value, taken.role())?;
        self.xml_document(&root, &document)?;
        ControlFlow::Continue(taken)
    }

    /// UTF-16 that claims to be something else.
    pub(super) fn check_wide_xml(&mut self, path: &PointPath<'_>, text: &[u8]) {
        let claimed = declared_encoding(text.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(text));
        if claimed.is_some_and(|claimed| !is_wide(claimed)) {
            self.anomaly(AnomalyKind::InvalidXml, &path.child(StepRef::Simple(Element::Xml)));
        }
    }

    fn doctype_anomalies(
        &mut self,
        root: &PointPath<'_>,
        document: &Document<'_>,
    ) -> Vec<crate::xml::Entity> {
        let mut declared = Vec::new();
        for event in &document.events {
            let Event::DocType(doctype) = event else { continue };
            if has_remote_subset(doctype) {
                self.anomaly(AnomalyKind::Xxe, &root.child(StepRef::Simple(Element::XmlDtd)));
            }
            declared.extend(entities(doctype));
        }
        for (index, _) in (0u32..).zip(&declared).filter(|(_, entity)| entity.is_external) {
            self.anomaly(AnomalyKind::Xxe, &root.child(StepRef::Indexed(Element::XmlDtdEntity, index)));
        }
        declared
    }

    fn xml_document(&mut self, root: &PointPath<'_>, document: &Document<'_>) -> Flow {
        let declared = self.doctype_anomalies(root, document);
        for (index, entity) in (0u32..).zip(&declared) {
            let point = root.child(StepRef::Indexed(Element::XmlDtdEntity, index));
            self.value(&point, &entity.value, Role::Leaf)?;
        }
        let (max_expansions, max_bytes) = (self.limits.max_entity_expansions, self.limits.max_entity_bytes);
        let mut shared = Shared {
            root,
            expander: Expander::new(declared, max_expansions, max_bytes),
            namespaces: Vec::new(),
            comments: 0,
            instructions: 0,
            is_bomb: false,
        };
        self.xml_content(root, &mut document.events.iter(), &mut shared)
    }

    /// What is between a start tag and its end tag, or the whole document.
    fn xml_content<'e>(
        &mut self,
        path: &PointPath<'_>,
        events: &mut Iter<'e, Event<'e>>,
        shared: &mut Shared<'_>,
    ) -> Flow {
        let mut seen: HashMap<&'e [u8], u32> = HashMap::new();
        let mut text = self.take_buffer();
        while let Some(event) = events.next() {
            match event {
                Event::End(_) => break,
                Event::Start(start) => {
                    let name = start.name().0;
                    let count = seen.entry(name).or_default();
                    let earlier = *count;
                    *count = count.saturating_add(1);
                    self.xml_element(path, start, earlier, events, shared)?;
                }
                Event::Text(raw) => text.extend_from_slice(raw),
                Event::CData(raw) => text.extend_from_slice(raw),
                Event::GeneralRef(name) => {
                    let result = shared.expander.reference(name, &mut text);
                    self.note_bomb(result.is_err(), shared);
                }
                Event::Comment(raw) => {
                    let point = shared.root.child(StepRef::Indexed(Element::XmlComment, shared.comments));
                    shared.comments = shared.comments.saturating_add(1);
                    self.value(&point, raw, Role::Leaf)?;
                }
                Event::PI(raw) => {
                    let point = shared.root.child(StepRef::Indexed(Element::XmlPi, shared.instructions));
                    shared.instructions = shared.instructions.saturating_add(1);
                    self.value(&point, raw, Role::Leaf)?;
                }
                Event::DocType(raw) => {
                    self.value(&shared.root.child(StepRef::Simple(Element::XmlDtd)), raw, Role::Leaf)?;
                }
                Event::Decl(_) | Event::Empty(_) | Event::Eof => {}
            }
        }
        let value = text.trim_ascii();
        let flow = if value.is_empty() && (!seen.is_empty() || path.depth() == shared.root.depth()) {
            Flow::Continue(())
        } else {
            self.value(path, value, Role::Leaf)
        };
        self.give_buffer(text);
        flow
    }

    fn xml_element<'e>(
        &mut self,
        path: &PointPath<'_>,
        start: &'e BytesStart<'e>,
        earlier: u32,
        events: &mut Iter<'e, Event<'e>>,
        shared: &mut Shared<'_>,
    ) -> Flow {
        let outer_scope = shared.namespaces.len();
        let attributes = self.xml_attributes(start, shared);
        if start.local_name().as_ref() == b"Envelope" && path.depth() == shared.root.depth() {
            self.report.api_protocol = ApiProtocol::Soap;
        }
        if earlier == 0 {
            self.value(&path.child(StepRef::Simple(Element::XmlTagName)), start.name().0, Role::Name)?;
        }
        let key = tag_key(start, shared);
        let tag = path.child(StepRef::Keyed(Element::XmlTag, &key));
        let item = tag.child(StepRef::Indexed(Element::XmlTagArray, earlier));
        let point = if earlier == 0 { &tag } else { &item };
        for (name, value) in &attributes {
            self.value(&point.child(StepRef::Simple(Element::XmlAttrName)), name, Role::Name)?;
            let name = String::from_utf8_lossy(name);
            self.value(&point.child(StepRef::Keyed(Element::XmlAttr, &name)), value, Role::Leaf)?;
        }
        self.xml_content(point, events, shared)?;
        shared.namespaces.truncate(outer_scope);
        Flow::Continue(())
    }

    /// Names and expanded values; namespace declarations also come into scope.
    fn xml_attributes(&mut self, start: &BytesStart<'_>, shared: &mut Shared<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found = Vec::new();
        for attribute in start.attributes().with_checks(false).flatten() {
            let mut value = Vec::with_capacity(attribute.value.len());
            let result = shared.expander.text(&attribute.value, &mut value);
            self.note_bomb(result.is_err(), shared);
            if let Some(prefix) = attribute.key.0.strip_prefix(b"xmlns:") {
                shared.namespaces.push((prefix.to_vec(), String::from_utf8_lossy(&value).into_owned()));
            }
            found.push((attribute.key.0.to_vec(), value));
        }
        found
    }

    fn note_bomb(&mut self, is_bomb: bool, shared: &mut Shared<'_>) {
        if is_bomb && !std::mem::replace(&mut shared.is_bomb, true) {
            self.anomaly(AnomalyKind::DataBomb, shared.root);
        }
    }
}

/// The tag's name, or `URI|prefix|name` when its prefix is declared.
fn tag_key(start: &BytesStart<'_>, shared: &Shared<'_>) -> String {
    let name = start.name();
    let local = String::from_utf8_lossy(start.local_name().into_inner()).into_owned();
    let Some(prefix) = name.prefix() else { return local };
    let prefix = prefix.into_inner();
    let uri = shared.namespaces.iter().rev().find(|(known, _)| known == prefix).map(|(_, uri)| uri.as_str());
    match uri {
        Some(uri) => format!("{uri}|{}|{local}", String::from_utf8_lossy(prefix)),
        None => String::from_utf8_lossy(name.0).into_owned(),
    }
}

/// Text that is readable byte by byte is not UTF-16, and declared or default UTF-8 must be valid.
fn contradicts_encoding(value: &[u8]) -> bool {
    match declared_encoding(value) {
        Some(claimed) if is_wide(claimed) => true,
        Some(claimed) => claimed.eq_ignore_ascii_case(b"utf-8") && std::str::from_utf8(value).is_err(),
        None => false,
    }
}

fn is_wide(encoding: &[u8]) -> bool {
    let name = encoding.to_ascii_lowercase();
    [&b"utf-16"[..], b"utf16", b"utf-32", b"utf32", b"ucs", b"iso-10646-ucs"]
        .iter()
        .any(|wide| name.starts_with(wide))
}
