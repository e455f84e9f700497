//! Figures of whole months.

use bartizan_api::{
    ApiError,
    dashboard::{GraphRequest, MonthlySummary, MonthlyTraffic},
    filter::int,
};
use bartizan_store::{Tenants, hits::Timeline, traffic};
use chrono::{DateTime, Datelike, Months, NaiveDate};

use super::{kinds, rounded};
use crate::{auth::Caller, failure::Failure, state::Cloud};

/// The first day of the month that a request names.
pub(super) fn first_of_month(request: &GraphRequest) -> Result<NaiveDate, ApiError> {
    let year = int(&request.year).and_then(|year| i32::try_from(year).ok()).filter(|year| *year >= 1970);
    let year = year.ok_or_else(|| ApiError::field("year", "must be a year", request.year.clone()))?;
    let month = int(&request.month).and_then(|month| u32::try_from(month).ok());
    let first = month.and_then(|month| NaiveDate::from_ymd_opt(year, month, 1));
    first.ok_or_else(|| ApiError::field("month", "must be 1 to 12", request.month.clone()))
}

/// Requests, malicious and refused ones of a month.
///
/// # Errors
/// 400 by field, 403.
pub async fn monthly_summary(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    request: &GraphRequest,
) -> Result<MonthlySummary, Failure> {
    let tenants = Tenants::from(caller.tenant_of(Some(client_id))?);
    let first = first_of_month(request)?;
    let (from, to) = month(first);
    let sums = traffic::series(cloud.store.reader(), &tenants, None, Timeline::over(from, to - 1, 1)).await?;
    let requests = sums.first().map_or(0, |sum| sum.requests);
    let kinds = kinds(cloud, &tenants, None, (from, to - 1), vec![]).await?;
    let hits = |blocked: bool| -> i64 {
        kinds.iter().filter(|count| count.blocked || !blocked).map(|count| count.hits).sum()
    };
    Ok(MonthlySummary {
        requests_count: requests,
        attacks_count: hits(false),
        blocked_attacks_count: hits(true),
    })
}

/// The first second of a month and the first one after it.
fn month(first: NaiveDate) -> (i64, i64) {
    let start = |day: NaiveDate| day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp();
    (start(first), first.checked_add_months(Months::new(1)).map_or(i64::MAX, start))
}

/// Requests of the last six months, oldest first.
///
/// # Errors
/// 403.
#[expect(clippy::cast_precision_loss, reason = "requests of a month are far below 2^52")]
pub async fn monthly_traffic(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
) -> Result<Vec<MonthlyTraffic>, Failure> {
    let tenants = Tenants::from(caller.tenant_of(Some(client_id))?);
    let now = cloud.now();
    let today = DateTime::from_timestamp(now, 0).unwrap_or_default().date_naive();
    let this = today.with_day(1).unwrap_or(today);
    let mut months = Vec::new();
    for back in (0..6).rev() {
        let Some(first) = this.checked_sub_months(Months::new(back)) else { continue };
        let (from, to) = month(first);
        let timeline = Timeline::over(from, to - 1, 1);
        let sums = traffic::series(cloud.store.reader(), &tenants, None, timeline).await?;
        let requests = sums.first().map_or(0, |sum| sum.requests);
        let seconds = (to.min(now + 1) - from).max(1) as f64;
        months.push(MonthlyTraffic {
            year: i64::from(first.year()),
            month: i64::from(first.month()),
            requests_count: requests,
            rps: rounded(requests as f64 / seconds),
        });
    }
    Ok(months)
}

/// Requests of the month that has begun.
pub(super) async fn requests_this_month(cloud: &Cloud, tenants: &Tenants) -> Result<i64, Failure> {
    let today = DateTime::from_timestamp(cloud.now(), 0).unwrap_or_default().date_naive();
    let (from, to) = month(today.with_day(1).unwrap_or(today));
    let sums = traffic::series(cloud.store.reader(), tenants, None, Timeline::over(from, to - 1, 1)).await?;
    Ok(sums.first().map_or(0, |sum| sum.requests))
}
