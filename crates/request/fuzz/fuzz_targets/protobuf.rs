//! A body declared as a message of protobuf, and the same in frames of gRPC.
#![no_main]

use bartizan_request_fuzz::audit;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    audit(b"/", b"application/x-protobuf", b"", data);
    audit(b"/", b"application/grpc-web+proto", b"", data);
});
