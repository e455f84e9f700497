//! Any bytes in any place: no panic, and spans inside the value.
#![no_main]

use std::sync::LazyLock;

use bartizan_detect::{Engine, Place};
use libfuzzer_sys::fuzz_target;

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::new);

fuzz_target!(|data: &[u8]| {
    let Some((&selector, value)) = data.split_first() else { return };
    let place = match selector % 6 {
        0 => Place::Uri,
        1 => Place::Path,
        2 => Place::QueryValue,
        3 => Place::UserAgent,
        4 => Place::BodyName,
        _ => Place::BodyValue,
    };
    let mut signs = Vec::new();
    ENGINE.scan(value, place, &mut signs);
    for sign in signs {
        assert!(sign.span.start <= sign.span.end && sign.span.end <= value.len());
    }
});
