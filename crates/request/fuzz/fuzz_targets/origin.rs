//! Where values came from: what stands there is the value, as sent or as a field of a form.
#![no_main]

use std::ops::ControlFlow;

use bartizan_request::{Limits, Origin, PointPath, RequestPart, RequestParts, Role, Visitor, walk};
use libfuzzer_sys::fuzz_target;

struct Checker<'a>(&'a RequestParts<'a>);

impl Visitor for Checker<'_> {
    fn visit(&mut self, point: &PointPath<'_>, value: &[u8], _role: Role) -> ControlFlow<()> {
        let middle = value.len() / 2;
        if let Some(Origin { part, span }) = self.0.origin(point, value, &(middle..value.len())) {
            let whole = match part {
                RequestPart::Target => self.0.target,
                RequestPart::Body => self.0.body,
                RequestPart::Header(index) => self.0.headers[index].1,
            };
            let sent = &whole[span];
            assert!((value.len() - middle..=3 * (value.len() - middle)).contains(&sent.len()));
            if !sent.iter().any(|byte| matches!(byte, b'%' | b'+')) {
                assert_eq!(sent, &value[middle..]);
            }
        }
        ControlFlow::Continue(())
    }
}

fuzz_target!(|data: &[u8]| {
    let mut pieces = data.splitn(3, |&byte| byte == b'\n');
    let mut next = || pieces.next().unwrap_or_default();
    let (target, kind, body) = (next(), next(), next());
    let headers: [(&[u8], &[u8]); 2] = [(b"content-type", kind), (b"cookie", target)];
    let parts = RequestParts { method: "POST", target, headers: &headers, body, body_truncated: false };
    let limits = Limits { max_leaves: 500, max_decoded_bytes: 1 << 20, ..Limits::default() };
    walk(&parts, &limits, &mut Checker(&parts));
});
