//! Text in binary data: rows within the data, in their order, and the longest among them.
#![no_main]

use bartizan_request::binary::{longest_text, texts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut end = 0;
    let mut longest = 0;
    for text in texts(data) {
        assert!(end <= text.start && text.start < text.end && text.end <= data.len());
        end = text.end;
        longest = longest.max(text.len());
    }
    assert_eq!(longest_text(data).map_or(0, |text| text.len()), longest);
});
