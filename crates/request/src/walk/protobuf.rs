//! gRPC and protobuf bodies: messages by number, fields by number, text and bytes as leaves.

use std::ops::ControlFlow;

use super::{Flow, Role, Taken, Walker};
use crate::decode::base64::decode_any;
use crate::decode::compress::Format;
use crate::element::Element;
use crate::json::begins_like_json;
use crate::parser::Parser;
use crate::path::{PointPath, StepRef};
use crate::protobuf::{Field, Frame, Message, Value, frames, message};

impl Walker<'_> {
    /// Takes a body as gRPC frames, if it is, or as the base64 of such (`grpc-web-text`). The raw body stays a leaf:
    /// without a schema, the fields are a guess.
    pub(super) fn grpc(&mut self, path: &PointPath<'_>, body: &[u8]) -> ControlFlow<(), Taken> {
        if !self.may_parse(path, Parser::Grpc) {
            return ControlFlow::Continue(Taken::No);
        }
        if let Some(frames) = frames(body) {
            self.visit(path, body, Role::Leaf)?;
            self.grpc_frames(path, &frames)?;
            return ControlFlow::Continue(Taken::Alongside);
        }
        let mut decoded = self.take_buffer();
        let mut flow = ControlFlow::Continue(Taken::No);
        if self.may_parse(path, Parser::Base64)
            && self.may_descend(path, body)
            && decode_segments(body, &mut decoded)
            && let Some(frames) = frames(&decoded)
        {
            self.report.decoded_bytes += decoded.len();
            let inner = path.child(StepRef::Simple(Element::Base64));
            flow = self.visit(path, body, Role::Leaf).map_continue(|()| Taken::Alongside);
            if flow.is_continue() {
                flow = self.grpc_frames(&inner, &frames).map_continue(|()| Taken::Alongside);
            }
        }
        self.give_buffer(decoded);
        flow
    }

    fn grpc_frames(&mut self, path: &PointPath<'_>, frames: &[Frame<'_>]) -> Flow {
        for (index, frame) in (0u32..).zip(frames) {
            let point = path.child(StepRef::Indexed(Element::Grpc, index));
            if frame.is_compressed {
                self.decompressed(
                    &point,
                    frame.message,
                    &[Format::Gzip, Format::Zlib],
                    |walker, inner, message| walker.framed(inner, message),
                )?;
            } else if frame.is_trailer {
                self.value(&point, frame.message, Role::Leaf)?;
            } else {
                self.framed(&point, frame.message)?;
            }
        }
        Flow::Continue(())
    }

    /// A message in a frame; some services frame JSON.
    fn framed(&mut self, path: &PointPath<'_>, message: &[u8]) -> Flow {
        // A blank would be the tag of a field.
        if matches!(message, [b'{' | b'[', ..]) && begins_like_json(message) {
            return self.value(path, message, Role::Leaf);
        }
        self.fields_of(path, message)
    }

    /// Takes a body as one message without a frame, if it begins as such.
    pub(super) fn protobuf(&mut self, path: &PointPath<'_>, body: &[u8]) -> ControlFlow<(), Taken> {
        if !self.may_descend(path, body) || !self.may_parse(path, Parser::Protobuf) {
            return ControlFlow::Continue(Taken::No);
        }
        let found = message(body);
        if found.fields.is_empty() {
            return ControlFlow::Continue(Taken::No);
        }
        self.visit(path, body, Role::Leaf)?;
        self.message_fields(path, &found)?;
        ControlFlow::Continue(Taken::Alongside)
    }

    /// A value that is a message by declaration: its fields, also before a fault; without any, the value.
    fn fields_of(&mut self, path: &PointPath<'_>, value: &[u8]) -> Flow {
        let found = match self.may_descend(path, value) && self.may_parse(path, Parser::Protobuf) {
            true => message(value),
            false => Message::default(),
        };
        if found.fields.is_empty() {
            return self.value(path, value, Role::Leaf);
        }
        self.message_fields(path, &found)
    }

    fn message_fields(&mut self, path: &PointPath<'_>, message: &Message<'_>) -> Flow {
        message.fields.iter().try_for_each(|field| self.message_field(path, field))?;
        if message.rest.is_empty() {
            return Flow::Continue(());
        }
        self.value(path, message.rest, Role::Leaf)
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
        if is_text
            || bytes.is_empty()
            || !self.may_descend(point, bytes)
            || !self.may_parse(point, Parser::Protobuf)
        {
            return self.value(point, bytes, Role::Leaf);
        }
        let found = message(bytes);
        // Undeclared, only what is a message to its end is taken for one.
        if found.rest.is_empty() {
            self.message_fields(point, &found)
        } else {
            self.value(point, bytes, Role::Leaf)
        }
    }
}

/// Base64 in pieces that are each padded, as `grpc-web-text` joins them.
fn decode_segments(body: &[u8], out: &mut Vec<u8>) -> bool {
    body.split_inclusive(|&byte| byte == b'=')
        .filter(|piece| !piece.iter().all(|byte| matches!(byte, b'=' | b'\r' | b'\n')))
        .all(|piece| decode_any(piece, out))
}
