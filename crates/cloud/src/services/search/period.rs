//! Times in a query: `today`, `last 3 days`, month names, dates and ranges of dates.

use bartizan_api::filter::REVERSED;
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime};

use super::{SearchError, words::Term, zone::Zone};

mod dates;

/// How a user writes dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DateOrder {
    DayMonthYear,
    MonthDayYear,
    YearMonthDay,
}

impl DateOrder {
    /// What is wrong with a date of another order.
    fn expected(self) -> &'static str {
        match self {
            DateOrder::DayMonthYear => "no such date: dd/mm/yyyy is expected, or quotes around a text",
            DateOrder::MonthDayYear => "no such date: mm/dd/yyyy is expected, or quotes around a text",
            DateOrder::YearMonthDay => "no such date: yyyy/mm/dd is expected, or quotes around a text",
        }
    }
}

/// Now, as the user sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calendar {
    now: i64,
    zone: Zone,
    order: DateOrder,
}

/// Months by their names, January first.
pub(super) const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl Calendar {
    /// A zone that is not known counts as UTC.
    pub(super) fn new(now: i64, zone: &str, order: DateOrder) -> Calendar {
        Calendar { now, zone: Zone::named(zone), order }
    }

    fn today(&self) -> NaiveDate {
        self.zone.date_of(self.now)
    }

    /// The first second of a day.
    fn start(&self, day: NaiveDate) -> i64 {
        self.zone.moment(day, NaiveTime::MIN)
    }

    /// From the first second of a day to the last of another.
    fn days(&self, from: NaiveDate, to: NaiveDate) -> (i64, i64) {
        (self.start(from), to.succ_opt().map_or(i64::MAX, |next| self.start(next) - 1))
    }

    /// A month, or as much of it as is over.
    fn month(&self, first: NaiveDate) -> Option<(i64, i64)> {
        let next = first.checked_add_months(Months::new(1))?;
        Some((self.start(first), (self.start(next) - 1).min(self.now)))
    }
}

/// The period that the terms begin with, if they do, and how many terms it takes.
pub(super) fn read(terms: &[Term], calendar: &Calendar) -> Result<(Option<(i64, i64)>, usize), SearchError> {
    if let [term @ Term { negated: true, key: None, quoted: false, value, column }, ..] = terms {
        return match read(&[Term { negated: false, ..term.clone() }], calendar) {
            Ok((None, _)) => Ok((None, 0)),
            _ => Err(SearchError {
                text: "a period cannot be left out",
                value: value.clone(),
                column: *column,
            }),
        };
    }
    let word = |index: usize| -> Option<String> {
        let term = terms.get(index).filter(|term| term.key.is_none() && !term.quoted && !term.negated)?;
        Some(term.value.to_lowercase())
    };
    let Some(first) = word(0) else { return Ok((None, 0)) };
    let (second, third) = (word(1).unwrap_or_default(), word(2).unwrap_or_default());
    let today = calendar.today();
    let found = match first.as_str() {
        "today" => Some((Ok((calendar.start(today), calendar.now)), 1)),
        "yesterday" => Some((today.pred_opt().map(|day| calendar.days(day, day)).ok_or(UNKNOWN), 1)),
        "last" => last(&second, &third, calendar),
        "this" => this(&second, calendar).map(|range| (range, 2)),
        name => match MONTHS.iter().position(|month| *month == name) {
            Some(index) => Some((named_month(index, calendar).ok_or(UNKNOWN), 1)),
            None => dated(&word, calendar),
        },
    };
    let is_dated = first.trim_start_matches(['<', '>', '=']).starts_with(|c: char| c.is_ascii_digit());
    let bad = |text, value: &str| SearchError {
        text,
        value: value.to_owned(),
        column: terms.first().map_or(1, |term| term.column),
    };
    match found {
        Some((Ok((from, _)), _)) if from < 0 => Err(bad("the period begins before 1970", &first)),
        Some((Ok(range), used)) => match word(used).filter(|next| is_dated && dates::is_like_time(next)) {
            // The date would have taken a time of day, and it is no period of its own.
            Some(value) if dated(&|index| word(used + index), calendar).is_none() => {
                let column = terms.get(used).map_or(1, |term| term.column);
                Err(SearchError { text: dates::NO_TIME, value, column })
            }
            _ => Ok((Some(range), used)),
        },
        Some((Err(text), _)) => Err(bad(text, &first)),
        None if first == "last" || first == "this" => Err(bad(UNKNOWN, &first)),
        None => match dates::misread(&first, &second, calendar.order.expected()) {
            Some((text, value)) => Err(bad(text, value)),
            None => Ok((None, 0)),
        },
    }
}

/// First and last second, or what is wrong.
type Span = Result<(i64, i64), &'static str>;
/// A period and how many words it takes.
type Read = Option<(Span, usize)>;

const UNKNOWN: &str = "unknown period";

fn last(second: &str, third: &str, calendar: &Calendar) -> Read {
    let now = calendar.now;
    let today = calendar.today();
    let rolling = |seconds: i64| Some((now.saturating_sub(seconds), now));
    let (range, used) = match second {
        "hour" => (rolling(3600), 2),
        "day" => (rolling(86_400), 2),
        "week" => (
            monday(today).and_then(|start| {
                Some(calendar.days(start.checked_sub_days(Days::new(7))?, start.pred_opt()?))
            }),
            2,
        ),
        "month" => {
            let start = today.with_day(1).and_then(|day| day.checked_sub_months(Months::new(1)));
            (start.and_then(|start| calendar.month(start)), 2)
        }
        "year" => (rolling(365 * 86_400), 2),
        number => {
            let count: i64 = number.parse().ok().filter(|count| (1..=100_000).contains(count))?;
            let range = match third.trim_end_matches('s') {
                "minute" => rolling(count * 60),
                "hour" => rolling(count * 3600),
                "day" => rolling(count * 86_400),
                "week" => rolling(count * 7 * 86_400),
                "month" => u32::try_from(count)
                    .ok()
                    .and_then(|count| {
                        DateTime::from_timestamp(now, 0)?.checked_sub_months(Months::new(count))
                    })
                    .map(|from| (from.timestamp(), now)),
                _ => return None,
            };
            (range, 3)
        }
    };
    Some((range.ok_or(UNKNOWN), used))
}

fn this(second: &str, calendar: &Calendar) -> Option<Span> {
    let today = calendar.today();
    let start = match second {
        "day" => Some(today),
        "week" => monday(today),
        "month" => today.with_day(1),
        "year" => today.with_ordinal(1),
        _ => return None,
    };
    Some(start.map(|start| (calendar.start(start), calendar.now)).ok_or(UNKNOWN))
}

fn monday(day: NaiveDate) -> Option<NaiveDate> {
    day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday())))
}

/// The month of this year, or of the last one when it has not begun.
fn named_month(index: usize, calendar: &Calendar) -> Option<(i64, i64)> {
    let today = calendar.today();
    let number = u32::try_from(index).ok()? + 1;
    let year = if number > today.month() { today.year() - 1 } else { today.year() };
    calendar.month(NaiveDate::from_ymd_opt(year, number, 1)?)
}

/// Dates and times of day; with blanks they take up to three words, and the longest reading is meant.
fn dated(word: &dyn Fn(usize) -> Option<String>, calendar: &Calendar) -> Read {
    let mut text = String::new();
    let mut found = None;
    for used in 1..=3 {
        let Some(next) = word(used - 1) else { break };
        if used > 1 {
            text.push(' ');
        }
        text.push_str(&next);
        if let Some(span) = moments(&text, calendar) {
            found = Some((span, used));
        }
    }
    found
}

/// A date, a date with a time of day, `a-b`, `>a` or `<a`.
fn moments(text: &str, calendar: &Calendar) -> Option<Span> {
    if let Some(rest) = text.strip_prefix('>') {
        let (from, _) = span(rest.trim_start_matches('='), None, calendar)?;
        let is_over = from <= calendar.now;
        return Some(if is_over { Ok((from, calendar.now)) } else { Err("the period has not begun yet") });
    }
    if let Some(rest) = text.strip_prefix('<') {
        return Some(Ok((0, span(rest.trim_start_matches('='), None, calendar)?.1)));
    }
    if let Some(span) = span(text, None, calendar) {
        return Some(Ok(span));
    }
    // The dash between two moments, not one of those inside an ISO date.
    text.match_indices('-').find_map(|(at, _)| {
        let (from, to) = (text.get(..at)?, text.get(at + 1..)?);
        // `11:30-12:22` alone is today's.
        let (first, day) = match span(from, None, calendar) {
            Some((first, _)) => (first, date(from.split(' ').next()?, calendar.order)?),
            None => (span(from, Some(calendar.today()), calendar)?.0, calendar.today()),
        };
        let (_, last) = span(to, Some(day), calendar)?;
        Some(if first <= last { Ok((first, last)) } else { Err(REVERSED) })
    })
}

/// The first and last second of a day or minute. A time of day alone is of `day`, if there is one.
fn span(text: &str, day: Option<NaiveDate>, calendar: &Calendar) -> Option<(i64, i64)> {
    let text = text.trim();
    let minute = |day: NaiveDate, time: &str| {
        let start = calendar.zone.moment(day, NaiveTime::parse_from_str(time, "%H:%M").ok()?);
        Some((start, start + 59))
    };
    if let Some((first, time)) = text.split_once(' ') {
        return minute(date(first, calendar.order)?, time);
    }
    match date(text, calendar.order) {
        Some(day) => Some(calendar.days(day, day)),
        None => minute(day?, text),
    }
}

fn date(text: &str, order: DateOrder) -> Option<NaiveDate> {
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(day).filter(|day| (1970..=9999).contains(&day.year()));
    }
    let parts: Vec<u32> = text.split('/').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [a, b, c] = parts.as_slice() else { return None };
    let (year, month, day) = match order {
        DateOrder::DayMonthYear => (*c, *b, *a),
        DateOrder::MonthDayYear => (*c, *a, *b),
        DateOrder::YearMonthDay => (*a, *b, *c),
    };
    let year = if year < 100 { 2000 + year } else { year };
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
        .filter(|day| (1970..=9999).contains(&day.year()))
}
