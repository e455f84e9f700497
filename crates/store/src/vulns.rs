//! Queries of vulnerabilities.

use bartizan_api::filter::{Condition as Asked, Field, Filter, Kind, Test};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::NotSet,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, IntoSimpleExpr, Order,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{CaseStatement, Expr, ExprTrait, NullOrdering, Query, SimpleExpr},
};

use crate::{
    StoreError, TenantId, Tenants,
    conditions::{self, Place},
    entity::{
        incident,
        vuln::{Column, Entity, Model},
    },
    hits::preset_types,
};

pub mod history;
pub mod incidents;

/// What vulnerabilities can be filtered by, and where it lives.
pub const FIELDS: &[(Field, Place)] = &[
    (Field::new("clientid", Kind::Int), Place::Column("client_id")),
    (Field::new("id", Kind::Int), Place::Column("id")),
    (Field::new("time", Kind::Time), Place::Column("validate_time")),
    (Field::new("validate_time", Kind::Time), Place::Column("validate_time")),
    (Field::nullable("invalidate_time", Kind::Time), Place::Column("invalidate_time")),
    (Field::nullable("last_check", Kind::Time), Place::Column("last_check")),
    (Field::new("threat", Kind::Int), Place::Column("threat")),
    (Field::new("method", Kind::Text), Place::Column("method")),
    (Field::new("domain", Kind::Mask), Place::Column("domain")),
    (Field::new("path", Kind::Mask), Place::Column("path")),
    (Field::new("parameter", Kind::Mask), Place::Column("parameter")),
    (Field::new("hidden", Kind::Bool), Place::Column("hidden")),
    (Field::new("validated", Kind::Bool), Place::Column("validated")),
    (Field::new("type", Kind::Text), Place::Column("kind")),
    (Field::new("target", Kind::Text), Place::Column("target")),
    (Field::new("status", Kind::Text), Place::Column("status")),
    (Field::nullable("vuln_recheck_type", Kind::Text), Place::Column("vuln_recheck_type")),
    (Field::new("search", Kind::Text).listed(), Place::Search(&["domain", "path"])),
    (Field::nullable("testrun_id", Kind::Int), Place::Column("testrun_id")),
    (Field::new("pool", Kind::Int), Place::Column("pool")),
    (Field::new("wid", Kind::Text), Place::Column("wid")),
    (Field::new("title", Kind::Text), Place::Column("title")),
    (Field::new("template", Kind::Text), Place::Column("template")),
    (Field::new("detection_method", Kind::Text), Place::Column("detection_method")),
    (Field::new("created_at", Kind::Time), Place::Column("created_at")),
    (
        Field::new("issue_search", Kind::Text).listed(),
        Place::Search(&["title", "domain", "path", "parameter"]),
    ),
    (Field::new("incident", Kind::Bool), Place::Elsewhere),
    (Field::new("preset", Kind::Text), Place::Elsewhere),
    (Field::nullable("scid", Kind::Text), Place::Constant(None)),
];

/// The vulnerabilities of a filter. Hidden ones only by an alternative that speaks of them.
fn condition(tenants: &Tenants, filter: &Filter) -> Condition {
    let all = Condition::all().add(tenants.holds("client_id"));
    if filter.clauses.is_empty() {
        return all.add(Column::Hidden.eq(false));
    }
    all.add(filter.clauses.iter().fold(Condition::any(), |any, clause| {
        let tests = clause.iter().filter_map(|asked| {
            // The tenants say it already; 0 is the caller's own.
            if asked.field == "clientid" && !asked.negated {
                return None;
            }
            test(asked)
        });
        let speaks = clause.iter().any(|asked| asked.field == "hidden");
        let shown = if speaks { Expr::val(1).eq(1) } else { Column::Hidden.eq(false) };
        any.add(tests.fold(Condition::all().add(shown), Condition::add))
    }))
}

fn test(asked: &Asked) -> Option<Condition> {
    let positive = match (asked.field, &asked.test) {
        (_, Test::All(parts)) => {
            // Not all of them is: one of them not. So a part that is null counts as another one.
            let part = |part: &Asked| test(&Asked { negated: part.negated != asked.negated, ..part.clone() });
            let of = if asked.negated { Condition::any() } else { Condition::all() };
            return Some(parts.iter().filter_map(part).fold(of, Condition::add));
        }
        ("preset", Test::Texts(words)) => Column::Kind.is_in(preset_types(words)),
        ("incident", Test::Bool(flag)) => {
            let exploited = Query::select().column("vuln_id").from(incident::Entity).to_owned();
            let exploited = Expr::col("id").in_subquery(exploited);
            if *flag { exploited } else { exploited.not() }
        }
        (name, _) => {
            let place = FIELDS.iter().find(|(field, _)| field.name == name).map(|(_, place)| place)?;
            return conditions::test(place, asked);
        }
    };
    let all = Condition::all().add(positive);
    Some(if asked.negated { all.not() } else { all })
}

/// What vulnerabilities are sorted by.
#[derive(Clone, Copy, Debug)]
pub enum Sorting {
    /// A column.
    By(Column),
    /// A column by what the API calls its words: stored word and name.
    Renamed(Column, &'static [(&'static str, &'static str)]),
    /// The states of security issues: a hidden one is hidden whatever its status.
    State,
}

impl IntoSimpleExpr for Sorting {
    fn into_simple_expr(self) -> SimpleExpr {
        match self {
            Sorting::By(column) => column.into_simple_expr(),
            Sorting::Renamed(column, names) => {
                let case = |case: CaseStatement, (word, name): &(&'static str, &'static str)| {
                    case.case(column.eq(*word), *name)
                };
                names.iter().fold(CaseStatement::new(), case).finally(column.into_simple_expr()).into()
            }
            Sorting::State => CaseStatement::new()
                .case(Column::Hidden.eq(true), "hidden")
                .case(Column::Status.eq("falsepositive"), "marked_false")
                .finally(Column::Status.into_simple_expr())
                .into(),
        }
    }
}

/// Vulnerabilities, sorted; equal ones by id. Absent values are less than all others.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn list<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    filter: &Filter,
    (sorting, desc): (Sorting, bool),
    offset: u64,
    limit: u64,
) -> Result<Vec<Model>, StoreError> {
    // The databases differ in where null comes by itself.
    let (direction, nulls) =
        if desc { (Order::Desc, NullOrdering::Last) } else { (Order::Asc, NullOrdering::First) };
    Ok(Entity::find()
        .filter(condition(tenants, filter))
        .order_by_with_nulls(sorting, direction.clone(), nulls)
        .order_by(Column::Id, direction)
        .offset(offset)
        .limit(limit)
        .all(connection)
        .await?)
}

/// Number of vulnerabilities.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn count<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    filter: &Filter,
) -> Result<u64, StoreError> {
    Ok(Entity::find().filter(condition(tenants, filter)).count(connection).await?)
}

/// Vulnerabilities by id, hidden ones too.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn of_ids<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    ids: &[i64],
) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find()
        .filter(tenants.holds("client_id"))
        .filter(Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(Column::Id)
        .all(connection)
        .await?)
}

/// Whether the tenant has an open one of this kind in this place.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn open_twin<C: ConnectionTrait>(connection: &C, row: &Model) -> Result<bool, StoreError> {
    let twins = Entity::find()
        .filter(Column::ClientId.eq(row.client_id))
        .filter(Column::Status.eq("open"))
        .filter(Column::Kind.eq(row.kind.as_str()))
        .filter(Column::Domain.eq(row.domain.as_str()))
        .filter(Column::Path.eq(row.path.as_str()))
        .filter(Column::Parameter.eq(row.parameter.as_str()));
    Ok(twins.count(connection).await? > 0)
}

/// The vulnerability of this kind in this place: an open one, else one judged false, else the one closed last. Leaks are
/// told apart by what leaks; one of before that was known is of the same kind when it shows the same sign.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn twin<C: ConnectionTrait>(connection: &C, row: &Model) -> Result<Option<Model>, StoreError> {
    let twins = Entity::find()
        .filter(Column::ClientId.eq(row.client_id))
        .filter(Column::Kind.eq(row.kind.as_str()))
        .filter(Column::Domain.eq(row.domain.as_str()))
        .filter(Column::Path.eq(row.path.as_str()))
        .filter(Column::Parameter.eq(row.parameter.as_str()))
        .order_by_asc(Column::Id)
        .all(connection)
        .await?;
    let is_twin = |twin: &Model| match (&row.sign_class, &twin.sign_class) {
        (Some(class), Some(other)) => class == other,
        (Some(_), None) => row.additional == twin.additional,
        (None, _) => true,
    };
    let rank = |twin: &Model| match twin.status.as_str() {
        "open" => (2, i64::MAX),
        "falsepositive" => (1, i64::MAX),
        _ => (0, twin.invalidate_time.unwrap_or(0)),
    };
    Ok(twins.into_iter().filter(is_twin).max_by_key(rank))
}

/// Inserts a vulnerability with the next human id of its tenant; call it under the event lock.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    prefix: &str,
    mut row: Model,
) -> Result<Model, StoreError> {
    // Vulnerabilities are never deleted, so the count numbers them.
    let number = Entity::find().filter(Column::ClientId.eq(tenant.0)).count(connection).await? + 1;
    row.client_id = tenant.0;
    row.wid = format!("{prefix}-{number}");
    let mut row = row.into_active_model();
    row.id = NotSet;
    Ok(row.insert(connection).await?)
}

/// Writes a changed vulnerability.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn update<C: ConnectionTrait>(connection: &C, row: Model) -> Result<Model, StoreError> {
    Ok(row.into_active_model().reset_all().update(connection).await?)
}
