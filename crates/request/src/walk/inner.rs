//! Fields inside one value: a form, or the query of an address, that an application passes on or takes apart itself.
//!
//! Each is judged alone, so that a long neighbour does not hide it. Its point is that of a decoding of the value.

use super::{Flow, Role, Walker};
use crate::bytes::ByteSet;
use crate::decode::percent::decode_once;
use crate::element::Element;
use crate::parser::Parser;
use crate::path::{PointPath, StepRef};
use crate::target::raw_pairs;

/// What joins fields.
const JOINTS: ByteSet = ByteSet::of_bytes(b"=");
/// Shorter forms are judged as a whole.
const SHORTEST_FORM: usize = 16;
/// Shorter addresses are: most are links that nobody takes apart.
const SHORTEST_ADDRESS: usize = 512;
/// Most decoders and parsers above such a value.
const DEEPEST: usize = 2;
/// Longest name of a field.
const LONGEST_NAME: usize = 64;

impl Walker<'_> {
    /// Visits the fields that a value is made of, if it is.
    pub(super) fn inner_fields(
        &mut self,
        path: &PointPath<'_>,
        value: &[u8],
        bytes: ByteSet,
        role: Role,
    ) -> Flow {
        // Once only, and near to what was sent: what is taken apart and decoded in every order is as many points as there
        // are orders.
        let is_unescaped = matches!(path.last().element(), Element::Percent | Element::HtmlJs);
        if self.in_field || is_unescaped || path.decoder_depth() > DEEPEST {
            return Flow::Continue(());
        }
        if value.len() < SHORTEST_FORM || role == Role::Name || !bytes.intersects(JOINTS) {
            return Flow::Continue(());
        }
        // Header fields hold links that nobody takes apart; the fields of a whole body were visited as such.
        if !matches!(path.root_element(), Element::Get | Element::Post) || is_body_itself(path) {
            return Flow::Continue(());
        }
        let Some(fields) = query_of_address(value).or_else(|| is_form(value).then_some(value)) else {
            return Flow::Continue(());
        };
        if !self.may_descend(path, value) || !self.may_parse(path, Parser::FormUrlencoded) {
            return Flow::Continue(());
        }
        let inner = path.child(StepRef::Simple(Element::Percent));
        self.in_field = true;
        let flow = raw_pairs(fields)
            .take(self.limits.max_leaves)
            .filter(|(_, field)| !field.is_empty())
            .try_for_each(|(_, field)| {
                let field = decode_once(field, true);
                self.note_reread(field.len());
                self.value(&inner, &field, Role::Leaf)
            });
        self.in_field = false;
        flow
    }
}

/// The body, its text with escapes undone or what its codings hide.
fn is_body_itself(path: &PointPath<'_>) -> bool {
    path.ancestors().all(|path| {
        matches!(path.last().element(), Element::Post | Element::Gzip | Element::Percent | Element::HtmlJs)
    })
}

/// The query of a long address or target.
fn query_of_address(value: &[u8]) -> Option<&[u8]> {
    if value.len() < SHORTEST_ADDRESS {
        return None;
    }
    let (address, query) = value.split_at(memchr::memchr(b'?', value)?);
    let is_address = matches!(address.first(), None | Some(b'/'))
        || memchr::memmem::find(address.get(..16).unwrap_or(address), b"://").is_some();
    let query = query.get(1..).unwrap_or_default();
    (is_address && address.iter().all(u8::is_ascii_graphic) && query.contains(&b'&')).then_some(query)
}

/// Whether the value begins with a field and has another one: `a=1&b=2`.
fn is_form(value: &[u8]) -> bool {
    let is_field = |(name, _): &(&[u8], &[u8])| {
        let is_plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'[' | b']');
        !name.is_empty() && name.len() <= LONGEST_NAME && name.iter().all(is_plain)
    };
    let begins = memchr::memchr2(b'=', b'&', value).is_some_and(|at| value.get(at) == Some(&b'='));
    let mut fields = raw_pairs(value).filter(|(_, field)| !field.is_empty());
    begins && fields.next().as_ref().is_some_and(is_field) && fields.any(|field| is_field(&field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_begins_with_a_field_and_has_another() {
        for form in ["a=1&b=2", "t=lorem ipsum&id=1 or 1=1", "a[x]=1&b&c=3"] {
            assert!(is_form(form.as_bytes()), "{form}");
        }
        for text in ["a=1", "if a == b && c == d", "a&b=c", "x = 1 & y = 2", "=1&b=2", "Tom & Jerry=2&"] {
            assert!(!is_form(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn only_a_long_address_is_taken_apart() {
        let tail = "x".repeat(600);
        for address in ["/items?a=", "https://a.example/b?a=", "?a="] {
            let value = format!("{address}{tail}&b=1");
            assert!(query_of_address(value.as_bytes()).is_some(), "{address}");
        }
        for text in [
            "/items?a=1&b=2".to_owned(),
            format!("see https://a.example/b?a={tail}&b=1"),
            format!("/a?{tail}"),
        ] {
            assert_eq!(query_of_address(text.as_bytes()), None, "{text}");
        }
    }
}
