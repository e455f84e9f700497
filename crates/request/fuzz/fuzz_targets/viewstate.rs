//! View state as the content of a part, where it needs no base64.
#![no_main]

use bartizan_request_fuzz::audit;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let body = [b"--b\r\n\r\n\xFF\x01", data, b"\r\n--b--"].concat();
    audit(b"/", b"multipart/form-data; boundary=b", b"", &body);
});
