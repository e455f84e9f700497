//! Which attacks a filter means: what it says of the attack itself, and what of hits that the attack has.

use bartizan_api::{
    filter::{Condition as Asked, Field, Filter, Kind, Range, Test},
    public_id::{self, Indexed},
};
use sea_orm::{
    Condition, ExprTrait,
    sea_query::{Expr, Func, Query, SelectStatement, SimpleExpr},
};

use super::page::distinct_of_attack;
use crate::{
    Tenants,
    conditions::{self, Place},
    entity::{
        self,
        attack::{self, Column},
        hit,
    },
    hits,
};

/// What is asked of the attack itself. Every other field of hits asks for a hit of the attack.
const OWN: &[(Field, Place)] = &[
    (Field::new("clientid", Kind::Int), Place::Column("client_id")),
    (Field::new("id", Kind::Raw), Place::Elsewhere),
    (Field::new("attackid", Kind::Raw), Place::Elsewhere),
    (Field::new("time", Kind::Time), Place::Elsewhere),
    (Field::new("type", Kind::Text), Place::Column("kind")),
    (Field::new("method", Kind::Text), Place::Column("method")),
    (Field::new("domain", Kind::Mask), Place::Column("domain")),
    (Field::new("path", Kind::Mask), Place::Column("path")),
    (Field::new("parameter", Kind::Mask), Place::Column("parameter")),
    (Field::new("poolid", Kind::Int), Place::Column("pool")),
    (Field::nullable("vulnid", Kind::Int), Place::Elsewhere),
    (Field::nullable("security_issue_id", Kind::Int), Place::Elsewhere),
    (Field::new("threat", Kind::Int), Place::Column("threat")),
    (Field::new("target", Kind::Text), Place::Column("target")),
    (Field::nullable("state", Kind::Text), Place::Column("state")),
    (Field::nullable("experimental", Kind::Bool), Place::Column("experimental")),
    (Field::new("hits", Kind::Int), Place::Column("hits")),
    (Field::new("ips", Kind::Int).listed(), Place::Elsewhere),
    (Field::new("block_status", Kind::Text).listed(), Place::Elsewhere),
    (Field::new("sampled", Kind::Bool), Place::Elsewhere),
    (Field::nullable("recheck_status", Kind::Text), Place::Column("recheck_status")),
    (Field::new("index", Kind::Text).listed(), Place::Elsewhere),
    (Field::new("changed_time", Kind::Time), Place::Elsewhere),
    (Field::new("preset", Kind::Text), Place::Elsewhere),
    (Field::new("incident_status", Kind::Text).listed(), Place::Elsewhere),
];

/// Everything that a filter of attacks may name.
#[must_use]
pub fn fields() -> Vec<Field> {
    let own = OWN.iter().map(|(field, _)| *field);
    let of_hits =
        hits::FIELDS.iter().map(|(field, _)| *field).filter(|field| own_place(field.name).is_none());
    own.chain(of_hits).collect()
}

fn own_place(name: &str) -> Option<&'static Place> {
    OWN.iter().find(|(field, _)| field.name == name).map(|(_, place)| place)
}

/// Which attacks: of these tenants, with a hit not older than `since`, passing the filter.
#[derive(Clone, Copy, Debug)]
pub struct AttackQuery<'a> {
    /// Tenants.
    pub tenants: &'a Tenants,
    /// Oldest time that still exists, Unix seconds.
    pub since: i64,
    /// Filter over [`fields`].
    pub filter: &'a Filter,
    /// The attacks that have a hit as the filter wants it, where that is known already; for filters of one clause.
    pub among: Option<&'a [i64]>,
}

impl AttackQuery<'_> {
    pub(super) fn condition(&self) -> Condition {
        self.passing(self.tenants.holds("client_id"))
    }

    /// The same for a query that names rows by their numbers.
    pub(super) fn condition_of_named(&self) -> Condition {
        self.passing(self.tenants.holds_named())
    }

    fn passing(&self, of_tenants: SimpleExpr) -> Condition {
        let all = Condition::all().add(of_tenants).add(Expr::col("last_time").gte(self.since));
        if self.filter.clauses.is_empty() {
            return all;
        }
        all.add(
            self.filter
                .clauses
                .iter()
                .fold(Condition::any(), |any, clause| any.add(clause_condition(clause, self.among))),
        )
    }

    /// What the filter asks that one hit is, when it is of one clause and asks anything of hits alone.
    #[must_use]
    pub fn of_one_hit(filter: &Filter) -> Option<Vec<Asked>> {
        let [clause] = filter.clauses.as_slice() else { return None };
        let of_hit: Vec<Asked> = clause
            .iter()
            .filter(|asked| own_place(asked.field).is_none() && !excludes(asked))
            .cloned()
            .collect();
        (!of_hit.is_empty()).then_some(of_hit)
    }

    /// Whether the filter asks anything of the hits that attacks have.
    #[must_use]
    pub fn asks_of_hits(filter: &Filter) -> bool {
        filter.clauses.iter().flatten().any(|asked| own_place(asked.field).is_none())
    }

    /// Which hits count "by filter": those of any of these clauses; none when the filter looks at no hits or times.
    #[must_use]
    pub fn hit_clauses(filter: &Filter) -> Option<Vec<Vec<Asked>>> {
        let of_hit = |asked: &&Asked| asked.field == "time" || own_place(asked.field).is_none();
        let of_hits = |clause: &Vec<Asked>| clause.iter().filter(of_hit).cloned().collect::<Vec<_>>();
        let clauses: Vec<Vec<Asked>> = filter.clauses.iter().map(of_hits).collect();
        clauses.iter().any(|clause| !clause.is_empty()).then_some(clauses)
    }

    pub(super) fn hit_condition(&self) -> Option<Condition> {
        let clauses = AttackQuery::hit_clauses(self.filter)?;
        Some(clauses.iter().fold(Condition::any(), |any, clause| any.add(hits::conjunction(clause))))
    }
}

/// Lists of which an attack has those of all its hits: it has none where no hit has any.
const UNITED: &[&str] = &["known_attack", "regex"];

/// Whether a condition on hits says what no hit of the attack may be. "Not null" says what one must be.
#[must_use]
pub fn excludes(asked: &Asked) -> bool {
    let is_null = asked.test == Test::Null;
    own_place(asked.field).is_none()
        && if asked.negated { !is_null } else { is_null && UNITED.contains(&asked.field) }
}

/// All conditions of a clause. Those on hits must hold for one and the same hit; a negated one for every hit.
fn clause_condition(clause: &[Asked], among: Option<&[i64]>) -> Condition {
    let (own, of_hits): (Vec<&Asked>, Vec<&Asked>) =
        clause.iter().partition(|asked| own_place(asked.field).is_some());
    let (excluded, of_hits): (Vec<&Asked>, Vec<&Asked>) =
        of_hits.into_iter().partition(|asked| excludes(asked));
    let mut all =
        own.into_iter().filter_map(own_test).fold(Condition::all().add(Expr::val(1).eq(1)), Condition::add);
    if let (false, Some(ids)) = (of_hits.is_empty(), among) {
        // Numbers, so nothing to bind: databases bind only so many values.
        let ids = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        // A list without members is no SQL; no attack has number 0.
        all = all.add(Expr::cust(format!("attacks.id IN ({})", if ids.is_empty() { "0" } else { &ids })));
    } else if !of_hits.is_empty() {
        let hit = of_attack().cond_where(hits::conjunction(of_hits)).to_owned();
        all = all.add(Expr::exists(hit));
    }
    excluded.into_iter().fold(all, |all, asked| {
        let such = hits::conjunction([&Asked { negated: !asked.negated, ..asked.clone() }]);
        all.add(Expr::exists(of_attack().cond_where(such).to_owned()).not())
    })
}

/// `SELECT 1 FROM hits WHERE hits.attack_id = attacks.id`.
pub(super) fn of_attack() -> SelectStatement {
    Query::select()
        .expr(Expr::val(1))
        .from(hit::Entity)
        .and_where(Expr::col((hit::Entity, hit::Column::AttackId)).equals((attack::Entity, Column::Id)))
        .to_owned()
}

fn own_test(asked: &Asked) -> Option<Condition> {
    let positive = match (asked.field, &asked.test) {
        ("clientid", _) if !asked.negated => return None,
        ("id" | "attackid", Test::Raw(value)) => {
            hits::keys_condition("public_id", &public_id::parse(Indexed::Attacks, value).unwrap_or_default())
        }
        ("time", Test::Ints(values, ranges)) => {
            let moments = values.iter().map(|&time| Range { from: Some(time), to: Some(time) });
            moments.chain(ranges.iter().copied()).fold(Condition::any(), |any, range| any.add(overlap(range)))
        }
        ("vulnid" | "security_issue_id", Test::Null) => Condition::all().add(Expr::col("vuln_id").is_null()),
        // An attack may have proved several.
        ("vulnid" | "security_issue_id", test) => {
            let asked = Asked { field: "vulnid", negated: false, test: test.clone() };
            let proved = Query::select()
                .column("attack_id")
                .from(entity::incident::Entity)
                .cond_where(
                    conditions::test(&Place::Column("vuln_id"), &asked).unwrap_or_else(Condition::all),
                )
                .to_owned();
            Condition::all().add(Expr::col((attack::Entity, Column::Id)).in_subquery(proved))
        }
        ("ips", Test::Ints(values, ranges)) => {
            let count = || distinct_of_attack(hit::Column::Ip);
            let mut any = Condition::any();
            if !values.is_empty() {
                any = any.add(count().is_in(values.iter().copied()));
            }
            ranges.iter().fold(any, |any, range| {
                let mut all = Condition::all().add(Expr::val(1).eq(1));
                if let Some(from) = range.from {
                    all = all.add(count().gte(from));
                }
                if let Some(to) = range.to {
                    all = all.add(count().lte(to));
                }
                any.add(all)
            })
        }
        ("block_status", Test::Texts(texts)) => {
            texts.iter().fold(Condition::any().add(Expr::val(1).eq(0)), |any, text| any.add(block_test(text)))
        }
        ("preset", Test::Texts(words)) => {
            Condition::all().add(Expr::col("kind").is_in(hits::preset_types(words)))
        }
        ("index", Test::Texts(names)) => {
            hits::index_condition(Indexed::Attacks, names, &|index| Expr::col("month").eq(index.month))
        }
        ("changed_time", test) => {
            let changed = || Func::coalesce([Expr::col("changed_at"), Expr::col("last_time")]).into();
            hits::since(test, &changed)
        }
        ("incident_status", Test::Texts(words)) => words
            .iter()
            .fold(Condition::any().add(Expr::val(1).eq(0)), |any, word| any.add(incident_test(word))),
        ("sampled", Test::Bool(flag)) => {
            let stored = Expr::col("stored_hits").sub(Expr::col("false_hits"));
            let sampled = Expr::col("hits").gt(stored);
            Condition::all().add(if *flag { sampled } else { sampled.not() })
        }
        (field, _) => return conditions::test(own_place(field)?, asked),
    };
    Some(if asked.negated { positive.not() } else { positive })
}

fn overlap(range: Range) -> Condition {
    let mut all = Condition::all().add(Expr::val(1).eq(1));
    if let Some(from) = range.from {
        all = all.add(Expr::col("last_time").gte(from));
    }
    if let Some(to) = range.to {
        all = all.add(Expr::col("first_time").lte(to));
    }
    all
}

fn block_test(status: &str) -> SimpleExpr {
    let blocked = || Expr::col("blocked_hits");
    match status {
        "blocked" => blocked().gt(0).and(blocked().gte(Expr::col("hits"))),
        "monitored" => blocked().eq(0).and(Expr::col("hits").gt(0)),
        // No hit that counts tells.
        "unknown" => Expr::col("hits").eq(0),
        "partially_blocked" => blocked().gt(0).and(blocked().lt(Expr::col("hits"))),
        _ => Expr::val(1).eq(0),
    }
}

/// Incidents with an open vulnerability, or without one.
fn incident_test(status: &str) -> Condition {
    let open = Query::select()
        .column("id")
        .from(entity::vuln::Entity)
        .and_where(Expr::col("status").eq("open"))
        .to_owned();
    let open = Query::select()
        .column("attack_id")
        .from(entity::incident::Entity)
        .and_where(Expr::col("vuln_id").in_subquery(open))
        .to_owned();
    let is_open = Expr::col("id").in_subquery(open);
    let incident = Condition::all().add(Expr::col("vuln_id").is_not_null());
    match status {
        "open" => incident.add(is_open),
        "closed" => incident.add(is_open.not()),
        _ => incident.add(Expr::val(1).eq(0)),
    }
}
