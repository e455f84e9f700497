//! A derived columnar index of security events: fast aggregation and search for one process.
//!
//! The database holds the events; this index holds a copy of the columns that analytics look at, and is never the
//! only copy. Per tenant there is one append-only file of blocks of 65,536 rows and one block in memory that is
//! still filling ([`tenant`]). Text columns are dictionary coded, with one dictionary per tenant and column, so
//! that a predicate is evaluated once per distinct value, distinct counts count codes, and a payload search is a
//! scan of the distinct payloads. A row is one hit; rows are in the order of their row numbers in the database.
//!
//! What must always hold: rows of a tenant come in ascending order and each once ([`Index::append`] skips what it
//! has); a file that is cut short is read up to its last whole block; a file with a wrong checksum is reported as
//! [`IndexError::Corrupt`] and can be set aside and built again. No HTTP, no SQL, no async.

mod aggregate;
mod block;
mod cache;
mod column;
mod dictionary;
mod dimension;
mod distinct;
mod error;
mod filter;
mod frequent;
mod index;
mod ranking;
mod removal;
mod scan;
mod tenant;
#[cfg(test)]
mod tests;

pub use aggregate::{Aggregation, Condition, Group, Metric, Subject, Table, Top};
pub use column::{Mark, Number, Row, Text};
pub use dimension::{Dimension, TextMap, TimeMap, Value};
pub use error::IndexError;
pub use filter::{Filter, TextTest};
pub use index::{Index, Options};
pub use ranking::Order;
pub use tenant::Seen;
