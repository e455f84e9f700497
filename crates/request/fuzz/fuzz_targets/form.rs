//! A form, and the same bytes as a query, and read in a code page without ASCII.
#![no_main]

use bartizan_request_fuzz::audit;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    audit(&[b"/?", data].concat(), b"application/x-www-form-urlencoded", data, data);
    audit(b"/", b"application/x-www-form-urlencoded; charset=ibm037", b"", data);
});
