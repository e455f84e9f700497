//! What a report holds, whatever its form: figures of the period beside those of the period before, and rows.

use bartizan_api::{
    ApiError,
    attack::AttackView,
    filter::{Condition, Family, Field, Filter, Range, Test},
    vuln::VulnView,
    vuln_type,
};
use bartizan_store::{
    TenantId, Tenants,
    attacks::{AttackOrder, AttackQuery, Start},
    clients,
    entity::{report, vuln::Column},
    hits::{self, HitQuery, Term, Timeline},
    traffic,
    vulns::{self, Sorting},
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    failure::Failure,
    services::{
        attack_vectors::kept_since,
        attacks as attack_rows, indexed_events,
        listing::{attack_types, understood},
        vulns as vuln_rows,
    },
    state::Cloud,
};

/// Most rows of a kind.
pub(super) const MAX_ROWS: usize = 10_000;
/// Rows read at a time.
const PAGE: u64 = 1000;
/// Values of a ranking.
const TOP: usize = 10;
/// Stretches of the graph.
const STRETCHES: usize = 30;
/// Types that the platform uses for itself; refusals of sources that it listed (`vectors`) count.
const INTERNAL: [&str; 3] = ["warn", "marker", "bot"];

/// A report.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Content {
    /// Tenant.
    pub(super) clientid: i64,
    /// Its name.
    pub(super) client: String,
    /// Start of the period, Unix seconds.
    pub(super) time_from: i64,
    /// End of the period, Unix seconds.
    pub(super) time_to: i64,
    /// Unix seconds.
    pub(super) generated_at: i64,
    /// Figures of the period.
    pub(super) summary: Summary,
    /// Figures of the period of the same length before.
    pub(super) before: Summary,
    /// Hits over time: start of each stretch, and hits.
    pub(super) hits_over_time: Vec<(i64, i64)>,
    /// Rankings.
    pub(super) top: Rankings,
    /// Open vulnerabilities by severity, gravest first.
    pub(super) open_vulns: Vec<Ranked>,
    /// Attacks, most hits first.
    pub(super) attacks: Vec<AttackView>,
    /// Incidents, most hits first.
    pub(super) incidents: Vec<AttackView>,
    /// Open vulnerabilities, and those found in the period; gravest first.
    pub(super) vulns: Vec<VulnView>,
}

/// Figures of a period.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(in crate::services) struct Summary {
    /// Requests that nodes inspected.
    pub(in crate::services) requests: i64,
    /// Malicious requests, one per type and place.
    pub(in crate::services) hits: i64,
    /// Of them, refused.
    pub(in crate::services) blocked: i64,
    /// Groups of hits.
    pub(in crate::services) attacks: i64,
    /// Attacks that worked.
    pub(in crate::services) incidents: i64,
    /// Different source addresses.
    pub(in crate::services) sources: i64,
    /// Vulnerabilities found.
    pub(in crate::services) vulns: i64,
}

/// A value and how often it was.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Ranked {
    /// Value.
    pub(super) value: String,
    /// How often.
    pub(super) count: i64,
}

/// Most frequent values of hits.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Rankings {
    /// Attack types.
    pub(super) types: Vec<Ranked>,
    /// Source addresses.
    pub(super) sources: Vec<Ranked>,
    /// Countries of sources.
    pub(super) countries: Vec<Ranked>,
    /// Hosts.
    pub(super) domains: Vec<Ranked>,
    /// Paths.
    pub(super) paths: Vec<Ranked>,
}

/// The filters of a request, as each kind of rows understands them.
#[derive(Clone, Debug)]
pub(super) struct Filters {
    hits: Filter,
    attacks: Filter,
    incidents: Filter,
    vulns: Filter,
}

impl Filters {
    /// Reads `extra_filter`. Whose rows are shown is not its business, so tenants that it names are passed over.
    pub(super) fn parse(extra: &Value) -> Result<Filters, ApiError> {
        if !extra.is_null() && !extra.is_object() {
            return Err(ApiError::field("extra_filter", "must be an object", extra.clone()));
        }
        let of = |name: &str| extra.get(name).unwrap_or(&Value::Null);
        let hit_fields: Vec<Field> = hits::FIELDS.iter().map(|(field, _)| *field).collect();
        let vuln_fields: Vec<Field> = vulns::FIELDS.iter().map(|(field, _)| *field).collect();
        let without = |filter: Filter, names: &[&str]| {
            let keep = |clause: Vec<Condition>| {
                clause.into_iter().filter(|condition| !names.contains(&condition.field)).collect()
            };
            Filter { clauses: filter.clauses.into_iter().map(keep).collect(), ignored: vec![] }
        };
        let attacks = |value: &Value| {
            let filter = attack_rows::understood_filter(value)?;
            Ok::<_, ApiError>(without(filter, &["clientid", "vulnid"]))
        };
        let hits = understood(of("attacks"), &hit_fields, attack_rows::IDS, attack_types)?;
        let vulns = Filter::parse(of("vulns"), &vuln_fields, Family::Events)?;
        Ok(Filters {
            hits: without(hits, &["clientid", "vulnid"]),
            attacks: attacks(of("attacks"))?,
            incidents: attacks(of("incidents"))?,
            vulns: without(vulns, &["clientid", "time", "validate_time"]),
        })
    }
}

fn within(from: i64, to: i64) -> Condition {
    let range = Range { from: Some(from), to: Some(to - 1) };
    Condition { field: "time", negated: false, test: Test::Ints(vec![], vec![range]) }
}

fn texts(field: &'static str, negated: bool, words: &[&str]) -> Condition {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    Condition { field, negated, test: Test::Texts(words) }
}

/// What counts at all: nothing that was judged false, nothing that the platform did itself.
fn counted() -> [Condition; 2] {
    [texts("state", true, &["falsepositive"]), texts("type", true, &INTERNAL)]
}

fn exploited(yes: bool) -> Condition {
    Condition { field: "vulnid", negated: yes, test: Test::Null }
}

/// Everything that a report says.
pub(super) async fn gather(
    cloud: &Cloud,
    tenant: TenantId,
    report: &report::Model,
) -> Result<Content, Failure> {
    let filters = Filters::parse(&report.extra_filter.0)?;
    let (from, to) = (report.time_from, report.time_to);
    let asked = Asked { cloud, tenants: tenant.into(), since: kept_since(cloud, tenant).await?, filters };
    let client = clients::of_ids(cloud.store.reader(), &tenant.into()).await?;
    let vulns = asked.vulns(from, to).await?;
    Ok(Content {
        clientid: tenant.0,
        client: client.into_iter().next().map(|client| client.name).unwrap_or_default(),
        time_from: from,
        time_to: to,
        generated_at: cloud.now(),
        summary: asked.summary(from, to).await?,
        before: asked.summary(from - (to - from), from).await?,
        hits_over_time: asked.series(from, to).await?,
        top: asked.rankings(from, to).await?,
        open_vulns: by_severity(&vulns),
        attacks: asked.attacks(&asked.filters.attacks, exploited(false), from, to).await?,
        incidents: asked.attacks(&asked.filters.incidents, exploited(true), from, to).await?,
        vulns,
    })
}

/// The figures of two periods.
///
/// # Errors
/// 500 when the store fails.
pub(in crate::services) async fn figures(
    cloud: &Cloud,
    tenant: TenantId,
    (from, to): (i64, i64),
    (earlier_from, earlier_to): (i64, i64),
) -> Result<(Summary, Summary), Failure> {
    let filters = Filters::parse(&Value::Null)?;
    let asked = Asked { cloud, tenants: tenant.into(), since: kept_since(cloud, tenant).await?, filters };
    Ok((asked.summary(from, to).await?, asked.summary(earlier_from, earlier_to).await?))
}

/// The questions of one report.
struct Asked<'a> {
    cloud: &'a Cloud,
    tenants: Tenants,
    since: i64,
    filters: Filters,
}

impl Asked<'_> {
    fn hits_filter(&self, from: i64, to: i64) -> Filter {
        self.filters.hits.and(&[&counted()[..], &[within(from, to)]].concat())
    }

    fn hits<'q>(&'q self, filter: &'q Filter) -> HitQuery<'q> {
        HitQuery { tenants: &self.tenants, since: self.since, filter }
    }

    fn attack_query<'q>(&'q self, filter: &'q Filter) -> AttackQuery<'q> {
        AttackQuery { tenants: &self.tenants, since: self.since, filter, among: None }
    }

    async fn summary(&self, from: i64, to: i64) -> Result<Summary, Failure> {
        let hits = self.hits_filter(from, to);
        let kinds = indexed_events::kinds(self.cloud, self.hits(&hits)).await?;
        let period = [&counted()[..], &[within(from, to)]].concat();
        let attacks = self.filters.attacks.and(&[&period[..], &[exploited(false)]].concat());
        let incidents = self.filters.incidents.and(&[&period[..], &[exploited(true)]].concat());
        let (attacks, _, _) = indexed_events::attack_count(self.cloud, self.attack_query(&attacks)).await?;
        let (incidents, _, _) =
            indexed_events::attack_count(self.cloud, self.attack_query(&incidents)).await?;
        let whole =
            indexed_events::series(self.cloud, self.hits(&hits), Timeline::over(from, to - 1, 1)).await?;
        let reader = self.cloud.store.reader();
        let traffic = traffic::series(reader, &self.tenants, None, Timeline::over(from, to - 1, 1)).await?;
        let found = self.filters.vulns.and(&[within(from, to), texts("status", true, &["falsepositive"])]);
        let vulns = vulns::count(reader, &self.tenants, &found).await?;
        Ok(Summary {
            requests: traffic.iter().map(|sum| sum.requests).sum(),
            hits: kinds.iter().map(|count| count.hits).sum(),
            blocked: kinds.iter().filter(|count| count.blocked).map(|count| count.hits).sum(),
            attacks,
            incidents,
            sources: whole.first().map_or(0, |bucket| bucket.ips),
            vulns: i64::try_from(vulns).unwrap_or(i64::MAX),
        })
    }

    async fn series(&self, from: i64, to: i64) -> Result<Vec<(i64, i64)>, Failure> {
        let points = usize::try_from(to - from).unwrap_or(STRETCHES).min(STRETCHES);
        let timeline = Timeline::over(from, to - 1, points);
        let filter = self.hits_filter(from, to);
        let buckets = indexed_events::series(self.cloud, self.hits(&filter), timeline).await?;
        let starts = (0..).map(|index| timeline.start(index));
        Ok(starts.zip(buckets.iter().map(|bucket| bucket.hits)).collect())
    }

    async fn rankings(&self, from: i64, to: i64) -> Result<Rankings, Failure> {
        Ok(Rankings {
            types: self.ranking("type", from, to).await?,
            sources: self.ranking("ip", from, to).await?,
            countries: self.ranking("remote_country", from, to).await?,
            domains: self.ranking("domain", from, to).await?,
            paths: self.ranking("path", from, to).await?,
        })
    }

    async fn ranking(&self, term: &str, from: i64, to: i64) -> Result<Vec<Ranked>, Failure> {
        let Some(term) = Term::named(term) else { return Ok(vec![]) };
        let filter = self.hits_filter(from, to);
        let found = indexed_events::terms(self.cloud, self.hits(&filter), term, TOP + 1).await?;
        let known = found.into_iter().filter_map(|(value, count)| {
            let value = value.as_str()?.to_owned();
            Some(Ranked { value, count })
        });
        Ok(known.take(TOP).collect())
    }

    /// Attacks that pass a filter, and incidents or none of them; most hits first.
    async fn attacks(
        &self,
        filter: &Filter,
        which: Condition,
        from: i64,
        to: i64,
    ) -> Result<Vec<AttackView>, Failure> {
        let filter = filter.and(&[&counted()[..], &[within(from, to), which]].concat());
        let among = indexed_events::attacks_with_hit(self.cloud, self.attack_query(&filter)).await?;
        let query = AttackQuery { among: among.as_deref(), ..self.attack_query(&filter) };
        let (mut rows, mut start) = (Vec::new(), Start::Offset(0));
        while rows.len() < MAX_ROWS {
            let page = self.cloud.store.attack_page(query, AttackOrder::Hits, true, start, PAGE).await?;
            let Some((_, last)) = page.last() else { break };
            start = Start::After(last.clone());
            let found: Vec<_> = page.into_iter().map(|(attack, _)| attack).collect();
            rows.extend(attack_rows::views(self.cloud, query, &found).await?);
        }
        Ok(rows)
    }

    async fn vulns(&self, from: i64, to: i64) -> Result<Vec<VulnView>, Failure> {
        let open = self.filters.vulns.and(&[texts("status", false, &["open"])]);
        let found =
            self.filters.vulns.and(&[within(from, to), texts("status", true, &["falsepositive", "open"])]);
        let filter = Filter { clauses: [open.clauses, found.clauses].concat(), ignored: vec![] };
        let most = MAX_ROWS as u64;
        let reader = self.cloud.store.reader();
        let rows =
            vulns::list(reader, &self.tenants, &filter, (Sorting::By(Column::Threat), true), 0, most).await?;
        vuln_rows::views(self.cloud, &self.tenants, &rows).await
    }
}

fn by_severity(vulns: &[VulnView]) -> Vec<Ranked> {
    let open = |severity: &str| {
        let rows = vulns.iter().filter(|row| row.status == "open" && row.threat_level == severity);
        i64::try_from(rows.count()).unwrap_or(i64::MAX)
    };
    let severities = vuln_type::SEVERITIES.iter().rev();
    severities.map(|severity| Ranked { value: (*severity).to_owned(), count: open(severity) }).collect()
}
