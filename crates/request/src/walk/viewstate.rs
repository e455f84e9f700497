//! ASP.NET view state: strings at `viewstate_*` points below `viewstate`.
//!
//! The raw value stays a leaf, for a fault may hide what follows it.

use std::ops::ControlFlow;
use std::slice::Iter;

use super::{Flow, Role, Taken, Walker, key_text};
use crate::element::Element;
use crate::parser::Parser;
use crate::path::{PointPath, StepRef};
use crate::viewstate::{Container, Event, parse};

impl Walker<'_> {
    /// Takes decoded bytes as view state, if they are.
    pub(super) fn viewstate(&mut self, path: &PointPath<'_>, value: &[u8]) -> ControlFlow<(), Taken> {
        if !self.may_parse(path, Parser::Viewstate) {
            return ControlFlow::Continue(Taken::No);
        }
        let Some(events) = parse(value, self.limits.max_json_depth) else {
            self.report.note_failed(Parser::Viewstate);
            return ControlFlow::Continue(Taken::No);
        };
        self.visit(path, value, Role::Leaf)?;
        let root = path.child(StepRef::Simple(Element::Viewstate));
        let mut rest = events.iter();
        while let Some(event) = rest.next() {
            self.viewstate_value(&root, event, &mut rest)?;
        }
        ControlFlow::Continue(Taken::Alongside)
    }

    fn viewstate_value(
        &mut self,
        path: &PointPath<'_>,
        event: &Event<'_>,
        rest: &mut Iter<'_, Event<'_>>,
    ) -> Flow {
        let indexed = match event {
            Event::Value(text) => return self.value(path, text, Role::Leaf),
            Event::Open(Container::Dict) => return self.viewstate_dict(path, rest),
            Event::Open(Container::SparseArray) => return self.viewstate_sparse_array(path, rest),
            Event::Open(Container::Array) => Element::ViewstateArray,
            Event::Open(Container::Pair) => Element::ViewstatePair,
            Event::Open(Container::Triplet) => Element::ViewstateTriplet,
            Event::Other | Event::Index(_) | Event::Close => return Flow::Continue(()),
        };
        let mut index = 0u32;
        while let Some(event) = rest.next().filter(|event| **event != Event::Close) {
            self.viewstate_value(&path.child(StepRef::Indexed(indexed, index)), event, rest)?;
            index = index.saturating_add(1);
        }
        Flow::Continue(())
    }

    /// An entry is named by its key, which is mostly a string.
    fn viewstate_dict(&mut self, path: &PointPath<'_>, rest: &mut Iter<'_, Event<'_>>) -> Flow {
        while let Some(key) = rest.next().filter(|event| **event != Event::Close) {
            let name = match key {
                Event::Value(text) => key_text(text),
                _ => "".into(),
            };
            let entry = path.child(StepRef::Keyed(Element::ViewstateDict, &name));
            self.viewstate_value(&entry.child(StepRef::Simple(Element::ViewstateDictKey)), key, rest)?;
            let Some(value) = rest.next().filter(|event| **event != Event::Close) else { break };
            self.viewstate_value(&entry.child(StepRef::Simple(Element::ViewstateDictValue)), value, rest)?;
        }
        Flow::Continue(())
    }

    fn viewstate_sparse_array(&mut self, path: &PointPath<'_>, rest: &mut Iter<'_, Event<'_>>) -> Flow {
        let mut name = String::new();
        while let Some(event) = rest.next().filter(|event| **event != Event::Close) {
            if let Event::Index(index) = event {
                name = index.to_string();
                continue;
            }
            self.viewstate_value(
                &path.child(StepRef::Keyed(Element::ViewstateSparseArray, &name)),
                event,
                rest,
            )?;
        }
        Flow::Continue(())
    }
}
