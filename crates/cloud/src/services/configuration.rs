//! The whole configuration of a tenant as one document, out and in.
//!
//! An import reads the document first ([`document`]), then compares: what the tenant has as the document says keeps its
//! identity, the rest is created, changed or deleted, in one transaction that compiles and parses nothing more. Each
//! section is known by the service of its resource (`transfer.rs` there).

use std::collections::{BTreeMap, HashMap};

use bartizan_api::{
    ApiError, Permission,
    configuration::{Configuration, ConfigurationReport, FORMAT, SectionReport, VERSION},
};
use bartizan_store::{TenantId, clients, config_versions, sea_orm::DatabaseTransaction, triggers};
use serde_json::{Map, Value, json};

use super::{
    activity::{self, Change},
    api_discovery, api_spec, integration, ip_list, pools, rule, rules_settings,
    ruleset::builds,
    trigger::{self, named::Gone},
};
use crate::{auth::Caller, failure::Failure, state::Cloud};

mod difference;
mod document;

pub(super) use difference::{Fit, Plan, canonical, closest, holds_mask, plan};
use document::Document;
pub(super) use document::{at, place};

/// What an export shows.
const VIEW: &[Permission] = &[
    Permission::ViewApplication,
    Permission::ViewRule,
    Permission::ViewMitigationControl,
    Permission::ViewWallarmMode,
    Permission::ViewAllowlist,
    Permission::ViewDenylist,
    Permission::ViewGraylist,
    Permission::ViewIntegration,
    Permission::ViewTrigger,
    Permission::ViewApiSpec,
    Permission::ViewApiDiscovery,
];

/// What an import changes besides rules and lists, which ask for themselves.
const CHANGE: &[(&str, &[Permission])] = &[
    (
        "applications",
        &[Permission::CreateApplication, Permission::UpdateApplication, Permission::DeleteApplication],
    ),
    ("rules_settings", &[Permission::UpdateWallarmMode]),
    ("overlimit_res_settings", &[Permission::UpdateWallarmMode]),
    ("attack_rechecker_mode", &[Permission::UpdateClient]),
    (
        "integrations",
        &[Permission::CreateIntegration, Permission::UpdateIntegration, Permission::DeleteIntegration],
    ),
    ("triggers", &[Permission::CreateTrigger, Permission::UpdateTrigger, Permission::DeleteTrigger]),
    (
        "api_specifications",
        &[Permission::CreateApiSpec, Permission::UpdateApiSpec, Permission::DeleteApiSpec],
    ),
    ("api_discovery", &[Permission::UpdateApiDiscovery]),
];

/// Who exports or imports.
#[derive(Clone, Copy)]
pub enum Author<'a> {
    /// Somebody through the API, with the rights that he has.
    Caller(&'a Caller),
    /// The operator, on the machine of the cloud.
    Operator,
}

impl Author<'_> {
    /// The user id, 0 for the operator.
    pub(super) fn user_id(self) -> i64 {
        match self {
            Author::Caller(caller) => caller.user_id(),
            Author::Operator => 0,
        }
    }

    /// What integrations keep of their author.
    pub(super) fn address(self) -> String {
        match self {
            Author::Caller(caller) => integration::author(caller),
            Author::Operator => "operator".to_owned(),
        }
    }

    pub(super) fn require(self, permission: Permission) -> Result<(), ApiError> {
        match self {
            Author::Caller(caller) => caller.require(permission),
            Author::Operator => Ok(()),
        }
    }

    async fn log(
        self,
        transaction: &DatabaseTransaction,
        tenant: TenantId,
        now: i64,
        (action, after): (&'static str, Value),
    ) -> Result<(), Failure> {
        let change = Change {
            object_type: "settings",
            action,
            object_id: tenant.0.to_string(),
            object_name: "configuration".to_owned(),
            before: None,
            after: Some(after),
        };
        match self {
            Author::Caller(caller) => activity::log(transaction, caller, tenant, now, change).await,
            Author::Operator => activity::log_by_operator(transaction, tenant, now, change).await,
        }
    }
}

/// Numbers of a document by ids of a tenant, or the other way round.
pub(super) type Numbers = HashMap<i64, i64>;

/// Of each kind of object that triggers name by number.
#[derive(Default)]
pub(super) struct Numbered<T> {
    pub(super) integrations: T,
    pub(super) specifications: T,
}

/// Objects that were imported and have numbers.
pub(super) struct Imported {
    pub(super) report: SectionReport,
    /// Ids of the document's numbers.
    pub(super) ids: Numbers,
    /// Those of the tenant that the document does not have.
    pub(super) gone: Vec<i64>,
}

/// One import at work.
pub(super) struct Work<'a> {
    pub(super) cloud: &'a Cloud,
    pub(super) author: Author<'a>,
    pub(super) tenant: TenantId,
    pub(super) now: i64,
    pub(super) transaction: &'a DatabaseTransaction,
}

/// The configuration of a tenant; secrets are masked unless asked for, which is noted in the activity log.
///
/// # Errors
/// 403 without the right to see all of it, or to change what holds the secrets.
pub async fn export(
    cloud: &Cloud,
    author: Author<'_>,
    tenant: TenantId,
    with_secrets: bool,
) -> Result<Configuration, Failure> {
    for permission in VIEW {
        author.require(*permission)?;
    }
    if with_secrets {
        author.require(Permission::UpdateIntegration)?;
        author.require(Permission::UpdateApiSpec)?;
    }
    // One transaction: what is read belongs together.
    let transaction = cloud.store.begin().await?;
    let client = clients::lock(&transaction, tenant).await?.ok_or_else(ApiError::absent)?;
    config_versions::lock(&transaction, tenant).await?;
    let stored = rules_settings::stored(&transaction, tenant).await?;
    let mut numbers = Numbered::default();
    let (integrations, api_specifications);
    (integrations, numbers.integrations) =
        integration::transfer::export(&transaction, &cloud.keys, tenant, with_secrets).await?;
    (api_specifications, numbers.specifications) =
        api_spec::transfer::export(&transaction, &cloud.keys, tenant, with_secrets).await?;
    let document = Configuration {
        format: FORMAT.to_owned(),
        version: VERSION,
        applications: pools::export(&transaction, tenant).await?,
        rules: rule::transfer::export(&transaction, tenant).await?,
        rules_settings: stored.settings,
        overlimit_res_settings: stored.overlimit.unwrap_or_default(),
        attack_rechecker_mode: client.attack_rechecker_mode,
        ip_lists: ip_list::transfer::export(&transaction, tenant, cloud.now()).await?,
        integrations,
        triggers: trigger::transfer::export(&transaction, tenant, &numbers).await?,
        api_specifications,
        api_discovery: api_discovery::export(&transaction, tenant).await?,
    };
    if with_secrets {
        author.log(&transaction, tenant, cloud.now(), ("export", json!({"secrets": true}))).await?;
    }
    transaction.commit().await?;
    Ok(document)
}

/// Makes the configuration of a tenant what a document says, all of it or nothing.
///
/// # Errors
/// 400 with the place in the document, 403, 404 for an unknown tenant, 423 while rules are locked.
pub async fn import(
    cloud: &Cloud,
    author: Author<'_>,
    tenant: TenantId,
    document: Map<String, Value>,
    dry_run: bool,
) -> Result<ConfigurationReport, Failure> {
    for (section, permissions) in CHANGE.iter().filter(|(section, _)| document.contains_key(*section)) {
        for permission in *permissions {
            author.require(*permission).map_err(|mut error| {
                error.body = json!(format!("Access denied: {section} needs {}", permission.code()));
                error
            })?;
        }
    }
    let now = cloud.now();
    let limits = cloud.config.limits.clone();
    let read = tokio::task::spawn_blocking(move || Document::read(&document, tenant, now, &limits)).await;
    let mut document = read.map_err(|_| ApiError::internal())??;
    let specs = match document.api_specifications.take() {
        Some(specs) => Some(api_spec::transfer::read(cloud, specs).await?),
        None => None,
    };
    let transaction = cloud.store.begin().await?;
    let client = clients::lock(&transaction, tenant).await?.ok_or_else(ApiError::absent)?;
    builds::change(&transaction, tenant, now).await?;
    let work = Work { cloud, author, tenant, now, transaction: &transaction };
    let sections = apply(&work, document, specs, client).await?;
    let report = ConfigurationReport { applied: !dry_run, sections };
    if dry_run {
        transaction.rollback().await?;
        return Ok(report);
    }
    author.log(&transaction, tenant, now, ("update", json!(report.sections))).await?;
    transaction.commit().await?;
    cloud.notices.changed(tenant);
    Ok(report)
}

/// Makes each section of the tenant that of the document.
async fn apply(
    work: &Work<'_>,
    document: Document,
    specs: Option<Vec<api_spec::transfer::Read>>,
    client: bartizan_store::entity::client::Model,
) -> Result<BTreeMap<&'static str, SectionReport>, Failure> {
    let mut sections = general(work, &document, client).await?;
    if let Some(applications) = document.applications {
        sections.insert("applications", pools::import(work, applications).await?);
    }
    if let Some(rules) = document.rules {
        sections.insert("rules", rule::transfer::import(work, rules, document.triggers.is_none()).await?);
    }
    if let Some(lists) = document.ip_lists {
        sections.insert("ip_lists", ip_list::transfer::import(work, lists).await?);
    }
    let names_counters = sections.contains_key("rules") || document.triggers.is_some();
    sections.extend(named(work, document.integrations, specs, document.triggers).await?);
    if names_counters {
        // A counter that was made anew ends in a day unless a trigger names it, and that may be one that was kept.
        let all = triggers::list(work.transaction, work.tenant).await?;
        rule::counters::settle(work.transaction, work.tenant, &all.iter().collect::<Vec<_>>(), work.now)
            .await?;
    }
    Ok(sections)
}

/// Triggers, and before them what they name. Those of the tenant that stay as they are name no more what went.
async fn named(
    work: &Work<'_>,
    integrations: Option<Vec<integration::transfer::Entry>>,
    specs: Option<Vec<api_spec::transfer::Read>>,
    triggers: Option<Vec<trigger::transfer::Entry>>,
) -> Result<BTreeMap<&'static str, SectionReport>, Failure> {
    let mut sections = BTreeMap::new();
    let (mut ids, mut gone) = (Numbered::<Numbers>::default(), Numbered::<Vec<i64>>::default());
    if let Some(integrations) = integrations {
        let done = integration::transfer::import(work, integrations).await?;
        sections.insert("integrations", done.report);
        (ids.integrations, gone.integrations) = (done.ids, done.gone);
    }
    if let Some(specs) = specs {
        let done = api_spec::transfer::import(work, specs).await?;
        sections.insert("api_specifications", done.report);
        (ids.specifications, gone.specifications) = (done.ids, done.gone);
    }
    let gone = Gone { integrations: &gone.integrations, specifications: &gone.specifications };
    let released = trigger::named::release(work.transaction, work.tenant, gone, work.now).await?;
    if let Some(triggers) = triggers {
        sections.insert("triggers", trigger::transfer::import(work, triggers, &ids).await?);
    } else if !released.is_empty() {
        sections.insert("triggers", SectionReport { updated: released.len(), ..SectionReport::default() });
    }
    Ok(sections)
}

/// Settings of the tenant as a whole: each is one object.
async fn general(
    work: &Work<'_>,
    document: &Document,
    mut client: bartizan_store::entity::client::Model,
) -> Result<BTreeMap<&'static str, SectionReport>, Failure> {
    let mut sections = BTreeMap::new();
    let mut note = |name: &'static str, changed: bool| {
        sections.insert(
            name,
            SectionReport {
                updated: usize::from(changed),
                unchanged: usize::from(!changed),
                ..SectionReport::default()
            },
        );
    };
    if document.overlimit.is_some() || document.rules.is_some() {
        rules_settings::require_unlocked(work.transaction, work.tenant).await?;
    }
    let (settings, overlimit) = (document.rules_settings.as_ref(), document.overlimit.as_ref());
    let changed = rules_settings::import(work, settings, overlimit).await?;
    if settings.is_some() {
        note("rules_settings", changed.0);
    }
    if overlimit.is_some() {
        note("overlimit_res_settings", changed.1);
    }
    if let Some(mode) = &document.attack_rechecker_mode {
        note("attack_rechecker_mode", client.attack_rechecker_mode != *mode);
        let before = client.clone();
        client.attack_rechecker_mode.clone_from(mode);
        clients::update(work.transaction, &work.tenant.into(), &before, client).await?;
    }
    if let Some(config) = &document.api_discovery {
        note("api_discovery", api_discovery::import(work, config).await?);
    }
    Ok(sections)
}
