//! What the demo hands out, and keeps for the next start.

use std::{fs, io, os::unix::fs::OpenOptionsExt, path::Path};

use rand::seq::IndexedRandom;
use serde::{Deserialize, Serialize};

/// Everything a script needs to use the demo. Field names are stable.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Credentials {
    pub(super) api_url: String,
    pub(super) console_url: String,
    pub(super) api_console_url: String,
    pub(super) node_url: String,
    pub(super) upstream_url: String,
    pub(super) client_id: i64,
    pub(super) email: String,
    pub(super) password: String,
    pub(super) uuid: String,
    pub(super) secret: String,
    pub(super) api_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ca_file: Option<String>,
}

impl Credentials {
    /// Reads what an earlier start kept.
    pub(super) fn read(path: &Path) -> Option<Credentials> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Writes the file, readable by its owner only, in one step.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        let partial = path.with_extension("partial");
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        fs::rename(partial, path)
    }
}

/// A made-up password that fits every policy: 20 characters of four classes.
pub(crate) fn random_password() -> String {
    const CLASSES: [&[u8]; 4] =
        [b"abcdefghijkmnpqrstuvwxyz", b"ABCDEFGHJKLMNPQRSTUVWXYZ", b"23456789", b"-_.+"];
    let mut rng = rand::rng();
    (0..20usize)
        .zip(CLASSES.iter().cycle())
        .filter_map(|(_, class)| class.choose(&mut rng))
        .map(|byte| char::from(*byte))
        .collect()
}
