//! One check: a plan of requests sent to one host, no faster than allowed, until something is proven or nothing is left.

use std::time::Duration;

use bartizan_api::AttackType;
use bartizan_detect::Proof;
use reqwest::{
    Url,
    header::{HOST, HeaderName, HeaderValue, USER_AGENT},
};
use tokio::time::Instant;

use super::{
    callback::Callback,
    mark,
    plan::{Filled, Plan},
    probe::{self, Answer, Round},
};
use crate::outgoing::{Outgoing, OutgoingError, OutgoingRequest};

/// Most requests of one check.
pub(super) const MAX_REQUESTS: usize = 20;
/// Longest wait for an answer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
/// Largest answer that is read, bytes.
const MAX_ANSWER: usize = 4 << 20;
/// Answers in a row that say that the host is in trouble.
const MAX_TROUBLE: usize = 5;

/// What is asked.
pub(super) struct Target<'a> {
    pub(super) outgoing: &'a Outgoing,
    /// Origin that is connected to.
    pub(super) origin: Url,
    /// Host that the request names.
    pub(super) host: &'a str,
    /// Makes the value of the header that says who asks; that of each request is its own, as it is good for a while only.
    pub(super) mark: &'a (dyn Fn() -> String + Sync),
    /// Time between two requests.
    pub(super) pause: Duration,
    /// How payloads make the host call; none where that is not wanted.
    pub(super) callback: Option<Callback<'a>>,
}

/// Why a check ended without an answer to its question.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The host does not answer, or may not be asked.
    NoConnection(String),
    /// The host is in trouble, or an answer cannot be used.
    Trouble,
}

/// A proven flaw.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) proof: Proof,
    pub(super) sent: Filled,
    pub(super) answer: Answer,
}

struct Conversation<'a> {
    target: &'a Target<'a>,
    plan: &'a Plan,
    sent: usize,
    trouble: usize,
    last: Option<Instant>,
}

/// Tries the payloads of an attack type; a finding was seen twice.
pub(super) async fn check(
    target: &Target<'_>,
    plan: &Plan,
    kind: AttackType,
) -> Result<Option<Finding>, Stop> {
    let mut talk = Conversation { target, plan, sent: 0, trouble: 0, last: None };
    let first = Round::random();
    let Some((_, baseline)) = talk.ask(&first.neutral()).await? else { return Ok(None) };
    // Who is not let in learns nothing of what is behind the door.
    if is_refusal(&baseline) {
        return Err(Stop::Trouble);
    }
    let mut all_refused = true;
    for (at, payload) in probe::payloads(kind, first).iter().enumerate() {
        let Some((_, answer)) = talk.ask(payload).await? else { continue };
        all_refused &= is_refusal(&answer);
        if probe::judge(kind, target.host, payload, &answer, &baseline).is_none() {
            continue;
        }
        let again = probe::payloads(kind, Round::random());
        let Some(payload) = again.get(at) else { continue };
        let Some((sent, answer)) = talk.ask(payload).await? else { continue };
        if let Some(proof) = probe::judge(kind, target.host, payload, &answer, &baseline) {
            return Ok(Some(Finding { proof, sent, answer }));
        }
    }
    let mut found = if kind == AttackType::Sqli { talk.compare().await? } else { None };
    if found.is_none() {
        found = talk.call_back(kind, &mut all_refused).await?;
    }
    // Something in front of the host keeps payloads away from it, so whether the flaw is there stays open.
    if found.is_none() && all_refused { Err(Stop::Trouble) } else { Ok(found) }
}

fn is_refusal(answer: &Answer) -> bool {
    matches!(answer.status, 401 | 403)
}

impl Conversation<'_> {
    /// Looks for a database that evaluates comparisons, twice.
    async fn compare(&mut self) -> Result<Option<Finding>, Stop> {
        let (first, second) = (Round::random(), Round::random());
        for (values, again) in probe::comparisons(first).iter().zip(&probe::comparisons(second)) {
            let mut told = None;
            for values in [values, again] {
                told = self.tells(values).await?;
                if told.is_none() {
                    break;
                }
            }
            if told.is_some() {
                return Ok(told);
            }
        }
        Ok(None)
    }

    async fn tells(&mut self, values: &[String; 3]) -> Result<Option<Finding>, Stop> {
        let [base, truth, lie] = values;
        let Some((_, of_base)) = self.ask(base).await? else { return Ok(None) };
        let Some((sent, of_truth)) = self.ask(truth).await? else { return Ok(None) };
        let Some((_, of_lie)) = self.ask(lie).await? else { return Ok(None) };
        if !probe::tells(values, &[of_base, of_truth.clone(), of_lie]) {
            return Ok(None);
        }
        let proof = Proof {
            vuln_type: AttackType::Sqli.code(),
            sign_class: "",
            attempt: Some(0),
            sign: "A true and a false comparison are answered differently",
            meaning: "The database evaluated an expression of the request.",
            span: None,
            text: format!("answered like {base}: {truth}\nanswered otherwise: {lie}"),
            needs_baseline: false,
        };
        Ok(Some(Finding { proof, sent, answer: of_truth }))
    }

    /// Sends payloads that make the host call, and waits for it; the one that worked is sent twice.
    async fn call_back(&mut self, kind: AttackType, all_refused: &mut bool) -> Result<Option<Finding>, Stop> {
        let (target, plan) = (self.target, self.plan);
        let Some(callback) = &target.callback else { return Ok(None) };
        let payload = |at: usize, token: &str| {
            probe::calls(kind, &callback.address(token), plan.root()).into_iter().nth(at)
        };
        let mut tokens = Vec::new();
        for at in 0.. {
            let token = (callback.token)();
            let Some(payload) = payload(at, &token) else { break };
            tokens.push(token);
            if let Some((_, answer)) = self.ask(&payload).await? {
                *all_refused &= is_refusal(&answer);
            }
        }
        let of_tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        let Some(call) = callback.wait(&of_tokens).await? else { return Ok(None) };
        let Some(at) = tokens.iter().position(|token| *token == call.token) else { return Ok(None) };
        let token = (callback.token)();
        let Some(payload) = payload(at, &token) else { return Ok(None) };
        let Some((sent, answer)) = self.ask(&payload).await? else { return Ok(None) };
        let Some(call) = callback.wait(&[&token]).await? else { return Ok(None) };
        Ok(Some(Finding { proof: probe::called(kind, &call), sent, answer }))
    }

    /// Sends the plan with a value; none when the place cannot hold it or enough was sent.
    async fn ask(&mut self, value: &str) -> Result<Option<(Filled, Answer)>, Stop> {
        let Some(filled) = self.plan.with(value).filter(|_| self.sent < MAX_REQUESTS) else {
            return Ok(None);
        };
        if let Some(last) = self.last {
            tokio::time::sleep_until(last + self.target.pause).await;
        }
        (self.sent, self.last) = (self.sent + 1, Some(Instant::now()));
        let answer = self.target.send(self.plan, &filled).await?;
        let troubled = answer.status == 429 || answer.status >= 500;
        self.trouble = if troubled { self.trouble + 1 } else { 0 };
        if self.trouble >= MAX_TROUBLE { Err(Stop::Trouble) } else { Ok(Some((filled, answer))) }
    }
}

impl Target<'_> {
    async fn send(&self, plan: &Plan, filled: &Filled) -> Result<Answer, Stop> {
        let refused = |text: &str| Stop::NoConnection(text.to_owned());
        let origin = self.origin.origin().ascii_serialization();
        let text = format!("{origin}{}", filled.path_and_query);
        let url = self.outgoing.check(&text, true).map_err(refused)?;
        // Whatever the path holds, the host stays the one that is allowed.
        if url.origin() != self.origin.origin() {
            return Err(refused("leads to another host"));
        }
        let mut headers = filled.headers.clone();
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| refused("cannot be named"));
        headers.insert(HOST, value(self.host)?);
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("Bartizan-Verify/", env!("CARGO_PKG_VERSION"))),
        );
        headers.insert(HeaderName::from_static(mark::HEADER), value(&(self.mark)())?);
        let request = OutgoingRequest {
            method: plan.method.clone(),
            url,
            headers,
            body: filled.body.clone().into_bytes(),
            authority: None,
            verify: true,
            connect_timeout: TIMEOUT,
            timeout: TIMEOUT,
            answer_limit: MAX_ANSWER,
        };
        match self.outgoing.send(request).await {
            Ok(answer) => Ok(Answer {
                status: answer.status,
                headers: answer
                    .headers
                    .iter()
                    .map(|(name, value)| (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec()))
                    .collect(),
                body: answer.body,
            }),
            Err(OutgoingError::TooLarge(_)) => Err(Stop::Trouble),
            Err(error) => Err(Stop::NoConnection(error.to_string())),
        }
    }
}
