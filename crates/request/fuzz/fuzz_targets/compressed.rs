//! Compressed bodies: the first byte chooses what is declared, the rest is the body.
#![no_main]

use bartizan_request::inflate_prefix;
use bartizan_request_fuzz::audit_fields;
use libfuzzer_sys::fuzz_target;

const CODINGS: [&[u8]; 7] = [b"gzip", b"deflate", b"br", b"zstd", b"", b"gzip, br", b"zstd, gzip"];
const INFLATED_MAX: usize = 64 << 10;

fuzz_target!(|data: &[u8]| {
    let Some((&selector, body)) = data.split_first() else { return };
    let coding = CODINGS[usize::from(selector) % CODINGS.len()];
    audit_fields(b"/", &[(b"content-encoding", coding), (b"content-type", b"application/json")], body);
    if let Some(prefix) = inflate_prefix(coding, body, INFLATED_MAX) {
        assert!(prefix.len() <= INFLATED_MAX);
    }
});
