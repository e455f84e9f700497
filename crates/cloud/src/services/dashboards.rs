//! Figures for dashboards: over time, of a period, of a month (`spec/events.md` section 8.3).
//!
//! Hit counts include those that a stored hit stands for; hits marked false count nowhere.

use std::collections::BTreeMap;

use bartizan_api::{
    ApiError, AttackType, Compared,
    dashboard::{GraphRequest, OwaspCount, OwaspQuery, Point, TargetCounts, TargetsView},
    filter::{Condition, Filter, Range, Test, int},
    owasp,
};
use bartizan_store::{
    Tenants, dashboards as store,
    hits::{HitQuery, KindCount, Term, Timeline},
    traffic,
};
use chrono::{Datelike, Months};
use serde_json::{Map, Value, json};

use super::{
    indexed_events,
    listing::{flag, oldest},
};
use crate::{auth::Caller, failure::Failure, state::Cloud};

mod months;
mod state;

use months::first_of_month;
pub use months::{monthly_summary, monthly_traffic};
pub use state::{state, write_state};

/// Values of a field shown.
const TOP: usize = 300;

/// Which hits a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// Those that proved nothing.
    Attacks,
    /// Those that proved a vulnerability.
    Incidents,
}

/// What a graph shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Hits.
    Hits(Category),
    /// Requests.
    Requests,
    /// Requests per second, of one node or of all.
    Rps(Option<String>),
    /// Vulnerabilities found.
    Vulns,
    /// Entries of the denylist.
    Denylist,
    /// Test runs, of which there are none.
    Testruns,
}

fn period(request: &GraphRequest) -> Result<(i64, i64), ApiError> {
    let moment = |name: &str, value: &Value| {
        let time = int(value).filter(|time| (0..=253_402_300_799).contains(time));
        time.ok_or_else(|| ApiError::field(name, "must be Unix seconds", value.clone()))
    };
    let from = moment("start_time", &request.start_time)?;
    let to = moment("end_time", &request.end_time)?;
    if to <= from {
        return Err(ApiError::field("end_time", "must be after start_time", to));
    }
    Ok((from, to))
}

fn timeline(request: &GraphRequest) -> Result<Timeline, ApiError> {
    let (from, to) = period(request)?;
    let points = int(&request.points_count)
        .and_then(|points| usize::try_from(points).ok())
        .filter(|points| (1..=1000).contains(points))
        .ok_or_else(|| {
            let text = "points_count must be between 1 and 1000";
            ApiError::field("points_count", text, request.points_count.clone())
        })?;
    match request.interpolation.as_str() {
        None if request.interpolation.is_null() => {}
        Some("coarse" | "linear" | "") => {}
        _ => {
            let sent = request.interpolation.clone();
            return Err(ApiError::field("interpolation", "must be coarse or linear", sent));
        }
    }
    // The end itself belongs to no stretch.
    Ok(Timeline::over(from, to - 1, points))
}

/// A figure, and the same of the period before when the request compares.
///
/// # Errors
/// 400 by field, and those of the figure.
pub async fn compared<T, F: Future<Output = Result<T, Failure>>>(
    request: GraphRequest,
    figure: impl Fn(GraphRequest) -> F,
) -> Result<Compared<T>, Failure> {
    let compare = flag("compare", &request.compare, false)?;
    let body = figure(request.clone()).await?;
    let before = if compare { Some(figure(of_period_before(request)?).await?) } else { None };
    Ok(Compared::new(body, before))
}

/// The same request for the period that ends where its period begins: the month before, or as many seconds.
fn of_period_before(request: GraphRequest) -> Result<GraphRequest, ApiError> {
    if request.start_time.is_null() {
        let first = first_of_month(&request)?;
        let before = first.checked_sub_months(Months::new(1)).unwrap_or(first);
        return Ok(GraphRequest { year: json!(before.year()), month: json!(before.month()), ..request });
    }
    let (from, to) = period(&request)?;
    Ok(GraphRequest {
        start_time: json!((from - (to - from)).max(0)),
        end_time: json!(from.max(1)),
        ..request
    })
}

/// Hits that count and are of types that people are shown, of a category and a period.
fn filter(category: Option<Category>, range: Option<(i64, i64)>, more: Vec<Condition>) -> Filter {
    let internal = AttackType::ALL.iter().filter(|kind| kind.is_internal());
    let internal = internal.map(|kind| kind.code().to_owned()).collect();
    let none_of = |field, texts| Condition { field, negated: true, test: Test::Texts(texts) };
    let mut clause = vec![none_of("state", vec!["falsepositive".to_owned()]), none_of("type", internal)];
    if let Some(category) = category {
        let negated = category == Category::Incidents;
        clause.push(Condition { field: "vulnid", negated, test: Test::Null });
    }
    if let Some((from, to)) = range {
        let range = Range { from: Some(from), to: Some(to) };
        clause.push(Condition { field: "time", negated: false, test: Test::Ints(vec![], vec![range]) });
    }
    clause.extend(more);
    Filter { clauses: vec![clause], ignored: vec![] }
}

/// A figure over time: exactly as many points as asked for, each with the start of its stretch.
///
/// # Errors
/// 400 by field, 403 for a tenant out of reach.
pub async fn graph(
    cloud: &Cloud,
    caller: &Caller,
    client_id: Option<i64>,
    figure: &Figure,
    request: &GraphRequest,
) -> Result<Vec<Point>, Failure> {
    let tenants = match (client_id, figure) {
        // A node names its tenant itself.
        (None, Figure::Rps(Some(_))) => caller.tenants.clone(),
        _ => Tenants::from(caller.tenant_of(client_id)?),
    };
    let timeline = timeline(request)?;
    let values = values(cloud, &tenants, figure, request, timeline).await?;
    Ok((0..).map(|index| timeline.start(index)).zip(values).collect())
}

#[expect(clippy::cast_precision_loss, reason = "counts of a graph are far below 2^52")]
async fn values(
    cloud: &Cloud,
    tenants: &Tenants,
    figure: &Figure,
    request: &GraphRequest,
    timeline: Timeline,
) -> Result<Vec<Value>, Failure> {
    let reader = cloud.store.reader();
    let step = timeline.length as f64 / timeline.parts() as f64;
    Ok(match figure {
        Figure::Hits(category) => {
            let filter = filter(Some(*category), None, vec![]);
            let query = HitQuery { tenants, since: oldest(cloud.now()), filter: &filter };
            let buckets = indexed_events::series(cloud, query, timeline).await?;
            buckets.iter().map(|bucket| json!(bucket.hits)).collect()
        }
        Figure::Requests => {
            let sums = traffic::series(reader, tenants, None, timeline).await?;
            sums.iter().map(|sum| json!(sum.requests)).collect()
        }
        Figure::Rps(node) => {
            let sums = traffic::series(reader, tenants, node.as_deref(), timeline).await?;
            sums.iter().map(|sum| json!(rounded(sum.requests as f64 / step))).collect()
        }
        Figure::Vulns => {
            let threats = threats(&request.threat)?;
            let counts = store::vuln_series(reader, tenants, threats, timeline).await?;
            counts.into_iter().map(Value::from).collect()
        }
        Figure::Denylist => {
            let sizes = store::denylist_series(reader, tenants, timeline).await?;
            sizes.into_iter().map(Value::from).collect()
        }
        Figure::Testruns => vec![json!(0); timeline.points],
    })
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Levels of threat as people sort them into three: info is low, critical is high.
fn threats(word: &Value) -> Result<Option<(i64, i64)>, ApiError> {
    Ok(match word {
        Value::Null => None,
        Value::String(word) if word.is_empty() => None,
        Value::String(word) if word == "low" => Some((0, 39)),
        Value::String(word) if word == "medium" => Some((40, 69)),
        Value::String(word) if word == "high" => Some((70, 100)),
        other => return Err(ApiError::field("threat", "must be low, medium or high", other.clone())),
    })
}

/// Hits of a period by type.
async fn kinds(
    cloud: &Cloud,
    tenants: &Tenants,
    category: Option<Category>,
    range: (i64, i64),
    more: Vec<Condition>,
) -> Result<Vec<KindCount>, Failure> {
    let filter = filter(category, Some(range), more);
    let query = HitQuery { tenants, since: oldest(cloud.now()), filter: &filter };
    indexed_events::kinds(cloud, query).await
}

/// Hits by what they aim at.
///
/// # Errors
/// 400 by field, 403.
pub async fn targets(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    request: &GraphRequest,
) -> Result<TargetsView, Failure> {
    let tenants = Tenants::from(caller.tenant_of(Some(client_id))?);
    let range = period(request)?;
    let sum = |counts: Vec<KindCount>| {
        counts.iter().fold(TargetCounts::default(), |mut sum, count| {
            let target = AttackType::parse_code(&count.kind).map(|kind| json!(kind.info().target));
            let place = match target.as_ref().and_then(Value::as_str) {
                Some("client") => &mut sum.client,
                Some("database") => &mut sum.database,
                _ => &mut sum.server,
            };
            *place += count.hits;
            sum
        })
    };
    Ok(TargetsView {
        attacks: sum(kinds(cloud, &tenants, Some(Category::Attacks), range, vec![]).await?),
        incidents: sum(kinds(cloud, &tenants, Some(Category::Incidents), range, vec![]).await?),
    })
}

/// Hits by attack type, optionally of some applications.
///
/// # Errors
/// 400 by field, 403.
pub async fn attack_types(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    request: &GraphRequest,
) -> Result<BTreeMap<String, i64>, Failure> {
    let tenants = Tenants::from(caller.tenant_of(Some(client_id))?);
    let range = period(request)?;
    let sent = request.poolid.as_array().map_or_else(|| vec![request.poolid.clone()], Clone::clone);
    let pools: Vec<i64> = sent.iter().filter_map(int).collect();
    let more = if pools.is_empty() {
        vec![]
    } else {
        vec![Condition { field: "poolid", negated: false, test: Test::Ints(pools, vec![]) }]
    };
    let mut counts = BTreeMap::new();
    for count in kinds(cloud, &tenants, None, range, more).await? {
        *counts.entry(count.kind).or_default() += count.hits;
    }
    Ok(counts)
}

/// Hits by country, data centre and Tor, for each category asked for.
///
/// # Errors
/// 400 by field, 403.
pub async fn sources(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    request: &GraphRequest,
) -> Result<Map<String, Value>, Failure> {
    let tenants = Tenants::from(caller.tenant_of(Some(client_id))?);
    let range = period(request)?;
    let words = |name: &str, sent: &Value, known: &[&'static str]| -> Result<Vec<&'static str>, ApiError> {
        if sent.is_null() {
            return Ok(known.to_vec());
        }
        let items = sent.as_array().cloned().unwrap_or_else(|| vec![sent.clone()]);
        let word = |item: &Value| {
            let found = known.iter().copied().find(|known| item.as_str() == Some(known));
            found.ok_or_else(|| ApiError::field(name, "unknown", item.clone()))
        };
        items.iter().map(word).collect()
    };
    let categories = words("request_categories", &request.request_categories, &["attacks", "incidents"])?;
    let fields = words("fields", &request.fields, &["countries", "datacenters", "tors"])?;
    let mut reply = Map::new();
    for category in categories {
        let which = if category == "attacks" { Category::Attacks } else { Category::Incidents };
        let filter = filter(Some(which), Some(range), vec![]);
        let query = HitQuery { tenants: &tenants, since: oldest(cloud.now()), filter: &filter };
        let mut of_category = Map::new();
        for field in &fields {
            let name = match *field {
                "countries" => "remote_country",
                "datacenters" => "datacenter",
                _ => "tor",
            };
            let term = Term::named(name).ok_or_else(ApiError::internal)?;
            let rows = indexed_events::terms(cloud, query, term, TOP).await?;
            // What is not known is no country and no data centre.
            let known = rows.into_iter().filter_map(|(value, hits)| {
                let value = value.as_str().filter(|value| !["", "unknown", "none"].contains(value))?;
                Some((value.to_owned(), json!(hits)))
            });
            of_category.insert((*field).to_owned(), Value::Object(known.collect()));
        }
        reply.insert(category.to_owned(), Value::Object(of_category));
    }
    Ok(reply)
}

/// Hits by category of an OWASP API list.
///
/// # Errors
/// 403, 404 for a year without a list.
pub async fn owasp(
    cloud: &Cloud,
    caller: &Caller,
    year: &str,
    client_id: i64,
    query: &OwaspQuery,
) -> Result<BTreeMap<String, OwaspCount>, Failure> {
    let tenants = Tenants::from(caller.tenant_of(Some(client_id))?);
    let now = cloud.now();
    let range = (query.time_from.unwrap_or_else(|| oldest(now)), query.time_to.unwrap_or(now));
    if range.1 < range.0 {
        let name = if query.time_to.is_some() { "time_to" } else { "time_from" };
        return Err(ApiError::field(name, "time_from must not be after time_to", json!(range)).into());
    }
    let kinds = kinds(cloud, &tenants, None, range, vec![]).await?;
    let mut counts = BTreeMap::new();
    for number in 1..=10 {
        let name = format!("API{number}");
        let types = owasp::types_of(&format!("{name}:{year}")).ok_or_else(ApiError::absent)?;
        let mut of_category = OwaspCount::default();
        for count in kinds.iter().filter(|count| types.contains(&count.kind.as_str())) {
            of_category.count += count.hits;
            *of_category.by_type.entry(count.kind.clone()).or_default() += count.hits;
            *of_category.by_response_status.entry(count.statuscode.to_string()).or_default() += count.hits;
        }
        counts.insert(name, of_category);
    }
    Ok(counts)
}
