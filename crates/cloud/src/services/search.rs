//! The search language: words to filters (`spec/events.md` section 6).
//!
//! [`words`] cuts the query into terms, [`period`] reads times, [`attribute`] turns each term into filter keys.
//! All three are pure; only names of applications are looked up here.

use bartizan_api::{
    ApiError,
    search::{SearchFilters, SearchRequest, SuggestQuery, Suggestion},
};
use bartizan_store::pools;
use chrono::{DateTime, Months};
use serde_json::{Map, Value, json};

use self::{
    attribute::Found,
    period::{Calendar, DateOrder},
};
use super::listing::ids;
use crate::{auth::Caller, failure::Failure, state::Cloud};

mod attribute;
mod period;
mod suggest;
mod words;
mod zone;

/// Longest query, characters.
const MAX_QUERY: usize = 4096;
/// Keys that filters of vulnerabilities know too, and what they call them. Types they have of their own.
const VULN_KEYS: &[(&str, &str)] = &[
    ("domain", "domain"),
    ("path", "path"),
    ("parameter", "parameter"),
    ("method", "method"),
    ("threat", "threat"),
    ("target", "target"),
    ("status", "status"),
    ("search", "search"),
    ("preset", "preset"),
    ("poolid", "pool"),
    ("time", "time"),
    ("clientid", "clientid"),
];

/// A query that is not understood, and where.
#[derive(Clone, Debug, PartialEq)]
struct SearchError {
    text: &'static str,
    value: String,
    /// Character of the query, from 1.
    column: usize,
}

impl From<SearchError> for ApiError {
    fn from(error: SearchError) -> ApiError {
        let meant = suggest::meant(error.text, &error.value);
        let body = json!({"query": {"error": error.text, "value": error.value, "column": error.column}});
        ApiError { body, ..ApiError::field("query", "", Value::Null) }.did_you_mean(meant)
    }
}

/// The filters that a query stands for.
///
/// # Errors
/// 400 naming the word and its column.
pub async fn search(
    cloud: &Cloud,
    caller: &Caller,
    request: &SearchRequest,
) -> Result<SearchFilters, Failure> {
    let query = request.query.as_str().filter(|query| query.chars().count() <= MAX_QUERY);
    let query = query.ok_or_else(|| {
        ApiError::field("query", "a string of at most 4096 characters is required", Value::Null)
    })?;
    let asked = ids("clientid", &request.clientid)?;
    let tenants = caller.own_tenants_of(&asked)?;
    let now = cloud.now();
    let calendar = Calendar::new(now, request.time_zone.as_str().unwrap_or_default(), date_order(caller));
    let mut found = understand(query, &calendar).map_err(ApiError::from)?;
    for name in std::mem::take(&mut found.applications) {
        let ids = pools::ids_named(cloud.store.reader(), &tenants, &name.value).await?;
        if ids.is_empty() {
            let error = SearchError { text: "unknown application", value: name.value, column: name.column };
            return Err(ApiError::from(error).into());
        }
        ids.into_iter().for_each(|id| found.add("poolid", name.negated, json!(id)));
    }
    let hits_type = match (&request.hits_type, request.hits_type.as_str()) {
        (Value::Null, _) => "only-true",
        (_, Some(known @ ("all" | "only-true" | "only-false"))) => known,
        (other, _) => {
            let text = "must be all, only-true or only-false";
            return Err(ApiError::field("hits_type", text, other.clone()).into());
        }
    };
    if !asked.is_empty() {
        found
            .filter
            .insert("clientid".to_owned(), json!(tenants.ids().iter().map(|id| id.0).collect::<Vec<_>>()));
    }
    Ok(filters(found, hits_type, now))
}

/// What may stand in place of the word under the cursor.
///
/// # Errors
/// 400 for a query that is too long.
pub async fn suggest(
    cloud: &Cloud,
    caller: &Caller,
    request: &SuggestQuery,
) -> Result<Vec<Suggestion>, Failure> {
    if request.query.chars().count() > MAX_QUERY {
        return Err(ApiError::field("query", "at most 4096 characters are allowed", Value::Null).into());
    }
    let cursor = request.cursor.map_or(usize::MAX, |cursor| usize::try_from(cursor).unwrap_or(0));
    let applications = if suggest::asks_applications(&request.query, cursor) {
        pools::names(cloud.store.reader(), &caller.own_tenants_of(&[])?).await?
    } else {
        vec![]
    };
    Ok(suggest::suggest(&request.query, cursor, &applications))
}

fn understand(query: &str, calendar: &Calendar) -> Result<Found, SearchError> {
    let terms = words::terms(query)?;
    let mut found = Found::default();
    let mut rest = terms.as_slice();
    while let [term, after @ ..] = rest {
        let (range, used) = period::read(rest, calendar)?;
        if let Some(range) = range {
            found.periods.push(range);
            rest = rest.get(used..).unwrap_or_default();
        } else {
            attribute::read(term, &mut found)?;
            rest = after;
        }
    }
    found.settle();
    Ok(found)
}

fn filters(found: Found, hits_type: &str, now: i64) -> SearchFilters {
    let mut common = found.filter;
    let month_ago = DateTime::from_timestamp(now, 0)
        .and_then(|time| time.checked_sub_months(Months::new(1)))
        .map_or(0, |time| time.timestamp());
    let has_period = !found.periods.is_empty();
    let periods = if has_period { found.periods } else { vec![(month_ago, now)] };
    let time = json!(periods.iter().map(|(from, to)| [from, to]).collect::<Vec<_>>());
    common.insert("time".to_owned(), time);
    let mut vulns: Map<String, Value> = common
        .iter()
        .filter_map(|(key, value)| {
            let (sign, name) = key.strip_prefix('!').map_or(("", key.as_str()), |name| ("!", name));
            let (_, own) = VULN_KEYS.iter().find(|(common, _)| *common == name)?;
            Some((format!("{sign}{own}"), value.clone()))
        })
        .collect();
    vulns.extend(found.of_vulns);
    common.shift_remove("status");
    common.shift_remove("!status");
    // Words of the query count more than what its screen shows otherwise.
    let is_said = found.only_true || found.only_false;
    if found.only_true || !is_said && hits_type == "only-true" {
        common.insert("!state".to_owned(), json!("falsepositive"));
    }
    if found.only_false || !is_said && hits_type == "only-false" {
        common.insert("state".to_owned(), json!("falsepositive"));
    }
    if found.is_impossible {
        // No request is without an id.
        common.insert("request_id".to_owned(), json!([""]));
    }
    let mut incidents = common.clone();
    common.insert("vulnid".to_owned(), Value::Null);
    incidents.insert("!vulnid".to_owned(), Value::Null);
    SearchFilters { attacks: common, incidents, vulns, has_period }
}

fn date_order(caller: &Caller) -> DateOrder {
    let profile = caller.user.as_ref().and_then(|user| user.profile.get("date_format")?.as_str());
    match profile.unwrap_or(&caller.client.date_format) {
        "mmddyy" => DateOrder::MonthDayYear,
        "yymmdd" => DateOrder::YearMonthDay,
        _ => DateOrder::DayMonthYear,
    }
}

#[cfg(test)]
mod tests;
