//! Time zones as clients name them: IANA names, abbreviations, `UTC±H.M`. What is unknown is UTC, never an error.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

/// A time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    /// Seconds east of UTC.
    Fixed(i32),
    /// With its changes of summer and winter.
    Named(Tz),
}

impl Zone {
    /// The zone of a name.
    pub(super) fn named(name: &str) -> Zone {
        let name = name.trim();
        if let Some(hours) = abbreviated(&name.to_uppercase()) {
            return Zone::Fixed(hours * 3600);
        }
        if let Some(seconds) = numeric(&name.to_uppercase()) {
            return Zone::Fixed(seconds);
        }
        Tz::from_str_insensitive(name).map_or(Zone::Fixed(0), Zone::Named)
    }

    /// The local date of a moment.
    pub(super) fn date_of(self, unix: i64) -> NaiveDate {
        let utc = DateTime::from_timestamp(unix, 0).unwrap_or_default();
        match self {
            Zone::Named(zone) => utc.with_timezone(&zone).date_naive(),
            Zone::Fixed(seconds) => utc.with_timezone(&fixed(seconds)).date_naive(),
        }
    }

    /// The moment of a local time. Where clocks show it twice it is the first one, where they skip it the first
    /// one after.
    pub(super) fn moment(self, day: NaiveDate, time: NaiveTime) -> i64 {
        let local = day.and_time(time);
        match self {
            Zone::Fixed(seconds) => moment_in(&fixed(seconds), local),
            Zone::Named(zone) => moment_in(&zone, local),
        }
    }
}

fn moment_in<Z: TimeZone>(zone: &Z, local: NaiveDateTime) -> i64 {
    let found = (0..4).find_map(|hours| {
        zone.from_local_datetime(&local.checked_add_signed(chrono::TimeDelta::hours(hours))?).earliest()
    });
    found.map_or_else(|| local.and_utc().timestamp(), |moment| moment.with_timezone(&Utc).timestamp())
}

/// The offset; one out of range does not occur, since it was checked.
fn fixed(seconds: i32) -> FixedOffset {
    FixedOffset::east_opt(seconds).unwrap_or_else(|| chrono::Offset::fix(&Utc))
}

fn abbreviated(name: &str) -> Option<i32> {
    Some(match name {
        "" | "UTC" | "GMT" | "Z" => 0,
        "EST" | "CDT" => -5,
        "EDT" => -4,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" => -8,
        "CET" | "BST" => 1,
        "CEST" | "EET" => 2,
        "EEST" | "MSK" => 3,
        "JST" => 9,
        _ => return None,
    })
}

/// `UTC-3.0`, `UTC+5.5`, `+05:30`.
fn numeric(zone: &str) -> Option<i32> {
    let text = zone.trim_start_matches("UTC").trim_start_matches("GMT");
    let (sign, digits) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (_, Some(rest)) => (-1, rest),
        _ => return None,
    };
    let seconds = if let Some((hours, minutes)) = digits.split_once(':') {
        let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
        hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?
    } else {
        let (hours, tenths) = digits.split_once('.').unwrap_or((digits, "0"));
        let part = match tenths {
            "25" => 900,
            "5" | "50" => 1800,
            "75" => 2700,
            _ => 0,
        };
        hours.parse::<i32>().ok()?.checked_mul(3600)?.checked_add(part)?
    };
    (0..=14 * 3600).contains(&seconds).then_some(sign * seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood_and_unknown_ones_are_utc() {
        for (name, expected) in [
            ("UTC", 0),
            ("", 0),
            ("MSK", 3 * 3600),
            ("UTC-3.0", -3 * 3600),
            ("UTC+5.5", 19_800),
            ("+05:30", 19_800),
            ("Mars/Olympus", 0),
            ("UTC+99", 0),
        ] {
            assert_eq!(Zone::named(name), Zone::Fixed(expected), "{name}");
        }
        assert_eq!(Zone::named("europe/berlin"), Zone::Named(Tz::Europe__Berlin));
    }

    #[test]
    fn summer_and_winter_differ() {
        let berlin = Zone::named("Europe/Berlin");
        let day = |month, day| NaiveDate::from_ymd_opt(2026, month, day).unwrap();
        let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc().timestamp();
        assert_eq!(berlin.moment(day(1, 1), NaiveTime::MIN), midnight(day(1, 1)) - 3600);
        assert_eq!(berlin.moment(day(7, 1), NaiveTime::MIN), midnight(day(7, 1)) - 7200);
        // Half past two does not exist that night.
        let skipped = berlin.moment(day(3, 29), NaiveTime::from_hms_opt(2, 30, 0).unwrap());
        assert_eq!(skipped, midnight(day(3, 29)) + 5400);
    }
}
