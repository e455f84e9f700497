//! One tenant: dictionaries and the list of blocks in memory, the columns of full blocks in a file.
//!
//! The file is a sequence of full blocks and at most one that is not full, which is written again in the same
//! place as it grows. What the file lacks after a crash is at most what came since the last flush, and is asked
//! from the database again: [`Tenant::position`] says from where.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use hashbrown::HashSet;

use crate::{
    block::{BLOCK_ROWS, COLUMNS, ColumnId, Data, Header, Tail},
    column::{Mark, Number, Row, Text},
    dictionary::{Bits, Codes, Requests, Words, request_hash},
    error::IndexError,
};

/// The first bytes of a file; the last one is the version of the format.
const FILE_MAGIC: &[u8; 8] = b"BZEVIDX\x06";
/// Where the version stands.
const VERSION_AT: usize = 7;
/// Magic, tenant and epoch.
const START: u64 = 24;
/// Where the epoch stands.
const EPOCH_AT: u64 = 16;
const BLOCK_MAGIC: u32 = 0x4b4c_4245;
/// Magic, length and checksum of the header.
const PREFIX: usize = 12;
/// A header is a few kilobytes; one that claims more is damaged.
const MAX_HEADER: usize = 1 << 20;

/// Numbers blocks and openings of the process, so that a cache never mixes two up.
static SERIAL: AtomicU64 = AtomicU64::new(0);

/// A full block.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) serial: u64,
    pub(crate) header: Header,
    columns_at: u64,
    /// Rows whose attack was removed, ascending.
    pub(crate) gone: Vec<u32>,
}

/// What changed on a hit after it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) id: i64,
    pub(crate) mark: Mark,
    pub(crate) issue: i64,
}

/// What the index of a tenant has heard of besides rows. Its file knows nothing of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// As [`crate::Index::set_changes`] was told.
    pub changes: Option<i64>,
    /// As [`crate::Index::remove_attacks`] was told.
    pub purged_before: Option<i64>,
}

/// What the index of one tenant has at some moment. A copy is cheap and stays as it is while rows are added, so a
/// question holds nobody up.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) id: i64,
    /// Of this opening: what a cache holds of an earlier one is not meant.
    pub(crate) serial: u64,
    path: Arc<Path>,
    file: Arc<File>,
    /// The dictionary of each text.
    pub(crate) words: Vec<Words>,
    /// Has requests of later rows, too: their codes are in no row of this moment.
    pub(crate) requests: Arc<RwLock<Requests>>,
    /// Number of requests.
    pub(crate) request_count: usize,
    /// Requests that have more than one row.
    pub(crate) repeated: Arc<Bits>,
    pub(crate) blocks: Vec<Arc<Block>>,
    pub(crate) tail: Arc<Tail>,
    /// Changed hits by row number, ascending.
    pub(crate) changes: Arc<Vec<Change>>,
    /// Attacks that were removed since the opening.
    pub(crate) removed: Arc<HashSet<i64>>,
    /// Row number of the last row.
    position: i64,
}

/// The index of one tenant, and what it takes to add rows.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) view: View,
    pub(crate) seen: Seen,
    /// Of each dictionary.
    codes: Vec<Codes>,
    /// How often the events were deleted before those that are here.
    epoch: i64,
    /// Where the block that is filling starts in the file.
    full_until: u64,
    /// Dictionary lengths at that place.
    bases: Vec<usize>,
    requests_base: usize,
    /// Requests that turned out to have several rows since that place.
    newly_repeated: Vec<u32>,
    /// Rows of the tail that the file has.
    flushed: usize,
}

impl View {
    /// Row numbers of hits that are marked false, ascending.
    pub(crate) fn marked_false(&self) -> Vec<i64> {
        self.changes.iter().filter(|change| change.mark == Mark::False).map(|change| change.id).collect()
    }

    /// Row number of the last row that the index has; 0 for none.
    pub(crate) fn position(&self) -> i64 {
        self.position
    }

    pub(crate) fn rows(&self) -> usize {
        let blocks = self.blocks.iter().map(|block| block.header.rows - block.gone.len());
        blocks.sum::<usize>() + self.tail.rows() - self.tail.gone.len()
    }

    fn corrupt(&self, reason: &'static str) -> IndexError {
        IndexError::Corrupt { tenant: self.id, reason }
    }

    fn read(&self, at: u64, length: usize) -> Result<Vec<u8>, IndexError> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, at).map_err(|source| {
            if source.kind() == std::io::ErrorKind::UnexpectedEof {
                return self.corrupt("the file is shorter than it says");
            }
            IndexError::Io { path: self.path.to_path_buf(), source }
        })?;
        Ok(bytes)
    }

    /// Reads a column of a full block.
    pub(crate) fn read_column(&self, block: &Block, column: ColumnId) -> Result<Data, IndexError> {
        let absent = || self.corrupt("a column is missing");
        let section = block.header.section(column).ok_or_else(absent)?;
        let length = usize::try_from(section.len).map_err(|_| absent())?;
        if section.offset.saturating_add(section.len) > block.header.columns_len {
            return Err(absent());
        }
        let bytes = self.read(block.columns_at + section.offset, length)?;
        let data = block.header.decode_column(column, &bytes);
        data.ok_or_else(|| self.corrupt("a column has a wrong checksum"))
    }
}

impl Tenant {
    /// Opens the file of a tenant, or makes one.
    pub(crate) fn open(folder: &Path, id: i64) -> Result<Tenant, IndexError> {
        let path = file_path(folder, id);
        let io = |source| IndexError::Io { path: path.clone(), source };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            // Payloads are as confidential as the database.
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        let view = View {
            id,
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            path: path.as_path().into(),
            file: Arc::new(file),
            words: vec![Words::default(); Text::ALL.len()],
            requests: Arc::default(),
            request_count: 0,
            repeated: Arc::default(),
            blocks: vec![],
            tail: Arc::default(),
            changes: Arc::default(),
            removed: Arc::default(),
            position: 0,
        };
        let mut tenant = Tenant {
            view,
            seen: Seen::default(),
            codes: Text::ALL.iter().map(|_| Codes::default()).collect(),
            epoch: 0,
            full_until: START,
            bases: vec![1; Text::ALL.len()],
            requests_base: 0,
            newly_repeated: vec![],
            flushed: 0,
        };
        let mut length = tenant.view.file.metadata().map_err(io)?.len();
        if tenant.is_of_another_version(length)? {
            // Not damaged, only useless: all of it comes from the database again.
            tracing::info!(
                tenant.id = id,
                "the event index has the format of another version and is built again"
            );
            tenant.view.file.set_len(0).map_err(io)?;
            length = 0;
        }
        if length == 0 {
            let mut start = FILE_MAGIC.to_vec();
            start.extend(id.to_le_bytes());
            start.extend(0i64.to_le_bytes());
            tenant.view.file.write_all_at(&start, 0).map_err(io)?;
        } else {
            tenant.load(length)?;
        }
        Ok(tenant)
    }

    /// Exchanges the file handle, to make writes fail.
    #[cfg(test)]
    pub(crate) fn replace_file(&mut self, file: Arc<File>) -> Arc<File> {
        std::mem::replace(&mut self.view.file, file)
    }

    pub(crate) fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Says which epoch the rows are of; call it while there are none.
    pub(crate) fn set_epoch(&mut self, epoch: i64) -> Result<(), IndexError> {
        let io = |source| IndexError::Io { path: self.view.path.to_path_buf(), source };
        self.view.file.write_all_at(&epoch.to_le_bytes(), EPOCH_AT).map_err(io)?;
        self.epoch = epoch;
        Ok(())
    }

    /// Hides the rows of removed attacks; `gone` has those of each block, and of the tail if it has any.
    pub(crate) fn hide(&mut self, attacks: HashSet<i64>, gone: Vec<Vec<u32>>) {
        Arc::make_mut(&mut self.view.removed).extend(attacks);
        let tail = std::iter::once(&mut Arc::make_mut(&mut self.view.tail).gone);
        let blocks = self.view.blocks.iter_mut().map(|block| &mut Arc::make_mut(block).gone);
        for (rows, gone) in blocks.chain(tail).zip(gone) {
            *rows = gone;
        }
    }

    /// Adds rows in ascending order; those up to the position are known already.
    pub(crate) fn append<'a>(&mut self, rows: impl IntoIterator<Item = &'a Row>) -> Result<(), IndexError> {
        for row in rows {
            if row.id() <= self.view.position {
                continue;
            }
            // A full one is still here when it could not be written before: it must not grow.
            if self.view.tail.rows() >= BLOCK_ROWS {
                self.seal()?;
            }
            let request = self.request(request_hash(&row.request));
            let words = self.codes.iter_mut().zip(&mut self.view.words);
            let codes = words.zip(row.texts()).map(|((codes, words), text)| codes.code(words, text));
            Arc::make_mut(&mut self.view.tail).push(row, codes, request);
            self.view.position = row.id();
            if self.view.tail.rows() >= BLOCK_ROWS {
                // Without room on the disk nothing is missing yet: it is tried again before the next row.
                let _tried_again = self.seal();
            }
        }
        Ok(())
    }

    /// The code of a request, made when it is new.
    fn request(&mut self, hash: u64) -> u32 {
        let mut requests = self.view.requests.write().unwrap_or_else(PoisonError::into_inner);
        let (request, new) = requests.code(hash);
        self.view.request_count = requests.len();
        drop(requests);
        if !new && !self.view.repeated.contains(request as usize) {
            Arc::make_mut(&mut self.view.repeated).insert(request as usize);
            self.newly_repeated.push(request);
        }
        request
    }

    /// Notes that there are no rows up to `position`. Not kept in the file: asking again costs little.
    pub(crate) fn advance(&mut self, position: i64) {
        self.view.position = self.view.position.max(position);
    }

    /// Writes what the file lacks.
    pub(crate) fn flush(&mut self) -> Result<(), IndexError> {
        if self.flushed < self.view.tail.rows() {
            self.write_tail()?;
            self.flushed = self.view.tail.rows();
        }
        Ok(())
    }

    fn seal(&mut self) -> Result<(), IndexError> {
        let (header, columns_at, end) = self.write_tail()?;
        let (serial, gone) = (SERIAL.fetch_add(1, Ordering::Relaxed), self.view.tail.gone.clone());
        self.view.blocks.push(Arc::new(Block { serial, header, columns_at, gone }));
        self.start_block(end);
        Ok(())
    }

    /// A block ends here; the next one starts empty.
    fn start_block(&mut self, at: u64) {
        self.full_until = at;
        self.view.tail = Arc::default();
        self.flushed = 0;
        self.bases = self.view.words.iter().map(Words::len).collect();
        self.requests_base = self.view.request_count;
        self.newly_repeated.clear();
    }

    /// Writes the tail where it belongs; answers its header, where its columns are, and where it ends.
    fn write_tail(&mut self) -> Result<(Header, u64, u64), IndexError> {
        let deltas = self.deltas();
        let (header, columns) = self.view.tail.encode(&deltas);
        // A header is plain data: serialising it cannot fail; an empty one would not load.
        let text = serde_json::to_vec(&header).unwrap_or_default();
        let mut bytes = Vec::with_capacity(PREFIX + text.len() + deltas.len() + columns.len());
        bytes.extend(BLOCK_MAGIC.to_le_bytes());
        bytes.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(crc32fast::hash(&text).to_le_bytes());
        bytes.extend(&text);
        bytes.extend(&deltas);
        let columns_at = self.full_until + bytes.len() as u64;
        bytes.extend(&columns);
        let end = self.full_until + bytes.len() as u64;
        let io = |source| IndexError::Io { path: self.view.path.to_path_buf(), source };
        self.view.file.write_all_at(&bytes, self.full_until).map_err(io)?;
        self.view.file.set_len(end).map_err(io)?;
        Ok((header, columns_at, end))
    }

    fn deltas(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let number = |out: &mut Vec<u8>, number: usize| {
            out.extend(u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
        };
        for (words, &base) in self.view.words.iter().zip(&self.bases) {
            number(&mut out, words.len() - base);
            for text in words.since(base) {
                number(&mut out, text.len());
                out.extend(text.as_bytes());
            }
        }
        let known = self.view.requests.read().unwrap_or_else(PoisonError::into_inner);
        let requests = known.since(self.requests_base);
        number(&mut out, requests.len());
        requests.iter().for_each(|hash| out.extend(hash.to_le_bytes()));
        number(&mut out, self.newly_repeated.len());
        self.newly_repeated.iter().for_each(|code| out.extend(code.to_le_bytes()));
        out
    }

    /// Whether the file is an index of another version of the format.
    fn is_of_another_version(&self, length: u64) -> Result<bool, IndexError> {
        if length < FILE_MAGIC.len() as u64 {
            return Ok(false);
        }
        let magic = self.view.read(0, FILE_MAGIC.len())?;
        let is_index = magic.get(..VERSION_AT) == FILE_MAGIC.get(..VERSION_AT);
        Ok(is_index && magic.get(VERSION_AT) != FILE_MAGIC.get(VERSION_AT))
    }

    /// Reads the file. A last block that is cut short is forgotten; its rows come from the database again.
    fn load(&mut self, length: u64) -> Result<(), IndexError> {
        let start = self.view.read(0, 24)?;
        let mut parts = start.chunks_exact(8);
        let (magic, tenant, epoch) = (parts.next(), parts.next(), parts.next());
        if magic != Some(FILE_MAGIC) || tenant != Some(self.view.id.to_le_bytes().as_slice()) {
            return Err(self.view.corrupt("not an index of this tenant"));
        }
        let epoch = epoch.and_then(|bytes| bytes.try_into().ok());
        self.epoch = epoch.map(i64::from_le_bytes).ok_or_else(|| self.view.corrupt("no epoch"))?;
        let mut at = START;
        while let Some((header, deltas_at)) = self.header_at(at, length)? {
            let columns_at = deltas_at + header.deltas_len;
            let end = columns_at + header.columns_len;
            if end > length {
                break;
            }
            let deltas =
                self.view.read(deltas_at, usize::try_from(header.deltas_len).unwrap_or(usize::MAX))?;
            let partial = header.rows < BLOCK_ROWS;
            let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
            let block = Block { serial, header, columns_at, gone: vec![] };
            let tail = if partial { self.read_tail(&block)? } else { None };
            if crc32fast::hash(&deltas) != block.header.deltas_crc || (partial && tail.is_none()) {
                // Only the block that is written again and again can be torn.
                if partial {
                    break;
                }
                return Err(self.view.corrupt("a dictionary has a wrong checksum"));
            }
            self.take_deltas(&deltas).ok_or_else(|| self.view.corrupt("a dictionary does not read"))?;
            self.view.position = block.header.bounds(Number::Id).1;
            if let Some(tail) = tail {
                self.flushed = tail.rows();
                self.view.tail = Arc::new(tail);
                return Ok(());
            }
            self.view.blocks.push(Arc::new(block));
            self.start_block(end);
            at = end;
        }
        Ok(())
    }

    /// The header at a place and where the dictionaries after it start; none at the end or when it is cut off.
    fn header_at(&self, at: u64, length: u64) -> Result<Option<(Header, u64)>, IndexError> {
        if at + PREFIX as u64 > length {
            return Ok(None);
        }
        let prefix = self.view.read(at, PREFIX)?;
        let word = |index: usize| {
            let bytes = prefix.get(index * 4..index * 4 + 4).and_then(|four| four.try_into().ok());
            bytes.map_or(0, u32::from_le_bytes)
        };
        let header_len = word(1) as usize;
        if word(0) != BLOCK_MAGIC || header_len > MAX_HEADER {
            return Err(self.view.corrupt("a block does not start where it should"));
        }
        let header_at = at + PREFIX as u64;
        if header_at + header_len as u64 > length {
            return Ok(None);
        }
        let text = self.view.read(header_at, header_len)?;
        if crc32fast::hash(&text) != word(2) {
            return Err(self.view.corrupt("a header has a wrong checksum"));
        }
        let header: Header =
            serde_json::from_slice(&text).map_err(|_| self.view.corrupt("a header does not read"))?;
        if header.rows > BLOCK_ROWS || header.sections.len() != COLUMNS {
            return Err(self.view.corrupt("a block has another form"));
        }
        Ok(Some((header, header_at + header_len as u64)))
    }

    /// The block that is not full, whole in memory; none when it is torn.
    fn read_tail(&self, block: &Block) -> Result<Option<Tail>, IndexError> {
        let column = |id| match self.view.read_column(block, id) {
            Ok(data) => Ok(Some(data)),
            Err(IndexError::Corrupt { .. }) => Ok(None),
            Err(error) => Err(error),
        };
        let mut tail = Tail::default();
        for (text, codes) in Text::ALL.into_iter().zip(&mut tail.texts) {
            let Some(data) = column(ColumnId::Text(text))? else { return Ok(None) };
            codes.extend_from_slice(data.codes());
        }
        for (number, values) in Number::STORED.into_iter().zip(&mut tail.numbers) {
            let Some(data) = column(ColumnId::Number(number))? else { return Ok(None) };
            values.extend((0..block.header.rows).map(|row| data.value(row)));
        }
        let Some(data) = column(ColumnId::Request)? else { return Ok(None) };
        tail.requests.extend_from_slice(data.codes());
        Ok(Some(tail))
    }

    fn take_deltas(&mut self, bytes: &[u8]) -> Option<()> {
        let mut rest = bytes;
        let number = |rest: &mut &[u8]| {
            let (four, after) = rest.split_first_chunk::<4>()?;
            *rest = after;
            Some(u32::from_le_bytes(*four))
        };
        for (codes, words) in self.codes.iter_mut().zip(&mut self.view.words) {
            for _ in 0..number(&mut rest)? {
                let length = number(&mut rest)? as usize;
                let (text, after) = rest.split_at_checked(length)?;
                rest = after;
                codes.code(words, std::str::from_utf8(text).ok()?);
            }
        }
        let mut requests = self.view.requests.write().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..number(&mut rest)? {
            let (eight, after) = rest.split_first_chunk::<8>()?;
            rest = after;
            requests.code(u64::from_le_bytes(*eight));
        }
        self.view.request_count = requests.len();
        let repeated = Arc::make_mut(&mut self.view.repeated);
        for _ in 0..number(&mut rest)? {
            let code = number(&mut rest)?;
            repeated.insert(code as usize);
            self.newly_repeated.push(code);
        }
        Some(())
    }
}

/// The file of a tenant.
pub(crate) fn file_path(folder: &Path, tenant: i64) -> PathBuf {
    folder.join(format!("{tenant}.events"))
}

/// The tenant of a file, in use or set aside.
pub(crate) fn tenant_of_file(path: &Path) -> Option<i64> {
    let is_known = path.extension().is_some_and(|kind| kind == "events" || kind == "damaged");
    path.file_stem().filter(|_| is_known)?.to_str()?.parse().ok()
}
