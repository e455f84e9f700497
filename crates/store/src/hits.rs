//! Queries of hits: what a filter may name, lists, raw requests, marking.

use std::collections::{BTreeMap, HashMap};

use bartizan_api::{
    AttackType,
    filter::{Condition as Asked, Field, Filter, Kind, Test},
    owasp,
    public_id::{self, IndexSpan, Indexed, Key},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, Order, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::{Expr, Func, Query, SelectStatement, SimpleExpr},
};

use crate::{
    Store, StoreError, TenantId, Tenants,
    conditions::{self, Place},
    entity::{self, hit::Column},
};

mod terms;
pub use terms::{Bucket, KindCount, Term, Timeline};

/// What hits can be filtered by, and where it lives. Values that nothing collects yet are constants; those that
/// this product never collects are accepted without effect. Null asks for absence where the contract lists the field as
/// nullable, and of `known_attack` and `regex`, because the search says "known" and "custom rule" that way.
pub const FIELDS: &[(Field, Place)] = &[
    (Field::new("clientid", Kind::Int), Place::Column("client_id")),
    (Field::new("time", Kind::Time), Place::Column("time")),
    (Field::new("id", Kind::Raw), Place::Elsewhere),
    (Field::new("attackid", Kind::Raw), Place::Elsewhere),
    (Field::new("request_id", Kind::Text), Place::Column("request_id")),
    (Field::new("type", Kind::Text), Place::Column("kind")),
    (Field::new("attack_subtype", Kind::Text), Place::Column("subtype")),
    (Field::new("domain", Kind::Mask), Place::Column("domain")),
    (Field::new("path", Kind::Mask), Place::Column("path")),
    (Field::new("parameter", Kind::Mask), Place::Column("parameter")),
    (Field::new("method", Kind::Text), Place::Column("method")),
    (Field::new("value", Kind::Mask), Place::Column("value")),
    (Field::new("vector", Kind::Mask), Place::Column("value")),
    (Field::new("stamps", Kind::Int).listed(), Place::CommaList("stamps")),
    (Field::new("stamps_hash", Kind::Int), Place::Column("stamps_hash")),
    (Field::nullable("regex", Kind::Int).listed(), Place::CommaList("regex")),
    (Field::new("statuscode", Kind::Int), Place::Column("statuscode")),
    (Field::new("size", Kind::Int), Place::Column("response_size")),
    (Field::new("response_time", Kind::Int), Place::Column("response_time")),
    (Field::new("ip", Kind::Ip), Place::Address("ip", "ip_key")),
    (Field::nullable("remote_country", Kind::Text), Place::Column("remote_country")),
    (Field::new("poolid", Kind::Int), Place::Column("pool")),
    (Field::new("block_status", Kind::Text), Place::Column("block_status")),
    (Field::nullable("state", Kind::Text), Place::Column("state")),
    (Field::nullable("experimental", Kind::Bool), Place::Column("experimental")),
    (Field::nullable("known_attack", Kind::Text).listed(), Place::CommaList("known_attack")),
    (Field::new("protocol", Kind::Text), Place::Column("api_protocol")),
    (Field::new("auth_protocol", Kind::Text).listed(), Place::CommaList("auth_protocol")),
    (Field::new("node_uuid", Kind::Text), Place::Column("node_uuid")),
    (Field::nullable("vulnid", Kind::Int), Place::Column("vuln_id")),
    (Field::nullable("security_issue_id", Kind::Int), Place::Column("vuln_id")),
    (Field::new("wallarm_mode", Kind::Text), Place::OrColumn("local_mode", "mode")),
    (Field::new("final_wallarm_mode", Kind::Text), Place::Column("mode")),
    (Field::new("search", Kind::Text).listed(), Place::Search(&["domain", "path"])),
    (Field::new("target", Kind::Text), Place::Elsewhere),
    (Field::new("threat", Kind::Int), Place::Elsewhere),
    (Field::new("datacenter", Kind::Text), Place::Or("datacenter", "unknown")),
    (Field::new("tor", Kind::Text), Place::Or("tor", "none")),
    (Field::nullable("proxy_type", Kind::Text), Place::Column("proxy_type")),
    (Field::nullable("known_false", Kind::Text), Place::Column("known_false")),
    (Field::nullable("endpoint_id", Kind::Text), Place::Column("endpoint_id")),
    (Field::nullable("api_spec_id", Kind::Text), Place::Column("api_spec_id")),
    (Field::new("api_spec_violation", Kind::Text), Place::Column("api_spec_violation")),
    (Field::new("session_id", Kind::Text), Place::Column("session_id")),
    (Field::new("orig_session_id", Kind::Text), Place::Column("orig_session_id")),
    (Field::new("user", Kind::Text), Place::Column("app_user")),
    (Field::new("user_role", Kind::Text), Place::Column("app_role")),
    (Field::new("mitigation_control_id", Kind::Int), Place::Column("mitigation_control_id")),
    (Field::new("anomality", Kind::Text), Place::Constant(None)),
    (Field::new("wallarm_scanner", Kind::Bool), Place::Column("wallarm_scanner")),
    (Field::new("ebpf", Kind::Bool), Place::Column("ebpf")),
    (Field::new("aasm_event", Kind::Bool), Place::Column("aasm_event")),
    (Field::new("value_hash", Kind::Int), Place::Column("value_hash")),
    (Field::new("brute_counter", Kind::Text), Place::Column("counter")),
    (Field::new("dirbust_counter", Kind::Text), Place::Column("counter")),
    (Field::new("bola_counter", Kind::Text), Place::Column("counter")),
    (Field::new("ips", Kind::Int).listed(), Place::Elsewhere),
    (Field::new("hitid", Kind::Raw), Place::Elsewhere),
    (Field::new("index", Kind::Text).listed(), Place::Elsewhere),
    (Field::new("changed_time", Kind::Time), Place::Elsewhere),
    (Field::new("preset", Kind::Text), Place::Elsewhere),
    (Field::new("probability", Kind::Raw), Place::Elsewhere),
    (Field::new("impression", Kind::Raw), Place::Elsewhere),
    (Field::new("rawid", Kind::Raw), Place::Elsewhere),
    (Field::new("lom_id", Kind::Raw), Place::Elsewhere),
    (Field::new("libproton_version", Kind::Raw), Place::Elsewhere),
];

/// Which hits: of these tenants, not older than `since`, passing the filter.
#[derive(Clone, Copy, Debug)]
pub struct HitQuery<'a> {
    /// Tenants.
    pub tenants: &'a Tenants,
    /// Oldest time that still exists, Unix seconds.
    pub since: i64,
    /// Filter over [`FIELDS`].
    pub filter: &'a Filter,
}

impl HitQuery<'_> {
    /// The whole condition.
    #[must_use]
    pub fn condition(&self) -> Condition {
        let all =
            Condition::all().add(self.tenants.holds("client_id")).add(Expr::col("time").gte(self.since));
        if self.filter.clauses.is_empty() {
            return all;
        }
        all.add(self.filter.clauses.iter().fold(Condition::any(), |any, clause| any.add(self.clause(clause))))
    }

    fn clause(&self, clause: &[Asked]) -> Condition {
        let of_attack = clause.iter().filter_map(|asked| self.of_attack(asked));
        of_attack.fold(conjunction(clause), Condition::add)
    }

    /// What is asked of the attack that a hit belongs to: from how many addresses it came.
    fn of_attack(&self, asked: &Asked) -> Option<Condition> {
        let ("ips", Test::Ints(values, ranges)) = (asked.field, &asked.test) else { return None };
        let count = || SimpleExpr::from(Func::count_distinct(Expr::col("ip")));
        let mut wanted = Condition::any().add(Expr::val(1).eq(0));
        if !values.is_empty() {
            wanted = wanted.add(count().is_in(values.iter().copied()));
        }
        wanted = ranges.iter().fold(wanted, |any, range| {
            let (from, to) = (range.from.unwrap_or(i64::MIN), range.to.unwrap_or(i64::MAX));
            any.add(count().between(from, to))
        });
        let attacks = Query::select()
            .column("attack_id")
            .from(entity::hit::Entity)
            .and_where(self.tenants.holds("client_id"))
            .and_where(Column::State.is_null().or(Column::State.ne(FALSE)))
            .group_by_col("attack_id")
            .cond_having(wanted)
            .to_owned();
        let positive = Condition::all().add(Expr::col("attack_id").in_subquery(attacks));
        Some(if asked.negated { positive.not() } else { positive })
    }
}

/// All conditions of a clause, true while there are none.
pub(crate) fn conjunction<'a>(clause: impl IntoIterator<Item = &'a Asked>) -> Condition {
    clause.into_iter().filter_map(test).fold(Condition::all().add(Expr::val(1).eq(1)), Condition::add)
}

/// One condition on the hits table.
pub(crate) fn test(asked: &Asked) -> Option<Condition> {
    let positive = match (asked.field, &asked.test) {
        // The tenants of the query say it already; 0 is the caller's own.
        ("clientid", _) if !asked.negated => return None,
        ("id" | "hitid", Test::Raw(value)) => {
            let keys = public_id::parse(Indexed::Hits, value).unwrap_or_default();
            keys_condition("event_id", &keys)
        }
        ("attackid", Test::Raw(value)) => {
            let keys = public_id::parse(Indexed::Attacks, value).unwrap_or_default();
            Condition::all().add(Expr::col("attack_id").in_subquery(attack_rows(&keys)))
        }
        ("target" | "threat", tested) => {
            let kinds = AttackType::ALL.iter().filter(|kind| kind_passes(**kind, tested));
            Condition::all().add(Expr::col("kind").is_in(kinds.map(|kind| kind.code())))
        }
        ("preset", Test::Texts(words)) => Condition::all().add(Expr::col("kind").is_in(preset_types(words))),
        ("index", Test::Texts(names)) => index_condition(Indexed::Hits, names, &|index| {
            Expr::col("time").between(index.from, index.to - 1)
        }),
        ("changed_time", test) => {
            let changed = || Func::coalesce([Expr::col("changed_at"), Expr::col("received_at")]).into();
            since(test, &changed)
        }
        (field, _) => {
            let place = FIELDS.iter().find(|(known, _)| known.name == field).map(|(_, place)| place)?;
            return conditions::test(place, asked);
        }
    };
    Some(if asked.negated { positive.not() } else { positive })
}

/// Rows that one of the keys names, `column` holding the id within the tenant.
pub(crate) fn keys_condition(column: &'static str, keys: &[Key]) -> Condition {
    let mut by_tenant: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
    for key in keys {
        by_tenant.entry(key.clientid).or_default().push(&key.id);
    }
    // Nothing named, nothing found.
    by_tenant.into_iter().fold(Condition::any().add(Expr::val(1).eq(0)), |any, (client, ids)| {
        any.add(Expr::col("client_id").eq(client).and(Expr::col(column).is_in(ids)))
    })
}

/// The types of OWASP presets. A word that names none was refused before.
pub(crate) fn preset_types(words: &[String]) -> Vec<&'static str> {
    let categories = words.iter().filter_map(|word| owasp::preset(word));
    categories.filter_map(|category| owasp::types_of(category.id)).flatten().collect()
}

/// Rows of the monthly indexes of these names; `within` says that a row lies in a span of time.
pub(crate) fn index_condition(
    indexed: Indexed,
    names: &[String],
    within: &dyn Fn(&IndexSpan) -> SimpleExpr,
) -> Condition {
    let none = Condition::any().add(Expr::val(1).eq(0));
    names
        .iter()
        .filter_map(|name| public_id::index(indexed, name))
        .fold(none, |any, index| any.add(Expr::col("client_id").eq(index.clientid).and(within(&index))))
}

/// Rows changed since a moment, or within a range.
pub(crate) fn since(test: &Test, changed: &dyn Fn() -> SimpleExpr) -> Condition {
    let none = Condition::any().add(Expr::val(1).eq(0));
    let Test::Ints(moments, ranges) = test else { return none };
    let any = moments.iter().fold(none, |any, moment| any.add(changed().gte(*moment)));
    ranges.iter().fold(any, |any, range| {
        let (from, to) = (range.from.unwrap_or(i64::MIN), range.to.unwrap_or(i64::MAX));
        any.add(changed().between(from, to))
    })
}

fn attack_rows(keys: &[Key]) -> SelectStatement {
    Query::select()
        .column("id")
        .from(entity::attack::Entity)
        .cond_where(keys_condition("public_id", keys))
        .to_owned()
}

fn kind_passes(kind: AttackType, test: &Test) -> bool {
    let info = kind.info();
    match test {
        Test::Texts(texts) => serde_json::to_value(info.target)
            .is_ok_and(|target| texts.iter().any(|text| target.as_str() == Some(text))),
        Test::Ints(values, ranges) => {
            let threat = i64::from(info.threat);
            values.contains(&threat)
                || ranges.iter().any(|range| {
                    range.from.is_none_or(|from| from <= threat) && range.to.is_none_or(|to| threat <= to)
                })
        }
        _ => false,
    }
}

/// How hits are sorted.
#[derive(Clone, Copy, Debug)]
pub struct HitOrder {
    /// Column.
    pub column: Column,
    /// Greatest first.
    pub desc: bool,
}

impl Store {
    /// Hits, sorted; equal ones by row.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn hit_list(
        &self,
        query: HitQuery<'_>,
        order: HitOrder,
        offset: u64,
        limit: u64,
    ) -> Result<Vec<entity::hit::Model>, StoreError> {
        let direction = if order.desc { Order::Desc } else { Order::Asc };
        Ok(entity::hit::Entity::find()
            .filter(query.condition())
            .order_by(order.column, direction.clone())
            .order_by(Column::Id, direction)
            .offset(offset)
            .limit(limit)
            .all(self.reader())
            .await?)
    }

    /// Number of hits.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn hit_count(&self, query: HitQuery<'_>) -> Result<u64, StoreError> {
        Ok(entity::hit::Entity::find().filter(query.condition()).count(self.reader()).await?)
    }

    /// The hits that keys name, with their serialised requests, as far as the tenants hold them.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn hit_raws(
        &self,
        tenants: &Tenants,
        since: i64,
        keys: &[Key],
    ) -> Result<Vec<(entity::hit::Model, serde_json::Value)>, StoreError> {
        let hits = entity::hit::Entity::find()
            .filter(tenants.holds("client_id"))
            .filter(Column::Time.gte(since))
            .filter(keys_condition("event_id", keys))
            .order_by_asc(Column::Id)
            .all(self.reader())
            .await?;
        let mut raws: HashMap<i64, serde_json::Value> = entity::hit_raw::Entity::find()
            .filter(entity::hit_raw::Column::HitId.is_in(hits.iter().map(|hit| hit.id)))
            .filter(tenants.holds("client_id"))
            .all(self.reader())
            .await?
            .into_iter()
            .map(|raw| (raw.hit_id, raw.raw.0))
            .collect();
        Ok(hits.into_iter().filter_map(|hit| raws.remove(&hit.id).map(|raw| (hit, raw))).collect())
    }
}

/// How hits are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// False positives.
    False,
    /// Attacks, confirmed.
    True,
    /// No false positives any more; a confirmation stays.
    NotFalse,
    /// Not judged at all.
    Open,
}

impl Verdict {
    /// What is written to the hits.
    #[must_use]
    pub const fn state(self) -> Option<&'static str> {
        match self {
            Verdict::False => Some(FALSE),
            Verdict::True => Some("truepositive"),
            Verdict::NotFalse | Verdict::Open => None,
        }
    }

    /// The hits that it changes.
    fn changing(self) -> SimpleExpr {
        match (self, self.state()) {
            // `<>` is not true of null.
            (_, Some(state)) => Column::State.is_null().or(Column::State.ne(state)),
            (Verdict::Open, None) => Column::State.is_not_null(),
            (_, None) => Column::State.eq(FALSE),
        }
    }
}

/// State of a false positive.
const FALSE: &str = "falsepositive";

/// Marks hits within a transaction and returns how many changed and the attacks they belong to.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn mark<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    condition: Condition,
    verdict: Verdict,
    now: i64,
) -> Result<(u64, Vec<i64>), StoreError> {
    let wanted = Condition::all().add(Column::ClientId.eq(tenant.0)).add(condition).add(verdict.changing());
    let attacks: Vec<i64> = entity::hit::Entity::find()
        .select_only()
        .column(Column::AttackId)
        .distinct()
        .filter(wanted.clone())
        .into_tuple()
        .all(connection)
        .await?;
    let done = entity::hit::Entity::update_many()
        .col_expr(Column::State, Expr::val(verdict.state()))
        .col_expr(Column::ChangedAt, Expr::val(Some(now)))
        .filter(wanted)
        .exec(connection)
        .await?;
    if done.rows_affected > 0 {
        crate::event_index::note_change(connection, tenant).await?;
    }
    Ok((done.rows_affected, attacks))
}

/// Hits that a rule against false positives cannot tell apart.
#[derive(Clone, Debug, PartialEq)]
pub struct MarkedGroup {
    /// Attack type.
    pub kind: String,
    /// Application.
    pub pool: i64,
    /// Host.
    pub domain: String,
    /// Path.
    pub path: String,
    /// Rendered point.
    pub parameter: String,
    /// Ids of regexp rules, a comma list with outer commas.
    pub regex: String,
    /// Flat point.
    pub point: serde_json::Value,
}

/// Groups whose rules depend on a verdict that is about to be given: those of hits that become false, at most `limit`,
/// or those of hits that cease to be false, as far as marks made rules for them.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn marked_groups<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    condition: Condition,
    verdict: Verdict,
    limit: u64,
) -> Result<Vec<MarkedGroup>, StoreError> {
    let columns = ["kind", "pool", "domain", "path", "parameter", "regex"];
    // PostgreSQL cannot compare JSON, so the point comes from one hit of each group.
    let mut select = Query::select();
    select
        .expr(Func::min(Expr::col("id")))
        .from(entity::hit::Entity)
        .cond_where(Condition::all().add(Column::ClientId.eq(tenant.0)).add(condition))
        .group_by_columns(columns)
        .order_by_expr(Func::min(Expr::col("id")).into(), Order::Asc);
    if verdict == Verdict::False {
        select.and_where(verdict.changing()).limit(limit);
    } else {
        select.and_where(Column::State.eq(FALSE)).and_where(has_rule(tenant));
    }
    let rows = connection.query_all(&select).await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?;
    let hits = entity::hit::Entity::find()
        .filter(Column::Id.is_in(ids))
        .filter(Tenants::from(tenant).holds_named())
        .order_by_asc(Column::Id)
        .all(connection)
        .await?;
    let group = |hit: entity::hit::Model| MarkedGroup {
        kind: hit.kind,
        pool: hit.pool,
        domain: hit.domain,
        path: hit.path,
        parameter: hit.parameter,
        regex: hit.regex,
        point: hit.point,
    };
    Ok(hits.into_iter().map(group).collect())
}

/// Whether a mark made a rule for hits like this one.
fn has_rule(tenant: TenantId) -> SimpleExpr {
    use entity::mark_rule::{Column as Of, Entity};
    let own = |column: Column| Expr::col((entity::hit::Entity, column));
    let rules = Query::select()
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(Expr::col((Entity, Of::ClientId)).eq(tenant.0))
        .and_where(Expr::col((Entity, Of::Kind)).eq(own(Column::Kind)))
        .and_where(Expr::col((Entity, Of::Pool)).eq(own(Column::Pool)))
        .and_where(Expr::col((Entity, Of::Domain)).eq(own(Column::Domain)))
        .and_where(Expr::col((Entity, Of::Path)).eq(own(Column::Path)))
        .and_where(Expr::col((Entity, Of::Parameter)).eq(own(Column::Parameter)))
        .to_owned();
    Expr::exists(rules)
}
