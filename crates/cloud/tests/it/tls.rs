//! TLS of the API: a renewed certificate is served without a restart, a broken one is not.

use std::{collections::BTreeSet, path::Path};

use bartizan_testkit::{PATIENCE, TestCloud, cloud::PASSWORD};
use reqwest::Version;

/// Writes a new certificate for loopback, with its key, and returns it.
fn issue(folder: &Path) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap().pem();
    std::fs::write(folder.join("cert.pem"), &certificate).unwrap();
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    certificate
}

/// A client that trusts nothing but this certificate.
fn client(cloud: &TestCloud, certificate: &str) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_built_in_root_certs(false)
        .add_root_certificate(reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap())
        .resolve("localhost", cloud.running.address)
}

fn url(cloud: &TestCloud, path: &str) -> String {
    format!("https://localhost:{}{path}", cloud.running.address.port())
}

/// Whether a client that trusts nothing but this certificate reaches the API, on a connection of its own.
async fn serves(cloud: &TestCloud, certificate: &str) -> bool {
    let client = client(cloud, certificate).build().unwrap();
    client.get(url(cloud, "/healthz")).send().await.is_ok_and(|answer| answer.status() == 200)
}

async fn start(folder: &Path) -> TestCloud {
    TestCloud::start_with(|config| {
        config.listen.tls_cert = Some(folder.join("cert.pem"));
        config.listen.tls_key = Some(folder.join("key.pem"));
    })
    .await
}

#[tokio::test]
async fn every_answer_over_tls_has_a_request_id_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = issue(folder.path());
    let cloud = start(folder.path()).await;
    let mut seen = BTreeSet::new();
    for (version, client) in [
        (Version::HTTP_11, client(&cloud, &certificate).http1_only()),
        // What both sides like best, as agreed during the handshake.
        (Version::HTTP_2, client(&cloud, &certificate)),
    ] {
        let client = client.build().unwrap();
        for (path, status) in [("/healthz", 200), ("/v1/user", 403), ("/v1/nowhere", 404)] {
            let answer = client.get(url(&cloud, path)).send().await.unwrap();
            assert_eq!((answer.version(), answer.status().as_u16()), (version, status), "{path}");
            let headers = answer.headers();
            let id = headers["x-request-id"].to_str().unwrap();
            assert!(seen.insert(uuid::Uuid::parse_str(id).unwrap()), "{path}: an id of another request");
            assert_eq!(headers["strict-transport-security"], "max-age=31536000; includeSubDomains", "{path}");
        }
    }
}

#[tokio::test]
async fn a_session_over_tls_has_a_cookie_that_never_goes_without() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = issue(folder.path());
    let cloud = start(folder.path()).await;
    let client = client(&cloud, &certificate).build().unwrap();
    let credentials = serde_json::json!({"username": "admin@acme.test", "password": PASSWORD});
    let answer = client.post(url(&cloud, "/v1/login")).json(&credentials).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let set = answer.headers()["set-cookie"].to_str().unwrap();
    let mut parts = set.split("; ");
    let cookie = parts.next().unwrap();
    let attributes: BTreeSet<&str> = parts.collect();
    assert!(cookie.starts_with("__Secure-bzsid="), "{set}");
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(attributes.contains(attribute), "{attribute}: {set}");
    }
    for (cookie, status) in [(cookie, 200), (cookie.trim_start_matches("__Secure-"), 401)] {
        let request = client.get(url(&cloud, "/v1/session")).header("Cookie", cookie);
        assert_eq!(request.send().await.unwrap().status(), status, "{cookie}");
    }
}

#[tokio::test]
async fn over_tls_a_client_that_sends_too_much_gets_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = issue(folder.path());
    let cloud = start(folder.path()).await;
    for (version, client) in [
        (Version::HTTP_11, client(&cloud, &certificate).http1_only()),
        (Version::HTTP_2, client(&cloud, &certificate)),
    ] {
        let request = client.build().unwrap().post(url(&cloud, "/v1/session/token"));
        let request = request.header("Content-Type", "application/json").body(vec![b'x'; 16 << 20]);
        let answer = request.send().await.unwrap();
        assert_eq!((answer.version(), answer.status().as_u16()), (version, 401));
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_served_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let first = issue(folder.path());
    let cloud = start(folder.path()).await;
    assert!(serves(&cloud, &first).await);
    let second = issue(folder.path());
    let renewed = tokio::time::timeout(PATIENCE, async {
        while !serves(&cloud, &second).await {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    });
    renewed.await.expect("the renewed certificate was not served");
    assert!(!serves(&cloud, &first).await);
    // What cannot be used leaves the good one; what is good again after it is taken.
    std::fs::write(folder.path().join("cert.pem"), "not a certificate").unwrap();
    let third = issue(folder.path());
    let renewed = tokio::time::timeout(PATIENCE, async {
        while !serves(&cloud, &third).await {
            assert!(serves(&cloud, &second).await || serves(&cloud, &third).await, "neither is served");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    });
    renewed.await.expect("the third certificate was not served");
}
