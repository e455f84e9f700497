//! How much work a request may cause. Every limit holds for every input; the property tests try to
//! break them.

use std::time::Instant;

/// Bounds of a walk. The defaults are those of the product's specification.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Nested decoders and containers; below that a value is only inspected raw.
    pub max_depth: usize,
    /// Values handed to the visitor; beyond that the walk stops as if out of time.
    pub max_leaves: usize,
    /// Bytes that all decoders together may produce.
    pub max_decoded_bytes: usize,
    /// Decompressed size over compressed size, once past [`Limits::ratio_grace_bytes`].
    pub max_ratio: usize,
    /// Decompressed bytes before the ratio counts.
    pub ratio_grace_bytes: usize,
    /// Nesting of JSON containers.
    pub max_json_depth: usize,
    /// Nesting of XML elements.
    pub max_xml_depth: usize,
    /// Compressed inside compressed inside compressed.
    pub max_archive_levels: usize,
    /// Replacements of internal XML entities in one document.
    pub max_entity_expansions: usize,
    /// Bytes that internal XML entities may expand to in one document.
    pub max_entity_bytes: usize,
    /// When to stop, on the monotonic clock.
    pub deadline: Option<Instant>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_depth: 12,
            max_leaves: 20_000,
            max_decoded_bytes: 64 << 20,
            max_ratio: 100,
            ratio_grace_bytes: 1 << 20,
            max_json_depth: 256,
            max_xml_depth: 256,
            max_archive_levels: 3,
            max_entity_expansions: 10_000,
            max_entity_bytes: 1 << 20,
            deadline: None,
        }
    }
}
