//! Character sets: wide characters, UTF-7, overlong forms and code pages, in a value and in a whole body.
#![no_main]

use bartizan_request_fuzz::{audit, audit_value};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    audit_value(data);
    for kind in [
        &b"text/plain; charset=utf-7"[..],
        b"application/json; charset=utf-16",
        b"text/xml; charset=utf-16le",
        b"text/xml; charset=ibm037",
        b"application/json; charset=\"cp500\"",
    ] {
        audit(b"/", kind, b"", data);
    }
});
