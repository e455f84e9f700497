//! A value in PHP's format of serialized data.
#![no_main]

use bartizan_request_fuzz::audit_value;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| audit_value(data));
