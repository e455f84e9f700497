//! A GraphQL document: as a body of its own, as a field of a JSON body, and measured.
#![no_main]

use bartizan_request::measure_graphql;
use bartizan_request_fuzz::audit;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    audit(b"/graphql", b"application/graphql", b"", data);
    let escaped: Vec<u8> = data
        .iter()
        .flat_map(|&byte| match byte {
            b'"' | b'\\' => vec![b'\\', byte],
            0..=0x1F => format!("\\u{byte:04x}").into_bytes(),
            _ => vec![byte],
        })
        .collect();
    let body = [b"{\"query\":\"", escaped.as_slice(), b"\",\"variables\":{\"id\":1}}"].concat();
    audit(b"/graphql", b"application/json", b"", &body);
    if let Some(measures) = measure_graphql(data) {
        assert!(measures.depth <= 256);
        assert!(measures.largest_value <= data.len() as u64);
    }
});
