//! Filters of hits and attacks as filters of the index; none for what it cannot tell.

use std::{collections::HashSet, ops::RangeInclusive};

use bartizan_api::filter::{Condition, Filter as Asked, Mask, Range, Test, folded};
use bartizan_events_index::{Filter, Mark, Number, Text};
use bartizan_store::attacks;

use crate::services::ingest::MULTIPLE;

/// The milliseconds of a span of seconds, both ends included.
pub(super) fn span_ms(from: Option<i64>, to: Option<i64>) -> RangeInclusive<i64> {
    let from = from.map_or(i64::MIN, |from| from.saturating_mul(1000));
    from..=to.map_or(i64::MAX, |to| to.saturating_mul(1000).saturating_add(999))
}

/// Hits that a filter of hits lets through.
pub(super) fn of_hits(asked: &Asked, since: i64) -> Option<Filter> {
    any_of(asked, since, &clause)
}

/// Hits that are not marked false, of the attacks that a filter lets through, as far as it means them.
pub(super) fn of_attacks(asked: &Asked, since: i64, incidents: &[i64]) -> Option<Filter> {
    // SQL counts the hits of an attack by what any of several clauses says of hits, whichever let the attack through.
    if asked.clauses.len() > 1 {
        return None;
    }
    let own = |clause: &[Condition]| {
        let conditions = clause.iter().map(|asked| of_attack(asked, incidents));
        Some(Filter::All(conditions.collect::<Option<Vec<_>>>()?))
    };
    Some(Filter::All(vec![counted(), any_of(asked, since, &own)?]))
}

/// Hits of these attacks that are not marked false, of any of these clauses where there are some.
pub(super) fn of_page(attacks: &[i64], clauses: Option<&[Vec<Condition>]>) -> Option<Filter> {
    let mut all = vec![Filter::AnyOf(Number::Attack, attacks.to_vec()), counted()];
    if let Some(clauses) = clauses {
        all.push(Filter::Any(clauses.iter().map(|of_hit| clause(of_hit)).collect::<Option<Vec<_>>>()?));
    }
    Some(Filter::All(all))
}

/// What the only clause of a filter of attacks asks that each hit of an attack that passes has as well.
pub(super) fn shared(asked: &Asked) -> Vec<Condition> {
    let [clause] = asked.clauses.as_slice() else { return vec![] };
    clause.iter().filter(|condition| is_of_one(condition)).cloned().collect()
}

/// Whether a condition lets no attack through whose hits have several values of the field: all hits have that of the
/// attack then.
fn is_of_one(asked: &Condition) -> bool {
    let several = match (asked.field, &asked.test) {
        ("type", Test::Texts(texts)) => texts.iter().any(|text| text == MULTIPLE),
        ("domain" | "parameter", Test::Masks(masks)) => {
            masks.iter().any(|mask| Pattern::of(mask).matches(MULTIPLE))
        }
        _ => return false,
    };
    several == asked.negated
}

/// Not marked false.
fn counted() -> Filter {
    Filter::Not(Box::new(Filter::number(Number::Mark, Mark::False.code()..=Mark::False.code())))
}

fn any_of(asked: &Asked, since: i64, of: &dyn Fn(&[Condition]) -> Option<Filter>) -> Option<Filter> {
    let exists = Filter::number(Number::Time, span_ms(Some(since), None));
    if asked.clauses.is_empty() {
        return Some(exists);
    }
    let clauses = asked.clauses.iter().map(|clause| of(clause)).collect::<Option<Vec<_>>>()?;
    Some(Filter::All(vec![exists, Filter::Any(clauses)]))
}

/// Hits that meet every condition.
pub(super) fn clause(conditions: &[Condition]) -> Option<Filter> {
    Some(Filter::All(conditions.iter().map(condition).collect::<Option<Vec<_>>>()?))
}

/// What a condition on an attack means for its hits.
fn of_attack(asked: &Condition, incidents: &[i64]) -> Option<Filter> {
    match (asked.field, &asked.test) {
        // An attack that overlaps the period is out, with its hits of other times.
        ("time", _) if asked.negated => None,
        // Hits of an attack may have several parameters; types and hosts only where the caller has looked.
        ("parameter", _) if !is_of_one(asked) => None,
        // An attack with a hit in the period overlaps it, and only hits of the period count.
        ("time" | "clientid" | "type" | "domain" | "parameter" | "poolid", _) => condition(asked),
        ("vulnid" | "security_issue_id", Test::Null) => {
            let with = Filter::AnyOf(Number::Attack, incidents.to_vec());
            Some(if asked.negated { with } else { Filter::Not(Box::new(with)) })
        }
        // An attack is false when all its hits are, and those count nowhere.
        ("state", Test::Null) if !asked.negated => Some(Filter::All(vec![])),
        ("state", Test::Texts(words))
            if asked.negated && words.iter().all(|word| word == "falsepositive") =>
        {
            Some(Filter::All(vec![]))
        }
        // An attack with such a hit is out with all its hits.
        _ if attacks::excludes(asked) => None,
        // Hits of one attack may differ from it.
        ("method", _) => None,
        ("id" | "attackid" | "threat" | "target" | "state" | "vulnid" | "security_issue_id", _)
        | ("path" | "experimental" | "hits" | "ips" | "block_status" | "sampled", _)
        | ("recheck_status" | "index" | "changed_time" | "preset" | "incident_status", _) => None,
        _ => condition(asked),
    }
}

fn condition(asked: &Condition) -> Option<Filter> {
    let test = &asked.test;
    let positive = match asked.field {
        "clientid" if !asked.negated => return Some(Filter::All(vec![])),
        "time" => times(test)?,
        "type" => texts(Text::Kind, test)?,
        "method" => texts(Text::Method, test)?,
        "remote_country" => texts(Text::Country, test)?,
        "protocol" => texts(Text::ApiProtocol, test)?,
        "node_uuid" => texts(Text::Node, test)?,
        "attack_subtype" => texts(Text::Subtype, test)?,
        "domain" => masks(Text::Host, test)?,
        "path" => masks(Text::Path, test)?,
        "parameter" => masks(Text::Parameter, test)?,
        "value" | "vector" => masks(Text::Payload, test)?,
        "known_attack" => listed(Text::KnownAttack, test)?,
        "auth_protocol" => listed(Text::AuthProtocol, test)?,
        "statuscode" => numbers(Number::Status, test)?,
        "poolid" => numbers(Number::Application, test)?,
        "response_time" => numbers(Number::ResponseTime, test)?,
        "size" => numbers(Number::ResponseSize, test)?,
        "ip" => addresses(test)?,
        "block_status" => outcomes(test)?,
        "state" => marks(test)?,
        "vulnid" | "security_issue_id" => issues(test)?,
        "request_id" => match test {
            Test::Texts(ids) => Filter::Requests(ids.clone()),
            _ => return None,
        },
        _ => return None,
    };
    Some(if asked.negated { Filter::Not(Box::new(positive)) } else { positive })
}

fn times(test: &Test) -> Option<Filter> {
    let Test::Ints(moments, ranges) = test else { return None };
    let moments = moments.iter().map(|&moment| span_ms(Some(moment), Some(moment)));
    let ranges = ranges.iter().map(|range| span_ms(range.from, range.to));
    Some(Filter::Number(Number::Time, moments.chain(ranges).collect()))
}

fn numbers(column: Number, test: &Test) -> Option<Filter> {
    let Test::Ints(values, ranges) = test else { return None };
    let span = |range: &Range| range.from.unwrap_or(i64::MIN)..=range.to.unwrap_or(i64::MAX);
    Some(Filter::Any(vec![
        Filter::AnyOf(column, values.clone()),
        Filter::Number(column, ranges.iter().map(span).collect()),
    ]))
}

/// An empty text stands for null, so no text that is asked for.
fn texts(column: Text, test: &Test) -> Option<Filter> {
    match test {
        Test::Null => Some(Filter::text(column, str::is_empty)),
        Test::Texts(texts) => {
            let texts: HashSet<String> = texts.iter().filter(|text| !text.is_empty()).cloned().collect();
            Some(Filter::text(column, move |text| texts.contains(text)))
        }
        _ => None,
    }
}

fn masks(column: Text, test: &Test) -> Option<Filter> {
    let Test::Masks(masks) = test else { return None };
    let masks: Vec<Pattern> = masks.iter().map(Pattern::of).collect();
    Some(Filter::text(column, move |text| masks.iter().any(|mask| mask.matches(text))))
}

/// `,a,b,` holds one of the texts.
fn listed(column: Text, test: &Test) -> Option<Filter> {
    match test {
        Test::Null | Test::Bool(false) => Some(Filter::text(column, str::is_empty)),
        Test::Bool(true) => Some(Filter::text(column, |text| !text.is_empty())),
        Test::Texts(texts) => {
            let texts: Vec<String> =
                texts.iter().map(|text| format!(",{text},").to_ascii_lowercase()).collect();
            Some(Filter::text(column, move |list| {
                let list = list.to_ascii_lowercase();
                texts.iter().any(|text| list.contains(text))
            }))
        }
        _ => None,
    }
}

fn addresses(test: &Test) -> Option<Filter> {
    let Test::Ips(tests) = test else { return None };
    let tests = tests.clone();
    Some(Filter::text(Text::Ip, move |text| tests.iter().any(|test| test.holds(text))))
}

fn outcomes(test: &Test) -> Option<Filter> {
    let Test::Texts(words) = test else { return None };
    let codes = words.iter().filter_map(|word| match word.as_str() {
        "blocked" => Some(1),
        "monitored" => Some(0),
        _ => None,
    });
    Some(Filter::AnyOf(Number::Blocked, codes.collect()))
}

fn marks(test: &Test) -> Option<Filter> {
    let codes = match test {
        Test::Null => vec![Mark::None.code()],
        Test::Texts(words) => words
            .iter()
            .filter_map(|word| match word.as_str() {
                "falsepositive" => Some(Mark::False.code()),
                "truepositive" => Some(Mark::True.code()),
                _ => None,
            })
            .collect(),
        _ => return None,
    };
    Some(Filter::AnyOf(Number::Mark, codes))
}

/// 0 stands for none.
fn issues(test: &Test) -> Option<Filter> {
    match test {
        Test::Null => Some(Filter::number(Number::Issue, 0..=0)),
        Test::Ints(..) => {
            let some = Filter::Not(Box::new(Filter::number(Number::Issue, 0..=0)));
            Some(Filter::All(vec![some, numbers(Number::Issue, test)?]))
        }
        _ => None,
    }
}

/// A text, or a pattern of LIKE in lower case: `%` any run, `_` any character, `\` before either.
enum Pattern {
    Exact(String),
    /// `%text%`, which is what people search for.
    Contains(String),
    Like(Vec<Step>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Run,
    One,
    Char(char),
}

impl Pattern {
    fn of(mask: &Mask) -> Pattern {
        let pattern = match mask {
            Mask::Exact(text) => return Pattern::Exact(text.clone()),
            Mask::Like(pattern) => pattern,
        };
        let mut steps = vec![];
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            steps.push(match c {
                '%' => Step::Run,
                '_' => Step::One,
                '\\' => Step::Char(chars.next().unwrap_or('\\')),
                c => Step::Char(c),
            });
        }
        steps.dedup_by(|a, b| *a == Step::Run && *b == Step::Run);
        if let [Step::Run, middle @ .., Step::Run] = steps.as_slice() {
            let text = middle.iter().map(|step| match step {
                Step::Char(c) => Some(*c),
                _ => None,
            });
            if let Some(text) = text.collect::<Option<String>>() {
                return Pattern::Contains(text);
            }
        }
        Pattern::Like(steps)
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Pattern::Exact(exact) => text == exact,
            Pattern::Contains(part) => folded(text).contains(part.as_str()),
            Pattern::Like(steps) => like(steps, &folded(text)),
        }
    }
}

/// Whether a text as a whole fits. Time is at most the product of both lengths.
fn like(steps: &[Step], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut step) = (0, 0);
    // Where to go on when what follows the last run does not fit: one character further.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(c) = text.get(at) {
        match steps.get(step) {
            Some(Step::Run) => {
                step += 1;
                retry = Some((step, at));
            }
            Some(Step::One) => (at, step) = (at + 1, step + 1),
            Some(Step::Char(wanted)) if wanted == c => (at, step) = (at + 1, step + 1),
            _ => {
                let Some((after, from)) = retry else { return false };
                (at, step) = (from + 1, after);
                retry = Some((after, from + 1));
            }
        }
    }
    steps.get(step..).is_some_and(|rest| rest.iter().all(|step| *step == Step::Run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_like_does() {
        let fits = |pattern: &str, text: &str| Pattern::of(&Mask::Like(pattern.to_owned())).matches(text);
        assert!(fits("%union%", "1 UNION select") && !fits("%union%", "onion"));
        assert!(fits("/api/_/x%", "/API/1/xyz") && !fits("/api/_/x%", "/api/12/x"));
        assert!(fits(r"100\%", "100%") && !fits(r"100\%", "1000") && fits(r"%\_%", "a_b"));
        assert!(fits("%", "") && fits("a%b%c", "aXbYbZc") && !fits("a%b%c", "aXbYbZ"));
        assert!(Pattern::of(&Mask::Exact("A".into())).matches("A"));
        assert!(!Pattern::of(&Mask::Exact("A".into())).matches("a"));
    }

    #[test]
    fn what_the_index_cannot_tell_is_left_to_the_database() {
        let asked = |field, test| Condition { field, negated: false, test };
        assert!(condition(&asked("stamps", Test::Ints(vec![1], vec![]))).is_none());
        assert!(condition(&asked("experimental", Test::Bool(true))).is_none());
        assert!(condition(&asked("type", Test::Texts(vec!["sqli".into()]))).is_some());
        assert!(of_attack(&asked("threat", Test::Ints(vec![1], vec![])), &[]).is_none());
    }
}
