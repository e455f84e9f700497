//! All tenants: opening, adding, asking.

use std::{
    fs::{File, TryLockError},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use hashbrown::{HashMap, HashSet};

use crate::{
    aggregate::{self, Aggregation, Group, Table},
    block::ColumnId,
    cache::Cache,
    column::{Mark, Number, Row},
    error::IndexError,
    filter::{Filter, Test},
    ranking::{self, Order, Turns},
    removal,
    scan::{self, Part, in_parallel},
    tenant::{Change, Seen, Tenant, View, file_path, tenant_of_file},
};

/// Where the index lives and what it may use.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the files; made when it is missing.
    pub folder: PathBuf,
    /// Bytes of columns and rankings kept in memory. Dictionaries come on top.
    pub cache_bytes: usize,
}

/// The index of all tenants.
#[derive(Debug)]
pub struct Index {
    options: Options,
    cache: Cache,
    open: Mutex<Open>,
}

/// Tenants in memory. The lock keeps two processes from writing the same files; it is taken with the first tenant,
/// so that a process that never asks does not stand in the way.
#[derive(Debug, Default)]
struct Open {
    /// Each with its serial number.
    tenants: HashMap<i64, (u64, Arc<RwLock<Tenant>>)>,
    lock: Option<File>,
}

impl Index {
    /// Opens a folder; tenants are loaded when they are first named.
    ///
    /// # Errors
    /// [`IndexError::Io`].
    pub fn open(options: Options) -> Result<Index, IndexError> {
        std::fs::create_dir_all(&options.folder)
            .map_err(|source| IndexError::Io { path: options.folder.clone(), source })?;
        let cache = Cache::new(options.cache_bytes);
        Ok(Index { options, cache, open: Mutex::default() })
    }

    fn tenant(&self, id: i64) -> Result<Arc<RwLock<Tenant>>, IndexError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, tenant)) = open.tenants.get(&id) {
            return Ok(Arc::clone(tenant));
        }
        if open.lock.is_none() {
            open.lock = Some(self.lock()?);
        }
        let tenant = Tenant::open(&self.options.folder, id)?;
        let serial = tenant.view.serial;
        let tenant = Arc::new(RwLock::new(tenant));
        open.tenants.insert(id, (serial, Arc::clone(&tenant)));
        Ok(tenant)
    }

    /// The tenant as it is now. It is held for as long as it takes to copy that, so neither rows nor other questions wait
    /// for whoever looks at it.
    fn view(&self, id: i64) -> Result<View, IndexError> {
        let tenant = self.tenant(id)?;
        let tenant = tenant.read().unwrap_or_else(PoisonError::into_inner);
        Ok(tenant.view.clone())
    }

    fn lock(&self) -> Result<File, IndexError> {
        let path = self.options.folder.join("lock");
        let io = |source| IndexError::Io { path: path.clone(), source };
        let file = File::options().create(true).append(true).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(IndexError::InUse { folder: self.options.folder.clone() }),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }

    /// Writes what the files lack and lets go of the folder. What is asked later opens it again.
    ///
    /// # Errors
    /// [`IndexError::Io`].
    pub fn close(&self) -> Result<(), IndexError> {
        let flushed = self.flush();
        let closed = std::mem::take(&mut *self.open.lock().unwrap_or_else(PoisonError::into_inner));
        closed.tenants.into_values().for_each(|(serial, _)| self.cache.forget_rankings(serial));
        flushed
    }

    /// Tenants that have a file, also one that was set aside, ascending.
    ///
    /// # Errors
    /// [`IndexError::Io`].
    pub fn tenants(&self) -> Result<Vec<i64>, IndexError> {
        let folder = &self.options.folder;
        let io = |source| IndexError::Io { path: folder.clone(), source };
        let mut tenants = vec![];
        for entry in std::fs::read_dir(folder).map_err(io)? {
            tenants.extend(tenant_of_file(&entry.map_err(io)?.path()));
        }
        tenants.sort_unstable();
        tenants.dedup();
        Ok(tenants)
    }

    /// Row number of the last hit that the index has of a tenant; 0 for none.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn position(&self, tenant: i64) -> Result<i64, IndexError> {
        let tenant = self.tenant(tenant)?;
        let tenant = tenant.read().unwrap_or_else(PoisonError::into_inner);
        Ok(tenant.view.position())
    }

    /// How often the events of a tenant were deleted before those that the index has.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn epoch(&self, tenant: i64) -> Result<i64, IndexError> {
        let tenant = self.tenant(tenant)?;
        let tenant = tenant.read().unwrap_or_else(PoisonError::into_inner);
        Ok(tenant.epoch())
    }

    /// Removes everything of a tenant and begins anew with the events of an epoch. Cut short, it has to be done again:
    /// the epoch is the last that is written.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn begin(&self, tenant: i64, epoch: i64) -> Result<(), IndexError> {
        self.forget(tenant)?;
        let tenant = self.tenant(tenant)?;
        tenant.write().unwrap_or_else(PoisonError::into_inner).set_epoch(epoch)
    }

    /// Number of rows of a tenant.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn rows(&self, tenant: i64) -> Result<usize, IndexError> {
        let tenant = self.tenant(tenant)?;
        let tenant = tenant.read().unwrap_or_else(PoisonError::into_inner);
        Ok(tenant.view.rows())
    }

    /// Adds rows, in ascending order of their numbers; those that are known are skipped.
    ///
    /// # Errors
    /// [`IndexError::Io`] when a full block cannot be written; the rows are kept in memory then.
    pub fn append(&self, tenant: i64, rows: &[Row]) -> Result<(), IndexError> {
        let tenant = self.tenant(tenant)?;
        let mut tenant = tenant.write().unwrap_or_else(PoisonError::into_inner);
        tenant.append(rows)
    }

    /// Notes that there is nothing between the last row and this position.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn advance(&self, tenant: i64, position: i64) -> Result<(), IndexError> {
        let tenant = self.tenant(tenant)?;
        tenant.write().unwrap_or_else(PoisonError::into_inner).advance(position);
        Ok(())
    }

    /// What was heard of changes and removed attacks since the tenant was opened.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn seen(&self, tenant: i64) -> Result<Seen, IndexError> {
        let tenant = self.tenant(tenant)?;
        let tenant = tenant.read().unwrap_or_else(PoisonError::into_inner);
        Ok(tenant.seen)
    }

    /// Replaces what is known of changed hits of a tenant: everything that is marked or led to a vulnerability. `number`
    /// says how often something changed.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn set_changes(
        &self,
        tenant: i64,
        number: i64,
        changes: &[(i64, Mark, i64)],
    ) -> Result<(), IndexError> {
        let tenant = self.tenant(tenant)?;
        let mut changes: Vec<Change> =
            changes.iter().map(|&(id, mark, issue)| Change { id, mark, issue }).collect();
        changes.sort_unstable_by_key(|change| change.id);
        let mut tenant = tenant.write().unwrap_or_else(PoisonError::into_inner);
        tenant.view.changes = Arc::new(changes);
        tenant.seen.changes = Some(number);
        Ok(())
    }

    /// Attacks whose rows are all older than a time (Unix milliseconds), ascending: what a purge may have removed.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn ended_before(&self, tenant: i64, time_ms: i64) -> Result<Vec<i64>, IndexError> {
        let tenant = self.view(tenant)?;
        removal::ended_before(&tenant, &self.cache, time_ms)
    }

    /// Hides the rows of attacks that are no longer in the database, all that were removed because they ended before a
    /// moment (Unix seconds). It is not written: after a start it has to be said again.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn remove_attacks(&self, tenant: i64, purged_before: i64, attacks: &[i64]) -> Result<(), IndexError> {
        let attacks: HashSet<i64> = attacks.iter().copied().collect();
        let before = self.view(tenant)?;
        let gone = removal::gone(&before, &self.cache, &attacks)?;
        let moment = |view: &View| (view.serial, view.position(), view.removed.len());
        let seen = moment(&before);
        // Who still has it makes everybody who changes something copy it.
        drop(before);
        let tenant = self.tenant(tenant)?;
        let mut tenant = tenant.write().unwrap_or_else(PoisonError::into_inner);
        // Rows came meanwhile: with the tenant held, for they may come again.
        let gone = if moment(&tenant.view) == seen {
            gone
        } else {
            removal::gone(&tenant.view, &self.cache, &attacks)?
        };
        if !attacks.is_empty() {
            tenant.hide(attacks, gone);
        }
        tenant.seen.purged_before = Some(purged_before);
        Ok(())
    }

    /// Writes what the files lack. Nothing is lost without it: it saves reading from the database at a start.
    ///
    /// # Errors
    /// [`IndexError::Io`].
    pub fn flush(&self) -> Result<(), IndexError> {
        let tenants: Vec<_> = {
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.tenants.values().map(|(_, tenant)| Arc::clone(tenant)).collect()
        };
        for tenant in tenants {
            tenant.write().unwrap_or_else(PoisonError::into_inner).flush()?;
        }
        Ok(())
    }

    /// Moves the file of a tenant out of the way and starts an empty one; answers where it was moved.
    ///
    /// # Errors
    /// [`IndexError::Io`].
    pub fn set_aside(&self, tenant: i64) -> Result<PathBuf, IndexError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.lock.is_none() {
            open.lock = Some(self.lock()?);
        }
        let path = file_path(&self.options.folder, tenant);
        // One is kept: enough to look at what happened, and it cannot fill the disk.
        let aside = path.with_extension("damaged");
        match std::fs::rename(&path, &aside) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(IndexError::Io { path, source });
            }
            _ => {}
        }
        if let Some((serial, _)) = open.tenants.remove(&tenant) {
            self.cache.forget_rankings(serial);
        }
        Ok(aside)
    }

    /// Removes everything of a tenant.
    ///
    /// # Errors
    /// [`IndexError::Io`].
    pub fn forget(&self, tenant: i64) -> Result<(), IndexError> {
        let aside = self.set_aside(tenant)?;
        match std::fs::remove_file(&aside) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(IndexError::Io { path: aside, source })
            }
            _ => Ok(()),
        }
    }

    /// Groups rows and measures the groups; `choose` picks those that come out, in their order, after seeing all.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn aggregate(
        &self,
        tenant: i64,
        asked: &Aggregation,
        choose: impl FnOnce(&Table<'_>) -> Vec<usize>,
    ) -> Result<Vec<Group>, IndexError> {
        let tenant = self.view(tenant)?;
        aggregate::run(&tenant, &self.cache, asked, choose)
    }

    /// Attacks in the order of what their rows measure, as (measure, row number of the attack); see [`Order`].
    ///
    /// The first question of a kind looks at every row, in turns of a bounded size; later ones look at attacks that
    /// changed. Rankings are kept while there is room for them beside the columns.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn ranked(&self, tenant: i64, asked: &Order<'_>) -> Result<Vec<(i64, i64)>, IndexError> {
        let (rows, attacks) = (ranking::TURN_ROWS, ranking::TURN_ATTACKS);
        let turns = Turns { rows, attacks, between: &mut || {} };
        ranking::page(&*self.tenant(tenant)?, &self.cache, asked, turns)
    }

    /// The same in turns of their own.
    #[cfg(test)]
    pub(crate) fn ranked_in(
        &self,
        tenant: i64,
        asked: &Order<'_>,
        turns: Turns<'_>,
    ) -> Result<Vec<(i64, i64)>, IndexError> {
        ranking::page(&*self.tenant(tenant)?, &self.cache, asked, turns)
    }

    /// Bytes in the cache, and the number of rankings.
    #[cfg(test)]
    pub(crate) fn held(&self) -> (usize, usize) {
        self.cache.held()
    }

    /// Columns of blocks that were read and are kept.
    #[cfg(test)]
    pub(crate) fn cached_columns(&self) -> usize {
        self.cache.columns()
    }

    /// The newest rows that pass, newest first, as (time, row number); `after` continues a list.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn newest(
        &self,
        tenant: i64,
        filter: &Filter,
        after: Option<(i64, i64)>,
        limit: usize,
    ) -> Result<Vec<(i64, i64)>, IndexError> {
        let tenant = self.view(tenant)?;
        let test = Test::compile(filter, &tenant);
        let mut parts = scan::parts(&tenant, &self.cache);
        let latest = |part: &Part<'_>| part.bounds(Number::Time).1;
        if let Some((time, _)) = after {
            parts.retain(|part| part.bounds(Number::Time).0 <= time);
        }
        parts.sort_by_cached_key(|part| std::cmp::Reverse(latest(part)));
        let mut found: Vec<(i64, i64)> = vec![];
        // The newest parts first, more of them each time, until the others hold nothing that is new enough.
        let (mut rest, mut wave) = (parts.as_slice(), 2);
        while let Some(part) = rest.first() {
            if found.len() >= limit && found.last().is_none_or(|(time, _)| latest(part) < *time) {
                break;
            }
            let (now, later) = rest.split_at(wave.min(rest.len()));
            found.extend(in_parallel(now, |part| pairs(&test, part))?.into_iter().flatten());
            if let Some(after) = after {
                found.retain(|row| *row < after);
            }
            if found.len() > limit && limit > 0 {
                found.select_nth_unstable_by(limit - 1, |a, b| b.cmp(a));
            }
            found.truncate(limit);
            found.sort_unstable_by(|a, b| b.cmp(a));
            (rest, wave) = (later, wave * 2);
        }
        Ok(found)
    }

    /// The different values of a number among the rows that pass, ascending.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn values(&self, tenant: i64, filter: &Filter, number: Number) -> Result<Vec<i64>, IndexError> {
        let tenant = self.view(tenant)?;
        aggregate::values(&tenant, &self.cache, filter, number)
    }

    /// Every row that passes, as (time, row number), in no particular order.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn matching(&self, tenant: i64, filter: &Filter) -> Result<Vec<(i64, i64)>, IndexError> {
        let tenant = self.view(tenant)?;
        let test = Test::compile(filter, &tenant);
        let parts = scan::parts(&tenant, &self.cache);
        let found = in_parallel(&parts, |part| pairs(&test, part))?;
        Ok(found.concat())
    }
}

/// The passing rows of a part as (time, row number).
fn pairs(test: &Test, part: &Part<'_>) -> Result<Vec<(i64, i64)>, IndexError> {
    let rows = test.rows(part)?;
    if rows.is_empty() {
        return Ok(vec![]);
    }
    let times = part.column(ColumnId::Number(Number::Time))?;
    let ids = part.column(ColumnId::Number(Number::Id))?;
    let pair = |row: u32| (times.value(row as usize), ids.value(row as usize));
    Ok(rows.into_iter().map(pair).collect())
}
