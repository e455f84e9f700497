//! The ruleset of a tenant as nodes load it: a signed bundle of the active hints.
//!
//! A bundle is made when a node first asks for its version and kept in memory until the next version. Equal
//! rows give equal bytes, so every process of a cloud makes the same bundle.

pub mod builds;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use bartizan_api::{
    ApiError,
    node::{BUNDLE_FORMAT, BundleEntry, BundleKind},
    rules_settings::OverlimitSettings,
};
use bartizan_rules::{HintSource, HintType, RulesetSource};
use bartizan_store::{
    StoreError, TenantId, config_versions,
    entity::{action, hint},
    hints,
};
use ed25519_dalek::Signer;
use serde_json::{Map, json};
use sha2::{Digest, Sha256};

use super::{quotas, rules_settings};
use crate::{failure::Failure, keys::Keys, state::Cloud};

/// A signed bundle.
#[derive(Debug)]
pub struct Bundle {
    /// Its entry in the manifest.
    pub entry: BundleEntry,
    /// JSON of [`RulesetSource`].
    pub bytes: Vec<u8>,
}

/// How many bundles of a tenant are kept: rules may change between a node's reading of the manifest and of the
/// bundle that it names.
const KEPT: usize = 3;

/// The last bundles of each tenant, newest first.
#[derive(Debug, Default)]
pub struct Bundles(Mutex<HashMap<TenantId, VecDeque<Arc<Bundle>>>>);

impl Bundles {
    /// The bundle of a version, if it is among the last ones.
    pub fn of(&self, tenant: TenantId, version: i64) -> Option<Arc<Bundle>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&tenant)?.iter().find(|bundle| bundle.entry.version == version).cloned()
    }

    fn keep(&self, tenant: TenantId, bundle: &Arc<Bundle>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_tenant = kept.entry(tenant).or_default();
        of_tenant.push_front(Arc::clone(bundle));
        of_tenant.truncate(KEPT);
    }
}

/// The current bundle of a tenant, and the configuration sequence number that it reflects at least.
///
/// # Errors
/// 500 when the store fails.
pub async fn current(cloud: &Cloud, tenant: TenantId) -> Result<(i64, Arc<Bundle>), Failure> {
    let versions = config_versions::current(cloud.store.reader(), tenant).await?;
    if let Some(bundle) = cloud.bundles.of(tenant, versions.ruleset_version) {
        return Ok((versions.seq, bundle));
    }
    // Every change of rules raises the version in its own transaction. One snapshot holds both, however fast rules
    // change.
    let snapshot = cloud.store.snapshot().await?;
    let versions = config_versions::current(&snapshot, tenant).await?;
    let settings = rules_settings::stored(&snapshot, tenant).await?;
    let protects = quotas::protects(&snapshot, tenant).await?;
    // Builds are off or wait: the version that was in force then.
    let held = settings.held.filter(|_| protects);
    let version = held.as_ref().map_or(versions.ruleset_version, |held| held.version);
    if let Some(bundle) = cloud.bundles.of(tenant, version) {
        return Ok((versions.seq, bundle));
    }
    let source = match held {
        Some(held) => held,
        None if protects => {
            let rows = hints::active(&snapshot, tenant).await?;
            source(tenant, version, &rows, settings.overlimit.as_ref())
        }
        None => off(tenant, version),
    };
    snapshot.commit().await.map_err(StoreError::from)?;
    let bundle = Arc::new(sign(&cloud.keys, &source)?);
    cloud.bundles.keep(tenant, &bundle);
    Ok((versions.seq, bundle))
}

/// The content of a bundle. The general time budget goes as a rule of the default branch that every other one
/// overrides.
#[must_use]
pub fn source(
    tenant: TenantId,
    version: i64,
    rows: &[(hint::Model, action::Model)],
    overlimit: Option<&OverlimitSettings>,
) -> RulesetSource {
    let general = overlimit.map(|settings| HintSource {
        id: 0,
        kind: HintType::OverlimitResSettings.name().to_owned(),
        action: json!([]),
        updated_at: 0,
        fields: Map::from_iter([
            ("overlimit_time".to_owned(), json!(settings.overlimit_time)),
            ("mode".to_owned(), json!(settings.mode)),
        ]),
    });
    let own = rows.iter().map(|(hint, action)| hint_source(hint, action));
    RulesetSource { version, clientid: tenant.0, hints: general.into_iter().chain(own).collect() }
}

/// The content of a bundle for a tenant far beyond its quota: nothing but the mode `off`.
fn off(tenant: TenantId, version: i64) -> RulesetSource {
    let mode = HintSource {
        id: 0,
        kind: HintType::WallarmMode.name().to_owned(),
        action: json!([]),
        updated_at: 0,
        fields: Map::from_iter([("mode".to_owned(), json!("off"))]),
    };
    RulesetSource { version, clientid: tenant.0, hints: vec![mode] }
}

/// One hint of a bundle.
#[must_use]
pub fn hint_source(hint: &hint::Model, action: &action::Model) -> HintSource {
    HintSource {
        id: hint.id,
        kind: hint.kind.clone(),
        action: action.conditions.clone(),
        updated_at: hint.updated_at,
        fields: hint.fields.as_object().cloned().unwrap_or_default(),
    }
}

fn sign(keys: &Keys, source: &RulesetSource) -> Result<Bundle, ApiError> {
    let bytes = serde_json::to_vec(source).map_err(|_| ApiError::internal())?;
    let (kind, version) = (BundleKind::Ruleset, source.version);
    let sha256 = hex::encode(Sha256::digest(&bytes));
    let text = BundleEntry::signed_text(kind, source.clientid, version, BUNDLE_FORMAT, &sha256);
    let entry = BundleEntry {
        kind,
        version,
        format: BUNDLE_FORMAT,
        size: bytes.len().try_into().unwrap_or(u64::MAX),
        sha256,
        sig: hex::encode(keys.signing().sign(text.as_bytes()).to_bytes()),
        url: format!("/node/v1/bundle/ruleset/{version}"),
    };
    Ok(Bundle { entry, bytes })
}
