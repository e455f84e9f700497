//! What can go wrong: the disk, or a file that is not what was written.

use std::path::PathBuf;

/// Why the index could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// A file cannot be read or written.
    #[error("the index file {path} cannot be used")]
    Io {
        /// File.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// Another process uses the folder.
    #[error("the event index in {folder} is in use by another process")]
    InUse {
        /// Folder.
        folder: PathBuf,
    },
    /// The file of a tenant is damaged: set it aside with [`crate::Index::set_aside`] and fill it again.
    #[error("the index of tenant {tenant} is damaged: {reason}")]
    Corrupt {
        /// Tenant.
        tenant: i64,
        /// What was found.
        reason: &'static str,
    },
}
