//! Serialized PHP values: `hash` points below the value; the type table has no element of its own.
//!
//! The raw value stays a leaf, since object injection shows in the whole of it.

use std::ops::ControlFlow;
use std::slice::Iter;

use super::{Flow, Role, Taken, Walker};
use crate::element::Element;
use crate::parser::Parser;
use crate::path::{PointPath, StepRef};
use crate::php::{Event, looks_like_php, parse};

impl Walker<'_> {
    /// Takes the value as serialized PHP, if it is.
    pub(super) fn php(&mut self, path: &PointPath<'_>, value: &[u8]) -> ControlFlow<(), Taken> {
        if !looks_like_php(value) || !self.may_parse(path, Parser::Php) {
            return ControlFlow::Continue(Taken::No);
        }
        let Some(events) = parse(value) else { return ControlFlow::Continue(Taken::No) };
        // A lone string would be visited at the same point again.
        if !matches!(events.first(), Some(Event::Open(_))) {
            return ControlFlow::Continue(Taken::No);
        }
        self.visit(path, value, Role::Leaf)?;
        self.php_members(path, &mut events.iter())?;
        ControlFlow::Continue(Taken::Alongside)
    }

    /// The members up to the end of the current array. Nesting is bounded by the parser, and that of
    /// serialized strings in serialized strings by the length of the path.
    fn php_members(&mut self, path: &PointPath<'_>, events: &mut Iter<'_, Event<'_>>) -> Flow {
        let mut key: &[u8] = b"";
        while let Some(event) = events.next() {
            match *event {
                Event::Close => break,
                Event::Key(name) => {
                    key = name;
                    self.value(&path.child(StepRef::Simple(Element::HashName)), name, Role::Name)?;
                }
                Event::Value(value) => {
                    let name = String::from_utf8_lossy(key);
                    self.value(&path.child(StepRef::Keyed(Element::Hash, &name)), value, Role::Leaf)?;
                }
                Event::Open(_) if key.is_empty() => self.php_members(path, events)?,
                Event::Open(_) => {
                    let name = String::from_utf8_lossy(key);
                    self.php_members(&path.child(StepRef::Keyed(Element::Hash, &name)), events)?;
                }
            }
        }
        Flow::Continue(())
    }
}
