//! A value in layers of encodings: percent, base64, hexadecimal, entities and escapes of scripts.
#![no_main]

use bartizan_request_fuzz::{audit, audit_value};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    audit_value(data);
    audit(&[b"/", data].concat(), b"text/plain", data, data);
});
