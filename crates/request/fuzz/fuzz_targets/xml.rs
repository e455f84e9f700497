//! A body declared as `text/xml`.
#![no_main]

use bartizan_request_fuzz::audit;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| audit(b"/", b"text/xml", b"", data));
