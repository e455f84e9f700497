//! Compressed data: gzip, zlib, raw deflate, Brotli, Zstandard. Output is bounded while it is produced.

use std::io::Read;
use std::time::Instant;

use brotli_decompressor::Decompressor;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// A compression format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Gzip,
    Zlib,
    Deflate,
    Brotli,
    Zstd,
}

/// How a decompression ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All of it, or as much as there was of a cut-off stream.
    Done,
    /// Not in this format from the start.
    Failed,
    /// Beyond the limits; what came out so far is of no use.
    Bomb,
}

/// Bounds of one decompression.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) max_bytes: usize,
    pub(crate) max_ratio: usize,
    pub(crate) ratio_grace_bytes: usize,
    pub(crate) deadline: Option<Instant>,
}

impl Format {
    /// The formats that a token of `Content-Encoding` may mean, likeliest first.
    pub(crate) fn of_coding(token: &[u8]) -> &'static [Format] {
        match token.to_ascii_lowercase().as_slice() {
            b"gzip" | b"x-gzip" => &[Format::Gzip],
            // Half of the world sends raw deflate under this name.
            b"deflate" => &[Format::Zlib, Format::Deflate],
            b"br" => &[Format::Brotli],
            b"zstd" => &[Format::Zstd],
            _ => &[],
        }
    }

    /// Recognises a format by its first bytes.
    pub(crate) fn of_magic(value: &[u8]) -> Option<Format> {
        match value {
            [0x1F, 0x8B, 8, ..] => Some(Format::Gzip),
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Some(Format::Zstd),
            [0x78, flags @ (0x01 | 0x5E | 0x9C | 0xDA), ..]
                if (0x7800 + u16::from(*flags)).is_multiple_of(31) =>
            {
                Some(Format::Zlib)
            }
            _ => None,
        }
    }

    /// Decompresses into `out`.
    pub(crate) fn decode(self, input: &[u8], out: &mut Vec<u8>, bounds: Bounds) -> Outcome {
        match self {
            Format::Gzip => pump(MultiGzDecoder::new(input), input.len(), out, bounds),
            Format::Zlib => pump(ZlibDecoder::new(input), input.len(), out, bounds),
            Format::Deflate => pump(DeflateDecoder::new(input), input.len(), out, bounds),
            Format::Brotli => pump(Decompressor::new(input, CHUNK), input.len(), out, bounds),
            Format::Zstd => match zstd::stream::read::Decoder::with_buffer(input) {
                Ok(mut decoder) => match decoder.window_log_max(MAX_WINDOW_LOG) {
                    Ok(()) => pump(decoder, input.len(), out, bounds),
                    Err(_) => Outcome::Failed,
                },
                Err(_) => Outcome::Failed,
            },
        }
    }
}

/// The beginning of compressed content, at most `max_bytes`, for those who need no more of it. `coding` is the value
/// of a `Content-Encoding` field with a single coding; `None` when it is not known or the data is not of it.
#[must_use]
pub fn inflate_prefix(coding: &[u8], data: &[u8], max_bytes: usize) -> Option<Vec<u8>> {
    let bounds = Bounds { max_bytes, max_ratio: usize::MAX, ratio_grace_bytes: max_bytes, deadline: None };
    Format::of_coding(coding.trim_ascii()).iter().find_map(|format| {
        let mut out = Vec::new();
        // What comes out before the limit is what is wanted here.
        let outcome = format.decode(data, &mut out, bounds);
        out.truncate(max_bytes);
        (outcome != Outcome::Failed).then_some(out)
    })
}

const CHUNK: usize = 8 * 1024;
const TURNS_PER_CLOCK: usize = 64;
/// 16 MiB, so that a header can not claim 128 MiB of window memory.
const MAX_WINDOW_LOG: u32 = 24;

fn pump(mut from: impl Read, compressed: usize, out: &mut Vec<u8>, bounds: Bounds) -> Outcome {
    let mut chunk = [0; CHUNK];
    for turn in 1usize.. {
        // The walk notices the time itself once this returns.
        if turn.is_multiple_of(TURNS_PER_CLOCK) && bounds.deadline.is_some_and(|end| Instant::now() >= end) {
            break;
        }
        match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => out.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            // Cut off or damaged: servers that stream have used what came before.
            Err(_) => break,
        }
        let ratio_exceeded =
            out.len() > bounds.ratio_grace_bytes && out.len() / bounds.max_ratio > compressed;
        if out.len() > bounds.max_bytes || ratio_exceeded {
            return Outcome::Bomb;
        }
    }
    if out.is_empty() { Outcome::Failed } else { Outcome::Done }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write};

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const BOUNDS: Bounds =
        Bounds { max_bytes: 8 << 20, max_ratio: 100, ratio_grace_bytes: 1 << 20, deadline: None };

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_format_comes_back() {
        let text = b"' or 1=1 -- ".repeat(20);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&text).unwrap();
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
        deflate.write_all(&text).unwrap();
        let cases = [
            (Format::Gzip, gzip(&text)),
            (Format::Zlib, zlib.finish().unwrap()),
            (Format::Deflate, deflate.finish().unwrap()),
            (Format::Zstd, zstd::encode_all(&text[..], 3).unwrap()),
        ];
        for (format, packed) in cases {
            let mut out = Vec::new();
            assert_eq!(format.decode(&packed, &mut out, BOUNDS), Outcome::Done, "{format:?}");
            assert_eq!(out, text, "{format:?}");
        }
        // "hello" as the reference encoder writes it.
        let mut out = Vec::new();
        let brotli = [0x0B, 0x02, 0x80, b'h', b'e', b'l', b'l', b'o', 0x03];
        assert_eq!(Format::Brotli.decode(&brotli, &mut out, BOUNDS), Outcome::Done);
        assert_eq!(out, b"hello");
    }

    #[test]
    fn a_prefix_is_bounded_whatever_follows() {
        let text = vec![b'a'; 1 << 20];
        assert_eq!(inflate_prefix(b"gzip", &gzip(&text), 1000).unwrap(), &text[..1000]);
        let packed = gzip(b"hello hello hello");
        assert_eq!(
            inflate_prefix(b" GZIP ", &packed[..packed.len() - 4], 1000).unwrap(),
            b"hello hello hello"
        );
        assert_eq!(inflate_prefix(b"gzip", b"plain", 1000), None);
        assert_eq!(inflate_prefix(b"gzip, br", &packed, 1000), None);
        let brotli = [0x0B, 0x02, 0x80, b'h', b'e', b'l', b'l', b'o', 0x03];
        assert_eq!(inflate_prefix(b"br", &brotli, 3).unwrap(), b"hel");
        // 64 MiB in a few bytes.
        let bomb = zstd::encode_all(std::io::repeat(b'a').take(64 << 20), 3).unwrap();
        let out = inflate_prefix(b"zstd", &bomb, 1000).unwrap();
        assert!(bomb.len() < 16 << 10 && out == text[..1000] && out.capacity() <= 64 << 10);
    }

    #[test]
    fn bombs_stop_early_and_cut_streams_give_what_they_have() {
        let bomb = gzip(&vec![0; 4 << 20]);
        let mut out = Vec::new();
        assert_eq!(Format::Gzip.decode(&bomb, &mut out, BOUNDS), Outcome::Bomb);
        assert!(out.len() <= (1 << 20) + CHUNK);

        let text: Vec<u8> = (0..40_000u32).flat_map(|n| n.to_string().into_bytes()).collect();
        let packed = gzip(&text);
        let mut out = Vec::new();
        let cut = &packed[..packed.len() / 2];
        assert_eq!(Format::Gzip.decode(cut, &mut out, BOUNDS), Outcome::Done);
        assert!(text.starts_with(&out) && !out.is_empty());
        assert_eq!(Format::Gzip.decode(b"\x1F\x8B\x08", &mut Vec::new(), BOUNDS), Outcome::Failed);
    }
}
