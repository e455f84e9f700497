//! Zip archives, by their central directory only: how much they unpack to, without unpacking.

const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
const ENTRY: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
/// The end record without its comment, which has up to 64 KiB.
const END_LENGTH: usize = 22;
/// An entry without its name, extra field and comment.
const ENTRY_LENGTH: usize = 46;

/// What the entries of an archive unpack to, all together; members that overlap count each. `None` when the value is
/// no archive to its end.
pub(crate) fn unpacked_size(value: &[u8]) -> Option<u64> {
    if !value.starts_with(LOCAL_HEADER) {
        return None;
    }
    let tail = value.len().saturating_sub(END_LENGTH + usize::from(u16::MAX));
    let end = tail + memchr::memmem::rfind(value.get(tail..)?, END)?;
    let first = usize::try_from(number(value.get(end + 16..)?)?).ok()?;
    // Where the offset is for somebody else, the directory still lies before its end.
    let directory = value.get(first..end).filter(|directory| directory.starts_with(ENTRY));
    let length = usize::try_from(number(value.get(end + 12..)?)?).ok()?;
    let mut rest = directory.or_else(|| value.get(end.checked_sub(length)?..end))?;
    let mut unpacked = 0u64;
    while rest.starts_with(ENTRY) {
        // A size of all ones stands in the extra field of 64 bits: four gigabytes at least.
        unpacked = unpacked.saturating_add(u64::from(number(rest.get(24..)?)?));
        let variable = [28, 30, 32].into_iter().try_fold(0usize, |sum, at| {
            let length = rest.get(at..)?.first_chunk()?;
            Some(sum + usize::from(u16::from_le_bytes(*length)))
        })?;
        rest = rest.get(ENTRY_LENGTH + variable..)?;
    }
    Some(unpacked)
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An archive of one stored member that claims a size.
    pub(crate) fn archive(claimed: u32, data: &[u8]) -> Vec<u8> {
        let size = u32::try_from(data.len()).unwrap();
        let mut out = LOCAL_HEADER.to_vec();
        out.extend([20, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        out.extend([size, claimed].iter().flat_map(|n| n.to_le_bytes()));
        out.extend([1, 0, 0, 0, b'a']);
        out.extend(data);
        let directory = out.len();
        out.extend(ENTRY);
        out.extend([20, 0, 20, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        out.extend([size, claimed].iter().flat_map(|n| n.to_le_bytes()));
        out.extend([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b'a']);
        let length = u32::try_from(out.len() - directory).unwrap();
        out.extend(END);
        out.extend([0, 0, 0, 0, 1, 0, 1, 0]);
        out.extend(length.to_le_bytes());
        out.extend(u32::try_from(directory).unwrap().to_le_bytes());
        out.extend([0, 0]);
        out
    }

    #[test]
    fn sizes_are_those_of_the_directory() {
        assert_eq!(unpacked_size(&archive(30_000_000, b"x")), Some(30_000_000));
        let shifted = [&archive(7, b"xy")[..4], &[0; 9], &archive(7, b"xy")[4..]].concat();
        assert_eq!(unpacked_size(&shifted), Some(7));
        let whole = archive(7, b"xyz");
        for end in 0..whole.len() {
            assert!(unpacked_size(&whole[..end]).is_none_or(|size| size <= 7), "{end}");
        }
        assert_eq!(unpacked_size(b"PK\x03\x04"), None);
    }
}
