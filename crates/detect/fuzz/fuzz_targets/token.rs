//! The claims of a token in a text: header and claims are the two lines of the input, encoded here, so that mutations reach the
//! claims; and the input as a text with tokens in it.
#![no_main]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bartizan_detect::token_claims;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = token_claims(data);
    let mut lines = data.splitn(2, |&byte| byte == b'\n');
    let mut next = || URL_SAFE_NO_PAD.encode(lines.next().unwrap_or_default());
    let token = [next(), next(), "c2lnbmF0dXJl".to_owned()].join(".");
    let claims = data.splitn(2, |&byte| byte == b'\n').nth(1).unwrap_or_default();
    if let Some(found) = token_claims(token.as_bytes()) {
        assert_eq!(serde_json::from_slice(claims).ok(), Some(found));
    }
});
