//! What hits add up to for pages and tables: addresses, protections, periods, compromised logins.

use bartizan_api::{
    ApiError, Compared,
    filter::{Condition, Filter, Test},
    hit::{HitAddresses, HitStatsQuery, HitSummary, Mitigated, MitigationStats},
    listing::{FilterRequest, Filtered},
};
use bartizan_store::{
    attacks::AttackQuery,
    entity::hit::Column,
    hits::{HitOrder, HitQuery, KindCount},
};
use chrono::DateTime;

use super::{asked, period, query};
use crate::{
    auth::Caller,
    failure::Failure,
    services::{
        csv,
        event_view::logins,
        indexed_events,
        listing::{Asked, flag, of_period_before},
    },
    state::Cloud,
};

/// Most addresses of a family.
const MAX_ADDRESSES: u64 = 10_000;
/// Most hits that a table of logins is made of.
const MAX_ROWS: u64 = 10_000;

/// Distinct addresses of the hits of a filter.
///
/// # Errors
/// 400 by field, 403.
pub async fn addresses(
    cloud: &Cloud,
    caller: &Caller,
    request: &FilterRequest,
) -> Result<Filtered<HitAddresses>, Failure> {
    let asked = asked(cloud, caller, &request.filter)?;
    let ipv4 = cloud.store.hit_addresses(query(&asked), false, MAX_ADDRESSES).await?;
    let ipv6 = cloud.store.hit_addresses(query(&asked), true, MAX_ADDRESSES).await?;
    Ok(Filtered { reply: HitAddresses { ipv4, ipv6 }, ignored: asked.filter.ignored })
}

/// Hits that were judged false count nowhere.
fn not_false() -> Condition {
    Condition { field: "state", negated: true, test: Test::Texts(vec!["falsepositive".to_owned()]) }
}

/// Hits by the protection that found them.
///
/// # Errors
/// 400 by field, 403.
pub async fn mitigations(
    cloud: &Cloud,
    caller: &Caller,
    request: &HitStatsQuery,
) -> Result<MitigationStats, Failure> {
    let asked = asked(cloud, caller, &period(request)?)?;
    let counted = asked.filter.and(&[not_false()]);
    let kinds = indexed_events::kinds(cloud, HitQuery { filter: &counted, ..query(&asked) }).await?;
    let of = |matches: &dyn Fn(&str) -> bool| {
        kinds.iter().filter(|count| matches(&count.kind)).fold(Mitigated::default(), |sum, count| Mitigated {
            blocked: sum.blocked + if count.blocked { count.hits } else { 0 },
            total: sum.total + count.hits,
        })
    };
    let abuse =
        ["api_abuse", "account_takeover", "security_crawlers", "scraping", "resource_consumption", "bot"];
    Ok(MitigationStats {
        api_abuse: of(&|kind| abuse.contains(&kind)),
        credential_stuffing: of(&|kind| kind == "credential_stuffing"),
        graphql: of(&|kind| kind.starts_with("gql_")),
        overlimit_res: of(&|kind| kind == "overlimit_res"),
        vpatch: of(&|kind| kind == "vpatch"),
    })
}

/// Hits, incidents and blocked hits of a period.
///
/// # Errors
/// 400 by field or for several periods, 403.
pub async fn summary(
    cloud: &Cloud,
    caller: &Caller,
    request: &FilterRequest,
) -> Result<Filtered<Compared<HitSummary>>, Failure> {
    let asked = asked(cloud, caller, &request.filter)?;
    if asked.filter.conditions("time").any(|condition| {
        !matches!(&condition.test, Test::Ints(moments, ranges) if moments.is_empty() && ranges.len() == 1)
    }) {
        return Err(ApiError::field("time", "one range is required", request.filter.get("time").cloned().unwrap_or_default()).into());
    }
    let body = sums(cloud, &asked, &asked.filter).await?;
    let before = if flag("compare", &request.compare, false)? {
        Some(sums(cloud, &asked, &of_period_before(&asked.filter, cloud.now())?).await?)
    } else {
        None
    };
    Ok(Filtered { reply: Compared::new(body, before), ignored: asked.filter.ignored })
}

async fn sums(cloud: &Cloud, asked: &Asked, filter: &Filter) -> Result<HitSummary, Failure> {
    let counted = filter.and(&[not_false()]);
    let kinds = indexed_events::kinds(cloud, HitQuery { filter: &counted, ..query(asked) }).await?;
    let sum = |counts: &[KindCount], blocked: bool| -> i64 {
        counts.iter().filter(|count| count.blocked || !blocked).map(|count| count.hits).sum()
    };
    let exploited = Condition { field: "vulnid", negated: true, test: Test::Null };
    let incidents = counted.and(&[exploited]);
    let incidents =
        AttackQuery { tenants: &asked.tenants, since: asked.since, filter: &incidents, among: None };
    let (incidents, _, _) = indexed_events::attack_count(cloud, incidents).await?;
    Ok(HitSummary { hits: sum(&kinds, false), incidents, blocked: sum(&kinds, true) })
}

/// Compromised logins as a table.
///
/// # Errors
/// 400 by field, 403.
pub async fn compromised_logins(
    cloud: &Cloud,
    caller: &Caller,
    request: &FilterRequest,
) -> Result<String, Failure> {
    if !request.filter.is_object() && !request.filter.is_array() {
        return Err(ApiError::field("filter", "is required", request.filter.clone()).into());
    }
    let asked = asked(cloud, caller, &request.filter)?;
    let order = HitOrder { column: Column::Time, desc: true };
    let mut table =
        csv::Table::new(&["requested_domain", "login", "date_detected", "source_ip", "response_code"]);
    for hit in cloud.store.hit_list(query(&asked), order, 0, MAX_ROWS).await? {
        let date = DateTime::from_timestamp(hit.time, 0).unwrap_or_default();
        let date = date.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        for login in logins(&hit) {
            table.row(&[&hit.domain, &login, &date, &hit.ip, &hit.statuscode.to_string()]);
        }
    }
    Ok(table.finish())
}
