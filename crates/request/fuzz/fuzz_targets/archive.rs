//! Zip archives by their directory, as an uploaded file and as a body.
#![no_main]

use bartizan_request_fuzz::audit;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let archive = [b"PK\x03\x04", data].concat();
    audit(b"/", b"application/zip", b"", &archive);
    let file: &[u8] = b"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.zip\"\r\n\r\n";
    audit(b"/", b"multipart/form-data; boundary=b", b"", &[file, &archive, b"\r\n--b--"].concat());
});
