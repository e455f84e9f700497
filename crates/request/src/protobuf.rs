//! Protocol buffers without a schema: wire types tell numbers from bytes, and bytes that parse as a
//! message are one.

/// One field of a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Field<'b> {
    pub(crate) number: u64,
    pub(crate) value: Value<'b>,
}

/// A field's value by wire type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'b> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'b [u8]),
}

/// Fields read from one message.
const MAX_FIELDS: usize = 20_000;

/// What was read of a message.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Message<'b> {
    /// The fields in order. Those of a group stand in place of it.
    pub(crate) fields: Vec<Field<'b>>,
    /// What follows the last field and is none; empty when the whole input is a message.
    pub(crate) rest: &'b [u8],
}

/// Reads fields as far as there are any.
pub(crate) fn message(input: &[u8]) -> Message<'_> {
    let mut message = Message { fields: Vec::new(), rest: input };
    let mut groups = 0usize;
    while !message.rest.is_empty() && message.fields.len() < MAX_FIELDS {
        let mut rest = message.rest;
        match field(&mut rest, &mut groups) {
            Some(Some(field)) => message.fields.push(field),
            Some(None) => {}
            None => break,
        }
        message.rest = rest;
    }
    message
}

/// One field, or nothing for the start or the end of a group.
fn field<'b>(input: &mut &'b [u8], groups: &mut usize) -> Option<Option<Field<'b>>> {
    let tag = varint(input)?;
    let number = tag >> 3;
    if number == 0 || number >= 1 << 29 {
        return None;
    }
    let value = match tag & 7 {
        0 => Value::Varint(varint(input)?),
        1 => Value::Fixed64(u64::from_le_bytes(fixed(input)?)),
        2 => {
            let length = usize::try_from(varint(input)?).ok()?;
            let (bytes, rest) = input.split_at_checked(length)?;
            *input = rest;
            Value::Bytes(bytes)
        }
        3 => {
            *groups += 1;
            return Some(None);
        }
        4 => {
            *groups = groups.checked_sub(1)?;
            return Some(None);
        }
        5 => Value::Fixed32(u32::from_le_bytes(fixed(input)?)),
        _ => return None,
    };
    Some(Some(Field { number, value }))
}

/// One frame of a stream of messages.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'b> {
    pub(crate) is_compressed: bool,
    /// The trailer fields of gRPC-Web, as lines of text, or the end of a Connect stream, as JSON.
    pub(crate) is_trailer: bool,
    pub(crate) message: &'b [u8],
}

/// The frames of a gRPC or Connect body: flag byte, big-endian length, bytes. A cut-off last frame is given as far
/// as it goes, and so is what is no frame behind others.
pub(crate) fn frames(mut input: &[u8]) -> Option<Vec<Frame<'_>>> {
    const COMPRESSED: u8 = 0x01;
    const END_OF_STREAM: u8 = 0x02;
    const TRAILER: u8 = 0x80;
    let mut found = Vec::new();
    while !input.is_empty() {
        let head = input.split_first_chunk::<5>();
        let Some((&[flag, a, b, c, d], rest)) = head.filter(|([flag, ..], _)| {
            flag & !(COMPRESSED | END_OF_STREAM | TRAILER) == 0 && found.len() < MAX_FIELDS
        }) else {
            if found.is_empty() {
                return None;
            }
            found.push(Frame { is_compressed: false, is_trailer: true, message: input });
            break;
        };
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
        let (message, rest) = rest.split_at(length.min(rest.len()));
        let is_trailer = flag & (TRAILER | END_OF_STREAM) != 0;
        found.push(Frame { is_compressed: flag & COMPRESSED != 0, is_trailer, message });
        input = rest;
    }
    (!found.is_empty()).then_some(found)
}

fn varint(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let (&byte, rest) = input.split_first()?;
        *input = rest;
        value |= u64::from(byte & 0x7F).checked_shl(shift).unwrap_or(0);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn fixed<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = input.split_first_chunk::<N>()?;
    *input = rest;
    Some(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_split_into_fields() {
        let message = b"\x08\x96\x01\x12\x03abc\x1D\x01\0\0\0";
        let expected = [
            Field { number: 1, value: Value::Varint(150) },
            Field { number: 2, value: Value::Bytes(b"abc") },
            Field { number: 3, value: Value::Fixed32(1) },
        ];
        assert_eq!(super::message(message), Message { fields: expected.to_vec(), rest: b"" });
        for bad in [
            &b"\x08"[..],
            b"\x12\x05abc",
            b"\x00\x01",
            b"\x0C",
            b"\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        ] {
            assert_eq!(super::message(bad), Message { fields: Vec::new(), rest: bad }, "{bad:?}");
        }
    }

    #[test]
    fn groups_are_entered_and_what_follows_the_fields_is_left() {
        let fields =
            [Field { number: 2, value: Value::Bytes(b"a") }, Field { number: 1, value: Value::Varint(5) }];
        let found = message(b"\x0B\x12\x01a\x0C\x08\x05\xFF");
        assert_eq!(found, Message { fields: fields.to_vec(), rest: b"\xFF" });
    }

    #[test]
    fn frames_carry_their_length() {
        let note = |body: &'static [u8]| -> Option<Vec<(bool, bool, &[u8])>> {
            let found = frames(body)?;
            Some(found.iter().map(|frame| (frame.is_compressed, frame.is_trailer, frame.message)).collect())
        };
        let two: [(bool, bool, &[u8]); 2] = [(false, false, b"ab"), (true, false, b"c")];
        assert_eq!(note(b"\0\0\0\0\x02ab\x01\0\0\0\x01c").as_deref(), Some(&two[..]));
        let cut: [(bool, bool, &[u8]); 1] = [(false, false, b"ab")];
        assert_eq!(note(b"\0\0\0\0\x09ab").as_deref(), Some(&cut[..]));
        let trailer: [(bool, bool, &[u8]); 2] = [(false, false, b"ab"), (false, true, b"x")];
        assert_eq!(note(b"\0\0\0\0\x02ab\x80\0\0\0\x01x").as_deref(), Some(&trailer[..]));
        assert_eq!(note(b"\0\0\0\0\x02abx").as_deref(), Some(&trailer[..]));
        assert_eq!(note(b"\x07\0\0\0\x02ab"), None);
        assert_eq!(note(b"abc"), None);
    }
}
