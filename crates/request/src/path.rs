//! The current point during a walk, borrowed.
//!
//! A [`PointPath`] is a linked list on the stack: each nested parser adds one link that points to its
//! parent. Nothing is allocated per value, keys are borrowed from the request or from a decode buffer
//! that outlives the link, and matching a rule's point starts from the leaf, where most mismatches are.

use smallvec::SmallVec;

use crate::element::{Arity, Element, Norm};
use crate::point::{Point, Step};

/// One borrowed step of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepRef<'a> {
    /// An element that stands alone.
    Simple(Element),
    /// An element with a string key.
    Keyed(Element, &'a str),
    /// An element with an index.
    Indexed(Element, u32),
}

impl StepRef<'_> {
    /// The element of the step.
    pub const fn element(&self) -> Element {
        match self {
            StepRef::Simple(element) | StepRef::Keyed(element, _) | StepRef::Indexed(element, _) => *element,
        }
    }

    /// The same step, owned.
    pub fn to_step(&self) -> Step {
        match *self {
            StepRef::Simple(element) => Step::Simple(element),
            StepRef::Keyed(element, key) => Step::Keyed(element, key.into()),
            StepRef::Indexed(element, index) => Step::Indexed(element, index),
        }
    }
}

/// The chain of steps from the request to the value being visited.
#[derive(Debug, Clone, Copy)]
pub struct PointPath<'a> {
    parent: Option<&'a PointPath<'a>>,
    step: StepRef<'a>,
    /// Number of steps.
    len: u16,
    /// How many of the steps are decoders or container parsers.
    decoders: u16,
    /// The element of the first step.
    root: Element,
    /// Which of the elements that decide about a value's place were passed.
    marks: u8,
}

impl<'a> PointPath<'a> {
    /// A path of one step.
    pub fn root(step: StepRef<'a>) -> PointPath<'a> {
        let element = step.element();
        PointPath { parent: None, step, len: 1, decoders: 0, root: element, marks: mark(element) }
    }

    /// The path one step below this one.
    pub fn child<'b>(&'b self, step: StepRef<'b>) -> PointPath<'b>
    where
        'a: 'b,
    {
        let element = step.element();
        PointPath {
            parent: Some(self),
            step,
            len: self.len.saturating_add(1),
            decoders: self.decoders.saturating_add(u16::from(is_decoder(element))),
            root: self.root,
            marks: self.marks | mark(element),
        }
    }

    /// The number of steps.
    pub fn depth(&self) -> usize {
        usize::from(self.len)
    }

    /// How many steps are decoders or container parsers; what the nesting limit counts.
    pub fn decoder_depth(&self) -> usize {
        usize::from(self.decoders)
    }

    /// The last step: what kind of value this is.
    pub fn last(&self) -> StepRef<'a> {
        self.step
    }

    /// The first step: which part of the request this is.
    pub fn first(&self) -> StepRef<'a> {
        let mut path = self;
        while let Some(parent) = path.parent {
            path = parent;
        }
        path.step
    }

    /// The path without its last step.
    pub fn parent(&self) -> Option<&'a PointPath<'a>> {
        self.parent
    }

    /// This path and every path above it, innermost first.
    pub fn ancestors(&self) -> impl Iterator<Item = &PointPath<'a>> {
        std::iter::successors(Some(self), |path| path.parent)
    }

    /// The steps, outermost first.
    pub fn steps(&self) -> SmallVec<[StepRef<'a>; 16]> {
        let mut steps: SmallVec<[StepRef<'a>; 16]> = self.ancestors().map(|path| path.step).collect();
        steps.reverse();
        steps
    }

    /// The element of the first step.
    pub fn root_element(&self) -> Element {
        self.root
    }

    /// Whether any step is this element.
    pub fn contains(&self, element: Element) -> bool {
        match mark(element) {
            0 => self.ancestors().any(|path| path.step.element() == element),
            mark => self.marks & mark != 0,
        }
    }

    /// An owned copy, for a hit.
    pub fn to_point(&self) -> Point {
        let mut steps: Vec<Step> = self.ancestors().map(|path| path.step.to_step()).collect();
        steps.reverse();
        Point::from_steps(steps)
    }

    /// Compares from the leaf up; see [`Point::selects`].
    pub(crate) fn is_selected_by(&self, pattern: &[Step]) -> bool {
        let mut path = Some(self);
        for step in pattern.iter().rev() {
            let Some(current) = path else { return false };
            if step_matches(step, current.step) {
                path = current.parent;
            } else if !(current.step.element() == Element::XmlTag && is_first_item(step)) {
                // A tag is the same as its item 0, which the walk never spells out.
                return false;
            }
        }
        path.is_none()
    }
}

/// A bit for each element that is asked for at every value.
const fn mark(element: Element) -> u8 {
    match element {
        Element::ContentDisp => 1,
        Element::CookieName => 2,
        Element::File => 4,
        _ => 0,
    }
}

/// Decoders and containers re-interpret the bytes of the value above them.
fn is_decoder(element: Element) -> bool {
    matches!(
        element,
        Element::Base64
            | Element::Percent
            | Element::HtmlJs
            | Element::Gzip
            | Element::Hex
            | Element::JsonDoc
            | Element::Xml
            | Element::Gql
            | Element::Jwt
            | Element::Protobuf
            | Element::Viewstate
    )
}

fn is_first_item(step: &Step) -> bool {
    match step {
        Step::Indexed(element, index) => *index == 0 && element.canonical() == Element::Array,
        Step::Simple(element) => element.canonical() == Element::ArrayAll,
        Step::Keyed(..) => false,
    }
}

fn step_matches(pattern: &Step, step: StepRef<'_>) -> bool {
    let element = step.element().canonical();
    match pattern {
        Step::Keyed(wanted, wanted_key) => match step {
            StepRef::Keyed(_, key) if wanted.canonical() == element => match wanted {
                Element::Header | Element::ResponseHeader => wanted_key.eq_ignore_ascii_case(key),
                _ => **wanted_key == *key,
            },
            _ => false,
        },
        Step::Indexed(wanted, wanted_index) => {
            wanted.canonical() == element
                && matches!(step, StepRef::Indexed(_, index) if index == *wanted_index)
        }
        Step::Simple(wanted) => match wanted.canonical().norm() {
            // What is of several of them at once counts as well.
            Norm::All(base) => {
                element == wanted.canonical() || element == base && base.arity() != Arity::Simple
            }
            Norm::Base(_) | Norm::Name(_) => wanted.canonical() == element,
        },
    }
}
