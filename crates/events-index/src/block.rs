//! Rows as columns, in memory and as bytes.
//!
//! A block on disk is: magic, length and checksum of the header; the header (JSON: small, and readable when
//! something is wrong); what the dictionaries gained since the block before; the columns. Numbers are stored as
//! differences from their smallest, in as few bytes as the largest difference needs.

use serde::{Deserialize, Serialize};

use crate::column::{Number, Row, Text};

/// Rows of a full block.
pub(crate) const BLOCK_ROWS: usize = 65_536;
/// Number of columns of a block: texts, numbers, the request.
pub(crate) const COLUMNS: usize = Text::ALL.len() + Number::STORED.len() + 1;

/// Which column of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnId {
    Text(Text),
    /// A stored number; marks and issues read as 0 here.
    Number(Number),
    Request,
}

impl ColumnId {
    pub(crate) fn slot(self) -> Option<usize> {
        match self {
            ColumnId::Text(text) => Some(text.slot()),
            ColumnId::Number(number) => number.slot().map(|slot| Text::ALL.len() + slot),
            ColumnId::Request => Some(COLUMNS - 1),
        }
    }
}

/// The values of one column in one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    /// `base + offset`; codes have base 0.
    Narrow {
        /// Smallest value.
        base: i64,
        /// Differences from it.
        offsets: Vec<u32>,
    },
    /// Values further apart than 32 bits hold.
    Wide(Vec<i64>),
}

impl Data {
    pub(crate) fn of_codes(codes: Vec<u32>) -> Data {
        Data::Narrow { base: 0, offsets: codes }
    }

    pub(crate) fn of_numbers(values: &[i64]) -> Data {
        let base = values.iter().copied().min().unwrap_or_default();
        let offsets: Option<Vec<u32>> = values
            .iter()
            .map(|value| value.checked_sub(base).and_then(|gap| u32::try_from(gap).ok()))
            .collect();
        offsets.map_or_else(|| Data::Wide(values.to_vec()), |offsets| Data::Narrow { base, offsets })
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Data::Narrow { offsets, .. } => offsets.len() * 4,
            Data::Wide(values) => values.len() * 8,
        }
    }

    /// The codes of a text or request column.
    pub(crate) fn codes(&self) -> &[u32] {
        match self {
            Data::Narrow { offsets, .. } => offsets,
            Data::Wide(_) => &[],
        }
    }

    pub(crate) fn value(&self, row: usize) -> i64 {
        match self {
            Data::Narrow { base, offsets } => base + offsets.get(row).map_or(0, |offset| i64::from(*offset)),
            Data::Wide(values) => values.get(row).copied().unwrap_or_default(),
        }
    }

    fn width(&self) -> u8 {
        match self {
            Data::Wide(_) => 8,
            Data::Narrow { offsets, .. } => match offsets.iter().copied().max().unwrap_or_default() {
                0 => 0,
                1..=0xff => 1,
                0x100..=0xffff => 2,
                _ => 4,
            },
        }
    }

    fn encode(&self, width: u8, out: &mut Vec<u8>) {
        match self {
            Data::Wide(values) => values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes())),
            Data::Narrow { offsets, .. } => {
                for offset in offsets {
                    // The width holds the largest offset, so the bytes left out are 0.
                    out.extend(offset.to_le_bytes().iter().take(usize::from(width)));
                }
            }
        }
    }

    fn decode(section: &Section, rows: usize, bytes: &[u8]) -> Option<Data> {
        if bytes.len() != rows * usize::from(section.width) || crc32fast::hash(bytes) != section.crc {
            return None;
        }
        let offsets = match section.width {
            0 => vec![0; rows],
            1 => bytes.iter().map(|byte| u32::from(*byte)).collect(),
            2 => bytes
                .chunks_exact(2)
                .filter_map(|pair| pair.try_into().ok())
                .map(|pair| u32::from(u16::from_le_bytes(pair)))
                .collect(),
            4 => bytes
                .chunks_exact(4)
                .filter_map(|four| four.try_into().ok())
                .map(u32::from_le_bytes)
                .collect(),
            8 => {
                let values = bytes.chunks_exact(8).filter_map(|eight| eight.try_into().ok());
                return Some(Data::Wide(values.map(i64::from_le_bytes).collect()));
            }
            _ => return None,
        };
        Some(Data::Narrow { base: section.base, offsets })
    }
}

/// Where a column lies in the columns of a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Section {
    pub(crate) offset: u64,
    pub(crate) len: u64,
    pub(crate) width: u8,
    pub(crate) base: i64,
    /// Largest value minus `base`.
    pub(crate) span: u64,
    pub(crate) crc: u32,
}

/// What is known of a block without reading its columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) rows: usize,
    pub(crate) deltas_len: u64,
    pub(crate) deltas_crc: u32,
    pub(crate) columns_len: u64,
    pub(crate) sections: Vec<Section>,
}

impl Header {
    pub(crate) fn section(&self, column: ColumnId) -> Option<&Section> {
        self.sections.get(column.slot()?)
    }

    /// Smallest and largest value of a number.
    pub(crate) fn bounds(&self, number: Number) -> (i64, i64) {
        self.section(ColumnId::Number(number))
            .map_or((0, 0), |section| (section.base, section.base.saturating_add_unsigned(section.span)))
    }

    pub(crate) fn decode_column(&self, column: ColumnId, bytes: &[u8]) -> Option<Data> {
        Data::decode(self.section(column)?, self.rows, bytes)
    }
}

/// The block that is filling.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    pub(crate) texts: Vec<Vec<u32>>,
    pub(crate) numbers: Vec<Vec<i64>>,
    pub(crate) requests: Vec<u32>,
    /// Rows whose attack was removed, ascending.
    pub(crate) gone: Vec<u32>,
}

impl Default for Tail {
    fn default() -> Tail {
        Tail {
            texts: vec![Vec::new(); Text::ALL.len()],
            numbers: vec![Vec::new(); Number::STORED.len()],
            requests: Vec::new(),
            gone: Vec::new(),
        }
    }
}

impl Tail {
    pub(crate) fn rows(&self) -> usize {
        self.requests.len()
    }

    pub(crate) fn push(&mut self, row: &Row, codes: impl Iterator<Item = u32>, request: u32) {
        for (column, code) in self.texts.iter_mut().zip(codes) {
            column.push(code);
        }
        for (column, value) in self.numbers.iter_mut().zip(row.numbers()) {
            column.push(*value);
        }
        self.requests.push(request);
    }

    /// One column, copied: a tail has at most [`BLOCK_ROWS`] rows.
    pub(crate) fn column(&self, column: ColumnId) -> Data {
        match column {
            ColumnId::Text(text) => Data::of_codes(self.texts.get(text.slot()).cloned().unwrap_or_default()),
            ColumnId::Request => Data::of_codes(self.requests.clone()),
            ColumnId::Number(number) => {
                let values = number.slot().and_then(|slot| self.numbers.get(slot));
                Data::of_numbers(values.map_or(&[], Vec::as_slice))
            }
        }
    }

    pub(crate) fn bounds(&self, number: Number) -> (i64, i64) {
        let values = number.slot().and_then(|slot| self.numbers.get(slot)).map_or(&[][..], Vec::as_slice);
        let smallest = values.iter().copied().min().unwrap_or_default();
        (smallest, values.iter().copied().max().unwrap_or_default())
    }

    /// The tail as a block, `deltas` being what the dictionaries gained.
    pub(crate) fn encode(&self, deltas: &[u8]) -> (Header, Vec<u8>) {
        let mut columns = Vec::new();
        let ids = Text::ALL.map(ColumnId::Text).into_iter();
        let ids = ids.chain(Number::STORED.map(ColumnId::Number)).chain([ColumnId::Request]);
        let sections = ids
            .map(|id| {
                let data = self.column(id);
                let (start, width) = (columns.len(), data.width());
                data.encode(width, &mut columns);
                let bytes = columns.get(start..).unwrap_or_default();
                let (base, span) = match &data {
                    Data::Narrow { base, offsets } => {
                        (*base, u64::from(offsets.iter().copied().max().unwrap_or_default()))
                    }
                    Data::Wide(values) => {
                        let smallest = values.iter().copied().min().unwrap_or_default();
                        (smallest, values.iter().copied().max().unwrap_or_default().abs_diff(smallest))
                    }
                };
                Section {
                    offset: start as u64,
                    len: bytes.len() as u64,
                    width,
                    base,
                    span,
                    crc: crc32fast::hash(bytes),
                }
            })
            .collect();
        let header = Header {
            rows: self.rows(),
            deltas_len: deltas.len() as u64,
            deltas_crc: crc32fast::hash(deltas),
            columns_len: columns.len() as u64,
            sections,
        };
        (header, columns)
    }
}
