//! API specifications of a tenant in a document, with their files.

use std::collections::HashSet;

use bartizan_api::{
    ApiError,
    api_spec::{ApiSpecRequest, AuthHeader},
    configuration::{ApiSpecEntry, ApiSpecFileEntry, SectionReport},
};
use bartizan_store::{JsonText, TenantId, api_specs, entity::api_spec::Model, sea_orm::ConnectionTrait};
use serde_json::{Value, json};

use super::{
    blank,
    file::{self, FileFault, Loaded},
    filled, headers_of, policy, put_content, take,
};
use crate::{
    failure::Failure,
    keys::Keys,
    services::configuration::{Fit, Imported, Numbers, Work, at, canonical, closest, place},
    state::Cloud,
};

const MASK: &str = "****";

/// The specifications of a tenant, numbered in an order that does not depend on when they were made.
///
/// # Errors
/// 500 when the store fails.
pub(in crate::services) async fn export<C: ConnectionTrait>(
    connection: &C,
    keys: &Keys,
    tenant: TenantId,
    with_secrets: bool,
) -> Result<(Vec<ApiSpecEntry>, Numbers), Failure> {
    let (rows, _) = api_specs::list(connection, tenant, 0, u64::MAX >> 1).await?;
    let mut entries = Vec::new();
    for row in rows {
        let content = api_specs::file(connection, tenant, row.id).await?;
        let mut auth_headers = headers_of(keys, &row);
        if !with_secrets {
            auth_headers.iter_mut().for_each(|header| MASK.clone_into(&mut header.value));
        }
        let entry = ApiSpecEntry {
            id: None,
            title: row.title,
            description: row.description,
            file_remote_url: row.file_remote_url,
            regular_file_update: row.regular_file_update,
            api_detection: row.api_detection,
            instances: serde_json::from_value(row.instances.0).unwrap_or_default(),
            domains: serde_json::from_value(row.domains.0).unwrap_or_default(),
            auth_headers,
            file: content
                .map(|content| ApiSpecFileEntry { name: row.file_name.unwrap_or_default(), content }),
            policy: row.policy.and_then(|policy| policy.0.as_object().cloned()),
        };
        entries.push((row.id, entry));
    }
    entries.sort_by_cached_key(|(_, entry)| (entry.title.clone(), canonical(&json!(entry))));
    let mut numbers = Numbers::new();
    let numbered = (1..).zip(entries).map(|(number, (id, entry))| {
        numbers.insert(id, number);
        ApiSpecEntry { id: Some(number), ..entry }
    });
    Ok((numbered.collect(), numbers))
}

/// The numbers that specifications have in a document; one that no trigger names needs none.
///
/// # Errors
/// 400 with the specification that has the number of another.
pub(in crate::services) fn numbers(entries: &[ApiSpecEntry]) -> Result<HashSet<i64>, Failure> {
    let mut numbers = HashSet::new();
    for (index, entry) in entries.iter().enumerate() {
        if let Some(number) = entry.id
            && !numbers.insert(number)
        {
            let error = ApiError::field("id", "is that of another specification, too", number);
            return Err(at(&place("api_specifications", index), error));
        }
    }
    Ok(numbers)
}

/// A specification of a document, its file read.
pub(in crate::services) struct Read {
    entry: ApiSpecEntry,
    loaded: Option<Loaded>,
}

/// Reads the files of specifications: before anything is locked, because large ones take their time.
///
/// # Errors
/// 400 with the findings in a file.
pub(in crate::services) async fn read(
    cloud: &Cloud,
    entries: Vec<ApiSpecEntry>,
) -> Result<Vec<Read>, Failure> {
    let most = cloud.config.limits.api_specifications;
    if entries.len() as u64 > most {
        return Err(ApiError::field("api_specifications", "too many specifications", most).into());
    }
    let mut specs = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let loaded = match &entry.file {
            None => None,
            Some(sent) => {
                Some(file::read(&sent.name, sent.content.clone().into_bytes()).await.map_err(|fault| {
                    let error = match fault {
                        FileFault::Unusable(findings) => {
                            ApiError::field("file", "is not a valid specification", json!(findings))
                        }
                        FileFault::Refused(text) => ApiError::field("file", text, Value::Null),
                        FileFault::Unreachable(text) => ApiError::field("file", text, Value::Null),
                    };
                    at(&place("api_specifications", index), error)
                })?)
            }
        };
        specs.push(Read { entry, loaded });
    }
    Ok(specs)
}

impl Read {
    /// What it says besides its title, headers and file, as a text to compare by.
    fn text(&self) -> String {
        let entry = &self.entry;
        canonical(&json!([
            entry.description,
            entry.file_remote_url,
            entry.regular_file_update,
            entry.api_detection,
            entry.instances,
            entry.domains,
            entry.policy,
        ]))
    }
}

/// A specification of a tenant, as it is compared with those of a document.
struct Present {
    row: Model,
    headers: Vec<AuthHeader>,
    text: String,
}

impl Present {
    fn of(keys: &Keys, row: Model) -> Present {
        let text = canonical(&json!([
            row.description,
            row.file_remote_url,
            row.regular_file_update,
            row.api_detection,
            row.instances.0,
            row.domains.0,
            row.policy.as_ref().map(|policy| &policy.0),
        ]));
        Present { headers: headers_of(keys, &row), text, row }
    }

    fn is_namesake(&self, spec: &Read) -> bool {
        self.row.title == spec.entry.title.trim()
    }

    /// Whether it has the file of a specification, which may have none of its own.
    fn has_file(&self, spec: &Read) -> bool {
        spec.loaded.as_ref().is_none_or(|loaded| {
            self.row.file_checksum.as_ref() == Some(&loaded.checksum)
                && self.row.file_name.as_ref() == Some(&loaded.name)
        })
    }

    /// Whether the headers of a specification are this one's, their masks filled.
    fn has_headers(&self, spec: &Read) -> bool {
        unmasked(&spec.entry.auth_headers, &self.headers).is_ok_and(|headers| headers == self.headers)
    }

    /// Whether the file is the same, and comes from the same address.
    fn has_source(&self, spec: &Read) -> bool {
        self.is_namesake(spec)
            && self.row.file_remote_url == spec.entry.file_remote_url
            && self.has_file(spec)
            && self.has_headers(spec)
    }

    /// Whether it can fill the masks that a specification has.
    fn fills(&self, spec: &Read) -> bool {
        let headers = &spec.entry.auth_headers;
        self.is_namesake(spec)
            && headers.iter().any(|header| header.value == MASK)
            && unmasked(headers, &self.headers).is_ok()
    }
}

/// For each specification of a document the one of the tenant that it is: among those of its title the one that is equal or
/// has the same file, or the headers that are masked.
async fn pairs(work: &Work<'_>, specs: Vec<Read>) -> Result<Pairs, Failure> {
    let (rows, _) = api_specs::list(work.transaction, work.tenant, 0, u64::MAX >> 1).await?;
    let present = rows.into_iter().map(|row| Present::of(&work.cloud.keys, row)).collect();
    let wanted: Vec<(String, Read)> = specs.into_iter().map(|spec| (spec.text(), spec)).collect();
    let fits: [Fit<'_, (String, Read), Present>; 4] = [
        &|(text, spec), one| one.text == *text && one.has_source(spec),
        &|(_, spec), one| one.has_source(spec),
        &|(_, spec), one| one.fills(spec),
        &|(_, spec), one| one.is_namesake(spec),
    ];
    let plan = closest(present, &wanted, &fits);
    let kept = plan.kept.into_iter().map(|one| one.map(|one| one.row));
    Ok(Pairs {
        found: wanted.into_iter().map(|(_, spec)| spec).zip(kept).collect(),
        gone: plan.gone.into_iter().map(|one| one.row.id).collect(),
    })
}

/// What a document has of the specifications of a tenant.
struct Pairs {
    found: Vec<(Read, Option<Model>)>,
    gone: Vec<i64>,
}

/// Makes the specifications of a tenant those of a document. One of the same title keeps its identity.
///
/// # Errors
/// 400 with the specification and field at fault.
pub(in crate::services) async fn import(work: &Work<'_>, specs: Vec<Read>) -> Result<Imported, Failure> {
    let Pairs { found, gone } = pairs(work, specs).await?;
    let (mut report, mut ids) = (SectionReport::default(), Numbers::new());
    for (index, (spec, found)) in found.into_iter().enumerate() {
        let put = put(work, &spec, found, &mut report).await;
        let id = put.map_err(|error| at(&place("api_specifications", index), error))?;
        if let Some(number) = spec.entry.id {
            ids.insert(number, id);
        }
    }
    for id in &gone {
        api_specs::delete(work.transaction, work.tenant, *id).await?;
    }
    report.deleted = gone.len();
    Ok(Imported { report, ids, gone })
}

async fn put(
    work: &Work<'_>,
    spec: &Read,
    found: Option<Model>,
    report: &mut SectionReport,
) -> Result<i64, Failure> {
    let (entry, keys, now) = (&spec.entry, &work.cloud.keys, work.now);
    if entry.title.trim().is_empty() {
        return Err(ApiError::field("title", "can't be blank", Value::Null).into());
    }
    if entry.file_remote_url.is_empty() && entry.file.is_none() {
        return Err(ApiError::field("file", "can't be blank without file_remote_url", Value::Null).into());
    }
    if !entry.file_remote_url.is_empty() {
        let checked = work.cloud.outgoing.check(&entry.file_remote_url, false);
        checked.map_err(|text| ApiError::field("file_remote_url", text, entry.file_remote_url.clone()))?;
    }
    let before = found.clone().unwrap_or_else(|| blank(work.tenant, now));
    let known = found.as_ref().map(|row| headers_of(keys, row)).unwrap_or_default();
    let headers = unmasked(&entry.auth_headers, &known)?;
    let request = ApiSpecRequest {
        title: Some(entry.title.clone()),
        description: Some(entry.description.clone()),
        file_remote_url: Some(entry.file_remote_url.clone()),
        regular_file_update: Some(entry.regular_file_update),
        api_detection: Some(entry.api_detection),
        instances: Some(entry.instances.iter().map(|id| json!(id)).collect()),
        domains: Some(entry.domains.clone()),
        // Sealed anew each time: only when they differ.
        auth_headers: (headers != known).then_some(headers),
    };
    let mut row = filled(keys, before.clone(), &request)?;
    row.policy = match &entry.policy {
        Some(sent) => {
            let current = before.policy.as_ref().map(|policy| &policy.0);
            let after = policy::changed(current, sent).map_err(|error| at("policy", error))?;
            Some(JsonText(after))
        }
        None => None,
    };
    let same_file = spec.loaded.as_ref().is_none_or(|loaded| {
        before.file_checksum.as_ref() == Some(&loaded.checksum)
            && before.file_name.as_ref() == Some(&loaded.name)
    });
    if found.is_some() && row == before && same_file {
        report.unchanged += 1;
        return Ok(row.id);
    }
    if spec.loaded.is_none() && before.file_remote_url != row.file_remote_url {
        // The job that fetches files takes it next; until then it has none.
        row.next_fetch_at = Some(now);
        row.status = "pending".to_owned();
        (row.file_name, row.file_checksum, row.file_mime_type) = (None, None, None);
    }
    row.updated_at = now;
    let loaded = spec.loaded.as_ref();
    if let Some(loaded) = loaded.filter(|_| !same_file) {
        take(&mut row, loaded, now);
    }
    let row = if found.is_some() {
        report.updated += 1;
        api_specs::update(work.transaction, row).await?
    } else {
        report.created += 1;
        api_specs::insert(work.transaction, row).await?
    };
    if let Some(loaded) = loaded {
        put_content(work.transaction, &row, loaded).await?;
    }
    Ok(row.id)
}

/// Headers with the values that the tenant's specification has where they are masked.
fn unmasked(sent: &[AuthHeader], known: &[AuthHeader]) -> Result<Vec<AuthHeader>, ApiError> {
    let mut known: Vec<&AuthHeader> = known.iter().collect();
    let header = |header: &AuthHeader| {
        let found = known.iter().position(|known| known.key == header.key);
        let found = found.map(|index| known.remove(index));
        match (header.value == MASK, found) {
            (false, _) => Ok(header.clone()),
            (true, Some(known)) => Ok(known.clone()),
            (true, None) => {
                let error = "holds a masked value, and the tenant has no specification of this title with the header; \
                    export with secrets, or write the value here";
                Err(ApiError::field("auth_headers", error, header.key.clone()))
            }
        }
    };
    sent.iter().map(header).collect()
}
