//! Measures security events through a whole cloud: hits per second that nodes can upload, until they are durable and
//! grouped into attacks, how soon a single hit is seen meanwhile, then the queries of the API for the largest tenant.
//!
//! `events [HITS] [BATCH] [FOLDER] [NODES]`: so many hits, in uploads of `BATCH` hits, one at a time per node, 20 tenants
//! with `NODES` nodes each (1 unless said). A folder that has data already is only queried. The sender runs in the same process; its
//! processor time is measured beforehand and printed, so that it can be taken off.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a tool"
)]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use bartizan_api::Role;
use bartizan_cloud::{
    CloudConfig, RunningCloud,
    secrets::Secret,
    services::provision::{NewUser, create_client, create_partner, create_user},
};
use bartizan_store::{
    entity,
    sea_orm::{ActiveModelTrait, IntoActiveModel},
};
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};

mod queries;
mod traffic;
mod visibility;

use traffic::{DAYS, TENANTS, Traffic};

/// As in the shipped binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Who uploads and who asks; kept in the folder for the next run.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Access {
    /// `Node uuid:secret`, those of a tenant side by side.
    nodes: Vec<String>,
    /// Administrator of the largest tenant.
    uuid: String,
    secret: String,
    client_id: i64,
    /// Time of the first hit, Unix milliseconds.
    start_ms: i64,
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let hits: i64 = arguments.next().map_or(1_000_000, |text| text.parse().unwrap());
    let batch: usize = arguments.next().map_or(500, |text| text.parse().unwrap());
    let folder = arguments.next().map_or_else(|| std::env::temp_dir().join("bartizan-events"), PathBuf::from);
    let per_tenant: usize = arguments.next().map_or(1, |text| text.parse().unwrap());
    let mut config = CloudConfig { data_dir: folder.clone(), ..CloudConfig::default() };
    config.listen.address = "127.0.0.1:0".parse().unwrap();
    config.limits.node_requests_per_second = 100_000;
    config.limits.requests_per_second = 100_000;
    let known = std::fs::read(folder.join("bench.json")).ok();
    let running = RunningCloud::start(config).await.unwrap();
    let access = match known {
        Some(known) => serde_json::from_slice(&known).unwrap(),
        None => {
            let access = provision(&running, per_tenant).await;
            std::fs::write(folder.join("bench.json"), serde_json::to_vec(&access).unwrap()).unwrap();
            upload(&running, &access, hits, batch).await;
            access
        }
    };
    println!("database      {:>9} MiB", size(&folder) >> 20);
    queries::run(&format!("http://{}", running.address), &access).await;
    println!("resident      {:>9} MiB", resident_mib());
    running.shutdown().await;
}

async fn provision(running: &RunningCloud, per_tenant: usize) -> Access {
    let cloud = &running.cloud;
    let now = cloud.now();
    let mut access = Access {
        nodes: vec![],
        uuid: String::new(),
        secret: String::new(),
        client_id: 0,
        start_ms: (now - DAYS * 86_400) * 1000,
    };
    for tenant in 0..TENANTS {
        let transaction = cloud.store.begin().await.unwrap();
        let partner = create_partner(&transaction).await.unwrap();
        let name = format!("Tenant {tenant}");
        let client = create_client(&transaction, partner.id, &name, false, now).await.unwrap();
        if tenant == 0 {
            let secret = Secret::random();
            let admin =
                NewUser::by_system(client.id, "admin@bench.test", "Bench", Role::Admin, String::new());
            let mut user = create_user(&transaction, admin, now).await.unwrap().into_active_model();
            user.secret_mac = bartizan_store::sea_orm::ActiveValue::Set(Some(secret.mac(&cloud.keys)));
            let user = user.update(&transaction).await.unwrap();
            (access.uuid, access.secret, access.client_id) = (user.uuid, secret.hex(), client.id);
        }
        for number in 0..per_tenant {
            let uuid = format!("00000000-0000-4000-{:04}-{tenant:012}", 8000 + number);
            let secret = Secret::random();
            node_row(&uuid, client.id, secret.mac(&cloud.keys), now).insert(&transaction).await.unwrap();
            access.nodes.push(format!("Node {uuid}:{}", secret.hex()));
        }
        transaction.commit().await.unwrap();
    }
    access
}

fn node_row(uuid: &str, client_id: i64, secret_mac: String, now: i64) -> entity::node_instance::ActiveModel {
    let node = entity::node_instance::Model {
        uuid: uuid.to_owned(),
        group_id: 0,
        client_id,
        token_id: None,
        secret_mac,
        hostname: "bench".into(),
        ip: "127.0.0.1".into(),
        version: "0".into(),
        packages: json!({}),
        created_at: now,
        last_seen_at: now,
        last_event_at: None,
        startid: String::new(),
        heartbeat_seq: 0,
        ruleset_version: 0,
        ruleset_updated_at: None,
        detectdb_version: 0,
        detectdb_updated_at: None,
        lists_seq: 0,
        requests: 0,
        requests_month: 0,
        rps: 0.0,
        last_error: None,
    };
    node.into_active_model()
}

/// Processor seconds of this process so far.
fn processor_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // User and system time, in ticks of 10 ms.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

async fn upload(running: &RunningCloud, access: &Access, hits: i64, batch: usize) {
    let spent = processor_s();
    let mut batches = vec![String::new(); TENANTS];
    let mut alone = Traffic::new(hits.min(100_000), access.start_ms);
    while alone.next(&mut batches).is_some() {}
    let sender_s = (processor_s() - spent) * hits as f64 / hits.min(100_000) as f64;

    // The cloud believes only times near its own clock: it goes along with the hits.
    let clock = &running.cloud.clock;
    clock.shift_ms(access.start_ms - clock.now_ms());
    let address = format!("http://{}/node/v1/events", running.address);
    let (spent, start) = (processor_s(), Instant::now());
    let watch = visibility::Watch::start(running, access);
    let (mut nodes, mut workers) = (vec![], vec![]);
    for of_tenant in access.nodes.chunks(access.nodes.len() / TENANTS) {
        let (sender, receiver) = mpsc::channel::<String>(1);
        nodes.push(sender);
        let receiver = Arc::new(Mutex::new(receiver));
        for authorization in of_tenant {
            workers.push(tokio::spawn(node(address.clone(), authorization.clone(), receiver.clone())));
        }
    }
    let mut traffic = Traffic::new(hits, access.start_ms);
    let (mut batches, mut counts) = (vec![String::new(); TENANTS], [0; TENANTS]);
    while let Some(tenant) = traffic.next(&mut batches) {
        counts[tenant] += 1;
        if counts[tenant] == batch {
            counts[tenant] = 0;
            clock.shift_ms(traffic.now_ms() - clock.now_ms());
            // As large as the last one: a text that grows costs the sender more than what it writes.
            let room = String::with_capacity(batches[tenant].len() + (64 << 10));
            nodes[tenant].send(std::mem::replace(&mut batches[tenant], room)).await.unwrap();
        }
    }
    for (node, rest) in nodes.iter().zip(batches).filter(|(_, rest)| !rest.is_empty()) {
        node.send(rest).await.unwrap();
    }
    drop(nodes);
    let mut times = vec![];
    for worker in workers {
        times.extend(worker.await.unwrap());
    }
    watch.finish();
    let (wall, processor) = (start.elapsed().as_secs_f64(), processor_s() - spent);
    times.sort();
    println!(
        "{hits} hits, {TENANTS} tenants, {} nodes, {DAYS} days, {batch} hits per upload",
        access.nodes.len()
    );
    println!("upload        {:>9.0} hits/s", hits as f64 / wall);
    println!("processor     {processor:>9.1} s, {sender_s:.1} s of them for making the hits");
    println!("per upload    p50 {:?}, p99 {:?}", times[times.len() / 2], times[times.len() * 99 / 100]);
    clock.shift_ms(access.start_ms + DAYS * 86_400_000 - clock.now_ms());
}

/// One node: an upload at a time. Returns how long each took.
async fn node(
    address: String,
    authorization: String,
    batches: Arc<Mutex<mpsc::Receiver<String>>>,
) -> Vec<Duration> {
    let (client, mut times) = (reqwest::Client::new(), vec![]);
    let address: Arc<str> = address.into();
    loop {
        let Some(events) = batches.lock().await.recv().await else { return times };
        let body = format!(r#"{{"batch_id":"b{}","seq":{},"events":[{events}]}}"#, times.len(), times.len());
        let start = Instant::now();
        let sending = client.post(&*address).header("Authorization", &authorization).body(body);
        let response = sending.header("Content-Type", "application/json").send().await.unwrap();
        let text = response.text().await.unwrap();
        times.push(start.elapsed());
        let reply: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(reply["rejected"], json!([]), "{text}");
    }
}

fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| match entry.metadata().unwrap() {
            data if data.is_dir() => size(&entry.path()),
            data => data.len(),
        })
        .sum()
}

/// Resident memory of this process, MiB.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024
}
