//! One value, and everything else it can be read as.

use super::{Flow, Role, Walker};
use crate::decode::percent::decode_once;
use crate::element::Element;
use crate::parser::Parser;
use crate::path::{PointPath, StepRef};

impl Walker<'_> {
    /// The raw request target; only percent-decoding makes sense for the whole of it.
    pub(super) fn uri(&mut self, raw: &[u8]) -> Flow {
        let path = PointPath::root(StepRef::Simple(Element::Uri));
        self.visit(&path, raw, Role::Leaf)?;
        self.percent(&path, raw, Role::Leaf)
    }

    /// Visits a value and its decoded forms.
    pub(super) fn value(&mut self, path: &PointPath<'_>, value: &[u8], role: Role) -> Flow {
        self.visit(path, value, role)?;
        self.percent(path, value, role)
    }

    fn percent(&mut self, path: &PointPath<'_>, value: &[u8], role: Role) -> Flow {
        if path.decoder_depth() >= self.limits.max_depth || !self.may_parse(path, Parser::Percent) {
            return Flow::Continue(());
        }
        let decoded = decode_once(value, false);
        if *decoded == *value {
            return Flow::Continue(());
        }
        self.value(&path.child(StepRef::Simple(Element::Percent)), &decoded, role)
    }
}
