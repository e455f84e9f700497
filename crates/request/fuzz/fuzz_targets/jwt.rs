//! A JSON Web Token: header and claims are the two lines of the input, encoded here, so that mutations reach the claims; and the input
//! as the token itself.
#![no_main]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bartizan_request_fuzz::audit;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    audit(b"/", b"", &[b"Bearer ", data].concat(), b"");
    let mut lines = data.splitn(2, |&byte| byte == b'\n');
    let mut next = || URL_SAFE_NO_PAD.encode(lines.next().unwrap_or_default());
    let token = [next(), next(), "c2lnbmF0dXJl".to_owned()].join(".");
    audit(b"/", b"", &[b"Bearer ", token.as_bytes()].concat(), token.as_bytes());
});
