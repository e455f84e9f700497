//! A multipart body, its boundary being the first line of the input.
#![no_main]

use bartizan_request_fuzz::audit;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|&b| b == b'\n').unwrap_or(data.len());
    let (boundary, body) = data.split_at(end);
    audit(b"/", &[b"multipart/form-data; boundary=", boundary].concat(), b"", body);
});
