//! A request as text: no panic, and whatever was read is walked. A body in chunks never grows.
#![no_main]

use bartizan_request::Message;
use bartizan_request_fuzz::audit_fields;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(message) = Message::parse(data) else { return };
    assert!(message.body.len() <= data.len());
    message.with_parts(|parts| audit_fields(parts.target, parts.headers, parts.body));
});
