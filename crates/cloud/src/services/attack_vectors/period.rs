//! Time ranges, time zones and buckets (`spec/events.md` section 5.4).

use std::sync::Arc;

use bartizan_api::ApiError;
use bartizan_events_index::{Dimension, Filter, Number};
use chrono::{
    DateTime, Datelike, Days, FixedOffset, Months, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone,
    Timelike, Utc,
};
use chrono_tz::Tz;
use serde_json::Value;

use super::fields::Grain;

/// Where days begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    Fixed(FixedOffset),
    Named(Tz),
}

impl Zone {
    /// The zone of an `X-Time-Zone` header; UTC without one.
    pub(super) fn parse(header: Option<&str>) -> Result<Zone, ApiError> {
        let utc = Zone::Fixed(Utc.fix());
        let Some(name) = header.map(str::trim).filter(|name| !name.is_empty()) else { return Ok(utc) };
        offset(name)
            .map(Zone::Fixed)
            .or_else(|| Tz::from_str_insensitive(name).ok().map(Zone::Named))
            .ok_or_else(|| ApiError::field("X-Time-Zone", "must be an IANA name or ±HH:MM", name))
    }

    fn local(self, unix: i64) -> NaiveDateTime {
        let utc = DateTime::from_timestamp(unix, 0).unwrap_or_default();
        match self {
            Zone::Fixed(zone) => utc.with_timezone(&zone).naive_local(),
            Zone::Named(zone) => utc.with_timezone(&zone).naive_local(),
        }
    }

    /// The first moment of a local time; where clocks skip it, the first one after.
    fn moment(self, local: NaiveDateTime) -> i64 {
        let earliest = |local: NaiveDateTime| match self {
            Zone::Fixed(zone) => zone.from_local_datetime(&local).earliest().map(|time| time.timestamp()),
            Zone::Named(zone) => zone.from_local_datetime(&local).earliest().map(|time| time.timestamp()),
        };
        let tries = (0..4).filter_map(|half| local.checked_add_signed(chrono::TimeDelta::minutes(half * 30)));
        tries.into_iter().find_map(earliest).unwrap_or_else(|| local.and_utc().timestamp())
    }

    /// The start of the bucket that a moment is in, Unix seconds.
    pub(super) fn bucket(self, grain: Grain, unix: i64) -> i64 {
        let local = self.local(unix);
        let day = local.date();
        let start = match grain {
            Grain::Hour => {
                let time = NaiveTime::from_hms_opt(local.hour(), 0, 0).unwrap_or(NaiveTime::MIN);
                // An hour that clocks show twice is one bucket each time.
                let start = self.moment(day.and_time(time));
                return if unix - start >= 3600 { start + (unix - start) / 3600 * 3600 } else { start };
            }
            Grain::Day => day,
            Grain::Week => {
                let back = u64::from(day.weekday().num_days_from_monday());
                day.checked_sub_days(Days::new(back)).unwrap_or(day)
            }
            Grain::Month => day.with_day(1).unwrap_or(day),
        };
        self.moment(start.and_time(NaiveTime::MIN))
    }

    /// The start of the bucket after the one that starts here.
    pub(super) fn next(self, grain: Grain, start: i64) -> i64 {
        let day = self.local(start).date();
        let next = match grain {
            Grain::Hour => return start + 3600,
            Grain::Day => day.checked_add_days(Days::new(1)),
            Grain::Week => day.checked_add_days(Days::new(7)),
            Grain::Month => day.checked_add_months(Months::new(1)),
        };
        next.map_or(start + 86_400, |next| self.moment(next.and_time(NaiveTime::MIN)))
    }

    /// How the API writes a bucket.
    pub(super) fn label(self, grain: Grain, start: i64) -> String {
        let local = self.local(start);
        match grain {
            Grain::Hour => {
                let seconds = local.and_utc().timestamp() - start;
                let zone = i32::try_from(seconds).ok().and_then(FixedOffset::east_opt);
                let time = DateTime::from_timestamp(start, 0).unwrap_or_default();
                let zone = zone.unwrap_or_else(|| Utc.fix());
                time.with_timezone(&zone).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
            }
            Grain::Day | Grain::Week => local.date().to_string(),
            Grain::Month => local.format("%Y-%m").to_string(),
        }
    }

    /// The moment that a text of a filter names: Unix seconds, RFC 3339, a date or a month.
    pub(super) fn parse_moment(self, text: &str) -> Option<i64> {
        let text = text.trim();
        if let Ok(unix) = text.parse::<i64>() {
            return (0..=253_402_300_799).contains(&unix).then_some(unix);
        }
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Some(time.timestamp());
        }
        let day = text
            .parse::<NaiveDate>()
            .or_else(|_| format!("{text}-01").parse::<NaiveDate>())
            .map(|day| day.and_time(NaiveTime::MIN));
        let local = day.or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S"));
        local.ok().map(|local| self.moment(local))
    }

    /// The dimension of a bucket.
    pub(super) fn dimension(self, grain: Grain) -> Dimension {
        Dimension::Time(Arc::new(move |slot| self.bucket(grain, slot)))
    }
}

/// `+02:00`, `-0530`, `+2`.
fn offset(name: &str) -> Option<FixedOffset> {
    let (sign, digits) = match name.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 => digits.split_at_checked(2)?,
        None => (digits, "0"),
    };
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(hours) || !plain(minutes) {
        return None;
    }
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let valid = hours <= 14 && minutes < 60 && minutes % 15 == 0;
    FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60)).filter(|_| valid)
}

/// A range of request times, Unix milliseconds, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
}

/// Seconds that a request may lie in the future.
const AHEAD_S: i64 = 300;

impl Period {
    /// Reads a `time_range`.
    pub(super) fn parse(value: &Value, now: i64) -> Result<Period, ApiError> {
        let bad = |error: &str| ApiError::field("time_range", error, value.clone());
        let text = match value {
            Value::Null => "-24h",
            Value::String(text) => text.trim(),
            _ => return Err(bad("must be a text such as -24h, -7d, -1m or FROM-TO")),
        };
        let months_before = |months| {
            DateTime::from_timestamp(now, 0)
                .and_then(|time| time.checked_sub_months(Months::new(months)))
                .map_or(0, |time| time.timestamp())
        };
        let back = text.strip_prefix('-').and_then(|rest| {
            let (count, unit) = rest.split_at_checked(rest.len().checked_sub(1)?)?;
            let count: u32 =
                count.bytes().all(|byte| byte.is_ascii_digit()).then(|| count.parse().ok())??;
            let from = match unit {
                "h" if (1..=168).contains(&count) => now - i64::from(count) * 3600,
                "d" if (1..=180).contains(&count) => now - i64::from(count) * 86_400,
                "m" if (1..=6).contains(&count) => months_before(count),
                _ => return None,
            };
            Some((from, now + AHEAD_S))
        });
        if text.starts_with('-') {
            let (from, to) = back.ok_or_else(|| bad("must be -1h to -168h, -1d to -180d or -1m to -6m"))?;
            return Ok(Period::of(from, to));
        }
        let ends = text.split_once('-').and_then(|(from, to)| {
            let unix = |text: &str| text.trim().parse::<i64>().ok().filter(|time| *time <= 253_402_300_799);
            Some((unix(from)?, unix(to)?))
        });
        let (from, to) = ends.ok_or_else(|| bad("must be -Nh, -Nd, -Nm or FROM-TO in Unix seconds"))?;
        if from >= to {
            return Err(bad("FROM must be before TO"));
        }
        let longest = DateTime::from_timestamp(from, 0)
            .and_then(|time| time.checked_add_months(Months::new(6)))
            .map_or(i64::MAX, |time| time.timestamp());
        if to > longest {
            return Err(bad("must be at most six months"));
        }
        Ok(Period::of(from, to))
    }

    fn of(from: i64, to: i64) -> Period {
        Period { from_ms: from * 1000, to_ms: to * 1000 + 999 }
    }

    /// What is in both; empty ranges match nothing.
    pub(super) fn and(self, other: Period) -> Period {
        Period { from_ms: self.from_ms.max(other.from_ms), to_ms: self.to_ms.min(other.to_ms) }
    }

    pub(super) fn filter(self) -> Filter {
        Filter::number(Number::Time, self.from_ms..=self.to_ms)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_782_864_000;

    #[test]
    fn ranges_have_limits() {
        let parse = |text: &str| Period::parse(&json!(text), NOW);
        assert_eq!(parse("-24h").unwrap().from_ms, (NOW - 86_400) * 1000);
        assert_eq!(parse("100-200").unwrap(), Period { from_ms: 100_000, to_ms: 200_999 });
        for bad in [
            "",
            "24h",
            "-0h",
            "-169h",
            "-181d",
            "-7m",
            "-1y",
            "200-100",
            "5-5",
            "1767225600-1785715200",
            "-h",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(Period::parse(&Value::Null, NOW).is_ok());
        assert!(Period::parse(&json!(7), NOW).is_err());
    }

    #[test]
    fn zones_move_days() {
        let utc = Zone::parse(None).unwrap();
        // 2026-07-01T23:30:00Z
        let late = 1_782_948_600;
        assert_eq!(utc.label(Grain::Day, utc.bucket(Grain::Day, late)), "2026-07-01");
        for name in ["+02:00", "Europe/Berlin", "europe/berlin", "+0200", "+2"] {
            let zone = Zone::parse(Some(name)).unwrap();
            let day = zone.bucket(Grain::Day, late);
            assert_eq!(zone.label(Grain::Day, day), "2026-07-02", "{name}");
            assert_eq!(zone.label(Grain::Hour, zone.bucket(Grain::Hour, late)), "2026-07-02T01:00:00+02:00");
            assert_eq!(zone.label(Grain::Week, zone.bucket(Grain::Week, late)), "2026-06-29");
            assert_eq!(zone.label(Grain::Month, zone.bucket(Grain::Month, late)), "2026-07");
        }
        for bad in ["Mars/Base", "+25:00", "+02:07", "+", "+-2"] {
            assert!(Zone::parse(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn days_with_other_lengths_have_one_bucket() {
        let zone = Zone::parse(Some("Europe/Berlin")).unwrap();
        // 25 October 2026 has 25 hours.
        let day = zone.parse_moment("2026-10-25").unwrap();
        assert_eq!(zone.next(Grain::Day, day) - day, 25 * 3600);
        let buckets: std::collections::BTreeSet<i64> =
            (0..25 * 4).map(|quarter| zone.bucket(Grain::Day, day + quarter * 900)).collect();
        assert_eq!(buckets.len(), 1);
        let hours: Vec<i64> = (0..25).map(|hour| zone.bucket(Grain::Hour, day + hour * 3600)).collect();
        assert!(hours.windows(2).all(|pair| pair[1] - pair[0] == 3600));
    }
}
