//! Values of hit fields: which there are, how often each, how many.

use bartizan_api::{
    ApiError,
    filter::int,
    hit::HitStatsQuery,
    listing::{Filtered, TermsRequest},
};
use bartizan_store::hits::Term;
use serde_json::{Map, Value, json};

use super::{asked, period, query};
use crate::{
    auth::Caller,
    failure::Failure,
    services::{indexed_events, listing::Asked, nearest::nearest},
    state::Cloud,
};

/// Most values of a term.
const MAX_VALUES: usize = 1000;
/// Most fields of one request.
const MAX_TERMS: usize = 20;

/// Unique values of fields.
///
/// # Errors
/// 400 by field, 403.
pub async fn values(
    cloud: &Cloud,
    caller: &Caller,
    request: &TermsRequest,
) -> Result<Filtered<Map<String, Value>>, Failure> {
    let (asked, found) = grouped(cloud, caller, request, MAX_VALUES).await?;
    let values = |rows: Vec<(Value, i64)>| rows.into_iter().map(|(value, _)| value).collect();
    let reply = found.into_iter().map(|(term, rows)| (term, values(rows))).collect();
    Ok(Filtered { reply, ignored: asked.filter.ignored })
}

/// The most frequent values of fields with their number of hits.
///
/// # Errors
/// 400 by field, 403.
pub async fn counts(
    cloud: &Cloud,
    caller: &Caller,
    request: &TermsRequest,
) -> Result<Filtered<Map<String, Value>>, Failure> {
    let top = int(&request.top)
        .and_then(|top| usize::try_from(top).ok())
        .filter(|top| (1..=100).contains(top))
        .ok_or_else(|| ApiError::field("top", "top must be between 1 and 100", request.top.clone()))?;
    let (asked, found) = grouped(cloud, caller, request, top).await?;
    let reply = found.into_iter().map(|(term, rows)| (term, counted(rows))).collect();
    Ok(Filtered { reply, ignored: asked.filter.ignored })
}

/// Values with their counts as the wire shows them.
#[must_use]
pub fn counted(rows: Vec<(Value, i64)>) -> Value {
    rows.into_iter().map(|(value, count)| json!({"value": value, "count": count})).collect()
}

/// How many different values fields have.
///
/// # Errors
/// 400 by field, 403.
pub async fn distinct(
    cloud: &Cloud,
    caller: &Caller,
    request: &HitStatsQuery,
) -> Result<Map<String, Value>, Failure> {
    let listed = request.terms.as_deref().unwrap_or_default().split(',').map(str::trim);
    let names: Vec<Value> = listed.filter(|name| !name.is_empty()).map(Value::from).collect();
    let terms = fields(&Value::from(names))?;
    let asked = asked(cloud, caller, &period(request)?)?;
    let mut reply = Map::new();
    for (name, term) in terms {
        reply.insert(name, json!(cloud.store.hit_distinct(query(&asked), term).await?));
    }
    Ok(reply)
}

/// The fields that a request names.
///
/// # Errors
/// 400 for none, too many, or one that hits cannot be grouped by.
pub fn fields(asked: &Value) -> Result<Vec<(String, Term)>, ApiError> {
    let names = match asked {
        Value::Array(names) if !names.is_empty() && names.len() <= MAX_TERMS => names.as_slice(),
        Value::String(_) => std::slice::from_ref(asked),
        other => return Err(ApiError::field("terms", "1 to 20 fields are required", other.clone())),
    };
    let field = |name: &Value| {
        let term = name.as_str().and_then(|name| Some((name.to_owned(), Term::named(name)?)));
        term.ok_or_else(|| {
            let meant = nearest(name.as_str().unwrap_or_default(), Term::NAMES.iter().copied());
            ApiError::field("terms", "unknown field", name.clone()).did_you_mean(meant)
        })
    };
    names.iter().map(field).collect()
}

type Terms = Vec<(String, Vec<(Value, i64)>)>;

async fn grouped(
    cloud: &Cloud,
    caller: &Caller,
    request: &TermsRequest,
    limit: usize,
) -> Result<(Asked, Terms), Failure> {
    let asked = asked(cloud, caller, &request.filter)?;
    let mut found = Vec::new();
    for (name, term) in fields(&request.terms)? {
        found.push((name, indexed_events::terms(cloud, query(&asked), term, limit).await?));
    }
    Ok((asked, found))
}
