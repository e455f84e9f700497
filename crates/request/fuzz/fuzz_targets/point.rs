//! A point as rules and the API write it: what is read is written and read again.
#![no_main]

use bartizan_request::Point;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(point) = serde_json::from_slice::<Point>(data) else { return };
    let written = serde_json::to_vec(&point).expect("a point is JSON");
    let again: Point = serde_json::from_slice(&written).expect("a written point is read");
    assert_eq!(again, point);
});
