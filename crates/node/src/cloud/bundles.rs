//! Rules and lists on disk, and the checks that a bundle passes before it comes into force.
//!
//! ```text
//! bundles/ruleset/<version>.json         the bytes as downloaded
//! bundles/ruleset/<version>.entry.json   hash and signature that they were checked with
//! bundles/current.json                   which version is in force
//! bundles/lists.json                     IP lists, with a checksum
//! ```
//!
//! What is read from disk is checked like what is downloaded; what fails is renamed to `*.corrupt`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use bartizan_api::node::{BUNDLE_FORMAT, BundleEntry, BundleKind, ListEntry};
use bartizan_rules::{Ruleset, RulesetSource};
use ed25519_dalek::Signature;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::identity::{Identity, write_private};

/// Versions of a kind that stay on disk.
const KEPT: usize = 3;

/// A ruleset that passed every check.
pub(crate) struct Verified {
    pub(crate) ruleset: Ruleset,
    pub(crate) version: i64,
    pub(crate) size: u64,
}

/// Checks hash, signature, format, tenant and version, and compiles.
pub(crate) fn verify(entry: &BundleEntry, bytes: &[u8], identity: &Identity) -> Result<Verified, String> {
    if entry.kind != BundleKind::Ruleset {
        return Err("unknown kind".into());
    }
    if entry.format != BUNDLE_FORMAT {
        return Err(format!("format {} is not {BUNDLE_FORMAT}", entry.format));
    }
    if entry.size != bytes.len() as u64 {
        return Err(format!("it has {} bytes, not the {} that were announced", bytes.len(), entry.size));
    }
    let sha256 = hex::encode(Sha256::digest(bytes));
    if !sha256.eq_ignore_ascii_case(&entry.sha256) {
        return Err("the hash does not match".into());
    }
    let text = BundleEntry::signed_text(entry.kind, identity.clientid, entry.version, entry.format, &sha256);
    let signature = hex::decode(&entry.sig).ok().and_then(|bytes| Signature::from_slice(&bytes).ok());
    let signature = signature.ok_or("the signature is malformed")?;
    if !identity.signing_keys.iter().any(|key| key.verify_strict(text.as_bytes(), &signature).is_ok()) {
        return Err("no pinned key signed it".into());
    }
    let source: RulesetSource = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if source.version != entry.version || source.clientid != identity.clientid {
        return Err("it is of another version or tenant than it says".into());
    }
    let ruleset = Ruleset::compile(&source).map_err(|error| error.to_string())?;
    Ok(Verified { ruleset, version: entry.version, size: bytes.len() as u64 })
}

/// Like [`verify`], for a bundle that is to replace another. Versions only grow: an old bundle is signed as well as a
/// new one, and replaying it would undo virtual patches.
pub(crate) fn verify_newer(
    entry: &BundleEntry,
    bytes: &[u8],
    identity: &Identity,
    current: i64,
) -> Result<Verified, String> {
    if entry.version < current {
        return Err(format!("version {} is older than {current}, which is in force", entry.version));
    }
    verify(entry, bytes, identity)
}

/// The IP lists, as kept between synchronisations.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ListStore {
    pub(crate) seq: i64,
    pub(crate) entries: BTreeMap<i64, ListEntry>,
}

#[derive(Serialize, Deserialize)]
struct Current {
    ruleset: i64,
    applied_at: i64,
    sha256: String,
}

/// The `bundles` folder.
#[derive(Clone)]
pub(crate) struct Bundles {
    dir: PathBuf,
}

impl Bundles {
    pub(crate) fn new(state_dir: &Path) -> Bundles {
        Bundles { dir: state_dir.join("bundles") }
    }

    fn ruleset_path(&self, version: i64) -> PathBuf {
        self.dir.join("ruleset").join(format!("{version}.json"))
    }

    fn entry_path(&self, version: i64) -> PathBuf {
        self.dir.join("ruleset").join(format!("{version}.entry.json"))
    }

    /// Keeps a verified ruleset and makes it the current one.
    pub(crate) fn save(&self, entry: &BundleEntry, bytes: &[u8]) -> io::Result<()> {
        private_dir(&self.dir.join("ruleset"))?;
        write_private(&self.ruleset_path(entry.version), bytes)?;
        write_private(&self.entry_path(entry.version), &serde_json::to_vec(entry)?)?;
        let current = Current {
            ruleset: entry.version,
            applied_at: crate::clock::unix_seconds(),
            sha256: entry.sha256.clone(),
        };
        write_private(&self.dir.join("current.json"), &serde_json::to_vec(&current)?)?;
        for old in self.versions().into_iter().rev().skip(KEPT) {
            // Best effort: an old version left behind does no harm.
            let _ = std::fs::remove_file(self.ruleset_path(old));
            let _ = std::fs::remove_file(self.entry_path(old));
        }
        Ok(())
    }

    fn versions(&self) -> Vec<i64> {
        let files = std::fs::read_dir(self.dir.join("ruleset")).into_iter().flatten().flatten();
        let mut versions: Vec<i64> =
            files.filter_map(|file| file.file_name().to_str()?.strip_suffix(".json")?.parse().ok()).collect();
        versions.sort_unstable();
        versions
    }

    /// The newest ruleset on disk that passes every check, the current one first.
    pub(crate) fn load(&self, identity: &Identity) -> Option<Verified> {
        let current = std::fs::read(self.dir.join("current.json")).ok();
        let current =
            current.and_then(|bytes| serde_json::from_slice::<Current>(&bytes).ok()).map(|c| c.ruleset);
        let others = self.versions().into_iter().rev().filter(|version| Some(*version) != current);
        current.into_iter().chain(others).find_map(|version| match self.load_version(version, identity) {
            Ok(verified) => Some(verified),
            Err(reason) => {
                tracing::error!(version, reason, "bundle on disk is refused, set aside");
                let path = self.ruleset_path(version);
                let _ = std::fs::rename(&path, path.with_extension("corrupt"));
                None
            }
        })
    }

    fn load_version(&self, version: i64, identity: &Identity) -> Result<Verified, String> {
        let entry = std::fs::read(self.entry_path(version)).map_err(|error| error.to_string())?;
        let entry: BundleEntry = serde_json::from_slice(&entry).map_err(|error| error.to_string())?;
        let bytes = std::fs::read(self.ruleset_path(version)).map_err(|error| error.to_string())?;
        verify(&entry, &bytes, identity)
    }

    pub(crate) fn save_lists(&self, lists: &ListStore) -> io::Result<()> {
        private_dir(&self.dir)?;
        let bytes = serde_json::to_vec(lists)?;
        let mut file = hex::encode(Sha256::digest(&bytes)).into_bytes();
        file.push(b'\n');
        file.extend_from_slice(&bytes);
        write_private(&self.dir.join("lists.json"), &file)
    }

    /// The lists on disk; none when there are none or they are damaged.
    pub(crate) fn load_lists(&self) -> Option<ListStore> {
        let path = self.dir.join("lists.json");
        let bytes = std::fs::read(&path).ok()?;
        let lists = bytes.split_at_checked(64).and_then(|(sum, rest)| {
            let body = rest.strip_prefix(b"\n")?;
            (hex::encode(Sha256::digest(body)).as_bytes() == sum).then_some(body)
        });
        let lists = lists.and_then(|body| serde_json::from_slice(body).ok());
        if lists.is_none() {
            tracing::error!("lists on disk are damaged, set aside");
            let _ = std::fs::rename(&path, path.with_extension("corrupt"));
        }
        lists
    }
}

fn private_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}
