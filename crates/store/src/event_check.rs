//! Whether what is counted of events agrees with the events themselves.
//!
//! Each question is one statement, so it sees one moment also while events are being written, and answers nothing when all
//! is well.

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};

use crate::{StoreError, TenantId};

/// Most faults of one kind that are named.
const NAMED: u64 = 20;

/// Attacks whose counters or times differ from their hits, or that have none.
const COUNTERS: &str = "SELECT a.id AS id FROM attacks a LEFT JOIN (\
    SELECT attack_id, COUNT(*) AS stored, MIN(time) AS first, MAX(time) AS last, \
    SUM(CASE WHEN state = 'falsepositive' THEN 1 ELSE 0 END) AS bad, \
    SUM(CASE WHEN state = 'falsepositive' THEN 0 ELSE aggregated_count END) AS counted, \
    SUM(CASE WHEN state = 'falsepositive' OR block_status <> 'blocked' THEN 0 ELSE aggregated_count END) AS blocked \
    FROM hits WHERE client_id = ? GROUP BY attack_id) h ON h.attack_id = a.id \
    WHERE a.client_id = ? AND (h.stored IS NULL OR a.stored_hits <> h.stored OR a.false_hits <> h.bad \
    OR a.hits <> h.counted OR a.blocked_hits <> h.blocked OR a.first_time <> h.first OR a.last_time <> h.last \
    OR (h.bad = h.stored) <> (a.state IS NOT NULL AND a.state = 'falsepositive'))";

/// Attacks whose method is not that of most of their hits, as far as their methods are told apart.
const METHODS: &str = "SELECT a.id AS id FROM attacks a LEFT JOIN (\
    SELECT attack_id, method, COUNT(*) OVER (PARTITION BY attack_id) AS methods, \
    RANK() OVER (PARTITION BY attack_id ORDER BY SUM(aggregated_count) DESC) AS place \
    FROM hits WHERE client_id = ? AND (state IS NULL OR state <> 'falsepositive') GROUP BY attack_id, method\
    ) h ON h.attack_id = a.id AND h.method = a.method WHERE a.client_id = ? AND a.hits > 0 \
    AND (h.place > 1 AND h.methods <= 64 OR h.place IS NULL AND EXISTS (SELECT 1 FROM hits o WHERE o.attack_id = a.id))";

/// Hits whose attack is not there or belongs to somebody else.
const ORPHANS: &str = "SELECT h.id AS id FROM hits h LEFT JOIN attacks a ON a.id = h.attack_id AND a.client_id = h.client_id \
    WHERE h.client_id = ? AND a.id IS NULL";

/// Hits without their request.
const NO_REQUEST: &str = "SELECT h.id AS id FROM hits h LEFT JOIN hit_raws r ON r.hit_id = h.id AND r.client_id = h.client_id \
    WHERE h.client_id = ? AND r.hit_id IS NULL";

/// Requests without their hit.
const NO_HIT: &str = "SELECT r.hit_id AS id FROM hit_raws r LEFT JOIN hits h ON h.id = r.hit_id AND h.client_id = r.client_id \
    WHERE r.client_id = ? AND h.id IS NULL";

/// Incidents whose attack is not there, or does not say that it is one.
const INCIDENTS: &str = "SELECT i.attack_id AS id FROM incidents i LEFT JOIN attacks a ON a.id = i.attack_id \
    AND a.client_id = i.client_id WHERE i.client_id = ? AND a.vuln_id IS NULL";

/// Attacks that say that they are incidents and are not.
const NO_INCIDENT: &str = "SELECT a.id AS id FROM attacks a LEFT JOIN incidents i ON i.attack_id = a.id \
    AND i.vuln_id = a.vuln_id WHERE a.client_id = ? AND a.vuln_id IS NOT NULL AND i.attack_id IS NULL";

/// Hits beyond the end that derived indexes follow.
const BEYOND_HEAD: &str = "SELECT h.id AS id FROM hits h LEFT JOIN event_heads e ON e.client_id = h.client_id \
    WHERE h.client_id = ? AND (e.hit_id IS NULL OR h.id > e.hit_id)";

/// Questions, with what their rows are.
const QUESTIONS: &[(&str, &str)] = &[
    ("attacks with wrong counters or times", COUNTERS),
    ("attacks with a method of few hits", METHODS),
    ("hits without an attack", ORPHANS),
    ("hits without a request", NO_REQUEST),
    ("requests without a hit", NO_HIT),
    ("incidents without an attack", INCIDENTS),
    ("attacks that are no incidents", NO_INCIDENT),
    ("hits beyond the head", BEYOND_HEAD),
];

/// A kind of fault and the rows that have it, at most [`NAMED`] of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFault {
    /// What is wrong.
    pub what: &'static str,
    /// Row numbers, in order.
    pub rows: Vec<i64>,
}

/// Tenants that have hits, or had some, ascending: a head may be what is missing.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn tenants<C: ConnectionTrait>(connection: &C) -> Result<Vec<TenantId>, StoreError> {
    const TENANTS: &str =
        "SELECT client_id FROM event_heads UNION SELECT DISTINCT client_id FROM hits ORDER BY 1";
    let statement = Statement::from_string(connection.get_database_backend(), TENANTS);
    let rows = connection.query_all_raw(statement).await?;
    Ok(rows.iter().map(|row| row.try_get_by_index(0).map(TenantId)).collect::<Result<_, sea_orm::DbErr>>()?)
}

/// What disagrees among the events of a tenant. It reads every hit.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn faults<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<Vec<EventFault>, StoreError> {
    let mut faults = Vec::new();
    for (what, question) in QUESTIONS {
        let rows = ask(connection, tenant, &format!("{question} ORDER BY id LIMIT {NAMED}")).await?;
        let rows: Vec<i64> = rows.iter().map(|row| row.try_get("", "id")).collect::<Result<_, _>>()?;
        if !rows.is_empty() {
            faults.push(EventFault { what, rows });
        }
    }
    Ok(faults)
}

/// Attacks and hits of a tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn size<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<(i64, i64), StoreError> {
    let mut counts = [0, 0];
    for (count, table) in counts.iter_mut().zip(["attacks", "hits"]) {
        let question = format!("SELECT COUNT(*) AS id FROM {table} WHERE client_id = ?");
        if let Some(row) = ask(connection, tenant, &question).await?.first() {
            *count = row.try_get("", "id")?;
        }
    }
    let [attacks, hits] = counts;
    Ok((attacks, hits))
}

/// Rows and times (Unix milliseconds) of the hits of a tenant after a row, in their order.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn hits_after<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    after: i64,
    limit: u64,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let question =
        format!("SELECT id, ts_ms FROM hits WHERE client_id = ? AND id > {after} ORDER BY id LIMIT {limit}");
    let rows = ask(connection, tenant, &question).await?;
    let pair = |row: &QueryResult| Ok((row.try_get("", "id")?, row.try_get("", "ts_ms")?));
    rows.iter().map(pair).collect()
}

/// Asks with the tenant for every question mark.
async fn ask<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    question: &str,
) -> Result<Vec<QueryResult>, StoreError> {
    let backend = connection.get_database_backend();
    let marks = question.matches('?').count();
    let mut text = question.to_owned();
    if backend == DbBackend::Postgres {
        for number in 1..=marks {
            text = text.replacen('?', &format!("${number}"), 1);
        }
    }
    let values = std::iter::repeat_n(tenant.0.into(), marks);
    Ok(connection.query_all_raw(Statement::from_sql_and_values(backend, text, values)).await?)
}
