//! A request made of arbitrary target, header and body: no panic, same answer twice.
#![no_main]

use std::sync::LazyLock;

use bartizan_detect::{Engine, NoPolicy, inspect};
use bartizan_request::{Limits, RequestParts};
use libfuzzer_sys::fuzz_target;

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::new);

fuzz_target!(|input: (&[u8], &[u8], &[u8], &[u8])| {
    let (target, kind, cookie, body) = input;
    let headers: [(&[u8], &[u8]); 2] = [(b"Content-Type", kind), (b"Cookie", cookie)];
    let parts = RequestParts { method: "POST", target, headers: &headers, body, body_truncated: false };
    let first = inspect(&ENGINE, &parts, &Limits::default(), &mut NoPolicy);
    let second = inspect(&ENGINE, &parts, &Limits::default(), &mut NoPolicy);
    assert_eq!(first.detections, second.detections);
});
