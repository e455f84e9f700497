//! Plans and subscriptions (`spec/accounts.md` section 4.6).
//!
//! Everybody may read; only the operator writes, by a token with `update_license`, which nobody can be given through the
//! API. A client without a subscription has the built-in plan, without end.

use bartizan_api::{
    ApiError,
    billing::{
        BindingCreate, Feature, FeatureCreate, FeatureView, PartnerBilling, PlanCreate, PlanView,
        SubscriptionFields, SubscriptionView,
    },
};
use bartizan_store::{
    StoreError, TenantId, billing as store, clients,
    entity::{billing_binding, billing_feature, billing_plan, client, partner_billing, subscription},
    sea_orm::{ConnectionTrait, DatabaseTransaction},
};
use chrono::NaiveDate;
use serde_json::{Value, json};

use super::{
    activity::{self, Change},
    quotas,
};
use crate::{auth::Caller, failure::Failure, state::Cloud};

pub mod trials;

/// The plan of clients without a subscription.
const BUILT_IN: i64 = 1;
/// The last day of what does not end.
const NEVER: &str = "2099-12-31";
const MOST_SETTINGS: usize = 100;
const MOST_PROPERTIES_BYTES: usize = 64 << 10;

/// Everything that is sold, read once.
struct Catalog {
    features: Vec<billing_feature::Model>,
    plans: Vec<billing_plan::Model>,
    bindings: Vec<billing_binding::Model>,
}

impl Catalog {
    async fn read<C: ConnectionTrait>(connection: &C) -> Result<Catalog, Failure> {
        Ok(Catalog {
            features: store::features(connection).await?,
            plans: store::plans(connection).await?,
            bindings: store::bindings(connection).await?,
        })
    }

    fn of_plan(&self, plan: i64) -> Vec<FeatureView> {
        let bound = self.bindings.iter().filter(|binding| binding.plan_id == plan);
        let view = |binding: &billing_binding::Model| {
            let feature = self.features.iter().find(|feature| feature.id == binding.feature_id)?;
            Some(FeatureView {
                binding_id: binding.id,
                feature: Feature { id: feature.id, slug: feature.slug.clone() },
                settings: serde_json::from_value(binding.settings.clone()).unwrap_or_default(),
            })
        };
        bound.filter_map(view).collect()
    }

    fn plan(&self, row: &billing_plan::Model) -> PlanView {
        let features = self.of_plan(row.id).into_iter().map(|bound| bound.feature).collect();
        PlanView { id: row.id, slug: row.slug.clone(), use_features: row.use_features, features }
    }

    fn subscription(&self, row: subscription::Model) -> SubscriptionView {
        SubscriptionView {
            features: self.of_plan(row.plan_id),
            id: row.id,
            client_id: row.client_id,
            plan_id: row.plan_id,
            kind: row.kind,
            state: row.state,
            start_on: row.start_on,
            finish_on: row.finish_on,
            position: row.position,
            properties: row.properties,
        }
    }
}

/// Every plan.
///
/// # Errors
/// 500 when the store fails.
pub async fn plans(cloud: &Cloud) -> Result<Vec<PlanView>, Failure> {
    let catalog = Catalog::read(cloud.store.reader()).await?;
    Ok(catalog.plans.iter().map(|plan| catalog.plan(plan)).collect())
}

/// The subscriptions of a client; the built-in one when it has none.
///
/// # Errors
/// 403 for a client out of reach.
pub async fn subscriptions(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
) -> Result<Vec<SubscriptionView>, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let client = cloud.store.identify_client(tenant.0).await?.ok_or_else(ApiError::access_denied)?;
    let reader = cloud.store.reader();
    let catalog = Catalog::read(reader).await?;
    let mut rows = store::subscriptions(reader, tenant).await?;
    if rows.is_empty() {
        rows.push(subscription::Model {
            id: client.id,
            client_id: client.id,
            plan_id: BUILT_IN,
            kind: "annual".to_owned(),
            state: "active".to_owned(),
            start_on: day(client.created_at).to_string(),
            finish_on: NEVER.to_owned(),
            position: 0,
            properties: json!({}),
        });
    }
    Ok(rows.into_iter().map(|row| catalog.subscription(row)).collect())
}

fn day(time: i64) -> NaiveDate {
    chrono::DateTime::from_timestamp(time, 0).unwrap_or_default().date_naive()
}

/// Adds a feature.
///
/// # Errors
/// 400 `Already exists` or for a name that is not one.
pub async fn create_feature(
    cloud: &Cloud,
    caller: &Caller,
    request: &FeatureCreate,
) -> Result<Feature, Failure> {
    let row = billing_feature::Model { id: 0, slug: valid_slug("slug", &request.slug, 64)? };
    let transaction = cloud.store.begin().await?;
    let row = store::insert_feature(&transaction, row).await.map_err(duplicate)?;
    let entry = catalog_change(row.id, &row.slug, ("create", json!({"feature": row.slug})));
    activity::log(&transaction, caller, caller.tenant(), cloud.now(), entry).await?;
    transaction.commit().await?;
    Ok(Feature { id: row.id, slug: row.slug })
}

/// The entry of a change of what is sold. It belongs to no client and is in the log of the operator's token.
fn catalog_change(id: i64, name: &str, (action, after): (&'static str, Value)) -> Change<'static> {
    Change {
        object_type: "subscription",
        action,
        object_id: id.to_string(),
        object_name: name.to_owned(),
        before: None,
        after: Some(after),
    }
}

/// Adds a plan.
///
/// # Errors
/// 400 `Already exists` or for a name that is not one.
pub async fn create_plan(cloud: &Cloud, caller: &Caller, request: &PlanCreate) -> Result<PlanView, Failure> {
    let slug = valid_slug("slug", &request.slug, 64)?;
    let row = billing_plan::Model { id: 0, slug, use_features: request.use_features };
    let transaction = cloud.store.begin().await?;
    let row = store::insert_plan(&transaction, row).await.map_err(duplicate)?;
    let entry = catalog_change(row.id, &row.slug, ("create", json!({"plan": row.slug})));
    activity::log(&transaction, caller, caller.tenant(), cloud.now(), entry).await?;
    transaction.commit().await?;
    Ok(PlanView { id: row.id, slug: row.slug, use_features: row.use_features, features: vec![] })
}

/// Gives a plan a feature.
///
/// # Errors
/// 404 for an unknown plan, 400 for an unknown feature or `Already exists`.
pub async fn bind(
    cloud: &Cloud,
    caller: &Caller,
    plan_id: i64,
    request: &BindingCreate,
) -> Result<FeatureView, Failure> {
    if request.settings.len() > MOST_SETTINGS {
        return Err(ApiError::invalid("too many settings", request.settings.len()).into());
    }
    let transaction = cloud.store.begin().await?;
    let catalog = Catalog::read(&transaction).await?;
    let plan = catalog.plans.iter().find(|row| row.id == plan_id);
    let plan = plan.ok_or_else(|| ApiError::not_found("plan", plan_id))?;
    let feature = catalog.features.iter().find(|row| row.id == request.feature_id);
    let feature = feature.ok_or_else(|| ApiError::invalid("unknown feature_id", request.feature_id))?;
    let settings = serde_json::to_value(&request.settings).unwrap_or_default();
    let row = billing_binding::Model { id: 0, plan_id: plan.id, feature_id: feature.id, settings };
    let row = store::insert_binding(&transaction, row).await.map_err(duplicate)?;
    let entry = catalog_change(plan.id, &plan.slug, ("update", json!({"feature": feature.slug})));
    activity::log(&transaction, caller, caller.tenant(), cloud.now(), entry).await?;
    transaction.commit().await?;
    Ok(FeatureView {
        binding_id: row.id,
        feature: Feature { id: feature.id, slug: feature.slug.clone() },
        settings: request.settings.clone(),
    })
}

/// Gives a client a subscription.
///
/// # Errors
/// 404 for an unknown client, 400 for invalid fields.
pub async fn subscribe(
    cloud: &Cloud,
    client_id: i64,
    request: &SubscriptionFields,
) -> Result<SubscriptionView, Failure> {
    let plan_id = request.plan_id.ok_or_else(|| ApiError::invalid("plan_id is needed", Value::Null))?;
    let transaction = cloud.store.begin().await?;
    locked(&transaction, client_id).await?;
    write(cloud, transaction, Written::New(blank(cloud, client_id, plan_id)), request).await
}

/// A subscription that nothing was said about.
fn blank(cloud: &Cloud, client_id: i64, plan_id: i64) -> subscription::Model {
    subscription::Model {
        id: 0,
        client_id,
        plan_id,
        kind: "annual".to_owned(),
        state: "active".to_owned(),
        start_on: day(cloud.now()).to_string(),
        finish_on: NEVER.to_owned(),
        position: 0,
        properties: json!({}),
    }
}

/// The client, whose subscriptions nobody else changes until the transaction ends.
async fn locked(transaction: &DatabaseTransaction, client_id: i64) -> Result<client::Model, Failure> {
    let client = clients::lock(transaction, TenantId(client_id)).await?;
    let client = client.filter(|client| client.deleted_at.is_none());
    client.ok_or_else(|| ApiError::not_found("client", client_id).into())
}

/// Changes a subscription.
///
/// # Errors
/// 404 for an unknown client or subscription, 400 for invalid fields.
pub async fn change(
    cloud: &Cloud,
    client_id: i64,
    id: i64,
    request: &SubscriptionFields,
) -> Result<SubscriptionView, Failure> {
    let transaction = cloud.store.begin().await?;
    locked(&transaction, client_id).await?;
    let rows = store::subscriptions(&transaction, TenantId(client_id)).await?;
    let found = rows.into_iter().find(|row| row.id == id);
    let before = found.ok_or_else(|| ApiError::not_found("subscription", id))?;
    write(cloud, transaction, Written::Changed(before), request).await
}

/// What a request completes.
enum Written {
    /// A subscription that is made.
    New(subscription::Model),
    /// One that there is.
    Changed(subscription::Model),
}

/// Writes a subscription of a client, which is locked, with a line in its activity log.
async fn write(
    cloud: &Cloud,
    transaction: DatabaseTransaction,
    written: Written,
    request: &SubscriptionFields,
) -> Result<SubscriptionView, Failure> {
    let catalog = Catalog::read(&transaction).await?;
    let (before, mut after) = match written {
        Written::New(row) => (None, row),
        Written::Changed(row) => (Some(state(&row)), row),
    };
    apply(&mut after, request, &catalog)?;
    let tenant = TenantId(after.client_id);
    let row = match before {
        Some(_) => store::update_subscription(&transaction, tenant, after).await?,
        None => store::insert_subscription(&transaction, after).await?,
    };
    let entry = Change {
        object_type: "subscription",
        action: if before.is_some() { "update" } else { "create" },
        object_id: row.id.to_string(),
        object_name: catalog
            .plans
            .iter()
            .find(|plan| plan.id == row.plan_id)
            .map_or_else(String::new, |plan| plan.slug.clone()),
        before,
        after: Some(state(&row)),
    };
    activity::log_by_operator(&transaction, tenant, cloud.now(), entry).await?;
    transaction.commit().await?;
    Ok(catalog.subscription(row))
}

fn state(row: &subscription::Model) -> Value {
    json!({
        "plan_id": row.plan_id, "type": row.kind, "state": row.state, "start_on": row.start_on,
        "finish_on": row.finish_on, "position": row.position, "properties": row.properties,
    })
}

fn apply(
    row: &mut subscription::Model,
    fields: &SubscriptionFields,
    catalog: &Catalog,
) -> Result<(), ApiError> {
    if let Some(plan) = fields.plan_id {
        if !catalog.plans.iter().any(|known| known.id == plan) {
            return Err(ApiError::invalid("unknown plan_id", plan));
        }
        row.plan_id = plan;
    }
    if let Some(kind) = &fields.kind {
        row.kind = valid_slug("type", kind, 32)?;
    }
    if let Some(state) = &fields.state {
        row.state = valid_slug("state", state, 32)?;
    }
    for (name, given, place) in [
        ("start_on", &fields.start_on, &mut row.start_on),
        ("finish_on", &fields.finish_on, &mut row.finish_on),
    ] {
        let Some(text) = given else { continue };
        let date = text.parse::<NaiveDate>();
        *place = date
            .map_err(|_| ApiError::invalid(format!("{name} must be YYYY-MM-DD"), text.as_str()))?
            .to_string();
    }
    if row.finish_on < row.start_on {
        return Err(ApiError::invalid("finish_on must not be before start_on", row.finish_on.as_str()));
    }
    if let Some(position) = fields.position {
        if !(0..=1000).contains(&position) {
            return Err(ApiError::invalid("position must be 0 to 1000", position));
        }
        row.position = position;
    }
    match &fields.properties {
        None => {}
        Some(properties)
            if properties.is_object() && properties.to_string().len() <= MOST_PROPERTIES_BYTES =>
        {
            quotas::check_properties(properties)?;
            row.properties = properties.clone();
        }
        Some(_) => {
            return Err(ApiError::invalid("properties must be an object of at most 64 KiB", Value::Null));
        }
    }
    Ok(())
}

/// Sets what a global account may do about trials.
///
/// # Errors
/// 404 for an unknown global account, 400 for an unknown plan or days out of range.
pub async fn put_partner(
    cloud: &Cloud,
    caller: &Caller,
    partner_id: i64,
    request: &PartnerBilling,
) -> Result<(), Failure> {
    let catalog = Catalog::read(cloud.store.reader()).await?;
    if !catalog.plans.iter().any(|plan| plan.slug == request.trial_plan_slug) {
        return Err(ApiError::invalid("unknown trial_plan_slug", request.trial_plan_slug.as_str()).into());
    }
    for (name, days, least) in [
        ("trial_period", request.trial_period, 1),
        ("trial_extend_period", request.trial_extend_period, 0),
        ("trial_wait_period", request.trial_wait_period, 0),
    ] {
        if !(least..=3650).contains(&days) {
            return Err(ApiError::invalid(format!("{name} must be {least} to 3650"), days).into());
        }
    }
    let row = partner_billing::Model {
        partner_id,
        trial_plan_slug: request.trial_plan_slug.clone(),
        trial_period: request.trial_period,
        trial_extend_period: request.trial_extend_period,
        trial_wait_period: request.trial_wait_period,
        trials_enabled: request.trials_enabled,
    };
    known_partner(cloud, partner_id).await?;
    let transaction = cloud.store.begin().await?;
    store::put_partner(&transaction, row).await?;
    let after = json!({"trials_enabled": request.trials_enabled, "plan": request.trial_plan_slug});
    let entry = catalog_change(partner_id, "Trials of a global account", ("update", after));
    activity::log(&transaction, caller, caller.tenant(), cloud.now(), entry).await?;
    Ok(transaction.commit().await?)
}

/// Takes from a global account what it may do about trials.
///
/// # Errors
/// 404 for an unknown global account.
pub async fn delete_partner(cloud: &Cloud, caller: &Caller, partner_id: i64) -> Result<(), Failure> {
    known_partner(cloud, partner_id).await?;
    let transaction = cloud.store.begin().await?;
    store::delete_partner(&transaction, partner_id).await?;
    let after = json!({"trials_enabled": false});
    let entry = catalog_change(partner_id, "Trials of a global account", ("delete", after));
    activity::log(&transaction, caller, caller.tenant(), cloud.now(), entry).await?;
    Ok(transaction.commit().await?)
}

async fn known_partner(cloud: &Cloud, partner_id: i64) -> Result<(), Failure> {
    let clients = cloud.store.identify_partner_clients(partner_id).await?;
    if clients.is_empty() { Err(ApiError::not_found("partner", partner_id).into()) } else { Ok(()) }
}

fn valid_slug(name: &str, text: &str, most: usize) -> Result<String, ApiError> {
    let fits = (1..=most).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte));
    if fits {
        return Ok(text.to_owned());
    }
    let shown: String = text.chars().take(most).collect();
    Err(ApiError::invalid(format!("{name} must have 1 to {most} lower-case letters, digits, _ and -"), shown))
}

fn duplicate(error: StoreError) -> Failure {
    match error {
        StoreError::Duplicate => ApiError::already_exists().into(),
        other => other.into(),
    }
}
