//! GraphQL documents where clients put them: the body, a `query` member, parameter or field.

use std::ops::ControlFlow;
use std::slice::Iter;

use super::{Flow, Role, Taken, Walker};
use crate::element::Element;
use crate::gql::{Event, parse};
use crate::json::unescape;
use crate::parser::Parser;
use crate::path::{PointPath, StepRef};
use crate::report::ApiProtocol;

impl Walker<'_> {
    /// Takes the value as a GraphQL document, if it is one and stands where one may.
    pub(super) fn gql(&mut self, path: &PointPath<'_>, value: &[u8]) -> ControlFlow<(), Taken> {
        if !may_hold_graphql(path) || !self.may_parse(path, Parser::Gql) {
            return ControlFlow::Continue(Taken::No);
        }
        let Some(document) = parse(value) else { return ControlFlow::Continue(Taken::No) };
        self.report.api_protocol = ApiProtocol::GraphQl;
        let taken = Taken::whole_if(!document.has_comments);
        self.visit(path, value, taken.role())?;
        let root = path.child(StepRef::Simple(Element::Gql));
        self.gql_events(&root, &mut document.events.iter())?;
        ControlFlow::Continue(taken)
    }

    /// The events up to the end of the current element. A document's nesting is bounded by its parser. An operation or a
    /// field without arguments has no value, but a rule may be about its being there.
    fn gql_events(&mut self, path: &PointPath<'_>, events: &mut Iter<'_, Event<'_>>) -> Flow {
        if let Some(Event::Close) = events.as_slice().first() {
            self.visit(path, b"", Role::Leaf)?;
        }
        while let Some(event) = events.next() {
            match *event {
                Event::Close => break,
                Event::Open(element) => self.gql_events(&path.child(StepRef::Simple(element)), events)?,
                Event::OpenItem(index) => {
                    self.gql_events(&path.child(StepRef::Indexed(Element::Array, index)), events)?;
                }
                Event::OpenKeyed(element, name) => {
                    let key = String::from_utf8_lossy(name);
                    self.gql_events(&path.child(StepRef::Keyed(element, &key)), events)?;
                }
                Event::Value(value) => self.value(path, value, Role::Leaf)?,
                Event::Text(raw) => {
                    let mut text = self.take_buffer();
                    unescape(raw, &mut text);
                    let flow = self.value(path, &text, Role::Leaf);
                    self.give_buffer(text);
                    flow?;
                }
            }
        }
        Flow::Continue(())
    }
}

/// Whether a GraphQL document may stand at a point: the body, or a value named like an operation, directly or
/// through a decoder.
#[must_use]
pub fn may_hold_graphql(path: &PointPath<'_>) -> bool {
    let is_decoder = |element| matches!(element, Element::Percent | Element::Base64 | Element::Gzip);
    let holder = path.ancestors().find(|path| !is_decoder(path.last().element()));
    match holder.map(PointPath::last) {
        Some(StepRef::Simple(Element::Post)) => true,
        Some(StepRef::Keyed(
            Element::Hash | Element::Get | Element::FormUrlencoded | Element::Multipart,
            name,
        )) => matches!(name, "query" | "mutation" | "subscription"),
        _ => false,
    }
}
