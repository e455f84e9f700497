//! Triggers of tenants, and what they count.

use std::collections::{HashMap, HashSet};

use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select,
    sea_query::{Expr, Func, OnConflict},
};

use crate::{
    JsonText, Store, StoreError, TenantId,
    bulk::{Bulk, padded},
    entity::{
        trigger::{Column, Entity, Model},
        trigger_count, trigger_firing, trigger_payload,
    },
};

/// Rows per bulk statement.
const ROWS: usize = 500;
/// Payloads of sources.
const PAYLOADS: Bulk = Bulk {
    table: "trigger_payloads",
    columns: &["trigger_id", "source", "digest", "client_id", "seen_at"],
    // Hits may come late: the last time never goes back.
    end: " ON CONFLICT (trigger_id, source, digest) DO UPDATE SET seen_at = CASE \
        WHEN trigger_payloads.seen_at > excluded.seen_at THEN trigger_payloads.seen_at \
        ELSE excluded.seen_at END",
};

/// The triggers of a tenant, oldest first.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn list<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find().filter(Column::ClientId.eq(tenant.0)).order_by_asc(Column::Id).all(connection).await?)
}

/// The enabled triggers of a tenant on these templates, oldest first.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn enabled<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    templates: &[&str],
) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Enabled.eq(true))
        .filter(Column::Template.is_in(templates.iter().copied()))
        .order_by_asc(Column::Id)
        .all(connection)
        .await?)
}

/// One trigger.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn find<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    id: i64,
) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(id).filter(Column::ClientId.eq(tenant.0)).one(connection).await?)
}

/// How many triggers a tenant has.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn count<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<u64, StoreError> {
    Ok(Entity::find().filter(Column::ClientId.eq(tenant.0)).count(connection).await?)
}

/// Whether the tenant has a trigger of its own on a template.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn has_custom<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    template: &str,
) -> Result<bool, StoreError> {
    Ok(on_template(tenant, template, false).one(connection).await?.is_some())
}

/// Whether the tenant has the default trigger of a template.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn has_default<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    template: &str,
) -> Result<bool, StoreError> {
    Ok(on_template(tenant, template, true).one(connection).await?.is_some())
}

fn on_template(tenant: TenantId, template: &str, is_default: bool) -> Select<Entity> {
    Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Template.eq(template))
        .filter(Column::IsDefault.eq(is_default))
}

/// Deletes the default trigger of a template.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete_default<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    template: &str,
) -> Result<(), StoreError> {
    for row in on_template(tenant, template, true).all(connection).await? {
        delete(connection, tenant, row.id).await?;
    }
    Ok(())
}

/// Inserts the trigger that a tenant has on malicious payloads as long as it has made none itself.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert_default<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    now: i64,
) -> Result<(), StoreError> {
    let actions = serde_json::json!([{"id": "add_to_graylist", "params": {"lock_time": 3600}}]);
    let row = Model {
        id: 0,
        client_id: tenant.0,
        template: "vector_attack".to_owned(),
        name: "Number of malicious payloads".to_owned(),
        comment: String::new(),
        enabled: true,
        filters: JsonText(serde_json::json!([])),
        actions: JsonText(actions),
        threshold_period: Some(3600),
        threshold_count: Some(3),
        is_default: true,
        created_at: now,
        updated_at: now,
    };
    insert(connection, row).await?;
    Ok(())
}

/// Inserts a trigger; its `id` is ignored.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert<C: ConnectionTrait>(connection: &C, row: Model) -> Result<Model, StoreError> {
    let mut row = row.into_active_model();
    row.id = NotSet;
    Ok(row.insert(connection).await?)
}

/// Replaces a trigger; it counts from nothing again.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn replace<C: ConnectionTrait>(connection: &C, row: Model) -> Result<Model, StoreError> {
    forget(connection, TenantId(row.client_id), row.id).await?;
    let mut change = row.clone().into_active_model();
    change.template = Set(row.template);
    change.name = Set(row.name);
    change.comment = Set(row.comment);
    change.enabled = Set(row.enabled);
    change.filters = Set(row.filters);
    change.actions = Set(row.actions);
    change.threshold_period = Set(row.threshold_period);
    change.threshold_count = Set(row.threshold_count);
    change.is_default = Set(row.is_default);
    change.updated_at = Set(row.updated_at);
    Ok(change.update(connection).await?)
}

/// Writes a trigger back that says of other objects what is left of them; it counts on.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn rewrite<C: ConnectionTrait>(connection: &C, row: Model) -> Result<Model, StoreError> {
    let mut change = row.clone().into_active_model();
    change.enabled = Set(row.enabled);
    change.filters = Set(row.filters);
    change.actions = Set(row.actions);
    change.updated_at = Set(row.updated_at);
    Ok(change.update(connection).await?)
}

/// Deletes a trigger with what it counted.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete<C: ConnectionTrait>(connection: &C, tenant: TenantId, id: i64) -> Result<(), StoreError> {
    forget(connection, tenant, id).await?;
    Entity::delete_many()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Id.eq(id))
        .exec(connection)
        .await?;
    Ok(())
}

async fn forget<C: ConnectionTrait>(connection: &C, tenant: TenantId, id: i64) -> Result<(), StoreError> {
    trigger_count::Entity::delete_many()
        .filter(trigger_count::Column::ClientId.eq(tenant.0))
        .filter(trigger_count::Column::TriggerId.eq(id))
        .exec(connection)
        .await?;
    trigger_payload::Entity::delete_many()
        .filter(trigger_payload::Column::ClientId.eq(tenant.0))
        .filter(trigger_payload::Column::TriggerId.eq(id))
        .exec(connection)
        .await?;
    trigger_firing::Entity::delete_many()
        .filter(trigger_firing::Column::ClientId.eq(tenant.0))
        .filter(trigger_firing::Column::TriggerId.eq(id))
        .exec(connection)
        .await?;
    Ok(())
}

/// Adds to the slices of a trigger's window, and returns the sum from `since` on.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn add_counts<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    trigger_id: i64,
    added: &HashMap<i64, i64>,
    since: i64,
) -> Result<i64, StoreError> {
    use trigger_count::{Column, Entity, Model};
    for (&bucket, &count) in added {
        let row = Model { trigger_id, bucket, client_id: tenant.0, count };
        Entity::insert(row.into_active_model())
            .on_conflict(
                OnConflict::columns([Column::TriggerId, Column::Bucket])
                    .value(Column::Count, Expr::col((Entity, Column::Count)).add(count))
                    .to_owned(),
            )
            .exec_without_returning(connection)
            .await?;
    }
    Entity::delete_many()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::TriggerId.eq(trigger_id))
        .filter(Column::Bucket.lt(since))
        .exec(connection)
        .await?;
    let slices = Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::TriggerId.eq(trigger_id))
        .all(connection)
        .await?;
    Ok(slices.iter().map(|slice| slice.count).sum())
}

/// Which of these sources a trigger stays quiet about.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn quiet<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    trigger_id: i64,
    sources: &[&str],
    now: i64,
) -> Result<HashSet<String>, StoreError> {
    use trigger_firing::{Column, Entity};
    let mut found = HashSet::new();
    for sources in sources.chunks(ROWS) {
        let rows = Entity::find()
            .filter(Column::ClientId.eq(tenant.0))
            .filter(Column::TriggerId.eq(trigger_id))
            .filter(Column::Source.is_in(padded(sources.iter().copied())))
            .filter(Column::QuietUntil.gt(now))
            .all(connection)
            .await?;
        found.extend(rows.into_iter().map(|row| row.source));
    }
    Ok(found)
}

/// Notes that a trigger fired about a source.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn note_firing<C: ConnectionTrait>(
    connection: &C,
    firing: trigger_firing::Model,
) -> Result<(), StoreError> {
    use trigger_firing::{Column, Entity};
    let source = firing.source.clone();
    let (tenant, trigger_id) = (firing.client_id, firing.trigger_id);
    Entity::insert(firing.into_active_model())
        .on_conflict(
            OnConflict::columns([Column::TriggerId, Column::Source])
                .update_columns([Column::FiredAt, Column::QuietUntil])
                .to_owned(),
        )
        .exec_without_returning(connection)
        .await?;
    trigger_payload::Entity::delete_many()
        .filter(trigger_payload::Column::ClientId.eq(tenant))
        .filter(trigger_payload::Column::TriggerId.eq(trigger_id))
        .filter(trigger_payload::Column::Source.eq(source))
        .exec(connection)
        .await?;
    Ok(())
}

/// Notes payloads of sources, and returns how many different ones each of these sources sent from `since` on.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn add_payloads<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    trigger_id: i64,
    payloads: Vec<trigger_payload::Model>,
    since: i64,
) -> Result<HashMap<String, i64>, StoreError> {
    use trigger_payload::{Column, Entity};
    let sources: HashSet<String> = payloads.iter().map(|row| row.source.clone()).collect();
    let rows = payloads.into_iter().map(|row| {
        vec![
            row.trigger_id.into(),
            row.source.into(),
            row.digest.into(),
            row.client_id.into(),
            row.seen_at.into(),
        ]
    });
    PAYLOADS.insert(connection, rows).await?;
    let sources: Vec<String> = sources.into_iter().collect();
    let mut counts = HashMap::new();
    for sources in sources.chunks(ROWS) {
        let rows: Vec<(String, i64)> = Entity::find()
            .select_only()
            .column(Column::Source)
            .column_as(Expr::expr(Func::count(Expr::col(Column::Digest))), "different")
            .filter(Column::ClientId.eq(tenant.0))
            .filter(Column::TriggerId.eq(trigger_id))
            .filter(Column::Source.is_in(padded(sources.iter().map(String::as_str))))
            .filter(Column::SeenAt.gte(since))
            .group_by(Column::Source)
            .into_tuple()
            .all(connection)
            .await?;
        counts.extend(rows);
    }
    Ok(counts)
}

impl Store {
    /// Removes payloads seen before `seen` and firings that ended before `ended` (Unix seconds). Housekeeping:
    /// it knows no tenant.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn purge_trigger_state(&self, seen: i64, ended: i64) -> Result<(), StoreError> {
        trigger_payload::Entity::delete_many()
            .filter(trigger_payload::Column::SeenAt.lt(seen))
            .exec(self.writer())
            .await?;
        trigger_firing::Entity::delete_many()
            .filter(trigger_firing::Column::QuietUntil.lt(ended))
            .exec(self.writer())
            .await?;
        Ok(())
    }
}

/// Whether the tenant has a counter of this name.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn has_counter<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    counter: &str,
) -> Result<bool, StoreError> {
    use crate::entity::hint::{Column, Entity};
    let counters = Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Kind.is_in(["brute_counter", "dirbust_counter", "bola_counter"]))
        .all(connection)
        .await?;
    Ok(counters.iter().any(|hint| hint.fields.get("counter").and_then(|name| name.as_str()) == Some(counter)))
}
