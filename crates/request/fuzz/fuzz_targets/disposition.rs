//! The header of a part (RFC 2231 and what is like it), and a `Content-Type` with boundaries in continuations.
#![no_main]

use bartizan_request_fuzz::audit;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let part = [b"--b\r\nContent-Disposition: ", data, b"\r\n\r\nvalue\r\n--b--"].concat();
    audit(b"/", b"multipart/form-data; boundary=b", b"", &part);
    audit(b"/", &[b"multipart/form-data; ", data].concat(), b"", b"--b\r\n\r\nvalue\r\n--b--");
});
