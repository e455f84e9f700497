//! A request as text, explained: what is said agrees with what an inspection finds, and spans lie inside what they are of.
#![no_main]

use std::sync::LazyLock;

use bartizan_detect::{Engine, NoPolicy, explain, inspect};
use bartizan_request::{Limits, Message, RequestPart};
use libfuzzer_sys::fuzz_target;

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::new);

fuzz_target!(|data: &[u8]| {
    let Ok(message) = Message::parse(data) else { return };
    message.with_parts(|parts| {
        let explained = explain(&ENGINE, parts, &Limits::default());
        let found = inspect(&ENGINE, parts, &Limits::default(), &mut NoPolicy);
        assert_eq!(explained.detections, found.detections);
        for detection in &found.detections {
            assert!(detection.value.get(detection.span.clone()).is_some());
            assert!(detection.point_span.as_ref().is_none_or(|span| span.start <= span.end));
            let Some(origin) = &detection.origin else { continue };
            let whole = match origin.part {
                RequestPart::Target => parts.target,
                RequestPart::Body => parts.body,
                RequestPart::Header(index) => parts.headers[index].1,
            };
            assert!(whole.get(origin.span.clone()).is_some());
        }
    });
});
