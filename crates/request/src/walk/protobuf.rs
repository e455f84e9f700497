//! gRPC bodies: messages by number, fields by number, text and bytes as leaves.

use std::ops::ControlFlow;

use super::{Flow, Role, Taken, Walker};
use crate::decode::compress::Format;
use crate::element::Element;
use crate::parser::Parser;
use crate::path::{PointPath, StepRef};
use crate::protobuf::{Field, Value, fields, frames};

impl Walker<'_> {
    /// Takes a body as gRPC frames, if it is. The raw body stays a leaf: without a schema, the fields are
    /// a guess.
    pub(super) fn grpc(&mut self, path: &PointPath<'_>, body: &[u8]) -> ControlFlow<(), Taken> {
        if !self.may_parse(path, Parser::Grpc) {
            return ControlFlow::Continue(Taken::No);
        }
        let Some(messages) = frames(body) else { return ControlFlow::Continue(Taken::No) };
        self.visit(path, body, Role::Leaf)?;
        for (index, (is_compressed, message)) in (0u32..).zip(messages) {
            let point = path.child(StepRef::Indexed(Element::Grpc, index));
            if is_compressed {
                self.decompressed(
                    &point,
                    message,
                    &[Format::Gzip, Format::Zlib],
                    |walker, inner, message| walker.message(inner, message),
                )?;
            } else {
                self.message(&point, message)?;
            }
        }
        ControlFlow::Continue(Taken::Alongside)
    }

    fn message(&mut self, path: &PointPath<'_>, message: &[u8]) -> Flow {
        let parsed = if self.may_descend(path, message) && self.may_parse(path, Parser::Protobuf) {
            fields(message)
        } else {
            None
        };
        match parsed {
            Some(found) => found.iter().try_for_each(|field| self.message_field(path, field)),
            None => self.value(path, message, Role::Leaf),
        }
    }

    fn message_field(&mut self, path: &PointPath<'_>, field: &Field<'_>) -> Flow {
        let number = field.number.to_string();
        let point = path.child(StepRef::Keyed(Element::Protobuf, &number));
        let (element, text) = match field.value {
            Value::Varint(value) => (Element::ProtobufVarint, value.to_string()),
            Value::Fixed64(value) => (Element::ProtobufInt64, value.to_string()),
            Value::Fixed32(value) => (Element::ProtobufInt32, value.to_string()),
            Value::Bytes(bytes) => return self.message_bytes(&point, bytes),
        };
        self.visit(&point.child(StepRef::Simple(element)), text.as_bytes(), Role::Leaf)
    }

    /// Bytes are text, or else a message, or else just bytes.
    fn message_bytes(&mut self, point: &PointPath<'_>, bytes: &[u8]) -> Flow {
        let is_text = std::str::from_utf8(bytes)
            .is_ok_and(|text| !text.contains(|c: char| c < ' ' && c != '\n' && c != '\r' && c != '\t'));
        if is_text || bytes.is_empty() {
            self.value(point, bytes, Role::Leaf)
        } else {
            self.message(point, bytes)
        }
    }
}
