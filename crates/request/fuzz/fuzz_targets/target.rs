//! A request target, split and walked.
#![no_main]

use bartizan_request::Target;
use bartizan_request_fuzz::audit;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let target = Target::parse(data);
    assert!(data.ends_with(target.raw()));
    assert!(target.raw().starts_with(target.path()));
    audit(data, b"", b"", b"");
});
