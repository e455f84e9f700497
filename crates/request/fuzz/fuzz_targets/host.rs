//! A `Host`, taken apart.
#![no_main]

use bartizan_request::Host;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let host = Host::parse(data);
    assert!(host.name().len() <= data.len());
    if Host::is_valid(data) {
        assert!(host.port().is_none_or(|port| port.iter().all(u8::is_ascii_digit)));
    }
});
