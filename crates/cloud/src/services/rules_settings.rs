//! How a tenant's ruleset is made: settings, the lock on rules, the general time budget
//! (`spec/rules.md` sections 1.10, 9.5 and 9.6).

use axum::http::StatusCode;
use bartizan_api::{
    ApiError,
    rules_settings::{OverlimitSettings, RulesSettings, RulesSettingsView},
};
use bartizan_rules::RulesetSource;
use bartizan_store::{
    TenantId, config_versions,
    entity::ruleset_setting::Model,
    hints, ruleset_settings,
    sea_orm::{ConnectionTrait, DatabaseTransaction},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::{
    activity::{self, Change},
    configuration::{Work, at},
    ruleset::{self, builds},
};
use crate::{auth::Caller, failure::Failure, state::Cloud};

/// What a field of the settings must be.
enum Check {
    Flag,
    /// A whole number, or null for the server's choice.
    Format,
    Number {
        min: i64,
        max: Option<i64>,
    },
    OneOf(&'static [&'static str]),
}

const WEIGHT: Check = Check::Number { min: 0, max: Some(10) };

const FIELDS: &[(&str, Check)] = &[
    ("min_lom_format", Check::Format),
    ("max_lom_format", Check::Format),
    ("max_lom_size", Check::Number { min: 1025, max: None }),
    ("lom_disabled", Check::Flag),
    ("lom_compilation_delay", Check::Number { min: 0, max: Some(2_147_483_647) }),
    ("rules_snapshot_enabled", Check::Flag),
    ("rules_snapshot_max_count", Check::Number { min: 0, max: Some(99) }),
    ("rules_manipulation_locked", Check::Flag),
    ("heavy_lom", Check::Flag),
    ("data_in_s3", Check::Flag),
    ("parameters_count_weight", WEIGHT),
    ("path_variativity_weight", WEIGHT),
    ("pii_weight", WEIGHT),
    ("request_content_weight", WEIGHT),
    ("open_vulns_weight", WEIGHT),
    ("serialized_data_weight", WEIGHT),
    ("risk_score_algo", Check::OneOf(&["maximum", "average"])),
    ("pii_fallback", Check::Flag),
];

const OVERLIMIT_FIELDS: &[(&str, Check)] = &[
    ("overlimit_time", Check::Number { min: 0, max: Some(10_000) }),
    ("mode", Check::OneOf(&["monitoring", "blocking"])),
];

impl Check {
    /// Why a value does not fit; none when it does.
    fn fault(&self, sent: &Value) -> Option<String> {
        let fits = match self {
            Check::Flag => sent.is_boolean(),
            Check::Format => sent.is_null() || sent.as_i64().is_some_and(|number| number >= 0),
            Check::Number { min, max } => {
                sent.as_i64().is_some_and(|number| number >= *min && max.is_none_or(|max| number <= max))
            }
            Check::OneOf(names) => sent.as_str().is_some_and(|text| names.contains(&text)),
        };
        if fits {
            return None;
        }
        let range = match self {
            Check::Number { min, max: Some(max) } => Some(format!("should be in {min}..{max}")),
            Check::Number { min, max: None } => Some(format!("must be greater than or equal to {min}")),
            _ => None,
        };
        Some(match (range, sent.is_null()) {
            (Some(range), true) => format!("{range}, can't be blank"),
            (None, true) => "can't be blank".to_owned(),
            (Some(range), false) if sent.is_number() => range,
            _ => "is invalid".to_owned(),
        })
    }
}

/// The current values with those of a patch that the table knows; other keys are ignored.
fn patched<T: Serialize + DeserializeOwned>(
    current: &T,
    fields: &[(&str, Check)],
    patch: &Map<String, Value>,
) -> Result<T, ApiError> {
    let mut whole = serde_json::to_value(current).map_err(|_| ApiError::internal())?;
    let mut faults = Map::new();
    for (name, check) in fields {
        let Some(sent) = patch.get(*name) else { continue };
        match (check.fault(sent), whole.as_object_mut()) {
            (Some(error), _) => {
                faults.insert((*name).to_owned(), json!({"error": error, "value": sent}));
            }
            (None, Some(whole)) => {
                whole.insert((*name).to_owned(), sent.clone());
            }
            (None, None) => {}
        }
    }
    if !faults.is_empty() {
        return Err(ApiError { body: Value::Object(faults), ..ApiError::field("", "", Value::Null) });
    }
    serde_json::from_value(whole).map_err(|_| ApiError::internal())
}

/// Refuses bounds between which there is no format: nodes would refuse every ruleset.
fn require_some_format(settings: &RulesSettings) -> Result<(), ApiError> {
    match (settings.min_lom_format, settings.max_lom_format) {
        (Some(min), Some(max)) if min > max => Err(ApiError::field(
            "min_lom_format",
            format!("must not be greater than max_lom_format, {max}"),
            min,
        )),
        _ => Ok(()),
    }
}

/// What is kept about the making of a tenant's ruleset.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Settings.
    pub settings: RulesSettings,
    /// General time budget, when one was set.
    pub overlimit: Option<OverlimitSettings>,
    /// What nodes keep while builds are off or wait.
    pub held: Option<RulesetSource>,
    /// When the build that waits is due, Unix seconds.
    pub build_at: Option<i64>,
}

impl Stored {
    pub(super) fn row(&self, tenant: TenantId) -> Result<Model, ApiError> {
        let json = |value: serde_json::Result<Value>| value.map_err(|_| ApiError::internal());
        Ok(Model {
            client_id: tenant.0,
            settings: json(serde_json::to_value(&self.settings))?,
            overlimit: self.overlimit.as_ref().map(|set| json(serde_json::to_value(set))).transpose()?,
            held_bundle: self.held.as_ref().map(|held| json(serde_json::to_value(held))).transpose()?,
            build_at: self.build_at,
        })
    }
}

/// Reads what is kept; a tenant without a row has the defaults.
///
/// # Errors
/// 500 when a row cannot be read back, which would be a bug.
pub async fn stored<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<Stored, Failure> {
    let Some(row) = ruleset_settings::find(connection, tenant).await? else { return Ok(Stored::default()) };
    let unreadable = |_| {
        tracing::error!(client.id = tenant.0, "stored rules settings cannot be read");
        ApiError::internal()
    };
    Ok(Stored {
        settings: serde_json::from_value(row.settings).map_err(unreadable)?,
        overlimit: row.overlimit.map(serde_json::from_value).transpose().map_err(unreadable)?,
        held: row.held_bundle.map(serde_json::from_value).transpose().map_err(unreadable)?,
        build_at: row.build_at,
    })
}

/// Refuses a change of rules while they are locked.
///
/// # Errors
/// 423 `Rules are locked`.
pub async fn require_unlocked<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<(), Failure> {
    if stored(connection, tenant).await?.settings.rules_manipulation_locked {
        return Err(ApiError::text(StatusCode::LOCKED, "Rules are locked").into());
    }
    Ok(())
}

/// The settings of a tenant.
///
/// # Errors
/// 403 for a foreign tenant.
pub async fn view(cloud: &Cloud, caller: &Caller, client_id: i64) -> Result<RulesSettingsView, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let settings = stored(cloud.store.reader(), tenant).await?.settings;
    Ok(RulesSettingsView { clientid: tenant.0, settings })
}

/// Changes the settings that a patch names. They stay writable while rules are locked.
///
/// # Errors
/// 400 with every fault, 403 for a foreign tenant.
pub async fn update(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    patch: &Map<String, Value>,
) -> Result<RulesSettingsView, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let now = cloud.now();
    let transaction = cloud.store.begin().await?;
    let version = config_versions::bump_ruleset(&transaction, tenant, now).await?.ruleset_version;
    let before = stored(&transaction, tenant).await?;
    let settings = patched(&before.settings, FIELDS, patch)?;
    require_some_format(&settings)?;
    let mut after = Stored { settings, ..before.clone() };
    hold(&transaction, (tenant, version, now), &before, &mut after).await?;
    ruleset_settings::save(&transaction, after.row(tenant)?).await?;
    log(&transaction, caller, tenant, now, "rules_settings", (&before.settings, &after.settings)).await?;
    transaction.commit().await?;
    cloud.notices.changed(tenant);
    Ok(RulesSettingsView { clientid: tenant.0, settings: after.settings })
}

/// Keeps the rules that are in force for nodes when builds are switched off, and lets them go when they are
/// switched on or wait no longer.
async fn hold(
    transaction: &DatabaseTransaction,
    (tenant, version, now): (TenantId, i64, i64),
    before: &Stored,
    after: &mut Stored,
) -> Result<(), Failure> {
    if after.settings.lom_disabled {
        after.build_at = None;
        if after.held.is_none() {
            let rows = hints::active(transaction, tenant).await?;
            after.held = Some(ruleset::source(tenant, version, &rows, after.overlimit.as_ref()));
        }
    } else if before.settings.lom_disabled || after.settings.lom_compilation_delay == 0 {
        (after.held, after.build_at) = (None, None);
    } else if let Some(at) = after.build_at {
        after.build_at = Some(at.min(now.saturating_add(after.settings.lom_compilation_delay)));
    }
    Ok(())
}

/// Reads the settings and the time budget of a document, each where it has it. What a document leaves out of one is
/// as in a new tenant.
///
/// # Errors
/// 400 with every fault.
pub(super) fn read(
    settings: Option<&Map<String, Value>>,
    overlimit: Option<&Map<String, Value>>,
) -> Result<(Option<RulesSettings>, Option<OverlimitSettings>), Failure> {
    let settings = settings.map(|sent| {
        let read = patched(&RulesSettings::default(), FIELDS, sent);
        let read = read.and_then(|settings| require_some_format(&settings).map(|()| settings));
        read.map_err(|error| at("rules_settings", error))
    });
    let overlimit = overlimit.map(|sent| {
        patched(&OverlimitSettings::default(), OVERLIMIT_FIELDS, sent)
            .map_err(|error| at("overlimit_res_settings", error))
    });
    Ok((settings.transpose()?, overlimit.transpose()?))
}

/// Takes the settings and the time budget of a document, each where it has it; returns whether they changed.
///
/// # Errors
/// 500 when the store fails.
pub(super) async fn import(
    work: &Work<'_>,
    settings: Option<&RulesSettings>,
    overlimit: Option<&OverlimitSettings>,
) -> Result<(bool, bool), Failure> {
    if settings.is_none() && overlimit.is_none() {
        return Ok((false, false));
    }
    let (transaction, tenant) = (work.transaction, work.tenant);
    let version = config_versions::current(transaction, tenant).await?.ruleset_version;
    let before = stored(transaction, tenant).await?;
    let mut after = before.clone();
    if let Some(settings) = settings {
        after.settings = settings.clone();
    }
    if let Some(budget) = overlimit
        && *budget != before.overlimit.clone().unwrap_or_default()
    {
        after.overlimit = Some(budget.clone());
    }
    let changed = (after.settings != before.settings, after.overlimit != before.overlimit);
    if changed.0 || changed.1 {
        hold(transaction, (tenant, version, work.now), &before, &mut after).await?;
        ruleset_settings::save(transaction, after.row(tenant)?).await?;
    }
    Ok(changed)
}

/// The general time budget of a tenant.
///
/// # Errors
/// 403 for a foreign tenant.
pub async fn overlimit(cloud: &Cloud, caller: &Caller, client_id: i64) -> Result<OverlimitSettings, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    Ok(stored(cloud.store.reader(), tenant).await?.overlimit.unwrap_or_default())
}

/// Changes the general time budget; what the patch leaves out stays.
///
/// # Errors
/// 400 with every fault, 403 for a foreign tenant, 423.
pub async fn set_overlimit(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    patch: &Map<String, Value>,
) -> Result<OverlimitSettings, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let now = cloud.now();
    let transaction = cloud.store.begin().await?;
    builds::change(&transaction, tenant, now).await?;
    require_unlocked(&transaction, tenant).await?;
    let mut kept = stored(&transaction, tenant).await?;
    let before = kept.overlimit.clone().unwrap_or_default();
    let after = patched(&before, OVERLIMIT_FIELDS, patch)?;
    kept.overlimit = Some(after.clone());
    ruleset_settings::save(&transaction, kept.row(tenant)?).await?;
    log(&transaction, caller, tenant, now, "overlimit_res_settings", (&before, &after)).await?;
    transaction.commit().await?;
    cloud.notices.changed(tenant);
    Ok(after)
}

async fn log<T: Serialize>(
    transaction: &DatabaseTransaction,
    caller: &Caller,
    tenant: TenantId,
    now: i64,
    name: &'static str,
    (before, after): (&T, &T),
) -> Result<(), Failure> {
    let change = Change {
        object_type: "settings",
        action: "update",
        object_id: tenant.0.to_string(),
        object_name: name.to_owned(),
        before: serde_json::to_value(before).ok(),
        after: serde_json::to_value(after).ok(),
    };
    activity::log(transaction, caller, tenant, now, change).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(patch: Value) -> Value {
        let Value::Object(patch) = patch else { panic!("not an object") };
        patched(&RulesSettings::default(), FIELDS, &patch).unwrap_err().body
    }

    #[test]
    fn a_patch_changes_what_it_names_and_null_clears_a_format() {
        let with_format = RulesSettings { min_lom_format: Some(54), ..RulesSettings::default() };
        let patch = json!({"min_lom_format": null, "pii_weight": 0, "clientid": 9, "unknown": {}});
        let after = patched(&with_format, FIELDS, patch.as_object().unwrap()).unwrap();
        assert_eq!(after, RulesSettings { pii_weight: 0, ..RulesSettings::default() });
    }

    #[test]
    fn refusals_name_every_field_and_its_range() {
        assert_eq!(
            refusal(json!({"max_lom_size": 1024, "pii_weight": 11, "lom_disabled": 1})),
            json!({"max_lom_size": {"error": "must be greater than or equal to 1025", "value": 1024},
                "lom_disabled": {"error": "is invalid", "value": 1},
                "pii_weight": {"error": "should be in 0..10", "value": 11}})
        );
        assert_eq!(
            refusal(json!({"rules_snapshot_max_count": null})),
            json!({"rules_snapshot_max_count": {"error": "should be in 0..99, can't be blank", "value": null}})
        );
        assert_eq!(refusal(json!({"risk_score_algo": "median"}))["risk_score_algo"]["error"], "is invalid");
    }

    #[test]
    fn every_field_of_the_settings_has_a_check() {
        let settings = serde_json::to_value(RulesSettings::default()).unwrap();
        let names: Vec<&str> = settings.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, FIELDS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }
}
