//! How long the check of a credential takes once it is known.
//!
//! `cargo run --release -p bartizan-cloud --example credentials [CHECKS]`; the contract allows 50 µs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a program for developers")]

use std::{net::Ipv4Addr, time::Instant};

use axum::http::{HeaderMap, HeaderName, Method};
use bartizan_cloud::auth::{Origin, authenticate};
use bartizan_testkit::{Credential, TestCloud};
use serde_json::json;

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

#[tokio::main]
async fn main() {
    let checks: usize = std::env::args().nth(1).map_or(100_000, |text| text.parse().unwrap());
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let made = cloud.post(&session, "/v1/api_tokens", json!({"name": "CI"})).await.body();
    let Credential::Pair(uuid, secret) = cloud.admin_pair().await else { unreachable!() };
    let Credential::Cookie(cookie, _) = session else { unreachable!() };
    let origin = Origin {
        ip: Ipv4Addr::LOCALHOST.into(),
        tls: false,
        request_id: String::new(),
        user_agent: "bench".into(),
    };
    for (name, headers) in [
        ("API token", headers(&[("x-wallarmapi-token", made["token"].as_str().unwrap())])),
        ("UUID and secret", headers(&[("x-wallarmapi-uuid", &uuid), ("x-wallarmapi-secret", &secret)])),
        ("session", headers(&[("cookie", &cookie)])),
    ] {
        let first = Instant::now();
        authenticate(&cloud.running.cloud, &Method::GET, &headers, &origin).await.unwrap();
        let first = first.elapsed();
        let mut times: Vec<_> = Vec::with_capacity(checks);
        for _ in 0..checks {
            let begin = Instant::now();
            authenticate(&cloud.running.cloud, &Method::GET, &headers, &origin).await.unwrap();
            times.push(begin.elapsed());
        }
        times.sort_unstable();
        let at = |percent: usize| times[(checks - 1) * percent / 100];
        println!("{name}: first {first:?}, then p50 {:?}, p99 {:?} of {checks}", at(50), at(99));
    }
}
