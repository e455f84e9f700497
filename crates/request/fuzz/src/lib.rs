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
    audit_fields(
        target,
        &[(b"content-type", content_type), (b"cookie", header), (b"authorization", header)],
        body,
    );
}

/// Walks a request with these header fields and checks the limits.
pub fn audit_fields(target: &[u8], headers: &[(&[u8], &[u8])], body: &[u8]) {
    let limits = Limits { max_leaves: 2000, max_decoded_bytes: 4 << 20, ..Limits::default() };
    let parts = RequestParts { method: "POST", target, headers, body, body_truncated: false };
    let mut auditor = Auditor { visits: 0, max_depth: limits.max_depth };
    let report = walk(&parts, &limits, &mut auditor);
    assert!(auditor.visits <= limits.max_leaves);
    assert!(report.decoded_bytes <= limits.max_decoded_bytes + (64 << 10));
}

/// Walks a request in which one value of a form is this, percent-encoded so that it arrives byte by byte.
pub fn audit_value(value: &[u8]) {
    let mut body = b"v=".to_vec();
    for &byte in value {
        if byte.is_ascii_alphanumeric() {
            body.push(byte);
        } else {
            body.extend(format!("%{byte:02X}").bytes());
        }
    }
    audit_fields(b"/", &[(b"content-type", b"application/x-www-form-urlencoded")], &body);
}
