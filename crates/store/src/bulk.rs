//! Inserting many rows of a wide table.
//!
//! A statement is prepared again only when its text is new, and preparing one of a thousand values takes longer than
//! running it. So rows go in by statements of a few fixed sizes, all of which stay prepared, and name the same columns
//! each time.

use std::fmt::Write as _;

use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};

use crate::StoreError;

/// Values of one statement at most: SQLite allows 32,766, PostgreSQL 65,535.
const MAX_VALUES: usize = 4096;

/// A table and the columns that are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bulk {
    pub(crate) table: &'static str,
    pub(crate) columns: &'static [&'static str],
    /// What follows the values, such as `ON CONFLICT …`.
    pub(crate) end: &'static str,
}

impl Bulk {
    /// Inserts rows, each with a value for every column, in their order.
    pub(crate) async fn insert<C: ConnectionTrait>(
        &self,
        connection: &C,
        mut rows: impl ExactSizeIterator<Item = Vec<Value>>,
    ) -> Result<(), StoreError> {
        let backend = connection.get_database_backend();
        let mut next = self.statement(backend, &mut rows);
        while let Some(statement) = next {
            // While the database works on one statement the next one is put together.
            let (done, following) =
                tokio::join!(connection.execute_raw(statement), async { self.statement(backend, &mut rows) });
            done?;
            next = following;
        }
        Ok(())
    }

    /// A statement with the next rows; none when no row is left.
    fn statement(
        &self,
        backend: DbBackend,
        rows: &mut impl ExactSizeIterator<Item = Vec<Value>>,
    ) -> Option<Statement> {
        if rows.len() == 0 {
            return None;
        }
        let count = largest(rows.len(), self.columns.len());
        let mut values = Vec::with_capacity(count * self.columns.len());
        rows.take(count).for_each(|row| values.extend(row));
        Some(Statement::from_sql_and_values(backend, self.text(backend, count), values))
    }

    fn text(&self, backend: DbBackend, rows: usize) -> String {
        // Whoever meets an error takes the whole batch back. So SQLite need not be able to take back one statement of it,
        // for which it would keep a copy of every page that the statement changes.
        let insert = if backend == DbBackend::Sqlite { "INSERT OR FAIL" } else { "INSERT" };
        let mut text = format!("{insert} INTO {} ({}) VALUES ", self.table, self.columns.join(","));
        let mut number = 0;
        for row in 0..rows {
            text.push_str(if row == 0 { "(" } else { ",(" });
            for column in 0..self.columns.len() {
                if column > 0 {
                    text.push(',');
                }
                number += 1;
                placeholder(&mut text, backend, number);
            }
            text.push(')');
        }
        text.push_str(self.end);
        text
    }
}

/// The placeholder of a value, counted from 1.
fn placeholder(text: &mut String, backend: DbBackend, number: usize) {
    if backend == DbBackend::Postgres {
        // Writing to a string cannot fail.
        let _ = write!(text, "${number}");
    } else {
        text.push('?');
    }
}

/// The greatest power of two of rows that fits.
fn largest(rows: usize, columns: usize) -> usize {
    let fits = rows.min(MAX_VALUES / columns.max(1)).max(1);
    1 << fits.ilog2()
}

/// `(?,?,…)` for a list of values, and the values: filled up with the last one to a power of two, so that lists of all
/// lengths share a few statements.
pub(crate) fn padded<'a>(values: impl ExactSizeIterator<Item = &'a str>) -> Vec<&'a str> {
    let length = values.len().next_power_of_two();
    let mut values: Vec<&str> = values.collect();
    if let Some(last) = values.last().copied() {
        values.resize(length, last);
    }
    values
}

/// Takes row numbers of a table that nobody else gets, ascending. Within a transaction that holds the lock of the
/// tenant whose rows they are for.
pub(crate) async fn take_numbers<C: ConnectionTrait>(
    connection: &C,
    table: &'static str,
    count: usize,
) -> Result<Vec<i64>, StoreError> {
    let backend = connection.get_database_backend();
    let wanted = i64::try_from(count).unwrap_or(i64::MAX);
    if backend == DbBackend::Postgres {
        let text = format!(
            "SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM generate_series(1, $1::bigint)"
        );
        let statement = Statement::from_sql_and_values(backend, text, [wanted.into()]);
        let rows = connection.query_all_raw(statement).await?;
        let mut numbers = rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<i64>, _>>()?;
        numbers.sort_unstable();
        return Ok(numbers);
    }
    // There is one writer, and inserting the rows moves the sequence on.
    let text = "SELECT seq FROM sqlite_sequence WHERE name = ?";
    let row = connection.query_one_raw(Statement::from_sql_and_values(backend, text, [table.into()])).await?;
    let last: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    Ok((last + 1..=last.saturating_add(wanted)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BULK: Bulk = Bulk { table: "t", columns: &["a", "b"], end: " ON CONFLICT DO NOTHING" };

    #[test]
    fn statements_have_few_sizes() {
        assert_eq!(
            BULK.text(DbBackend::Sqlite, 2),
            "INSERT OR FAIL INTO t (a,b) VALUES (?,?),(?,?) ON CONFLICT DO NOTHING"
        );
        assert_eq!(
            BULK.text(DbBackend::Postgres, 2),
            "INSERT INTO t (a,b) VALUES ($1,$2),($3,$4) ON CONFLICT DO NOTHING"
        );
        assert_eq!([1, 3, 64, 500].map(|rows| largest(rows, 52)), [1, 2, 64, 64]);
        assert_eq!(largest(7, 10_000), 1);
        assert_eq!(padded(["a", "b", "c"].into_iter()), ["a", "b", "c", "c"]);
        assert!(padded(std::iter::empty()).is_empty());
    }
}
