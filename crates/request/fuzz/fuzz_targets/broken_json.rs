//! JSON that breaks off or that no standard allows, where some application might read it still: in a value and in a body of no
//! declared type.
#![no_main]

use bartizan_request_fuzz::{audit, audit_value};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let open = [b"{", data].concat();
    audit(b"/", b"text/plain", b"", &open);
    audit_value(&open);
});
