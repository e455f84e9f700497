//! Attacks over time, by payload and by the values of their hits' fields.

use std::collections::BTreeMap;

use bartizan_api::{
    ApiError,
    filter::{Filter, Range, Test, int},
    listing::{FilterRequest, Filtered, SeriesRequest, SeriesView, TermsRequest},
    public_id::{self, Indexed},
};
use bartizan_store::{
    attacks::AttackQuery,
    hits::{Bucket, Timeline},
};
use serde_json::{Map, Value};

use super::{asked, query};
use crate::{
    auth::Caller,
    failure::Failure,
    services::{event_view::month_of, hits::terms, listing::Asked},
    state::Cloud,
};

/// Values of a field shown.
const TOP: u64 = 100;
/// Most payloads of one answer.
const MAX_VECTORS: usize = 1000;
/// Most hits that payloads are taken from.
const MAX_HITS: u64 = 100_000;

/// Keys that say which attacks and when; the rest of a filter selects among their hits.
const FRAME: &[&str] = &["clientid", "time", "attackid", "id"];

/// Hits over time, all and those of the filter.
///
/// # Errors
/// 400 by field, 403.
pub async fn hits(
    cloud: &Cloud,
    caller: &Caller,
    request: &SeriesRequest,
) -> Result<Filtered<SeriesView>, Failure> {
    series(cloud, caller, request, |bucket| bucket.hits).await
}

/// Addresses over time, all and those of the filter.
///
/// # Errors
/// 400 by field or without time or attack, 403.
pub async fn addresses(
    cloud: &Cloud,
    caller: &Caller,
    request: &SeriesRequest,
) -> Result<Filtered<SeriesView>, Failure> {
    for name in ["time", "attackid"] {
        let clauses = match &request.filter {
            Value::Array(clauses) => clauses.as_slice(),
            one => std::slice::from_ref(one),
        };
        if !clauses.iter().all(|clause| clause.get(name).is_some_and(|value| !value.is_null())) {
            return Err(ApiError::field(name, "is required", Value::Null).into());
        }
    }
    series(cloud, caller, request, |bucket| bucket.ips).await
}

async fn series(
    cloud: &Cloud,
    caller: &Caller,
    request: &SeriesRequest,
    figure: fn(&Bucket) -> i64,
) -> Result<Filtered<SeriesView>, Failure> {
    let asked = asked(cloud, caller, &request.filter)?;
    let points = int(&request.points)
        .and_then(|points| usize::try_from(points).ok())
        .filter(|points| (1..=1000).contains(points))
        .ok_or_else(|| {
            ApiError::field("points", "points must be between 1 and 1000", request.points.clone())
        })?;
    let timeline = timeline(&asked, cloud.now(), points);
    let frame = Filter {
        clauses: asked
            .filter
            .clauses
            .iter()
            .map(|clause| clause.iter().filter(|asked| FRAME.contains(&asked.field)).cloned().collect())
            .collect(),
        ignored: vec![],
    };
    let frame = AttackQuery { tenants: &asked.tenants, since: asked.since, filter: &frame, among: None };
    let all = cloud.store.attack_series(frame, timeline).await?;
    let filtered = cloud.store.attack_series(query(&asked), timeline).await?;
    let figures = |buckets: Vec<Bucket>| buckets.iter().map(figure).collect();
    let reply = SeriesView { all: figures(all), filtered: figures(filtered) };
    Ok(Filtered { reply, ignored: asked.filter.ignored })
}

/// The stretches of the first range that the filter names; open ends are the oldest time and now.
fn timeline(asked: &Asked, now: i64, points: usize) -> Timeline {
    let range = asked.filter.conditions("time").find_map(|condition| match &condition.test {
        Test::Ints(_, ranges) => ranges.first().copied(),
        _ => None,
    });
    let range = range.unwrap_or(Range { from: None, to: None });
    Timeline::over(range.from.unwrap_or(asked.since).max(0), range.to.unwrap_or(now), points)
}

/// Payloads with the hits that carried them.
///
/// # Errors
/// 400 by field, 403.
pub async fn vectors(
    cloud: &Cloud,
    caller: &Caller,
    request: &FilterRequest,
) -> Result<Filtered<BTreeMap<String, Vec<String>>>, Failure> {
    let asked = asked(cloud, caller, &request.filter)?;
    let mut reply: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for vector in cloud.store.attack_vectors(query(&asked), MAX_HITS).await? {
        let id = public_id::pair(Indexed::Hits, vector.client_id, month_of(vector.time), &vector.event_id);
        if let Some(hits) = reply.get_mut(&vector.value) {
            hits.push(id.join(":"));
        } else if reply.len() < MAX_VECTORS {
            reply.insert(vector.value, vec![id.join(":")]);
        }
    }
    Ok(Filtered { reply, ignored: asked.filter.ignored })
}

/// Values of fields with the number of attacks that have a hit with them.
///
/// # Errors
/// 400 by field, 403.
pub async fn term_counts(
    cloud: &Cloud,
    caller: &Caller,
    request: &TermsRequest,
) -> Result<Filtered<Map<String, Value>>, Failure> {
    let asked = asked(cloud, caller, &request.filter)?;
    let mut reply = Map::new();
    for (name, term) in terms::fields(&request.terms)? {
        let rows = cloud.store.attack_terms(query(&asked), term, TOP).await?;
        reply.insert(name, terms::counted(rows));
    }
    Ok(Filtered { reply, ignored: asked.filter.ignored })
}
