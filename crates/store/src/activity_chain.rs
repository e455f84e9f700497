//! The chain of the activity log: whoever changes or removes an entry that has its place, or puts one
//! between such entries, behind the cloud's back, is found out.
//!
//! Each entry of a tenant has a place in a chain, and a keyed hash of itself and of the hash before it. The
//! keys are not in the database. Entries get their places in order right after the transactions that wrote
//! them: in these, one change of a tenant would have to wait for the other, and two of several tenants for
//! each other. Retention removes from the old end only, and only what holds; it notes where the chain begins
//! since.
//!
//! Not found is what happens to an entry before it has its place, and a row that is put in without one: it
//! gets its place as any other. The chain alone does not show either that its newest entries went and its
//! new end was put back to before them, or that it was begun anew. An entry noted before does, if it is
//! among those that went: [`Store::holds_activity`].

use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};

use crate::{
    Store, StoreError, TenantId,
    entity::{
        activity::{Column, Entity, Model},
        activity_head,
    },
};

/// The keyed hash of a text; the key is the cloud's.
pub type KeyedHash<'a> = &'a (dyn Fn(&str) -> String + Send + Sync);

/// Entries that get their places in one transaction.
const CHAINED_AT_ONCE: u64 = 500;
/// Entries that are read at a time.
const PAGE: u64 = 1000;

/// What was found of the chain of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainCheck {
    /// Tenant.
    pub tenant: TenantId,
    /// Entries that hold, up to the first that does not.
    pub entries: i64,
    /// Entries that have no place yet.
    pub waiting: u64,
    /// Place and keyed hash of the newest entry.
    pub head: (i64, String),
    /// Place and keyed hash of the last entry that was removed for its age.
    pub anchor: (i64, String),
    /// The first break, if there is one.
    pub fault: Option<ChainFault>,
}

/// Where a chain breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainFault {
    /// Place in the chain.
    pub seq: i64,
    /// The entry there, if it is there.
    pub id: Option<i64>,
    /// What is wrong.
    pub what: &'static str,
}

/// Everything of an entry in one form, with the hash that it is bound to.
fn link(entry: &Model, seq: i64, before: &str, hash: KeyedHash<'_>) -> String {
    let text = serde_json::json!([
        "entry",
        entry.client_id,
        seq,
        before,
        entry.id,
        entry.time,
        entry.object_type,
        entry.action_type,
        entry.outcome,
        entry.source,
        entry.initiator_id,
        entry.initiator_client_id,
        entry.initiator_name,
        entry.object_id,
        entry.object_name,
        entry.state_before,
        entry.state_after,
        entry.ip,
        entry.request_id,
        entry.user_agent,
        entry.token_id,
        entry.description,
    ]);
    hash(&text.to_string())
}

/// The hash of the entry that comes next in a chain, or why it does not.
fn next_mac(entry: &Model, seq: i64, before: &str, hash: KeyedHash<'_>) -> Result<String, ChainFault> {
    if entry.seq != Some(seq) {
        return Err(ChainFault { seq, id: None, what: "an entry is missing" });
    }
    let mac = link(entry, seq, before, hash);
    if entry.chain_mac.as_deref() != Some(mac.as_str()) {
        return Err(ChainFault { seq, id: Some(entry.id), what: "the entry is not what was written" });
    }
    Ok(mac)
}

/// Whether the old end of a chain is where the cloud put it.
fn anchor_holds(head: &activity_head::Model, hash: KeyedHash<'_>) -> bool {
    seal("anchor", head.client_id, head.anchor_seq, &head.anchor_mac, hash) == head.anchor_seal
}

fn seal(end: &str, tenant: i64, seq: i64, mac: &str, hash: KeyedHash<'_>) -> String {
    hash(&serde_json::json!([end, tenant, seq, mac]).to_string())
}

/// Moves the new end of a chain.
fn advance(head: &mut activity_head::Model, seq: i64, mac: String, hash: KeyedHash<'_>) {
    head.seal = seal("head", head.client_id, seq, &mac, hash);
    (head.seq, head.mac) = (seq, mac);
}

/// Moves the old end of a chain.
fn anchor(head: &mut activity_head::Model, seq: i64, mac: String, hash: KeyedHash<'_>) {
    head.anchor_seal = seal("anchor", head.client_id, seq, &mac, hash);
    (head.anchor_seq, head.anchor_mac) = (seq, mac);
}

/// The ends of a tenant's chain, held until the transaction ends; made where there are none.
async fn hold<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    hash: KeyedHash<'_>,
) -> Result<Option<activity_head::Model>, StoreError> {
    let mut new = activity_head::Model {
        client_id: tenant.0,
        seq: 0,
        mac: String::new(),
        seal: String::new(),
        anchor_seq: 0,
        anchor_mac: String::new(),
        anchor_seal: String::new(),
    };
    advance(&mut new, 0, String::new(), hash);
    anchor(&mut new, 0, String::new(), hash);
    activity_head::Entity::insert(new.into_active_model())
        .on_conflict(OnConflict::column(activity_head::Column::ClientId).do_nothing().to_owned())
        .exec_without_returning(connection)
        .await?;
    Ok(activity_head::Entity::find_by_id(tenant.0).lock_exclusive().one(connection).await?)
}

async fn write<C: ConnectionTrait>(connection: &C, head: activity_head::Model) -> Result<(), StoreError> {
    activity_head::Entity::update(head.into_active_model().reset_all()).exec(connection).await?;
    Ok(())
}

impl Store {
    /// Tenants with entries that have no place in the chain yet.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn unchained_activity(&self) -> Result<Vec<TenantId>, StoreError> {
        let query = Entity::find()
            .select_only()
            .column(Column::ClientId)
            .distinct()
            .filter(Column::Seq.is_null())
            .order_by_asc(Column::ClientId);
        let ids: Vec<i64> = query.into_tuple().all(self.reader()).await?;
        Ok(ids.into_iter().map(TenantId).collect())
    }

    /// Tenants whose logs are chained.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn chained_activity(&self) -> Result<Vec<TenantId>, StoreError> {
        let query = activity_head::Entity::find()
            .select_only()
            .column(activity_head::Column::ClientId)
            .order_by_asc(activity_head::Column::ClientId);
        let ids: Vec<i64> = query.into_tuple().all(self.reader()).await?;
        Ok(ids.into_iter().map(TenantId).collect())
    }

    /// Tenants with entries that have a place in a chain.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn placed_activity(&self) -> Result<Vec<TenantId>, StoreError> {
        let query = Entity::find()
            .select_only()
            .column(Column::ClientId)
            .distinct()
            .filter(Column::Seq.is_not_null());
        let ids: Vec<i64> = query.into_tuple().all(self.reader()).await?;
        Ok(ids.into_iter().map(TenantId).collect())
    }

    /// Gives entries of a tenant their places, oldest first. Returns whether there may be more.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn chain_activity(&self, tenant: TenantId, hash: KeyedHash<'_>) -> Result<bool, StoreError> {
        let transaction = self.begin().await?;
        let Some(mut head) = hold(&transaction, tenant, hash).await? else { return Ok(false) };
        let waiting = Entity::find()
            .filter(Column::ClientId.eq(tenant.0))
            .filter(Column::Seq.is_null())
            .order_by_asc(Column::Id)
            .limit(CHAINED_AT_ONCE)
            .all(&transaction)
            .await?;
        if waiting.is_empty() {
            // The entries went since they were seen, perhaps with their tenant: nothing is made for it anew.
            return Ok(false);
        }
        let more = waiting.len() as u64 == CHAINED_AT_ONCE;
        for entry in waiting {
            let seq = head.seq + 1;
            let mac = link(&entry, seq, &head.mac, hash);
            Entity::update_many()
                .col_expr(Column::Seq, Expr::val(seq))
                .col_expr(Column::ChainMac, Expr::val(mac.as_str()))
                .filter(Column::Id.eq(entry.id))
                .exec(&transaction)
                .await?;
            advance(&mut head, seq, mac, hash);
        }
        write(&transaction, head).await?;
        transaction.commit().await?;
        Ok(more)
    }

    /// Removes the entries of a tenant that are older than `before`, from the old end of the chain on up to
    /// the first that is not. One that does not follow from the one before stays, and so do all after it:
    /// [`Store::check_activity`] finds it.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn purge_activity(
        &self,
        tenant: TenantId,
        before: i64,
        hash: KeyedHash<'_>,
    ) -> Result<(), StoreError> {
        while self.purge_page(tenant, before, hash).await? {}
        Ok(())
    }

    /// Removes the oldest of them. Returns whether there may be more.
    async fn purge_page(
        &self,
        tenant: TenantId,
        before: i64,
        hash: KeyedHash<'_>,
    ) -> Result<bool, StoreError> {
        let transaction = self.begin().await?;
        let Some(mut head) = hold(&transaction, tenant, hash).await? else { return Ok(false) };
        if !anchor_holds(&head, hash) {
            tracing::error!(tenant = tenant.0, "the activity log was tampered with: its old end was moved");
            return Ok(false);
        }
        let chained = || {
            let of_tenant = Entity::find().filter(Column::ClientId.eq(tenant.0));
            of_tenant.filter(Column::Seq.gt(head.anchor_seq)).order_by_asc(Column::Seq)
        };
        let kept = chained().filter(Column::Time.gte(before)).one(&transaction).await?;
        let until = kept.and_then(|entry| entry.seq).map_or(head.seq, |seq| head.seq.min(seq - 1));
        let page = chained().filter(Column::Seq.lte(until)).limit(PAGE).all(&transaction).await?;
        let mut more = page.len() as u64 == PAGE;
        let (mut seq, mut mac, mut old) = (head.anchor_seq, head.anchor_mac.clone(), Vec::new());
        for entry in page {
            match next_mac(&entry, seq + 1, &mac, hash) {
                Ok(next) => (seq, mac) = (seq + 1, next),
                Err(ChainFault { seq, what, .. }) => {
                    tracing::error!(tenant = tenant.0, seq, "the activity log was tampered with: {what}");
                    more = false;
                    break;
                }
            }
            old.push(entry.id);
        }
        if !old.is_empty() {
            Entity::delete_many().filter(Column::Id.is_in(old)).exec(&transaction).await?;
            anchor(&mut head, seq, mac, hash);
            write(&transaction, head).await?;
            transaction.commit().await?;
        }
        Ok(more)
    }

    /// Follows the chain of a tenant from its old end to its new one. What is written or removed for its age meanwhile
    /// does no harm.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn check_activity(
        &self,
        tenant: TenantId,
        hash: KeyedHash<'_>,
    ) -> Result<ChainCheck, StoreError> {
        loop {
            let find = activity_head::Entity::find_by_id(tenant.0);
            let head = find.clone().one(self.reader()).await?;
            let found = self.follow(tenant, head.as_ref(), hash).await?;
            let anchor = |head: Option<activity_head::Model>| head.map(|head| head.anchor_seq);
            if found.fault.is_none() || anchor(find.one(self.reader()).await?) == anchor(head) {
                return Ok(found);
            }
        }
    }

    async fn follow(
        &self,
        tenant: TenantId,
        head: Option<&activity_head::Model>,
        hash: KeyedHash<'_>,
    ) -> Result<ChainCheck, StoreError> {
        let of_tenant = || Entity::find().filter(Column::ClientId.eq(tenant.0));
        let waiting = of_tenant().filter(Column::Seq.is_null()).count(self.reader()).await?;
        let none = (0, String::new());
        let mut found =
            ChainCheck { tenant, entries: 0, waiting, head: none.clone(), anchor: none, fault: None };
        let fault = |seq, id, what| Some(ChainFault { seq, id, what });
        let Some(head) = head else {
            if let Some(entry) = of_tenant()
                .filter(Column::Seq.is_not_null())
                .order_by_asc(Column::Seq)
                .one(self.reader())
                .await?
            {
                found.fault =
                    fault(entry.seq.unwrap_or_default(), Some(entry.id), "the ends of the chain are gone");
            }
            return Ok(found);
        };
        found.head = (head.seq, head.mac.clone());
        found.anchor = (head.anchor_seq, head.anchor_mac.clone());
        if !anchor_holds(head, hash) {
            found.fault = fault(head.anchor_seq, None, "the old end of the chain was moved");
            return Ok(found);
        }
        let before = of_tenant().filter(Column::Seq.lte(head.anchor_seq)).one(self.reader()).await?;
        if let Some(entry) = before {
            found.fault = fault(entry.seq.unwrap_or_default(), Some(entry.id), "an entry before the old end");
            return Ok(found);
        }
        found.fault = self.walk(tenant, head, &mut found.entries, hash).await?;
        Ok(found)
    }

    /// Goes from entry to entry; the first that does not follow from the one before ends it.
    async fn walk(
        &self,
        tenant: TenantId,
        head: &activity_head::Model,
        entries: &mut i64,
        hash: KeyedHash<'_>,
    ) -> Result<Option<ChainFault>, StoreError> {
        let fault = |seq, what| Ok(Some(ChainFault { seq, id: None, what }));
        let (mut seq, mut mac) = (head.anchor_seq, head.anchor_mac.clone());
        loop {
            let page = Entity::find()
                .filter(Column::ClientId.eq(tenant.0))
                .filter(Column::Seq.gt(seq))
                .filter(Column::Seq.lte(head.seq))
                .order_by_asc(Column::Seq)
                .limit(PAGE)
                .all(self.reader())
                .await?;
            if page.is_empty() {
                break;
            }
            for entry in page {
                match next_mac(&entry, seq + 1, &mac, hash) {
                    Ok(next) => (seq, mac) = (seq + 1, next),
                    Err(fault) => return Ok(Some(fault)),
                }
                *entries += 1;
            }
        }
        if seq != head.seq {
            return fault(seq + 1, "entries are missing at the new end");
        }
        if mac != head.mac || seal("head", tenant.0, seq, &mac, hash) != head.seal {
            return fault(seq, "the new end of the chain was moved");
        }
        Ok(None)
    }

    /// Whether the chain of a tenant still holds the entry that had this place and hash; also when it was removed for its
    /// age.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn holds_activity(&self, tenant: TenantId, seq: i64, mac: &str) -> Result<bool, StoreError> {
        let find = activity_head::Entity::find_by_id(tenant.0);
        loop {
            let Some(head) = find.clone().one(self.reader()).await? else { return Ok(false) };
            if seq <= head.anchor_seq {
                return Ok(seq < head.anchor_seq || mac == head.anchor_mac);
            }
            let entry = Entity::find().filter(Column::ClientId.eq(tenant.0)).filter(Column::Seq.eq(seq));
            let entry = entry.one(self.reader()).await?;
            let holds = entry.is_some_and(|entry| entry.chain_mac.as_deref() == Some(mac));
            // It may have been removed for its age since the head was read.
            let again = find.clone().one(self.reader()).await?;
            if holds || again.is_some_and(|again| again.anchor_seq == head.anchor_seq) {
                return Ok(holds);
            }
        }
    }
}
