//! What the fuzz targets share: a walk whose visitor checks what must hold at every visit.

use std::ops::ControlFlow;

use bartizan_request::{Limits, PointPath, RequestParts, Role, Visitor, walk};

struct Auditor {
    visits: usize,
    max_depth: usize,
}

impl Visitor for Auditor {
    fn visit(&mut self, point: &PointPath<'_>, _value: &[u8], _role: Role) -> ControlFlow<()> {
        self.visits += 1;
        assert!(point.decoder_depth() <= self.max_depth);
        assert!(point.to_point().selects(point));
        ControlFlow::Continue(())
    }
}

/// Walks a request and checks the limits.
pub fn audit(target: &[u8], content_type: &[u8], header: &[u8], body: &[u8]) {
    let limits = Limits { max_leaves: 2000, max_decoded_bytes: 4 << 20, ..Limits::default() };
    let headers: [(&[u8], &[u8]); 3] =
        [(b"content-type", content_type), (b"cookie", header), (b"authorization", header)];
    let parts = RequestParts { method: "POST", target, headers: &headers, body, body_truncated: false };
    let mut auditor = Auditor { visits: 0, max_depth: limits.max_depth };
    let report = walk(&parts, &limits, &mut auditor);
    assert!(auditor.visits <= limits.max_leaves);
    assert!(report.decoded_bytes <= limits.max_decoded_bytes + (64 << 10));
}
