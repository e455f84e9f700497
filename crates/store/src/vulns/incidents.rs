//! Which attacks exploited which vulnerabilities.

use std::collections::{HashMap, HashSet};

use bartizan_api::AttackType;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Alias, Expr, ExprTrait, Order, Query, UnionType},
};

use crate::{
    StoreError, TenantId, Tenants,
    entity::{attack, hit, incident, vuln, vuln_proof},
};

/// Vulnerabilities of one statement: SQLite joins 500 selects at most.
const MEMBERS: usize = 100;
/// Variables of one statement: SQLite takes 32,766.
const VARIABLES: usize = 30_000;

/// Notes a proof; false when it is known already.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn note_proof<C: ConnectionTrait>(
    connection: &C,
    proof: vuln_proof::Model,
) -> Result<bool, StoreError> {
    use vuln_proof::{Column, Entity};
    let inserted = Entity::insert(proof.into_active_model())
        .on_conflict_do_nothing_on([Column::ClientId, Column::EventId])
        .exec_without_returning(connection)
        .await?;
    Ok(matches!(inserted, sea_orm::TryInsertResult::Inserted(rows) if rows > 0))
}

/// Sets the vulnerability that a proof led to.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn settle_proof<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    event_id: &str,
    vuln_id: i64,
) -> Result<(), StoreError> {
    use vuln_proof::{Column, Entity};
    Entity::update_many()
        .col_expr(Column::VulnId, Expr::val(vuln_id))
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::EventId.eq(event_id))
        .exec(connection)
        .await?;
    Ok(())
}

/// Proofs of exploits by these requests, but of what was called false: it was not exploited.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn proofs_of<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    requests: &[&str],
) -> Result<Vec<vuln_proof::Model>, StoreError> {
    use vuln_proof::{Column, Entity};
    let own = || Entity::find().filter(Column::ClientId.eq(tenant.0));
    // Most tenants have none at all.
    if requests.is_empty() || own().one(connection).await?.is_none() {
        return Ok(vec![]);
    }
    let called_false = Query::select()
        .column("id")
        .from(vuln::Entity)
        .and_where(Expr::col("client_id").eq(tenant.0))
        .and_where(Expr::col("status").eq("falsepositive"))
        .to_owned();
    let mut proofs = Vec::new();
    for requests in requests.chunks(500) {
        let found = own()
            .filter(Column::Exploited.eq(true))
            .filter(Column::VulnId.ne(0))
            .filter(Column::VulnId.not_in_subquery(called_false.clone()))
            .filter(Column::RequestId.is_in(requests.iter().copied()))
            .order_by_asc(Column::EventId);
        proofs.extend(found.all(connection).await?);
    }
    Ok(proofs)
}

/// Makes incidents of the attacks that hold the hits of a proof, and returns a hit of each that was none before.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn link<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    proof: &vuln_proof::Model,
    now: i64,
) -> Result<Vec<hit::Model>, StoreError> {
    let of_request = hit::Entity::find()
        .filter(hit::Column::ClientId.eq(tenant.0))
        .filter(hit::Column::RequestId.eq(proof.request_id.as_str()))
        .filter(hit::Column::Kind.eq(proof.kind.as_str()));
    // The answer tells that the parser follows external entities, not which declaration of the request it followed.
    let hits = if proof.kind == AttackType::Xxe.code() {
        of_request
    } else {
        of_request.filter(hit::Column::Parameter.eq(proof.parameter.as_str()))
    };
    let hits = hits.all(connection).await?;
    let any = !hits.is_empty();
    let mut new = Vec::new();
    for hit in hits {
        hit::Entity::update_many()
            .col_expr(hit::Column::VulnId, Expr::val(Some(proof.vuln_id)))
            .col_expr(hit::Column::ChangedAt, Expr::val(Some(now)))
            .filter(hit::Column::Id.eq(hit.id))
            .exec(connection)
            .await?;
        let is_new = link_attack(connection, tenant, proof.vuln_id, hit.attack_id, hit.time).await?;
        attack::Entity::update_many()
            .col_expr(attack::Column::ChangedAt, Expr::val(Some(now)))
            .filter(attack::Column::Id.eq(hit.attack_id))
            .exec(connection)
            .await?;
        if is_new {
            new.push(hit);
        }
    }
    if any {
        crate::event_index::note_change(connection, tenant).await?;
    }
    Ok(new)
}

/// Makes an attack an incident of a vulnerability; false when it was an incident already.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn link_attack<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    vuln_id: i64,
    attack_id: i64,
    time: i64,
) -> Result<bool, StoreError> {
    let row = incident::Model { vuln_id, attack_id, client_id: tenant.0, time };
    incident::Entity::insert(row.into_active_model())
        .on_conflict_do_nothing_on([incident::Column::VulnId, incident::Column::AttackId])
        .exec_without_returning(connection)
        .await?;
    // The first vulnerability stays: an incident never changes its identity.
    let first = attack::Entity::update_many()
        .col_expr(attack::Column::VulnId, Expr::val(Some(vuln_id)))
        .filter(attack::Column::Id.eq(attack_id))
        .filter(attack::Column::ClientId.eq(tenant.0))
        .filter(attack::Column::VulnId.is_null())
        .exec(connection)
        .await?;
    Ok(first.rows_affected > 0)
}

/// The last hit of an attack, if it has hits.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn hit_of<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    attack_id: i64,
) -> Result<Option<hit::Model>, StoreError> {
    Ok(hit::Entity::find()
        .filter(hit::Column::ClientId.eq(tenant.0))
        .filter(hit::Column::AttackId.eq(attack_id))
        .order_by_desc(hit::Column::Id)
        .one(connection)
        .await?)
}

/// Vulnerabilities by row of the attacks that exploited them.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn vulns_of_attacks<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    attacks: &[i64],
) -> Result<HashMap<i64, Vec<vuln::Model>>, StoreError> {
    if attacks.is_empty() {
        return Ok(HashMap::new());
    }
    let links = incident::Entity::find()
        .filter(tenants.holds("client_id"))
        .filter(incident::Column::AttackId.is_in(attacks.iter().copied()))
        .order_by_asc(incident::Column::VulnId)
        .all(connection)
        .await?;
    let ids: Vec<i64> = links.iter().map(|link| link.vuln_id).collect();
    let vulns = super::of_ids(connection, tenants, &ids).await?;
    let vulns: HashMap<i64, vuln::Model> = vulns.into_iter().map(|row| (row.id, row)).collect();
    let mut found: HashMap<i64, Vec<vuln::Model>> = HashMap::new();
    for link in links {
        found.entry(link.attack_id).or_default().extend(vulns.get(&link.vuln_id).cloned());
    }
    Ok(found)
}

/// Attacks by the vulnerabilities that they exploited, oldest first, at most `each` of one vulnerability.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn attacks_of_vulns<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    vulns: &[i64],
    each: u64,
) -> Result<HashMap<i64, Vec<attack::Model>>, StoreError> {
    if vulns.is_empty() {
        return Ok(HashMap::new());
    }
    let links = links_of_vulns(connection, tenants, vulns, each).await?;
    let mut attacks: HashMap<i64, attack::Model> = HashMap::new();
    for ids in links.chunks(500) {
        let rows = attack::Entity::find()
            .filter(attack::Column::Id.is_in(ids.iter().map(|(_, attack)| *attack)))
            .filter(tenants.holds_named())
            .all(connection)
            .await?;
        attacks.extend(rows.into_iter().map(|row| (row.id, row)));
    }
    let mut found: HashMap<i64, Vec<attack::Model>> = HashMap::new();
    for (vuln, attack) in links {
        found.entry(vuln).or_default().extend(attacks.get(&attack).cloned());
    }
    Ok(found)
}

/// Vulnerabilities with the first attacks of each, so that a noisy one takes no place from the others. One
/// select each: ranked together, all attacks of a noisy one would be read.
async fn links_of_vulns<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    vulns: &[i64],
    each: u64,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let first = |vuln: i64| {
        let first = Query::select()
            .columns(["vuln_id", "attack_id"])
            .from(incident::Entity)
            .and_where(Expr::col("vuln_id").eq(vuln))
            .and_where(tenants.holds("client_id"))
            .order_by("time", Order::Asc)
            .order_by("attack_id", Order::Asc)
            .limit(each)
            .to_owned();
        // SQLite takes no order in the members of a compound.
        Query::select().columns(["vuln_id", "attack_id"]).from_subquery(first, Alias::new("first")).to_owned()
    };
    let mut found = Vec::new();
    for vulns in vulns.chunks(members(tenants.ids().len())) {
        let mut selects = vulns.iter().map(|vuln| first(*vuln));
        let Some(mut all) = selects.next() else { continue };
        for select in selects {
            all.union(UnionType::All, select);
        }
        for row in connection.query_all(&all).await? {
            found.push((row.try_get_by_index(0)?, row.try_get_by_index(1)?));
        }
    }
    Ok(found)
}

/// Vulnerabilities of one statement when each names so many tenants, itself and how many it wants.
fn members(tenants: usize) -> usize {
    (VARIABLES / (tenants + 2)).clamp(1, MEMBERS)
}

/// Which of these vulnerabilities were exploited.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn exploited<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    vulns: &[i64],
) -> Result<HashSet<i64>, StoreError> {
    let mut found = HashSet::new();
    for ids in vulns.chunks(500) {
        let ids: Vec<i64> = incident::Entity::find()
            .select_only()
            .column(incident::Column::VulnId)
            .distinct()
            .filter(tenants.holds("client_id"))
            .filter(incident::Column::VulnId.is_in(ids.iter().copied()))
            .into_tuple()
            .all(connection)
            .await?;
        found.extend(ids);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_no_more_variables_than_the_database_takes() {
        for tenants in [0, 1, 298, 299, 5000, 29_000] {
            let members = members(tenants);
            assert!((1..=MEMBERS).contains(&members) && members * (tenants + 2) <= VARIABLES, "{tenants}");
        }
        assert_eq!((members(1), members(1000), members(100_000)), (MEMBERS, 29, 1));
    }
}
