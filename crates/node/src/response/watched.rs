//! A request whose answer is watched: what it tried, and how it is reported.

use bartizan_api::AttackType;
use bartizan_api::node::HitEvent;
use bartizan_detect::Detection;
use http::header;

use crate::pipeline::Subject;

/// Longest payload that is compared, bytes.
const VALUE_MAX: usize = 4096;
/// Most attempts of one request that are compared.
const ATTEMPTS_MAX: usize = 16;

/// Most values that may hold tokens, and bytes of each.
const TOKENS_MAX: usize = 4;
const TOKEN_MAX: usize = 16 << 10;

/// What a request tried at one point.
pub(crate) struct Tried {
    pub(crate) attack_type: AttackType,
    /// Rendered point, as in the hit.
    pub(crate) parameter: String,
    /// Payload as it was sent. It stays in memory.
    pub(crate) value: String,
    /// Whether a rule masks it.
    pub(crate) private: bool,
}

/// Parts of names of parameters and fields that hold credentials, in lower case. In another one the token of a third
/// party may stand, and an answer says nothing of whether it was looked at.
const CREDENTIAL_NAMES: [&[u8]; 6] = [b"token", b"jwt", b"auth", b"assertion", b"session", b"bearer"];

fn names_credentials(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    CREDENTIAL_NAMES.iter().any(|part| memchr::memmem::find(&name, part).is_some())
}

/// Values of the head, but for the usual ones, that hold what JSON Web Tokens begin with and are called credentials.
fn tokens_of(subject: &Subject<'_>) -> Vec<Vec<u8>> {
    let query = subject.target.split(|byte| *byte == b'?').nth(1).unwrap_or_default();
    let parameters = query.split(|byte| *byte == b'&').filter_map(|pair| {
        let at = memchr::memchr(b'=', pair)?;
        Some((pair.get(..at)?, pair.get(at + 1..)?))
    });
    let fields = subject.headers.iter().copied().filter(|(name, _)| {
        ![header::AUTHORIZATION, header::COOKIE, header::REFERER]
            .iter()
            .any(|usual| name.eq_ignore_ascii_case(usual.as_str().as_bytes()))
    });
    parameters
        .chain(fields)
        .filter(|(name, value)| names_credentials(name) && memchr::memmem::find(value, b"eyJ").is_some())
        .take(TOKENS_MAX)
        .map(|(_, value)| value.get(..TOKEN_MAX).unwrap_or(value).to_vec())
        .collect()
}

/// A request whose answer is watched.
pub(crate) struct Watched {
    /// Everything about the request that events repeat, masked.
    pub(crate) base: HitEvent,
    pub(crate) attempts: Vec<Tried>,
    /// Values of `Authorization` and `Cookie`, for tokens. They stay in memory.
    pub(crate) credentials: Vec<Vec<u8>>,
    /// What else of the head may be a signed token: the query and values of other fields. They stay in memory.
    pub(crate) tokens: Vec<Vec<u8>>,
    pub(crate) endpoint: u64,
}

impl Watched {
    /// A request with the hits that report it.
    pub(crate) fn new(
        base: HitEvent,
        hits: &[(bartizan_request::Point, HitEvent)],
        detections: &[Detection],
        subject: &Subject<'_>,
        endpoint: u64,
    ) -> Box<Watched> {
        let attempts = hits
            .iter()
            .filter_map(|(point, hit)| {
                let found = detections
                    .iter()
                    .find(|found| found.attack_type == hit.attack_type && found.point == *point)?;
                Some(Tried {
                    attack_type: hit.attack_type,
                    parameter: hit.parameter.clone(),
                    value: found.value.chars().take(VALUE_MAX).collect(),
                    private: hit.value.is_empty() && !found.value.is_empty(),
                })
            })
            .take(ATTEMPTS_MAX)
            .collect();
        let credentials = [header::AUTHORIZATION, header::COOKIE]
            .iter()
            .filter_map(|name| subject.header(name.as_str()))
            .map(<[u8]>::to_vec)
            .collect();
        Box::new(Watched { base, attempts, credentials, tokens: tokens_of(subject), endpoint })
    }

    pub(crate) fn request_id(&self) -> &str {
        &self.base.request_id
    }

    pub(crate) fn host(&self) -> &str {
        &self.base.domain
    }
}
