//! Integrations of a tenant in a document.

use std::collections::HashSet;

use bartizan_api::{
    ApiError,
    configuration::{IntegrationEntry, SectionReport},
};
use bartizan_store::{
    JsonText, TenantId, entity::integration::Model, integrations, sea_orm::ConnectionTrait,
};
use serde_json::{Value, json};

use super::{Kind, Target, kind_of, mask, may_send, seal, unseal, valid_name};
use crate::{
    failure::Failure,
    keys::Keys,
    services::configuration::{
        Author, Fit, Imported, Numbers, Plan, Work, at, canonical, closest, holds_mask, place,
    },
};

/// The integrations of a tenant, numbered in an order that does not depend on when they were made.
///
/// # Errors
/// 500 when the store fails or a target does not open.
pub(in crate::services) async fn export<C: ConnectionTrait>(
    connection: &C,
    keys: &Keys,
    tenant: TenantId,
    with_secrets: bool,
) -> Result<(Vec<IntegrationEntry>, Numbers), Failure> {
    let mut numbers = Numbers::new();
    let mut entries = Vec::new();
    for (number, Present { row, stored, .. }) in (1..).zip(present(connection, keys, tenant).await?) {
        numbers.insert(row.id, number);
        let kind = kind_of(&row)?;
        entries.push(IntegrationEntry {
            id: number,
            kind: row.kind,
            name: row.name,
            active: row.active,
            target: if with_secrets { stored } else { mask::masked(kind, &stored) },
            events: serde_json::from_value(row.events.0).unwrap_or_default(),
        });
    }
    Ok((entries, numbers))
}

/// An integration of a tenant, its target open.
struct Present {
    row: Model,
    stored: Value,
    /// The target as a text, to compare by.
    text: String,
}

/// The integrations of a tenant in the order of documents: of several that read alike, the first here is the first there.
async fn present<C: ConnectionTrait>(
    connection: &C,
    keys: &Keys,
    tenant: TenantId,
) -> Result<Vec<Present>, Failure> {
    let mut present = Vec::new();
    for row in integrations::list(connection, &tenant.into()).await? {
        let stored = unseal(keys, &row.target)?;
        present.push(Present { text: canonical(&stored), stored, row });
    }
    present
        .sort_by_cached_key(|one| (one.row.kind.clone(), one.row.name.clone(), one.text.clone(), one.row.id));
    Ok(present)
}

impl Present {
    fn is_namesake(&self, entry: &Entry) -> bool {
        self.row.kind == entry.kind.name() && self.row.name == entry.name
    }

    /// Whether the target of an entry is this one's, its masks filled.
    fn has_target(&self, entry: &Entry) -> bool {
        let merged = mask::merged(entry.kind, &self.stored, &entry.target);
        self.is_namesake(entry) && merged.is_ok_and(|merged| canonical(&merged) == self.text)
    }

    /// Whether it can fill the masks that an entry has.
    fn fills(&self, entry: &Entry) -> bool {
        let merged = || mask::merged(entry.kind, &self.stored, &entry.target);
        self.is_namesake(entry)
            && holds_mask(&entry.target)
            && merged().is_ok_and(|merged| !holds_mask(&merged))
    }

    /// Whether everything is as an entry says.
    fn is(&self, entry: &Entry) -> bool {
        self.row.active == entry.active
            && canonical(&self.row.events.0) == canonical(&entry.events)
            && self.has_target(entry)
    }
}

/// An integration of a document. Its target may hold masks, which only the tenant's own can fill.
pub(in crate::services) struct Entry {
    /// Number in the document.
    pub(in crate::services) number: i64,
    kind: Kind,
    name: String,
    active: bool,
    target: Value,
    /// Switches.
    events: Value,
}

/// Reads the integrations of a document.
///
/// # Errors
/// 400 with the integration and field at fault.
pub(in crate::services) fn read(entries: Vec<IntegrationEntry>, most: u64) -> Result<Vec<Entry>, Failure> {
    if entries.len() as u64 > most {
        return Err(ApiError::field("integrations", "too many integrations", most).into());
    }
    let mut numbers = HashSet::new();
    let mut read = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        let place = place("integrations", index);
        if !numbers.insert(entry.id) {
            let error = ApiError::field("id", "is that of another integration, too", entry.id);
            return Err(at(&place, error));
        }
        read.push(read_one(entry).map_err(|error| at(&place, error))?);
    }
    Ok(read)
}

fn read_one(entry: IntegrationEntry) -> Result<Entry, ApiError> {
    let kind =
        Kind::parse(&entry.kind).ok_or_else(|| ApiError::field("type", "is invalid", entry.kind.clone()))?;
    let name = match entry.name.trim() {
        "" => return Err(ApiError::field("name", "can't be blank", Value::Null)),
        name => valid_name(name)?,
    };
    let events = json!(kind.switches(&entry.events)?);
    Ok(Entry { number: entry.id, kind, name, active: entry.active, target: entry.target, events })
}

/// For each integration of a document the one of the tenant that it is.
fn pairs(present: Vec<Present>, entries: &[Entry]) -> Plan<Present> {
    let fits: [Fit<'_, Entry, Present>; 4] = [
        &|entry, one| one.is(entry),
        &|entry, one| one.has_target(entry),
        &|entry, one| one.fills(entry),
        &|entry, one| one.is_namesake(entry),
    ];
    closest(present, entries, &fits)
}

/// Makes the integrations of a tenant those of a document. One of the same type and name keeps its identity and its
/// deliveries; of several, the one that is equal or has the same target, or the secrets that are masked.
///
/// # Errors
/// 400 with the integration whose target is at fault.
pub(in crate::services) async fn import(work: &Work<'_>, entries: Vec<Entry>) -> Result<Imported, Failure> {
    let present = present(work.transaction, &work.cloud.keys, work.tenant).await?;
    let plan = pairs(present, &entries);
    let mut report = SectionReport::default();
    let mut ids = Numbers::new();
    for (index, (entry, found)) in entries.into_iter().zip(plan.kept).enumerate() {
        let number = entry.number;
        let put = put(work, entry, found, &mut report).await;
        let id = put.map_err(|error| at(&place("integrations", index), error))?;
        ids.insert(number, id);
    }
    let gone: Vec<i64> = plan.gone.into_iter().map(|one| one.row.id).collect();
    for id in &gone {
        integrations::delete(work.transaction, work.tenant, *id).await?;
    }
    report.deleted = gone.len();
    Ok(Imported { report, ids, gone })
}

/// Creates or changes one integration.
async fn put(
    work: &Work<'_>,
    entry: Entry,
    found: Option<Present>,
    report: &mut SectionReport,
) -> Result<i64, Failure> {
    let (keys, now) = (&work.cloud.keys, work.now);
    let Entry { kind, name, events, .. } = entry;
    let merged = match &found {
        Some(found) => mask::merged(kind, &found.stored, &entry.target)?,
        None => entry.target.clone(),
    };
    if holds_mask(&merged) {
        let error = "holds a masked secret that is not the one of the tenant's integration of this type and name; \
            export with secrets, or write the secret here";
        return Err(ApiError::field("target", error, Value::Null).into());
    }
    // What is stored was checked when it was.
    let wire = match &found {
        Some(found) if found.text == canonical(&merged) => found.stored.clone(),
        _ => Target::parse(kind, &merged, &work.cloud.outgoing)?.to_wire(),
    };
    if let Some(Present { row, text, .. }) = &found
        && (row.active, canonical(&row.events.0)) == (entry.active, canonical(&events))
        && *text == canonical(&wire)
    {
        report.unchanged += 1;
        return Ok(row.id);
    }
    let events = JsonText(events);
    if let Author::Caller(caller) = work.author {
        may_send(caller, work.tenant, &events)?;
    }
    let sealed = seal(keys, &wire)?;
    let row = if let Some(Present { row, .. }) = found {
        report.updated += 1;
        let disabled_reason = row.disabled_reason.clone().filter(|_| !entry.active);
        let row =
            Model { active: entry.active, target: sealed, events, updated_at: now, disabled_reason, ..row };
        integrations::update(work.transaction, row).await?
    } else {
        report.created += 1;
        let row = Model {
            id: 0,
            client_id: work.tenant.0,
            kind: kind.name().to_owned(),
            name,
            active: entry.active,
            target: sealed,
            events,
            created_at: now,
            created_by: work.author.address(),
            updated_at: now,
            disabled_reason: None,
        };
        integrations::insert(work.transaction, row).await?
    };
    Ok(row.id)
}
