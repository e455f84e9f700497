//! A writer of ZIP archives (PKWARE APPNOTE 6.3.3): deflated files of less than 4 GiB, names in UTF-8.

use std::io::Write;

use flate2::{Compression, Crc, write::DeflateEncoder};

/// Files of 1980-01-01, the first day that the format knows: archives of the same files are the same.
const DATE: u16 = 0x21;
/// Version of the format that deflating needs.
const VERSION: u16 = 20;
/// Names are UTF-8.
const FLAGS: u16 = 0x0800;
const DEFLATED: u16 = 8;

/// An archive of these files, names and contents.
#[must_use]
pub fn archive(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let offset = size(bytes.len());
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        // Writing to memory cannot fail.
        let packed = encoder.write_all(content).and_then(|()| encoder.finish()).unwrap_or_default();
        let mut crc = Crc::new();
        crc.update(content);
        let mut about = Vec::new();
        for field in [VERSION, FLAGS, DEFLATED, 0, DATE] {
            about.extend_from_slice(&field.to_le_bytes());
        }
        for field in [crc.sum(), size(packed.len()), size(content.len())] {
            about.extend_from_slice(&field.to_le_bytes());
        }
        about.extend_from_slice(&short(name.len()).to_le_bytes());
        about.extend_from_slice(&0u16.to_le_bytes());
        bytes.extend_from_slice(b"PK\x03\x04");
        bytes.extend_from_slice(&about);
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&packed);
        directory.extend_from_slice(b"PK\x01\x02");
        directory.extend_from_slice(&VERSION.to_le_bytes());
        directory.extend_from_slice(&about);
        // No comment, first disk, no attributes.
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let count = short(files.len()).to_le_bytes();
    let (start, length) = (size(bytes.len()), size(directory.len()));
    bytes.extend_from_slice(&directory);
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    bytes.extend_from_slice(&count);
    bytes.extend_from_slice(&count);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&start.to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes
}

/// Reports are far smaller than what the format holds.
fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn short(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_has_its_files_and_their_directory() {
        let files = [("a.csv".to_owned(), b"x,y\r\n".repeat(50)), ("ü.csv".to_owned(), vec![])];
        let bytes = archive(&files);
        assert!(bytes.starts_with(b"PK\x03\x04"));
        let end = &bytes[bytes.len() - 22..];
        assert!(end.starts_with(b"PK\x05\x06"));
        assert_eq!(end[8..12], [2, 0, 2, 0]);
        let start = u32::from_le_bytes(end[16..20].try_into().unwrap()) as usize;
        assert!(bytes[start..].starts_with(b"PK\x01\x02"));
        assert_eq!(bytes, archive(&files));
    }
}
