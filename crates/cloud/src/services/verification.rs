//! Active verification: stored attacks replayed with harmless payloads (`spec/events.md` section 4.5, `spec/node.md`
//! section 6.2).
//!
//! Three switches must be on: the operator enables it and names the hosts with their tenants
//! ([`crate::config::VerificationConfig`]), the tenant switches on `attack_rechecker_mode` or `vuln_rechecker_mode`. Then
//! attacks of verifiable types are queued, once a day per type, point and address, and whatever somebody asks for.
//! A worker per process takes what is due: it holds the host meanwhile, in the database, so that of any number of
//! processes one asks a host at a time ([`bartizan_store::verifications`]). What it found is written in one transaction
//! that gives the host back; if the host went to another process meanwhile, nothing is written.
//!
//! The stored request is made harmless by [`plan`], payloads and judgement are in [`probe`], the talk with the host is in
//! [`exchange`], what the host was made to call in [`callback`]; every connection goes through [`crate::outgoing`].

use std::{collections::HashSet, time::Duration};

use bartizan_api::{
    AttackType,
    node::{RawRequest, VulnEvidence},
};
use bartizan_detect::masked_excerpt;
use bartizan_store::{
    TenantId, Tenants, attacks, clients,
    entity::{self, verification::Model},
    ingest,
    sea_orm::{ConnectionTrait, DatabaseTransaction},
    verifications as store,
    vulns::{self, incidents},
};
use reqwest::Url;
use tokio::task::JoinSet;

use super::vulns::detection;
use crate::{
    config::VerificationTarget,
    failure::Failure,
    services::verification::{
        callback::Callback,
        exchange::{Finding, MAX_REQUESTS, Stop, TIMEOUT, Target},
        plan::Plan,
    },
    state::Cloud,
};

pub(crate) mod callback;
mod exchange;
pub(crate) mod mark;
pub(crate) mod missed;
mod places;
mod plan;
mod probe;

/// How often the queue is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often new attacks are looked for.
const SEED_EVERY: Duration = Duration::from_secs(10);
/// Hosts that are asked at the same time.
const CONCURRENT: usize = 8;
/// Seconds after which the same type, point and address are verified again.
const AGAIN_S: i64 = 86_400;
/// Things queued per tenant at a time.
const SEEDED: u64 = 50;
/// Hits of an attack of which one must do.
const HITS: u64 = 5;
/// Failures to reproduce a vulnerability that close it.
const MISSES: i64 = 3;
/// Waits between them, milliseconds.
const MISS_WAIT_MS: i64 = 600_000;
/// Wait when a tenant used up its hour, milliseconds.
const BUDGET_WAIT_MS: i64 = 300_000;
/// Wait after a failure of the store, milliseconds.
const RETRY_MS: i64 = 10_000;
/// Characters around what proves a flaw that are kept.
const AROUND: usize = 80;

/// How a verification ended.
enum Outcome {
    Found(Box<Found>),
    NotFound,
    /// Only a call would have shown the flaw, and none came: the flaw may be there or not.
    NoCall,
    ConnectFailed,
    TechFailed,
    Unrecheckable,
    Skipped,
}

struct Found {
    hit: entity::hit::Model,
    finding: Finding,
}

impl Outcome {
    /// `recheck_status` of the attack.
    fn status(&self, forced: bool) -> &'static str {
        match self {
            Outcome::Found(_) => "vuln_found",
            Outcome::NotFound | Outcome::NoCall if forced => "forced_without_vuln",
            Outcome::NotFound | Outcome::NoCall => "vuln_not_found",
            Outcome::ConnectFailed => "connect_failed",
            Outcome::TechFailed if forced => "forced_tech_failed",
            Outcome::TechFailed => "tech_failed",
            Outcome::Unrecheckable => "unrecheckable",
            Outcome::Skipped => "skipped",
        }
    }
}

/// The types of attacks that this cloud can verify.
fn kinds(cloud: &Cloud) -> Vec<&'static str> {
    let calling = probe::CALLING.iter().filter(|_| cloud.config.verification.calls_back());
    probe::KINDS.iter().chain(calling).map(|kind| kind.code()).collect()
}

/// Whether an attack is of a type that this cloud can verify.
fn is_verifiable(cloud: &Cloud, kind: &str) -> bool {
    kinds(cloud).contains(&kind)
}

/// The origin to connect to.
fn origin(target: &VerificationTarget, scheme: &str) -> Option<Url> {
    let scheme = if scheme == "https" { "https" } else { "http" };
    let text = if target.url.is_empty() { format!("{scheme}://{}", target.host) } else { target.url.clone() };
    Url::parse(&text).ok()
}

/// The name of a host in the queue: what is connected to, whatever it is called.
fn host_key(target: &VerificationTarget) -> String {
    match Url::parse(&target.url) {
        Ok(url) => url.authority().to_owned(),
        Err(_) => target.host.to_ascii_lowercase(),
    }
}

/// Verifies what is due, as long as the cloud runs.
pub async fn run(cloud: Cloud) {
    if !cloud.config.verification.enabled {
        return;
    }
    let mut seed_tick = tokio::time::interval(SEED_EVERY);
    let (mut tasks, mut seeds) = (JoinSet::new(), true);
    loop {
        if seeds && seed(&cloud).await.is_err() {
            tracing::warn!("attacks were not queued for verification; it is tried again");
        }
        if cloud.config.verification.is_open(cloud.now()) && launch(&cloud, &mut tasks).await.is_err() {
            tracing::warn!("the queue of verifications could not be worked on; it is tried again");
        }
        seeds = tokio::select! {
            _ = seed_tick.tick() => true,
            () = cloud.verification.notified() => true,
            _ = tasks.join_next(), if !tasks.is_empty() => false,
            () = tokio::time::sleep(LOOK) => false,
        };
    }
}

/// Takes hosts with something due and begins.
async fn launch(cloud: &Cloud, tasks: &mut JoinSet<()>) -> Result<(), Failure> {
    let now_ms = cloud.clock.now_ms();
    let due = cloud.store.due_verifications(now_ms, 4 * CONCURRENT as u64).await?;
    let mut hosts = HashSet::new();
    for row in due {
        if tasks.len() >= CONCURRENT {
            break;
        }
        let lease_ms = now_ms + lease_length_ms(cloud);
        if !hosts.insert(row.host.clone())
            || !cloud.store.lease_verification_host(&row.host, now_ms, lease_ms).await?
        {
            continue;
        }
        let cloud = cloud.clone();
        tasks.spawn(async move {
            if work(&cloud, &row, lease_ms).await.is_err() {
                tracing::error!(verification.id = row.id, "the end of a verification could not be noted");
                // The host would stay taken for as long as a check may last.
                let again_ms = cloud.clock.now_ms() + RETRY_MS;
                if store::release_host(cloud.store.writer(), &row.host, lease_ms, again_ms).await.is_err() {
                    tracing::warn!(verification.id = row.id, "its host stays taken for a while");
                }
            }
        });
    }
    Ok(())
}

/// Longer than any check may take.
fn lease_length_ms(cloud: &Cloud) -> i64 {
    let each = TIMEOUT.as_millis() * 2 + u128::from(cloud.config.verification.pause_ms);
    i64::try_from(each * MAX_REQUESTS as u128).unwrap_or(i64::MAX / 4) + 60_000
}

/// Queues new attacks and vulnerabilities of every tenant that wants it.
///
/// # Errors
/// 500 when the store fails.
async fn seed(cloud: &Cloud) -> Result<(), Failure> {
    let kinds = kinds(cloud);
    let since = cloud.now() - AGAIN_S;
    for client in cloud.store.verifying_clients().await? {
        let tenant = TenantId(client.id);
        let of_client = |target: &&VerificationTarget| target.client.eq_ignore_ascii_case(&client.uuid);
        let own: Vec<&VerificationTarget> =
            cloud.config.verification.targets.iter().filter(of_client).collect();
        let domains: Vec<&str> = own.iter().map(|target| target.host.as_str()).collect();
        if client.attack_rechecker_mode == "on" && !own.is_empty() {
            let found =
                store::unverified(cloud.store.reader(), tenant, (&kinds, &domains), since, SEEDED).await?;
            let mut groups = HashSet::new();
            for attack in found {
                if groups.insert(attack.group_key.clone()) {
                    queue_attack(cloud, &client.uuid, &attack).await?;
                }
            }
        }
        if client.vuln_rechecker_mode == "on" {
            for vuln in store::vulns_to_check(cloud.store.reader(), tenant, since, SEEDED).await? {
                queue_vuln(cloud, &client.uuid, &vuln).await?;
            }
        }
    }
    Ok(())
}

/// Queues an attack that somebody asked for, if its host may be asked and its tenant wants it; whether it waits now.
///
/// # Errors
/// 500 when the store fails.
pub(super) async fn force<C: ConnectionTrait>(
    cloud: &Cloud,
    connection: &C,
    attack: &entity::attack::Model,
) -> Result<bool, Failure> {
    let client = client_of(connection, TenantId(attack.client_id)).await?;
    let Some(client) = client.filter(|client| client.attack_rechecker_mode == "on") else { return Ok(false) };
    let target = cloud.config.verification.target(&client.uuid, &attack.domain);
    let Some(target) = target.filter(|_| is_verifiable(cloud, &attack.kind)) else { return Ok(false) };
    if !store::enqueue(connection, row(cloud, attack, host_key(target), true)).await? {
        let tenant = TenantId(attack.client_id);
        store::hurry(connection, tenant, attack.id, cloud.clock.now_ms()).await?;
    }
    Ok(true)
}

async fn client_of<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<Option<entity::client::Model>, Failure> {
    let found = clients::of_ids(connection, &Tenants::from(tenant)).await?;
    Ok(found.into_iter().next())
}

async fn queue_attack(
    cloud: &Cloud,
    client_uuid: &str,
    attack: &entity::attack::Model,
) -> Result<(), Failure> {
    let Some(target) = cloud.config.verification.target(client_uuid, &attack.domain) else { return Ok(()) };
    let transaction = cloud.store.begin().await?;
    if store::enqueue(&transaction, row(cloud, attack, host_key(target), false)).await? {
        let tenant = TenantId(attack.client_id);
        attacks::set_recheck(&transaction, tenant, attack.id, "in_progress", cloud.now()).await?;
        transaction.commit().await?;
    }
    Ok(())
}

async fn queue_vuln(cloud: &Cloud, client_uuid: &str, vuln: &entity::vuln::Model) -> Result<(), Failure> {
    let tenant = TenantId(vuln.client_id);
    let row = replay_of(cloud, client_uuid, vuln).await?;
    let transaction = cloud.store.begin().await?;
    if let Some(row) = row {
        store::enqueue(&transaction, row).await?;
    } else {
        // It must not stand before those that can be checked.
        ingest::lock(&transaction, tenant).await?;
        for known in vulns::of_ids(&transaction, &tenant.into(), &[vuln.id]).await? {
            detection::asked_in_vain(&transaction, known, cloud.now()).await?;
        }
    }
    transaction.commit().await?;
    Ok(())
}

/// What to send again for a vulnerability; none when there is nothing, or its host may not be asked.
async fn replay_of(
    cloud: &Cloud,
    client_uuid: &str,
    vuln: &entity::vuln::Model,
) -> Result<Option<Model>, Failure> {
    let tenant = TenantId(vuln.client_id);
    let Some(target) = cloud.config.verification.target(client_uuid, &vuln.domain) else { return Ok(None) };
    let mut attack = store::attack_of_vuln(cloud.store.reader(), tenant, vuln.id).await?;
    if attack.is_none() {
        let of_vuln =
            incidents::attacks_of_vulns(cloud.store.reader(), &tenant.into(), &[vuln.id], 100).await?;
        attack = of_vuln.into_values().flatten().last();
    }
    // Without a stored request there is nothing to replay.
    let Some(attack) = attack.filter(|attack| is_verifiable(cloud, &attack.kind)) else { return Ok(None) };
    let mut row = row(cloud, &attack, host_key(target), vuln.recheck_requested_at.is_some());
    row.vuln_id = Some(vuln.id);
    Ok(Some(row))
}

fn row(cloud: &Cloud, attack: &entity::attack::Model, host: String, forced: bool) -> Model {
    Model {
        id: 0,
        client_id: attack.client_id,
        attack_id: attack.id,
        vuln_id: None,
        group_key: attack.group_key.clone(),
        host,
        forced,
        misses: 0,
        state: store::PENDING.to_owned(),
        outcome: None,
        due_ms: cloud.clock.now_ms(),
        created_at: cloud.now(),
        started_at: None,
        finished_at: None,
    }
}

/// Checks one row while its host is held, and notes what came out.
async fn work(cloud: &Cloud, row: &Model, lease_ms: i64) -> Result<(), Failure> {
    let now_ms = cloud.clock.now_ms();
    let tenant = TenantId(row.client_id);
    let free = || cloud.clock.now_ms() + i64::try_from(cloud.config.verification.pause_ms).unwrap_or(1000);
    let started = store::started_since(cloud.store.reader(), tenant, now_ms / 1000 - 3600).await?;
    let spent = started >= u64::from(cloud.config.verification.checks_per_hour);
    let due = cloud.store.still_due_verification(row, now_ms).await?;
    let Some(row) = due.as_ref().filter(|_| !spent) else {
        let transaction = cloud.store.begin().await?;
        if spent {
            store::postpone(&transaction, row, now_ms + BUDGET_WAIT_MS, row.misses).await?;
        }
        store::release_host(&transaction, &row.host, lease_ms, now_ms).await?;
        transaction.commit().await?;
        return Ok(());
    };
    let outcome = outcome(cloud, tenant, row).await?;
    let transaction = cloud.store.begin().await?;
    ingest::lock(&transaction, tenant).await?;
    if !store::release_host(&transaction, &row.host, lease_ms, free()).await? {
        tracing::warn!(
            verification.id = row.id,
            "another process asks the host now; what was found is left to it"
        );
        return Ok(());
    }
    let settled = match row.vuln_id {
        None => settle_attack(cloud, &transaction, tenant, row, &outcome).await,
        Some(vuln) => settle_vuln(cloud, &transaction, tenant, row, vuln, &outcome).await,
    };
    settled?;
    transaction.commit().await?;
    cloud.outbox.notify_one();
    Ok(())
}

async fn outcome(cloud: &Cloud, tenant: TenantId, row: &Model) -> Result<Outcome, Failure> {
    let Some(client) = client_of(cloud.store.reader(), tenant).await?.filter(|client| client.enabled) else {
        return Ok(Outcome::Skipped);
    };
    let mode =
        if row.vuln_id.is_some() { &client.vuln_rechecker_mode } else { &client.attack_rechecker_mode };
    if mode != "on" || is_called_false(cloud, tenant, row).await? {
        return Ok(Outcome::Skipped);
    }
    let seeds = store::seeds(cloud.store.reader(), tenant, row.attack_id, HITS).await?;
    let Some((hit, _)) = seeds.first() else { return Ok(Outcome::Skipped) };
    let Some(target) = cloud.config.verification.target(&client.uuid, &hit.domain) else {
        return Ok(Outcome::Skipped);
    };
    let found = seeds.iter().find_map(|(hit, raw)| {
        let raw: RawRequest = serde_json::from_value(raw.clone()).ok()?;
        let kind = AttackType::parse_code(&hit.kind)?;
        Some((hit, Plan::new(&raw, kind, &hit.point, &target.methods)?, kind))
    });
    let (Some((hit, plan, kind)), Some(origin)) = (found, origin(target, &hit.scheme)) else {
        return Ok(Outcome::Unrecheckable);
    };
    store::start(cloud.store.writer(), row, cloud.now()).await?;
    let token = || callback::token(&cloud.keys, row.id, cloud.now());
    let callback = if cloud.config.verification.calls_back() {
        Some(Callback {
            store: &cloud.store,
            tenant,
            url: &cloud.config.verification.callback_url,
            token: &token,
            missed: &cloud.missed_calls,
            missed_before: cloud.missed_calls.count(&cloud.store).await?,
        })
    } else {
        None
    };
    let target = Target {
        outgoing: &cloud.outgoing,
        origin,
        host: &target.host,
        mark: &|| mark::value(&cloud.keys, tenant, &hit.domain, row.id, cloud.now()),
        pause: Duration::from_millis(cloud.config.verification.pause_ms),
        callback,
    };
    Ok(match exchange::check(&target, &plan, kind).await {
        Ok(Some(finding)) => Outcome::Found(Box::new(Found { hit: hit.clone(), finding })),
        Ok(None) if shows_by_calls(cloud, tenant, row, kind).await? => Outcome::NoCall,
        Ok(None) => Outcome::NotFound,
        Err(Stop::Trouble) => Outcome::TechFailed,
        Err(Stop::NoConnection(reason)) => {
            tracing::info!(verification.id = row.id, reason, "a host was not reached for verification");
            Outcome::ConnectFailed
        }
    })
}

/// Whether somebody called the vulnerability false since it was queued.
async fn is_called_false(cloud: &Cloud, tenant: TenantId, row: &Model) -> Result<bool, Failure> {
    let Some(vuln) = row.vuln_id else { return Ok(false) };
    let known = vulns::of_ids(cloud.store.reader(), &tenant.into(), &[vuln]).await?;
    Ok(known.iter().any(|vuln| vuln.status == "falsepositive"))
}

/// Whether the flaw that is checked shows in no answer, only in a call of the host.
async fn shows_by_calls(
    cloud: &Cloud,
    tenant: TenantId,
    row: &Model,
    kind: AttackType,
) -> Result<bool, Failure> {
    let Some(vuln) = row.vuln_id.filter(|_| !probe::CALLING.contains(&kind)) else {
        return Ok(probe::CALLING.contains(&kind));
    };
    // Commands whose output is lost are told from others by what showed them.
    Ok(!store::callbacks_of_vuln(cloud.store.reader(), tenant, vuln, 1).await?.is_empty())
}

async fn settle_attack(
    cloud: &Cloud,
    transaction: &DatabaseTransaction,
    tenant: TenantId,
    row: &Model,
    outcome: &Outcome,
) -> Result<(), Failure> {
    let now = cloud.now();
    let status = outcome.status(row.forced);
    // Cancelled meanwhile: nobody wants to know.
    if !store::finish(transaction, row, status, now).await? {
        return Ok(());
    }
    attacks::set_recheck(transaction, tenant, row.attack_id, status, now).await?;
    if let Outcome::Found(found) = outcome {
        let vuln = detection::verified(transaction, tenant, &evidence(cloud, row, found), now).await?;
        if let Some(vuln) = vuln {
            store::set_vuln(transaction, row, vuln.id).await?;
        }
    }
    Ok(())
}

async fn settle_vuln(
    cloud: &Cloud,
    transaction: &DatabaseTransaction,
    tenant: TenantId,
    row: &Model,
    vuln: i64,
    outcome: &Outcome,
) -> Result<(), Failure> {
    let now = cloud.now();
    let missed = matches!(outcome, Outcome::NotFound);
    if missed && row.misses + 1 < MISSES {
        let due_ms = cloud.clock.now_ms() + MISS_WAIT_MS;
        return Ok(store::postpone(transaction, row, due_ms, row.misses + 1).await?);
    }
    if !store::finish(transaction, row, outcome.status(false), now).await? {
        return Ok(());
    }
    let found = vulns::of_ids(transaction, &tenant.into(), &[vuln]).await?;
    let Some(known) = found.into_iter().next().filter(|known| known.status != "falsepositive") else {
        return Ok(());
    };
    match outcome {
        Outcome::Found(found) => {
            detection::verified(transaction, tenant, &evidence(cloud, row, found), now).await?;
            detection::checked(transaction, known, true, now).await
        }
        Outcome::NotFound => detection::checked(transaction, known, false, now).await,
        Outcome::NoCall => detection::not_called(transaction, known, now).await,
        _ => detection::asked_in_vain(transaction, known, now).await,
    }
}

/// What was found as the proof of a node would say it.
fn evidence(cloud: &Cloud, row: &Model, found: &Found) -> VulnEvidence {
    let Found { hit, finding } = found;
    let Finding { proof, sent, answer } = finding;
    let shown = match &proof.span {
        Some(span) => {
            let around = span.start.saturating_sub(AROUND)..(span.end + AROUND).min(answer.body.len());
            String::from_utf8_lossy(&masked_excerpt(&answer.body, around)).into_owned()
        }
        None => proof.text.clone(),
    };
    let headers = sent.headers.iter().filter_map(|(name, value)| {
        Some((name.as_str().to_ascii_uppercase(), vec![value.to_str().ok()?.to_owned()]))
    });
    // What leaks tells leaks apart.
    let sign_class = if proof.vuln_type == "infoleak" { proof.sign_class.to_owned() } else { String::new() };
    VulnEvidence {
        event_id: format!("verification-{}", row.id),
        request_id: hit.request_id.clone(),
        ts_ms: cloud.clock.now_ms(),
        node_uuid: String::new(),
        application: hit.pool,
        vuln_type: proof.vuln_type.to_owned(),
        exploited: false,
        attack_type: AttackType::parse_code(&hit.kind),
        parameter: hit.parameter.clone(),
        domain: hit.domain.clone(),
        path: hit.path.clone(),
        method: hit.method.clone(),
        scheme: hit.scheme.clone(),
        statuscode: answer.status,
        sign: proof.sign.to_owned(),
        sign_class,
        description: proof.meaning.to_owned(),
        evidence: shown,
        raw: RawRequest {
            method: hit.method.clone(),
            proto: "HTTP/1.1".to_owned(),
            uri: sent.path_and_query.clone(),
            headers: headers.collect(),
            body: sent.body.clone(),
            ..RawRequest::default()
        },
    }
}
