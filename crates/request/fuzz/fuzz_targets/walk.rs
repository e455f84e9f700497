//! A whole request: four pieces of the input separated by the byte 0xFE.
#![no_main]

use bartizan_request_fuzz::audit;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut pieces = data.splitn(4, |&b| b == 0xFE);
    let mut next = || pieces.next().unwrap_or_default();
    let (target, content_type, header, body) = (next(), next(), next(), next());
    audit(target, content_type, header, body);
});
