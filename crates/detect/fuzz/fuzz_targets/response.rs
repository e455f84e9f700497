//! An answer to an attack: no panic, the same proofs twice, and spans inside the body.
#![no_main]

use std::sync::LazyLock;

use bartizan_api::attack_type::AttackType;
use bartizan_detect::{Asked, Attempt, QueryParameter, ResponseEngine, ResponseParts};
use libfuzzer_sys::fuzz_target;

static ENGINE: LazyLock<ResponseEngine> = LazyLock::new(ResponseEngine::new);

const TYPES: [AttackType; 12] = [
    AttackType::Sqli,
    AttackType::Xss,
    AttackType::Rce,
    AttackType::Ptrav,
    AttackType::Crlf,
    AttackType::Nosqli,
    AttackType::Ldapi,
    AttackType::Ssti,
    AttackType::Ssi,
    AttackType::Xxe,
    AttackType::Redir,
    AttackType::Ssrf,
];

fuzz_target!(|input: (u8, u16, &str, &[u8], &[u8], &[u8])| {
    let (selector, status, value, header, credential, body) = input;
    let attempt = Attempt {
        attack_type: TYPES[usize::from(selector) % TYPES.len()],
        parameter: "GET_q_value",
        value,
    };
    let asked = Asked { host: "shop.test", method: "GET", path: "/", credentials: &[credential], attempts: &[attempt] };
    let headers: [(&[u8], &[u8]); 5] = [
        (b"content-type", if selector & 0x80 == 0 { b"text/html" } else { b"application/json" }),
        (b"location", header),
        (b"set-cookie", header),
        (b"server", header),
        (b"content-length", header),
    ];
    let response = ResponseParts { status, headers: &headers, body, parse_html: true };
    let proofs = ENGINE.inspect(&asked, &response);
    for proof in &proofs {
        assert!(proof.span.as_ref().is_none_or(|span| span.start <= span.end && span.end <= body.len()));
        assert!(proof.attempt.is_none_or(|index| index < 1));
    }
    assert_eq!(ENGINE.inspect(&asked, &response), proofs);
    let _ = ENGINE.open_redirect("shop.test", &[QueryParameter { name: "next", value }], &response);
});
