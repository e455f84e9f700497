//! A test of how much is judged: the walk is held to a bound elsewhere; here it is the candidates and their bytes.

use std::cell::Cell;

use bartizan_request::{Limits, RequestParts};
use proptest::prelude::*;

use crate::{Engine, NoPolicy, inspect};

thread_local! {
    /// Judged candidates and the bytes that they were judged on.
    static JUDGED: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// Notes that one candidate was judged on so many bytes.
pub(super) fn note(bytes: usize) {
    JUDGED.with(|judged| {
        let (candidates, sum) = judged.get();
        judged.set((candidates + 1, sum + bytes));
    });
}

/// Inspects a body and tells what was judged.
fn judged(engine: &Engine, kind: &str, body: &str) -> (usize, usize) {
    let headers: [(&[u8], &[u8]); 1] = [(b"Content-Type", kind.as_bytes())];
    let parts = RequestParts {
        method: "POST",
        target: b"/",
        headers: &headers,
        body: body.as_bytes(),
        body_truncated: false,
    };
    JUDGED.set((0, 0));
    let _ = inspect(engine, &parts, &Limits::default(), &mut NoPolicy);
    JUDGED.get()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Twice the request is at most twice the judging, whether the pieces are one value or many.
    #[test]
    fn judging_is_bounded_by_size(
        piece in r#"(' or |union |<a on|\$\{|; ?cat |\.\./|[ -~\n]){1,12}"#, many in any::<bool>(), form in any::<bool>(),
    ) {
        let engine = Engine::new();
        let body = |times: usize| match (many, form) {
            (true, true) => (0..times).map(|n| format!("a{n}={}", piece.replace('&', ""))).collect::<Vec<_>>().join("&"),
            (true, false) => serde_json::json!(vec![&piece; times]).to_string(),
            (false, _) => serde_json::json!([piece.repeat(times)]).to_string(),
        };
        let kind = if form && many { "application/x-www-form-urlencoded" } else { "application/json" };
        let (first, second) = (body(200), body(400));
        let (candidates, bytes) = judged(&engine, kind, &first);
        // As many as there are signatures for each of the values, names and decoded forms.
        prop_assert!(bytes <= first.len() * 512 + 65536, "{bytes} bytes judged of {}", first.len());
        let (more, more_bytes) = judged(&engine, kind, &second);
        prop_assert!(more <= candidates * 2 + 512, "{more} candidates after {candidates}");
        // Names grow by a digit here and there.
        prop_assert!(more_bytes <= bytes * 2 + bytes / 4 + 65536, "{more_bytes} bytes judged after {bytes}");
    }
}
