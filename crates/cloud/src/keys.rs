//! Keys that live outside the database: a copy of the database alone opens nothing.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use ed25519_dalek::SigningKey;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// The server's own keys, kept in `keys.toml` (mode 0600) in the data folder.
pub struct Keys {
    pepper: [u8; 32],
    sealing: [u8; 32],
    signing: SigningKey,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Keys the hashes of high-entropy secrets.
    pepper: String,
    /// Encrypts values that their owners may read back.
    sealing: String,
    /// Signs the bundles that nodes load.
    signing: String,
}

/// Why the keys are not available.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file could not be read or written.
    #[error("the key file {path} cannot be used")]
    Io {
        /// Path.
        path: String,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what was written.
    #[error("the key file {path} is damaged: {reason}")]
    Damaged {
        /// Path.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

impl Keys {
    /// Loads the keys of a data folder, making them on the first start.
    ///
    /// # Errors
    /// [`KeysError`]; a damaged file is never overwritten, because every stored secret depends on it.
    pub fn load_or_create(folder: &Path) -> Result<Keys, KeysError> {
        let path = folder.join("keys.toml");
        let io = |source| KeysError::Io { path: path.display().to_string(), source };
        let damaged = |reason: String| KeysError::Damaged { path: path.display().to_string(), reason };
        if !path.exists() {
            let file = File { pepper: random_hex(), sealing: random_hex(), signing: random_hex() };
            let text = toml::to_string(&file).map_err(|error| damaged(error.to_string()))?;
            write_new(&path, &text).map_err(io)?;
        }
        let text = fs::read_to_string(&path).map_err(io)?;
        let file: File = toml::from_str(&text).map_err(|error| damaged(error.message().to_owned()))?;
        let key = |name: &str, text: &str| {
            let mut key = [0; 32];
            hex::decode_to_slice(text, &mut key)
                .map_err(|_| damaged(format!("{name} is not 64 hex digits")))?;
            Ok(key)
        };
        Ok(Keys {
            pepper: key("pepper", &file.pepper)?,
            sealing: key("sealing", &file.sealing)?,
            signing: SigningKey::from_bytes(&key("signing", &file.signing)?),
        })
    }

    /// The key of secret hashes.
    #[must_use]
    pub fn pepper(&self) -> &[u8; 32] {
        &self.pepper
    }

    /// The key of values that can be read back.
    #[must_use]
    pub fn sealing(&self) -> &[u8; 32] {
        &self.sealing
    }

    /// The key that signs bundles.
    #[must_use]
    pub fn signing(&self) -> &SigningKey {
        &self.signing
    }
}

/// Writes a file that is whole or absent, whenever the process dies; one that another process made stays.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let partial = path.with_extension(format!("toml.{}", std::process::id()));
    let mut out =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    out.write_all(text.as_bytes()).and_then(|()| out.sync_all())?;
    let linked = fs::hard_link(&partial, path);
    fs::remove_file(&partial)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn random_hex() -> String {
    hex::encode(rand::rng().random::<[u8; 32]>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_cut_short_leaves_no_half_file() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::load_or_create(folder.path()).unwrap();
        assert_eq!(Keys::load_or_create(folder.path()).unwrap().pepper(), keys.pepper());
        let names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["keys.toml"]);
        // Another process that came first wins.
        write_new(&folder.path().join("keys.toml"), "other").unwrap();
        assert_eq!(Keys::load_or_create(folder.path()).unwrap().pepper(), keys.pepper());
    }
}
