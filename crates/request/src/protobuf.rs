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

/// All fields of a message; `None` unless the whole input is one.
pub(crate) fn fields(mut input: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut found = Vec::new();
    while !input.is_empty() {
        let tag = varint(&mut input)?;
        let value = match tag & 7 {
            0 => Value::Varint(varint(&mut input)?),
            1 => Value::Fixed64(u64::from_le_bytes(fixed(&mut input)?)),
            2 => {
                let length = usize::try_from(varint(&mut input)?).ok()?;
                let (bytes, rest) = input.split_at_checked(length)?;
                input = rest;
                Value::Bytes(bytes)
            }
            5 => Value::Fixed32(u32::from_le_bytes(fixed(&mut input)?)),
            _ => return None,
        };
        let number = tag >> 3;
        if number == 0 || number >= 1 << 29 || found.len() >= MAX_FIELDS {
            return None;
        }
        found.push(Field { number, value });
    }
    Some(found)
}

/// The messages of a gRPC body: flag byte, big-endian length, bytes. A cut-off last frame is given as far
/// as it goes.
pub(crate) fn frames(mut input: &[u8]) -> Option<Vec<(bool, &[u8])>> {
    let mut found = Vec::new();
    while let Some((&[flag, a, b, c, d], rest)) = input.split_first_chunk::<5>() {
        if flag > 1 || found.len() >= MAX_FIELDS {
            return None;
        }
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
        let (message, rest) = rest.split_at(length.min(rest.len()));
        found.push((flag == 1, message));
        input = rest;
    }
    (input.is_empty() && !found.is_empty()).then_some(found)
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
        assert_eq!(fields(message).as_deref(), Some(&expected[..]));
        for bad in [
            &b"\x08"[..],
            b"\x12\x05abc",
            b"\x00\x01",
            b"\x0B",
            b"\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        ] {
            assert_eq!(fields(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn frames_carry_their_length() {
        assert_eq!(frames(b"\0\0\0\0\x02ab\x01\0\0\0\x01c"), Some(vec![(false, &b"ab"[..]), (true, b"c")]));
        assert_eq!(frames(b"\0\0\0\0\x09ab"), Some(vec![(false, &b"ab"[..])]));
        assert_eq!(frames(b"\x07\0\0\0\x02ab"), None);
        assert_eq!(frames(b"abc"), None);
    }
}
