//! Who this node is: credentials and pinned keys in `node.yaml`, the node's own key in `private.key`.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use bartizan_api::node::RegisterResponse;
use ed25519_dalek::{SigningKey, VerifyingKey};

use crate::config::Config;

/// The outcome of a registration.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) uuid: String,
    pub(crate) secret: String,
    pub(crate) clientid: i64,
    /// Keys that sign bundles, pinned at registration.
    pub(crate) signing_keys: Vec<VerifyingKey>,
    pub(crate) heartbeat_s: u64,
    pub(crate) sync_s: u64,
    token: String,
}

impl Identity {
    pub(crate) fn new(answer: RegisterResponse, token: String) -> Identity {
        Identity {
            uuid: answer.uuid,
            secret: answer.secret,
            clientid: answer.clientid,
            signing_keys: answer.signing_keys.iter().filter_map(|key| parse_key(key)).collect(),
            heartbeat_s: answer.intervals.heartbeat_s.clamp(1, 3600),
            sync_s: answer.intervals.sync_s.clamp(5, 86_400),
            token,
        }
    }

    /// The identity on disk, if there is one.
    pub(crate) fn load(config: &Config) -> io::Result<Option<Identity>> {
        let path = path(config);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let bad = || io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged", path.display()));
        let field = |name: &str| {
            let prefix = format!("  {name}: ");
            let value = text.lines().find_map(|line| line.strip_prefix(&prefix))?;
            serde_json::from_str::<serde_json::Value>(value).ok()
        };
        let string = |name: &str| field(name).and_then(|value| value.as_str().map(str::to_owned));
        let number = |name: &str| field(name).and_then(|value| value.as_u64());
        let keys = field("signing_keys").ok_or_else(bad)?;
        let keys = keys.as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(Some(Identity {
            uuid: string("uuid").ok_or_else(bad)?,
            secret: string("secret").ok_or_else(bad)?,
            clientid: field("clientid").and_then(|value| value.as_i64()).ok_or_else(bad)?,
            signing_keys: keys.iter().filter_map(|key| parse_key(key.as_str()?)).collect(),
            heartbeat_s: number("heartbeat_s").unwrap_or(30),
            sync_s: number("sync_s").unwrap_or(180),
            token: string("regtoken").unwrap_or_default(),
        }))
    }

    /// Removes the identity from disk, so that the next start registers anew.
    pub(crate) fn forget(config: &Config) -> io::Result<()> {
        match std::fs::remove_file(path(config)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes `node.yaml`: the keys of the Wallarm file, and ours. Values are JSON, which YAML includes.
    pub(crate) fn save(&self, config: &Config) -> io::Result<()> {
        let keys: Vec<String> = self.signing_keys.iter().map(|key| hex::encode(key.as_bytes())).collect();
        let cloud = &config.cloud;
        let fields = [
            ("host", serde_json::json!(cloud.host)),
            ("port", serde_json::json!(cloud.port)),
            ("use_ssl", serde_json::json!(cloud.use_ssl)),
            ("ca_verify", serde_json::json!(cloud.ca_verify)),
            ("uuid", serde_json::json!(self.uuid)),
            ("secret", serde_json::json!(self.secret)),
            ("regtoken", serde_json::json!(self.token)),
            ("clientid", serde_json::json!(self.clientid)),
            ("signing_keys", serde_json::json!(keys)),
            ("heartbeat_s", serde_json::json!(self.heartbeat_s)),
            ("sync_s", serde_json::json!(self.sync_s)),
        ];
        let mut text = String::from("api:\n");
        for (name, value) in fields {
            text.push_str(&format!("  {name}: {value}\n"));
        }
        write_private(&path(config), text.as_bytes())
    }
}

fn path(config: &Config) -> PathBuf {
    config.state_dir.join("node.yaml")
}

fn parse_key(text: &str) -> Option<VerifyingKey> {
    let bytes: [u8; 32] = hex::decode(text).ok()?.try_into().ok()?;
    VerifyingKey::from_bytes(&bytes).ok()
}

/// The node's own key, made at first use.
pub(crate) fn node_key(config: &Config) -> io::Result<SigningKey> {
    let path = config.state_dir.join("private.key");
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let bytes: Option<[u8; 32]> =
                hex::decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
            let damaged =
                || io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged", path.display()));
            Ok(SigningKey::from_bytes(&bytes.ok_or_else(damaged)?))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = SigningKey::from_bytes(&rand::random());
            write_private(&path, hex::encode(key.to_bytes()).as_bytes())?;
            Ok(key)
        }
        Err(error) => Err(error),
    }
}

/// Replaces a file as a whole, readable by its owner only.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn identity_survives_the_disk_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config { state_dir: dir.path().to_owned(), ..Config::default() };
        assert!(Identity::load(&config).unwrap().is_none());
        let key = node_key(&config).unwrap().verifying_key();
        assert_eq!(node_key(&config).unwrap().verifying_key(), key);
        let identity = Identity {
            uuid: "u".into(),
            secret: "s: \"#".into(),
            clientid: 8,
            signing_keys: vec![key],
            heartbeat_s: 30,
            sync_s: 120,
            token: "t".into(),
        };
        identity.save(&config).unwrap();
        let loaded = Identity::load(&config).unwrap().unwrap();
        assert_eq!((loaded.uuid.as_str(), loaded.secret.as_str(), loaded.clientid), ("u", "s: \"#", 8));
        assert_eq!(loaded.signing_keys, [key]);
        let mode = std::fs::metadata(dir.path().join("node.yaml")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
