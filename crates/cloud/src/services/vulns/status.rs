//! The life of a vulnerability (`spec/events.md` section 4.3): which status follows which, and nothing else.
//!
//! ```text
//! open ──(closed by a person, not reproduced)──▶ closed
//!   │  ◀──(opened by a person, seen after it was closed, reproduced)──┘
//!   └──(called false, from either)──▶ falsepositive ──(opened by a person)──▶ open
//! ```
//!
//! A vulnerability that was called false stays so until a person opens it: neither proofs nor checks change it, and it
//! cannot be closed, because the next proof would open it again. `invalidate_time` is when it was closed, and null in every
//! other status. A step that changes nothing is none, so whatever is repeated leaves no trace.

use bartizan_api::ApiError;
use bartizan_store::entity::vuln::Model;
use http::StatusCode;

/// What happens to a vulnerability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A person opens it.
    Open,
    /// A person says that it is fixed.
    Close,
    /// A person or a rule says that it never was one.
    CallFalse,
    /// It was seen at this time, Unix seconds.
    Seen(i64),
    /// Active verification saw it.
    Reproduced,
    /// Active verification did not see it any more.
    Missed,
}

impl Step {
    /// The step to a status that a client names.
    pub(super) fn to(status: &str) -> Option<Step> {
        match status {
            "open" | "active" => Some(Step::Open),
            "closed" => Some(Step::Close),
            "falsepositive" => Some(Step::CallFalse),
            _ => None,
        }
    }
}

/// Takes a step; whether it changed the status.
///
/// # Errors
/// 409 when a person closes what was called false.
pub(super) fn take(row: &mut Model, step: Step, now: i64) -> Result<bool, ApiError> {
    let next = match (step, row.status.as_str()) {
        (Step::Open, _) | (Step::Reproduced, "closed") => "open",
        (Step::Seen(at), "closed") if row.invalidate_time.is_none_or(|closed| at > closed) => "open",
        (Step::Close, "falsepositive") => {
            let text = format!("{} was called false: open it before it is closed", row.wid);
            return Err(ApiError::text(StatusCode::CONFLICT, text));
        }
        (Step::Close, _) | (Step::Missed, "open") => "closed",
        (Step::CallFalse, _) => "falsepositive",
        _ => return Ok(false),
    };
    if next == row.status {
        return Ok(false);
    }
    next.clone_into(&mut row.status);
    row.invalidate_time = (next == "closed").then_some(now);
    if next == "falsepositive" {
        // Nobody checks it again.
        row.recheck_requested_at = None;
    } else {
        row.false_positive_rule_id = None;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vulnerability in a status; closed ones were closed at 100.
    fn row(status: &str) -> Model {
        let mut row = super::super::blank(bartizan_store::TenantId(1), 10);
        row.status = status.to_owned();
        row.invalidate_time = (status == "closed").then_some(100);
        row.recheck_requested_at = Some(50);
        row.false_positive_rule_id = (status == "falsepositive").then_some(7);
        row
    }

    #[test]
    fn each_status_and_each_step() {
        use Step::{CallFalse, Close, Missed, Open, Reproduced, Seen};
        // Refused is the empty word; a status that stays is no change.
        for (step, [open, closed, called_false]) in [
            (Open, ["open", "open", "open"]),
            (Close, ["closed", "closed", ""]),
            (CallFalse, ["falsepositive", "falsepositive", "falsepositive"]),
            (Seen(99), ["open", "closed", "falsepositive"]),
            (Seen(100), ["open", "closed", "falsepositive"]),
            (Seen(101), ["open", "open", "falsepositive"]),
            (Reproduced, ["open", "open", "falsepositive"]),
            (Missed, ["closed", "closed", "falsepositive"]),
        ] {
            for (from, to) in [("open", open), ("closed", closed), ("falsepositive", called_false)] {
                let mut row = row(from);
                let before = row.clone();
                let taken = take(&mut row, step, 200);
                if to.is_empty() {
                    assert_eq!(taken.unwrap_err().status, StatusCode::CONFLICT, "{from} {step:?}");
                    assert_eq!(row, before, "{from} {step:?}");
                    continue;
                }
                assert_eq!((row.status.as_str(), taken), (to, Ok(from != to)), "{from} {step:?}");
                let at = if from == to { 100 } else { 200 };
                assert_eq!(row.invalidate_time, (to == "closed").then_some(at), "{from} {step:?}");
                assert_eq!(row.false_positive_rule_id.is_some(), from == "falsepositive" && from == to);
                if from == to {
                    assert_eq!(row, before, "{from} {step:?}");
                }
                let after = row.clone();
                assert_eq!(take(&mut row, step, 300), Ok(false), "repeated: {from} {step:?}");
                assert_eq!(row, after, "repeated: {from} {step:?}");
            }
        }
    }

    #[test]
    fn what_is_called_false_waits_for_no_check() {
        let mut row = row("open");
        assert_eq!(take(&mut row, Step::CallFalse, 200), Ok(true));
        assert_eq!(row.recheck_requested_at, None);
    }
}
