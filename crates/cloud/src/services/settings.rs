//! Sign-in settings of tenants (`spec/accounts.md` section 7.2): reading, changing, and what they permit.

use std::net::IpAddr;

use bartizan_api::{
    ApiError,
    settings::{NetworkScope, PasswordPolicy, PasswordPolicyUpdate, SettingsUpdate, SettingsView},
};
use bartizan_store::{TenantId, client_settings, clients, entity, sea_orm::ConnectionTrait};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::activity::{self, Change};
use crate::{auth::Caller, failure::Failure, state::Cloud};

/// Days that the activity log is kept unless the tenant decides otherwise.
pub const AUDIT_RETENTION_DAYS: i64 = 183;
/// Most networks.
const MAX_NETWORKS: usize = 100;

/// The settings in force for a tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Seconds without activity that end a session.
    pub idle_timeout: i64,
    /// Seconds after sign-in that end a session.
    pub absolute_timeout: i64,
    /// Whether everybody needs a second factor.
    pub mfa_enforced: bool,
    /// What passwords must be.
    pub password_policy: PasswordPolicy,
    /// Networks that may use the account; empty is any.
    pub networks: Networks,
    /// Days that the activity log is kept.
    pub audit_retention_days: i64,
}

/// Networks that may use an account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Networks {
    list: Vec<IpNet>,
    scope: NetworkScope,
}

impl Networks {
    fn admits(&self, ip: IpAddr, scope: NetworkScope) -> bool {
        let limited = self.scope == NetworkScope::Both || self.scope == scope;
        self.list.is_empty() || !limited || self.list.iter().any(|network| network.contains(&ip))
    }
}

impl Settings {
    /// The settings of a tenant, or the defaults of this cloud.
    ///
    /// # Errors
    /// 500 when the store fails.
    pub async fn of<C: ConnectionTrait>(
        cloud: &Cloud,
        connection: &C,
        tenant: TenantId,
    ) -> Result<Settings, Failure> {
        let limits = &cloud.config.limits;
        Ok(match client_settings::find(connection, tenant).await? {
            Some(row) => Settings {
                idle_timeout: row.idle_timeout,
                absolute_timeout: row.absolute_timeout,
                mfa_enforced: row.mfa_enforced,
                password_policy: serde_json::from_value(row.password_policy).unwrap_or_default(),
                networks: serde_json::from_value(row.allowed_networks).unwrap_or_default(),
                audit_retention_days: row.audit_retention_days,
            },
            None => Settings {
                idle_timeout: limits.session_idle_s,
                absolute_timeout: limits.session_absolute_s,
                mfa_enforced: false,
                password_policy: PasswordPolicy::default(),
                networks: Networks::default(),
                audit_retention_days: AUDIT_RETENTION_DAYS,
            },
        })
    }

    /// Whether sign-in and sessions may come from an address.
    #[must_use]
    pub fn admits_console(&self, ip: IpAddr) -> bool {
        self.networks.admits(ip, NetworkScope::Console)
    }

    /// Whether keys and tokens may come from an address.
    #[must_use]
    pub fn admits_api(&self, ip: IpAddr) -> bool {
        self.networks.admits(ip, NetworkScope::Api)
    }

    fn row(&self, tenant: TenantId) -> entity::client_settings::Model {
        entity::client_settings::Model {
            client_id: tenant.0,
            idle_timeout: self.idle_timeout,
            absolute_timeout: self.absolute_timeout,
            mfa_enforced: self.mfa_enforced,
            password_policy: json!(self.password_policy),
            allowed_networks: json!(self.networks),
            audit_retention_days: self.audit_retention_days,
        }
    }

    fn view(&self) -> SettingsView {
        SettingsView {
            idle_timeout: self.idle_timeout,
            absolute_timeout: self.absolute_timeout,
            mfa_enforced: self.mfa_enforced,
            password_policy: self.password_policy.clone(),
            allowed_networks: self.networks.list.iter().map(ToString::to_string).collect(),
            allowed_networks_scope: self.networks.scope,
            audit_retention_days: self.audit_retention_days,
        }
    }
}

/// The settings of a tenant in reach.
///
/// # Errors
/// 403 for a tenant out of reach.
pub async fn find(cloud: &Cloud, caller: &Caller, client_id: i64) -> Result<SettingsView, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    Ok(Settings::of(cloud, cloud.store.reader(), tenant).await?.view())
}

/// Changes the settings of a tenant. Lower limits hold for running sessions from their next request on.
///
/// # Errors
/// 403 for a tenant out of reach, 400 for values out of range and for what would lock the caller out.
pub async fn update(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    request: &SettingsUpdate,
) -> Result<SettingsView, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let before = Settings::of(cloud, &transaction, tenant).await?;
    let mut after = before.clone();
    apply(caller, &mut after, request)?;
    client_settings::put(&transaction, after.row(tenant)).await?;
    let entry = Change {
        object_type: "settings",
        action: "update",
        object_id: tenant.0.to_string(),
        object_name: String::new(),
        before: Some(json!(before.view())),
        after: Some(json!(after.view())),
    };
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    transaction.commit().await?;
    Ok(after.view())
}

fn apply(caller: &Caller, settings: &mut Settings, request: &SettingsUpdate) -> Result<(), ApiError> {
    set(&mut settings.idle_timeout, request.idle_timeout, "idle_timeout", 900, 604_800)?;
    set(&mut settings.absolute_timeout, request.absolute_timeout, "absolute_timeout", 3600, 2_592_000)?;
    set(&mut settings.audit_retention_days, request.audit_retention_days, "audit_retention_days", 90, 3650)?;
    if settings.absolute_timeout < settings.idle_timeout {
        let error = "absolute_timeout must not be below idle_timeout";
        return Err(ApiError::invalid(error, settings.absolute_timeout));
    }
    if let Some(enforced) = request.mfa_enforced {
        let own = caller.user.as_ref().is_some_and(|user| user.mfa_sealed.is_some());
        if enforced && !settings.mfa_enforced && !own {
            return Err(ApiError::invalid("mfa_enforced needs a second factor of your own first", true));
        }
        settings.mfa_enforced = enforced;
    }
    if let Some(policy) = &request.password_policy {
        settings.password_policy = changed_policy(&settings.password_policy, policy)?;
    }
    if let Some(networks) = &request.allowed_networks {
        settings.networks.list = valid_networks(networks)?;
    }
    if let Some(scope) = request.allowed_networks_scope {
        settings.networks.scope = scope;
    }
    let reachable = settings.admits_console(caller.ip) && settings.admits_api(caller.ip);
    let changed = request.allowed_networks.is_some() || request.allowed_networks_scope.is_some();
    if changed && !reachable {
        return Err(ApiError::invalid("allowed_networks must hold your own address", caller.ip.to_string()));
    }
    Ok(())
}

fn set(place: &mut i64, given: Option<i64>, name: &str, least: i64, most: i64) -> Result<(), ApiError> {
    match given {
        None => Ok(()),
        Some(value) if (least..=most).contains(&value) => {
            *place = value;
            Ok(())
        }
        Some(value) => Err(ApiError::invalid(format!("{name} must be {least} to {most}"), value)),
    }
}

fn changed_policy(
    before: &PasswordPolicy,
    change: &PasswordPolicyUpdate,
) -> Result<PasswordPolicy, ApiError> {
    let policy = PasswordPolicy {
        min_length: change.min_length.unwrap_or(before.min_length),
        require_special: change.require_special.unwrap_or(before.require_special),
        rotation_days: change.rotation_days.unwrap_or(before.rotation_days),
        history: change.history.unwrap_or(before.history),
    };
    let refused = |name: &str, range: &str, value: Value| {
        Err(ApiError::invalid(format!("password_policy.{name} must be {range}"), value))
    };
    if !(8..=64).contains(&policy.min_length) {
        return refused("min_length", "8 to 64", json!(policy.min_length));
    }
    if policy.rotation_days.is_some_and(|days| !(1..=365).contains(&days)) {
        return refused("rotation_days", "1 to 365 or null", json!(policy.rotation_days));
    }
    if !(0..=24).contains(&policy.history) {
        return refused("history", "0 to 24", json!(policy.history));
    }
    Ok(policy)
}

fn valid_networks(texts: &[String]) -> Result<Vec<IpNet>, ApiError> {
    if texts.len() > MAX_NETWORKS {
        return Err(ApiError::invalid("allowed_networks: too many networks", texts.len()));
    }
    let network = |text: &String| {
        let parsed = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        parsed.map(|network| network.trunc()).map_err(|_| {
            ApiError::invalid(
                "allowed_networks: not a network in CIDR form",
                text.chars().take(64).collect::<String>(),
            )
        })
    };
    texts.iter().map(network).collect()
}
