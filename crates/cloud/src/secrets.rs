//! Secrets: how they look, how they are made, hashed, compared and sealed (`spec/accounts.md` section 2.2).

use aes_gcm::{Aes256Gcm, KeyInit, aead::Aead};
use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use bartizan_api::settings::PasswordPolicy;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use hmac::{Hmac, Mac};
use rand::Rng;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::keys::Keys;

mod slow;

/// Longest credential that is looked at.
pub const MAX_CREDENTIAL_LENGTH: usize = 256;

/// 32 random bytes that are shown once. `Debug` prints nothing of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(****)")
    }
}

impl Secret {
    /// A new random secret.
    #[must_use]
    pub fn random() -> Secret {
        Secret(rand::rng().random())
    }

    /// The secret key form: 64 lower-case hex digits.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Reads the secret key form.
    #[must_use]
    pub fn parse_hex(text: &str) -> Option<Secret> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok().map(|()| Secret(bytes))
    }

    /// The token form: base64 of the secret and then the UUID it belongs to, 64 characters.
    #[must_use]
    pub fn token(&self, uuid: Uuid) -> String {
        let mut bytes = [0; 48];
        let (secret, id) = bytes.split_at_mut(32);
        secret.copy_from_slice(&self.0);
        id.copy_from_slice(uuid.as_bytes());
        STANDARD.encode(bytes)
    }

    /// The token form with a new UUID, and that UUID.
    #[must_use]
    pub fn new_token(&self) -> (String, String) {
        let uuid = Uuid::new_v4();
        (self.token(uuid), uuid.to_string())
    }

    /// Reads the token form.
    #[must_use]
    pub fn parse_token(text: &str) -> Option<(Secret, Uuid)> {
        if text.len() != 64 {
            return None;
        }
        let bytes = STANDARD_NO_PAD.decode(text).ok()?;
        let (secret, id) = bytes.split_at_checked(32)?;
        Some((Secret(secret.try_into().ok()?), Uuid::from_slice(id).ok()?))
    }

    /// The opaque form with a prefix, for sessions and links.
    #[must_use]
    pub fn opaque(&self, prefix: &str) -> String {
        format!("{prefix}{}", URL_SAFE_NO_PAD.encode(self.0))
    }

    /// Reads the opaque form.
    #[must_use]
    pub fn parse_opaque(prefix: &str, text: &str) -> Option<Secret> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(prefix)?).ok()?;
        Some(Secret(bytes.try_into().ok()?))
    }

    /// The keyed hash that is stored, 64 hex digits.
    #[must_use]
    pub fn mac(&self, keys: &Keys) -> String {
        // HMAC takes keys of any length, so this cannot fail; an empty hash would match nothing.
        let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(keys.pepper()) else { return String::new() };
        mac.update(&self.0);
        hex::encode(mac.finalize().into_bytes())
    }

    /// Whether this is the secret behind a stored hash. Constant time, also without one to compare with.
    #[must_use]
    pub fn matches(&self, keys: &Keys, stored: Option<&str>) -> bool {
        let own = self.mac(keys);
        let stored_or_dummy =
            stored.unwrap_or("0000000000000000000000000000000000000000000000000000000000000000");
        bool::from(own.as_bytes().ct_eq(stored_or_dummy.as_bytes())) && stored.is_some()
    }
}

/// A keyed hash of parts for a purpose, 64 hex digits. No two lists of parts look alike.
#[must_use]
pub fn mac_of(keys: &Keys, purpose: &str, parts: &[&[u8]]) -> String {
    // HMAC takes keys of any length, so this cannot fail; an empty hash would match nothing.
    let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(keys.pepper()) else { return String::new() };
    for part in [purpose.as_bytes()].iter().chain(parts) {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    hex::encode(mac.finalize().into_bytes())
}

/// Compares two texts in constant time.
#[must_use]
pub fn same(a: &str, b: &str) -> bool {
    bool::from(a.as_bytes().ct_eq(b.as_bytes()))
}

/// Encrypts a value that its owner may read back: base64 of nonce and ciphertext.
#[must_use]
pub fn seal(keys: &Keys, value: &str) -> Option<String> {
    let cipher = Aes256Gcm::new_from_slice(keys.sealing()).ok()?;
    let nonce: [u8; 12] = rand::rng().random();
    let sealed = cipher.encrypt((&nonce).into(), value.as_bytes()).ok()?;
    Some(STANDARD.encode([nonce.as_slice(), &sealed].concat()))
}

/// Decrypts what [`seal`] made; none when it was altered or the key is another.
#[must_use]
pub fn unseal(keys: &Keys, sealed: &str) -> Option<String> {
    let bytes = STANDARD.decode(sealed).ok()?;
    let (nonce, text) = bytes.split_at_checked(12)?;
    let nonce: [u8; 12] = nonce.try_into().ok()?;
    let cipher = Aes256Gcm::new_from_slice(keys.sealing()).ok()?;
    String::from_utf8(cipher.decrypt((&nonce).into(), text).ok()?).ok()
}

/// Argon2id with 64 MiB, 3 passes, 1 lane.
fn argon2() -> Option<Argon2<'static>> {
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64 * 1024, 3, 1, None).ok()?))
}

/// Hashes a password on threads of its own; takes about 0.1 s of CPU on purpose.
pub async fn hash_password(password: String) -> Option<String> {
    let hash = move || {
        let salt = argon2::password_hash::SaltString::encode_b64(&rand::rng().random::<[u8; 16]>()).ok()?;
        Some(argon2()?.hash_password(password.as_bytes(), &salt).ok()?.to_string())
    };
    slow::run(hash).await.flatten()
}

/// Verifies a password on threads of its own. Without a stored hash it does the same work and says no.
pub async fn verify_password(password: String, stored: Option<String>) -> bool {
    const DUMMY: &str =
        "$argon2id$v=19$m=65536,t=3,p=1$YmFydGl6YW5kdW1teXNhbHQ$0000000000000000000000000000000000000000000";
    let verify = move || {
        let known = stored.is_some();
        let text = stored.unwrap_or_else(|| DUMMY.to_owned());
        let (Ok(hash), Some(argon2)) = (PasswordHash::new(&text), argon2()) else { return false };
        argon2.verify_password(password.as_bytes(), &hash).is_ok() && known
    };
    slow::run(verify).await.unwrap_or(false)
}

/// Passwords that everybody tries first, lower case: of the 56,000 most common ones those that the default policy lets
/// through in some capitalisation (`scripts/common-passwords.py`).
const COMMON: &str = include_str!("secrets/common.txt");

/// What a password lacks by a policy (`spec/accounts.md` section 3.6); empty when it is fine.
#[must_use]
pub fn password_weaknesses(
    policy: &PasswordPolicy,
    password: &str,
    email: &str,
    name: &str,
) -> Vec<&'static str> {
    let lower = password.chars().any(char::is_lowercase);
    let upper = password.chars().any(char::is_uppercase);
    let digit = password.chars().any(|c| c.is_ascii_digit());
    let other = password.chars().any(|c| !c.is_alphanumeric());
    let length = password.chars().count();
    let least = usize::try_from(policy.min_length).unwrap_or(8);
    let classes = [lower, upper, digit, other].into_iter().filter(|held| *held).count();
    let strong = (length >= 8 && lower && upper && digit) || (length >= 10 && classes >= 3);
    let mut weaknesses = Vec::new();
    if password.len() > 256 {
        weaknesses.push("too_long");
    }
    if password.eq_ignore_ascii_case(email) || password.eq_ignore_ascii_case(name) {
        weaknesses.push("personal");
    }
    let folded = password.to_lowercase();
    if COMMON.lines().any(|common| common == folded) {
        weaknesses.push("common");
    }
    if length < least {
        weaknesses.push("length");
    }
    if policy.require_special && !other {
        weaknesses.push("special");
    }
    if !strong {
        let missing = [(lower, "lower"), (upper, "upper"), (digit, "digit")];
        weaknesses.extend(missing.into_iter().filter(|(held, _)| !held).map(|(_, name)| name));
    }
    weaknesses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_round_trip_and_have_the_public_shape() {
        let (secret, uuid) = (Secret::random(), Uuid::new_v4());
        let token = secret.token(uuid);
        assert_eq!(token.len(), 64);
        assert_eq!(Secret::parse_token(&token), Some((secret, uuid)));
        assert_eq!(Secret::parse_token("x"), None);
    }

    #[test]
    fn sealed_values_come_back_and_altered_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::load_or_create(folder.path()).unwrap();
        let sealed = seal(&keys, "value").unwrap();
        assert_eq!(unseal(&keys, &sealed).as_deref(), Some("value"));
        assert_eq!(unseal(&keys, &sealed.replace(&sealed[20..21], "!")), None);
    }

    #[test]
    fn the_policy_names_what_is_missing() {
        let policy = PasswordPolicy::default();
        let weaknesses = |password: &str, email: &str| password_weaknesses(&policy, password, email, "A B");
        assert!(weaknesses("Aa1!aaaa9Z", "a@b.c").is_empty());
        assert_eq!(weaknesses("aaaaaaaa", "a@b.c"), ["upper", "digit"]);
        assert_eq!(weaknesses("Zbcdefg1", "zbcdefg1"), ["personal"]);
        for common in ["Passw0rd", "Qwerty123456", "1QAZ2wsx3edc", "Password123!", "ILoveYou1"] {
            assert_eq!(weaknesses(common, "a@b.c"), ["common"], "{common}");
        }
        assert_eq!(weaknesses("Aa1", "a@b.c"), ["length"]);
        let strict = PasswordPolicy { min_length: 12, require_special: true, ..policy };
        assert_eq!(password_weaknesses(&strict, "Aa1aaaa9Z", "a@b.c", "A B"), ["length", "special"]);
    }

    #[tokio::test]
    async fn passwords_verify() {
        let hash = hash_password("Correct1horse".into()).await.unwrap();
        assert!(verify_password("Correct1horse".into(), Some(hash.clone())).await);
        assert!(!verify_password("wrong".into(), Some(hash)).await);
        assert!(!verify_password("wrong".into(), None).await);
    }
}
