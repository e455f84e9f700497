//! How long after its request an attack is seen, while nodes upload as fast as they can: one more node of the largest tenant
//! sends a hit of its own once a second, and the administrator asks for it until it is there.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bartizan_cloud::RunningCloud;
use serde_json::{Value, json};

use crate::{Access, traffic::marked_hit};

/// Time from sending until the upload was answered, until the list of attacks shows it, and until the Attacks API does.
type Seen = [Duration; 3];

/// What was measured so far, and the task that measures.
pub(crate) struct Watch {
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Watch {
    pub(crate) fn start(running: &RunningCloud, access: &Access) -> Watch {
        let seen = Arc::new(Mutex::new(vec![]));
        let (url, cloud) = (format!("http://{}", running.address), running.cloud.clone());
        let (access, kept) = (access.clone(), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            let client = reqwest::Client::new();
            for number in 0.. {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let found = once(&client, &url, &access, number, cloud.clock.now_ms()).await;
                kept.lock().unwrap().push(found);
            }
        });
        Watch { seen, task }
    }

    pub(crate) fn finish(self) {
        self.task.abort();
        let seen = self.seen.lock().unwrap();
        let names = ["answered", "in the list of attacks", "in the Attacks API"];
        for (place, name) in names.iter().enumerate() {
            let mut times: Vec<Duration> = seen.iter().map(|seen| seen[place]).collect();
            times.sort();
            let Some(last) = times.last() else { return };
            let ms = |time: Duration| time.as_secs_f64() * 1000.0;
            println!(
                "one hit, {name:<24} p50 {:>8.1}  p95 {:>8.1}  most {:>8.1} ms  of {}",
                ms(times[times.len() / 2]),
                ms(times[times.len() * 95 / 100]),
                ms(*last),
                times.len()
            );
        }
    }
}

async fn once(client: &reqwest::Client, url: &str, access: &Access, number: i64, now_ms: i64) -> Seen {
    let request = format!("{number:032x}");
    let hit = marked_hit(number, &request, now_ms);
    let body = format!(r#"{{"batch_id":"w{number}","seq":{number},"events":[{hit}]}}"#);
    let start = Instant::now();
    let sending = client.post(format!("{url}/node/v1/events")).header("Authorization", &access.nodes[0]);
    let reply = sending.header("Content-Type", "application/json").body(body).send().await.unwrap();
    let reply: Value = serde_json::from_str(&reply.text().await.unwrap()).unwrap();
    assert_eq!(reply["rejected"], json!([]), "{reply}");
    let answered = start.elapsed();
    let vectors = format!("/v1/client/{}/attack-vectors/by-request", access.client_id);
    let asked = [
        ("/v1/objects/attack", json!({"filter": {"request_id": request}}), "/body/0"),
        (vectors.as_str(), json!({"request_id": request}), "/data/0"),
    ];
    let mut seen = [answered; 3];
    for (place, (path, body, found)) in asked.iter().enumerate() {
        loop {
            let asking = client
                .post(format!("{url}{path}"))
                .header("X-WallarmAPI-UUID", &access.uuid)
                .header("X-WallarmAPI-Secret", &access.secret)
                .json(body);
            let text = asking.send().await.unwrap().text().await.unwrap();
            let reply: Value = serde_json::from_str(&text).unwrap();
            if reply.pointer(found).is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        seen[place + 1] = start.elapsed();
    }
    seen
}
