//! What a GraphQL document would cost its server, for limits (`spec/node.md` section 7.3).
//!
//! The measures are those of the document as it is executed: a fragment counts where it is spread, so nesting
//! cannot be hidden in fragments. Fragments that spread each other in a circle, which servers refuse, end there.

use std::collections::HashMap;

use super::{Event, parse};
use crate::element::Element;

/// Nesting beyond which nobody counts; limits end at 100.
const DEEP: u64 = 256;

/// Measures of one document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GraphqlMeasures {
    /// Levels of selected fields, fragments included; at most 256 are told apart.
    pub depth: u64,
    /// Fields under another name.
    pub aliases: u64,
    /// Bytes of the longest argument or default value.
    pub largest_value: u64,
    /// Whether the schema is asked for (`__schema`, `__type`).
    pub introspection: bool,
}

/// The measures of a document; `None` when the text is none.
#[must_use]
pub fn measure_graphql(document: &[u8]) -> Option<GraphqlMeasures> {
    let document = parse(document)?;
    let mut counter = Counter::default();
    for event in &document.events {
        counter.take(event);
    }
    Some(counter.finish())
}

/// What an operation or fragment holds by itself.
#[derive(Default)]
struct Definition<'i> {
    /// Levels of fields.
    depth: u64,
    /// Fragments with the level at which they are spread.
    spreads: Vec<(&'i [u8], u64)>,
}

#[derive(Default)]
struct Counter<'i> {
    /// Open elements; whether each is a level of fields.
    open: Vec<bool>,
    /// Open elements that hold values: below them, names are not fields.
    values: usize,
    level: u64,
    current: Definition<'i>,
    fragment: Option<&'i [u8]>,
    operations: Vec<Definition<'i>>,
    fragments: HashMap<&'i [u8], Definition<'i>>,
    measures: GraphqlMeasures,
}

impl<'i> Counter<'i> {
    fn take(&mut self, event: &Event<'i>) {
        match *event {
            Event::Open(element) => self.enter(element, b""),
            Event::OpenKeyed(element, name) => self.enter(element, name),
            Event::OpenItem(_) => self.enter(Element::Array, b""),
            Event::Close => self.leave(),
            Event::Value(value) | Event::Text(value) => {
                if self.values > 0 {
                    self.measures.largest_value = self.measures.largest_value.max(value.len() as u64);
                }
            }
        }
    }

    fn enter(&mut self, element: Element, name: &'i [u8]) {
        let mut is_level = false;
        if self.values > 0 || matches!(element, Element::GqlArg | Element::GqlVar | Element::GqlDir) {
            self.values += 1;
        } else {
            match element {
                Element::Hash => {
                    is_level = true;
                    self.level += 1;
                    self.current.depth = self.current.depth.max(self.level);
                    self.measures.introspection |= matches!(name, b"__schema" | b"__type");
                }
                Element::GqlAlias => self.measures.aliases += 1,
                Element::GqlSpread => self.current.spreads.push((name, self.level)),
                Element::GqlFragment => self.fragment = Some(name),
                _ => {}
            }
        }
        self.open.push(is_level);
    }

    fn leave(&mut self) {
        let was_level = self.open.pop().unwrap_or(false);
        if was_level {
            self.level -= 1;
        } else {
            self.values = self.values.saturating_sub(1);
        }
        if self.open.is_empty() {
            let definition = std::mem::take(&mut self.current);
            match self.fragment.take() {
                Some(name) => drop(self.fragments.insert(name, definition)),
                None => self.operations.push(definition),
            }
        }
    }

    fn finish(mut self) -> GraphqlMeasures {
        let mut known = HashMap::new();
        let mut deepest = 0;
        for operation in &self.operations {
            deepest = deepest.max(self.depth_of(operation, 0, &mut known));
        }
        self.measures.depth = deepest.min(DEEP);
        self.measures
    }

    /// Depth with fragments. `known` holds the depth of each fragment once; one that is being counted stands at 0,
    /// which ends circles.
    fn depth_of(&self, definition: &Definition<'i>, chain: u64, known: &mut HashMap<&'i [u8], u64>) -> u64 {
        if chain >= DEEP {
            return DEEP;
        }
        definition.spreads.iter().fold(definition.depth, |deepest, &(name, level)| {
            let below = match (known.get(name), self.fragments.get(name)) {
                (Some(&depth), _) => depth,
                (None, None) => 0,
                (None, Some(fragment)) => {
                    known.insert(name, 0);
                    let depth = self.depth_of(fragment, chain + 1, known);
                    known.insert(name, depth);
                    depth
                }
            };
            deepest.max(level + below)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(document: &str) -> u64 {
        measure_graphql(document.as_bytes()).unwrap().depth
    }

    #[test]
    fn fields_are_levels_and_arguments_are_not() {
        assert_eq!(depth("{a}"), 1);
        assert_eq!(depth("query { a(b: {c: {d: [{e: 1}]}}) @f(g: {h: 1}) { i { j } } k }"), 3);
        assert_eq!(depth("{ a { ... on T { b { c } } } }"), 3);
    }

    #[test]
    fn fragments_count_where_they_are_spread() {
        let document = "query { a { ...F } } fragment F on T { b { ...G } } fragment G on T { c { d } }";
        assert_eq!(depth(document), 4);
    }

    #[test]
    fn circles_of_fragments_and_long_chains_end() {
        assert_eq!(depth("{ a { ...F } } fragment F on T { b { ...F } }"), 2);
        let mut chain = String::from("{ a { ...F0 } }");
        for index in 0..5000 {
            chain.push_str(&format!(" fragment F{index} on T {{ f {{ ...F{} }} }}", index + 1));
        }
        assert_eq!(depth(&chain), DEEP);
    }

    #[test]
    fn aliases_values_and_introspection_are_counted() {
        let measures = measure_graphql(
            b"query Q($x: Int = 12345) { a: b(c: \"abcdefgh\") d: __schema { types { name } } }",
        )
        .unwrap();
        assert_eq!(measures, GraphqlMeasures { depth: 3, aliases: 2, largest_value: 8, introspection: true });
        assert!(!measure_graphql(b"{ __typename }").unwrap().introspection);
        assert_eq!(measure_graphql(b"select * from x"), None);
    }
}
