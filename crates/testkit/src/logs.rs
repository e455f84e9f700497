//! Everything that is logged while tests run, and whether a secret is in it (`spec/accounts.md` section 8, item 10).
//!
//! One subscriber per test binary keeps every line of level DEBUG and above, whoever writes it. Each
//! [`TestCloud`](crate::TestCloud) remembers the secrets that went through it, in calls and answers, and fails its test
//! when one of them was logged.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    sync::{Mutex, MutexGuard, Once, PoisonError},
};

use serde_json::Value;

static LINES: Mutex<String> = Mutex::new(String::new());
static START: Once = Once::new();

/// Shorter values are no secrets but placeholders of tests, and would be found anywhere.
const SHORTEST: usize = 8;
/// What names of members with a secret hold.
const NAMES: &[&str] =
    &["password", "secret", "token", "csrf", "ticket", "recovery_code", "api_key", "authorization", "jwt"];
/// What begins a secret that stands inside a text, such as a link.
const PREFIXES: &[&str] = &["bze_", "bzi_", "bzm_", "bzp_", "bzr_", "bzs_"];

fn lines() -> MutexGuard<'static, String> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Sink;

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lines().push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps what is logged from now on; says where "now" is.
pub fn capture() -> usize {
    START.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::DEBUG)
            .with_writer(|| Sink)
            .finish();
        tracing::subscriber::set_global_default(subscriber).expect("a test has a subscriber of its own");
    });
    lines().len()
}

/// The lines logged since `mark` that hold one of the secrets, each with the secret blotted out.
#[must_use]
pub fn leaks(mark: usize, secrets: &BTreeSet<String>) -> Vec<String> {
    let logged = lines().get(mark..).unwrap_or_default().to_owned();
    leaks_in(&logged, secrets)
}

/// The same in any text.
#[must_use]
pub fn leaks_in(text: &str, secrets: &BTreeSet<String>) -> Vec<String> {
    // One look at the whole text per secret: nearly always that is all.
    let found: Vec<&String> = secrets.iter().filter(|secret| text.contains(secret.as_str())).collect();
    let holding = text.lines().filter(|line| found.iter().any(|secret| line.contains(secret.as_str())));
    holding
        .map(|line| {
            found.iter().fold(line.to_owned(), |line, secret| line.replace(secret.as_str(), "<secret>"))
        })
        .collect()
}

/// The secrets of a JSON text, by the names of its members and by their prefixes.
pub fn secrets_of(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let name = name.to_ascii_lowercase();
                // What is shown of a secret, and where it was used from, are none.
                let plain = name.contains("masked") || name.ends_with("_ip");
                let secret = NAMES.iter().any(|part| name.contains(part)) && !plain;
                let texts = match value {
                    Value::Array(items) => items.iter().collect(),
                    other => vec![other],
                };
                for text in texts.into_iter().filter(|_| secret).filter_map(Value::as_str) {
                    if text.len() >= SHORTEST && !text.starts_with("****") {
                        found.insert(text.to_owned());
                    }
                }
                secrets_of(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| secrets_of(item, found)),
        Value::String(text) => found.extend(prefixed(text)),
        _ => {}
    }
}

/// Secrets inside a text that tell themselves by how they begin.
pub fn prefixed(text: &str) -> impl Iterator<Item = String> + '_ {
    PREFIXES.iter().flat_map(move |prefix| text.match_indices(prefix)).filter_map(move |(at, _)| {
        let rest = text.get(at..)?;
        let end =
            rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').unwrap_or(rest.len());
        rest.get(..end).filter(|secret| secret.len() > 40).map(str::to_owned)
    })
}
