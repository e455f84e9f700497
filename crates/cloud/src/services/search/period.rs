//! Times in a query: `today`, `last 3 days`, month names, dates and ranges of dates.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate};

use super::{SearchError, words::Term};

/// How a user writes dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DateOrder {
    DayMonthYear,
    MonthDayYear,
    YearMonthDay,
}

/// Now, as the user sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calendar {
    now: i64,
    /// Seconds east of UTC.
    offset: i64,
    order: DateOrder,
}

const MONTHS: [&str; 12] = [
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
        Calendar { now, offset: offset_of(zone), order }
    }

    fn today(&self) -> NaiveDate {
        DateTime::from_timestamp(self.now + self.offset, 0).unwrap_or_default().date_naive()
    }

    /// The first second of a day.
    fn start(&self, day: NaiveDate) -> i64 {
        day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp() - self.offset
    }

    /// From the first second of a day to the last of another.
    fn days(&self, from: NaiveDate, to: NaiveDate) -> (i64, i64) {
        (self.start(from), self.start(to) + 86_399)
    }

    /// A month, or as much of it as is over.
    fn month(&self, first: NaiveDate) -> Option<(i64, i64)> {
        let next = first.checked_add_months(Months::new(1))?;
        Some((self.start(first), (self.start(next) - 1).min(self.now)))
    }
}

fn offset_of(zone: &str) -> i64 {
    let zone = zone.trim().to_uppercase();
    let hours = match zone.as_str() {
        "EST" | "CDT" => -5,
        "EDT" => -4,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" => -8,
        "CET" | "BST" => 1,
        "CEST" | "EET" => 2,
        "EEST" | "MSK" => 3,
        "JST" => 9,
        other => return numeric_offset(other),
    };
    hours * 3600
}

/// `UTC-3.0`, `UTC+5.5`, `+05:30`; 0 for anything else.
fn numeric_offset(zone: &str) -> i64 {
    let text = zone.trim_start_matches("UTC").trim_start_matches("GMT");
    let (sign, digits) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (_, Some(rest)) => (-1, rest),
        _ => return 0,
    };
    let seconds = if let Some((hours, minutes)) = digits.split_once(':') {
        hours
            .parse::<i64>()
            .ok()
            .zip(minutes.parse::<i64>().ok())
            .map(|(hours, minutes)| hours.saturating_mul(3600).saturating_add(minutes.saturating_mul(60)))
    } else {
        let (hours, tenths) = digits.split_once('.').unwrap_or((digits, "0"));
        let part = match tenths {
            "25" => 900,
            "5" | "50" => 1800,
            "75" => 2700,
            _ => 0,
        };
        hours.parse::<i64>().ok().map(|hours| hours.saturating_mul(3600).saturating_add(part))
    };
    seconds.filter(|seconds| (0..=14 * 3600).contains(seconds)).map_or(0, |seconds| sign * seconds)
}

/// The period that the terms begin with, if they do, and how many terms it takes.
pub(super) fn read(terms: &[Term], calendar: &Calendar) -> Result<(Option<(i64, i64)>, usize), SearchError> {
    let word = |index: usize| {
        let term = terms.get(index).filter(|term| term.key.is_none() && !term.quoted && !term.negated)?;
        Some(term.value.to_lowercase())
    };
    let Some(first) = word(0) else { return Ok((None, 0)) };
    let (second, third) = (word(1).unwrap_or_default(), word(2).unwrap_or_default());
    let today = calendar.today();
    let found = match first.as_str() {
        "today" => Some((Some((calendar.start(today), calendar.now)), 1)),
        "yesterday" => Some((today.pred_opt().map(|day| calendar.days(day, day)), 1)),
        "last" => last(&second, &third, calendar),
        "this" => this(&second, calendar).map(|range| (range, 2)),
        name => match MONTHS.iter().position(|month| *month == name) {
            Some(index) => Some((named_month(index, calendar), 1)),
            None => dates(name, calendar).map(|range| (Some(range), 1)),
        },
    };
    let bad = || SearchError {
        text: "unknown period",
        value: first.clone(),
        column: terms.first().map_or(1, |term| term.column),
    };
    match found {
        Some((Some(range), used)) => Ok((Some(range), used)),
        Some((None, _)) => Err(bad()),
        None if first == "last" || first == "this" => Err(bad()),
        None => Ok((None, 0)),
    }
}

type Read = Option<(Option<(i64, i64)>, usize)>;

fn last(second: &str, third: &str, calendar: &Calendar) -> Read {
    let now = calendar.now;
    let today = calendar.today();
    let rolling = |seconds: i64| Some((now.saturating_sub(seconds), now));
    Some(match second {
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
    })
}

fn this(second: &str, calendar: &Calendar) -> Option<Option<(i64, i64)>> {
    let today = calendar.today();
    let start = match second {
        "day" => Some(today),
        "week" => monday(today),
        "month" => today.with_day(1),
        "year" => today.with_ordinal(1),
        _ => return None,
    };
    Some(start.map(|start| (calendar.start(start), calendar.now)))
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

/// A date, `a-b`, `>a` or `<a`.
fn dates(text: &str, calendar: &Calendar) -> Option<(i64, i64)> {
    if let Some(rest) = text.strip_prefix('>') {
        let rest = rest.trim_start_matches('=');
        return Some((calendar.start(date(rest, calendar.order)?), calendar.now));
    }
    if let Some(rest) = text.strip_prefix('<') {
        let rest = rest.trim_start_matches('=');
        let day = date(rest, calendar.order)?;
        return Some((0, calendar.days(day, day).1));
    }
    if let Some(day) = date(text, calendar.order) {
        return Some(calendar.days(day, day));
    }
    // The dash between two dates, not one of those inside an ISO date.
    text.match_indices('-').find_map(|(at, _)| {
        let (from, to) = (text.get(..at)?, text.get(at + 1..)?);
        Some(calendar.days(date(from, calendar.order)?, date(to, calendar.order)?))
    })
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
