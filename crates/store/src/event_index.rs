//! What a derived index of hits reads: how far the events go, hits in the order of their rows, changed hits.
//!
//! Writers of one tenant's events take turns, so its rows become visible in the order of their numbers: whoever has
//! read up to a head has missed none below it.

use std::collections::{BTreeMap, HashMap, HashSet};

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict},
};

use crate::{
    Store, StoreError, TenantId, Tenants,
    entity::{attack, event_head, hit, hit_raw},
};

/// Rows of one statement.
const CHUNK: usize = 1000;

/// The columns of a hit that analytics look at.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct IndexedHit {
    /// Row.
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// Flat point.
    pub point: serde_json::Value,
    /// Request.
    pub request_id: String,
    /// Unix milliseconds.
    pub ts_ms: i64,
    /// Row of the attack.
    pub attack_id: i64,
    /// Attack type.
    pub kind: String,
    /// Technique.
    pub subtype: Option<String>,
    /// Source.
    pub ip: String,
    /// Country.
    pub remote_country: Option<String>,
    /// Host.
    pub domain: String,
    /// Path.
    pub path: String,
    /// Method.
    pub method: String,
    /// Scheme.
    pub scheme: String,
    /// HTTP version.
    pub proto: String,
    /// API protocol.
    pub api_protocol: String,
    /// Comma list.
    pub auth_protocol: String,
    /// Rendered point.
    pub parameter: String,
    /// Payload.
    pub value: String,
    /// Comma list.
    pub known_attack: String,
    /// Session.
    pub orig_session_id: Option<String>,
    /// Status sent.
    pub statuscode: i64,
    /// Application.
    pub pool: i64,
    /// Milliseconds.
    pub response_time: i64,
    /// Bytes.
    pub response_size: i64,
    /// Bytes.
    pub request_size: i64,
    /// Characters.
    pub uri_length: Option<i64>,
    /// `blocked` or `monitored`.
    pub block_status: String,
    /// Rule or control.
    pub mitigation_control_id: Option<i64>,
    /// Data centre.
    pub datacenter: Option<String>,
    /// `tor`.
    pub tor: Option<String>,
    /// Node.
    pub node_uuid: String,
    /// Identical hits that this one stands for.
    pub aggregated_count: i64,
    /// Comma list of numbers.
    pub stamps: String,
    /// User of the application.
    pub app_user: Option<String>,
    /// Role of the user.
    pub app_role: Option<String>,
    /// JSON list of pairs.
    pub context_params: Option<String>,
}

/// A hit that was judged or led to a vulnerability.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct ChangedHit {
    /// Row.
    pub id: i64,
    /// `falsepositive` or `truepositive`.
    pub state: Option<String>,
    /// Vulnerability.
    pub vuln_id: Option<i64>,
}

const COLUMNS: [hit::Column; 37] = {
    use hit::Column as C;
    [
        C::Id,
        C::ClientId,
        C::Point,
        C::RequestId,
        C::TsMs,
        C::AttackId,
        C::Kind,
        C::Subtype,
        C::Ip,
        C::RemoteCountry,
        C::Domain,
        C::Path,
        C::Method,
        C::Scheme,
        C::Proto,
        C::ApiProtocol,
        C::AuthProtocol,
        C::Parameter,
        C::Value,
        C::KnownAttack,
        C::OrigSessionId,
        C::Statuscode,
        C::Pool,
        C::ResponseTime,
        C::ResponseSize,
        C::RequestSize,
        C::UriLength,
        C::BlockStatus,
        C::MitigationControlId,
        C::Datacenter,
        C::Tor,
        C::NodeUuid,
        C::AggregatedCount,
        C::Stamps,
        C::AppUser,
        C::AppRole,
        C::ContextParams,
    ]
};

impl Store {
    /// How far the events of every tenant go. It knows no tenant: the index follows all of them.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn event_heads(&self) -> Result<Vec<event_head::Model>, StoreError> {
        Ok(event_head::Entity::find().order_by_asc(event_head::Column::ClientId).all(self.reader()).await?)
    }

    /// How far the events of a tenant go; none before its first hit.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn event_head(&self, tenant: TenantId) -> Result<Option<event_head::Model>, StoreError> {
        Ok(event_head::Entity::find_by_id(tenant.0).one(self.reader()).await?)
    }

    /// Hits after a row up to another, in the order of rows.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn hits_after(
        &self,
        tenant: TenantId,
        after: i64,
        upto: i64,
        limit: u64,
    ) -> Result<Vec<IndexedHit>, StoreError> {
        Ok(hit::Entity::find()
            .select_only()
            .columns(COLUMNS)
            .filter(hit::Column::ClientId.eq(tenant.0))
            .filter(hit::Column::Id.gt(after))
            .filter(hit::Column::Id.lte(upto))
            .order_by_asc(hit::Column::Id)
            .limit(limit)
            .into_model()
            .all(self.reader())
            .await?)
    }

    /// Hits by row.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn hits_by_row(
        &self,
        tenant: TenantId,
        rows: &[i64],
    ) -> Result<HashMap<i64, hit::Model>, StoreError> {
        Ok(hit::Entity::find()
            .filter(hit::Column::ClientId.eq(tenant.0))
            .filter(hit::Column::Id.is_in(rows.iter().copied()))
            .all(self.reader())
            .await?
            .into_iter()
            .map(|hit| (hit.id, hit))
            .collect())
    }

    /// The request ids of hits, by row.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn request_ids(
        &self,
        tenant: TenantId,
        rows: &[i64],
    ) -> Result<HashMap<i64, String>, StoreError> {
        let mut ids = HashMap::with_capacity(rows.len());
        for rows in rows.chunks(CHUNK) {
            let found: Vec<(i64, String)> = hit::Entity::find()
                .select_only()
                .columns([hit::Column::Id, hit::Column::RequestId])
                .filter(hit::Column::Id.is_in(rows.iter().copied()))
                .filter(Tenants::from(tenant).holds_named())
                .into_tuple()
                .all(self.reader())
                .await?;
            ids.extend(found);
        }
        Ok(ids)
    }

    /// The serialised requests of hits, by row.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn raws_by_row(
        &self,
        tenant: TenantId,
        rows: &[i64],
    ) -> Result<HashMap<i64, serde_json::Value>, StoreError> {
        Ok(hit_raw::Entity::find()
            .filter(hit_raw::Column::ClientId.eq(tenant.0))
            .filter(hit_raw::Column::HitId.is_in(rows.iter().copied()))
            .all(self.reader())
            .await?
            .into_iter()
            .map(|raw| (raw.hit_id, raw.raw.0))
            .collect())
    }

    /// Those of some attacks, by row, that are still there.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn attacks_left(&self, tenant: TenantId, rows: &[i64]) -> Result<HashSet<i64>, StoreError> {
        let mut left = HashSet::new();
        for rows in rows.chunks(CHUNK) {
            let found: Vec<i64> = attack::Entity::find()
                .select_only()
                .column(attack::Column::Id)
                .filter(attack::Column::Id.is_in(rows.iter().copied()))
                .filter(Tenants::from(tenant).holds_named())
                .into_tuple()
                .all(self.reader())
                .await?;
            left.extend(found);
        }
        Ok(left)
    }

    /// Every hit of a tenant that is judged or led to a vulnerability.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn changed_hits(&self, tenant: TenantId) -> Result<Vec<ChangedHit>, StoreError> {
        Ok(hit::Entity::find()
            .select_only()
            .columns([hit::Column::Id, hit::Column::State, hit::Column::VulnId])
            .filter(hit::Column::ClientId.eq(tenant.0))
            // As the partial index has it.
            .filter(hit::Column::State.is_not_null().or(hit::Column::VulnId.is_not_null()))
            .into_model()
            .all(self.reader())
            .await?)
    }
}

/// How far the events of a tenant go, within a transaction that holds the tenant's lock.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn head<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<event_head::Model, StoreError> {
    let head = event_head::Entity::find_by_id(tenant.0).one(connection).await?;
    Ok(head.unwrap_or(event_head::Model { client_id: tenant.0, ..event_head::Model::default() }))
}

/// Notes that every event of a tenant is deleted: what is derived from them begins anew, whichever process holds it and
/// whenever it hears of it. In the transaction that deletes them.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn begin_epoch<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<(), StoreError> {
    use event_head::{Column, Entity};
    Entity::update_many()
        .col_expr(Column::Epoch, Expr::col(Column::Epoch).add(1))
        .col_expr(Column::HitId, Expr::val(0))
        .col_expr(Column::Changes, Expr::val(0))
        .filter(Column::ClientId.eq(tenant.0))
        .exec(connection)
        .await?;
    Ok(())
}

/// Notes that attacks that ended before a moment were removed; of all tenants where none is given. In the transaction
/// that removes them. A moment that is still to come was noted while the clock was ahead: it is taken back, and what is
/// derived from the events is made anew from those that are left.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn note_purge<C: ConnectionTrait>(
    connection: &C,
    tenant: Option<TenantId>,
    before: i64,
    now: i64,
) -> Result<(), StoreError> {
    use event_head::{Column, Entity};
    let update = || {
        let update = Entity::update_many().col_expr(Column::PurgedBefore, Expr::val(before));
        match tenant {
            Some(tenant) => update.filter(Column::ClientId.eq(tenant.0)),
            None => update,
        }
    };
    update()
        .col_expr(Column::Epoch, Expr::col(Column::Epoch).add(1))
        .filter(Column::PurgedBefore.gt(now))
        .exec(connection)
        .await?;
    update().filter(Column::PurgedBefore.lt(before)).exec(connection).await?;
    Ok(())
}

/// Notes new hits: the head of each tenant becomes its greatest row. In the transaction that wrote them.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn advance_heads<C: ConnectionTrait>(
    connection: &C,
    rows: impl IntoIterator<Item = (TenantId, i64)>,
) -> Result<(), StoreError> {
    use event_head::{ActiveModel, Column, Entity};
    let mut heads: BTreeMap<i64, i64> = BTreeMap::new();
    for (tenant, row) in rows {
        let head = heads.entry(tenant.0).or_default();
        *head = std::cmp::max(*head, row);
    }
    for (client_id, hit_id) in heads {
        let head = ActiveModel {
            client_id: Set(client_id),
            hit_id: Set(hit_id),
            changes: Set(0),
            epoch: Set(0),
            purged_before: Set(0),
        };
        Entity::insert(head)
            .on_conflict(OnConflict::column(Column::ClientId).update_column(Column::HitId).to_owned())
            .exec_without_returning(connection)
            .await?;
    }
    Ok(())
}

/// Notes that marks or vulnerabilities of hits changed. In the transaction that changed them.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn note_change<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<(), StoreError> {
    use event_head::{Column, Entity};
    Entity::update_many()
        .col_expr(Column::Changes, Expr::col(Column::Changes).add(1))
        .filter(Column::ClientId.eq(tenant.0))
        .exec(connection)
        .await?;
    Ok(())
}
