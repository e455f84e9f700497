//! TLS of the API: a renewed certificate is served without a restart, a broken one is not.

use std::path::Path;

use bartizan_testkit::{PATIENCE, TestCloud};

/// Writes a new certificate for loopback, with its key, and returns it.
fn issue(folder: &Path) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap().pem();
    std::fs::write(folder.join("cert.pem"), &certificate).unwrap();
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    certificate
}

/// Whether a client that trusts nothing but this certificate reaches the API, on a connection of its own.
async fn serves(cloud: &TestCloud, certificate: &str) -> bool {
    let authority = reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .tls_built_in_root_certs(false)
        .add_root_certificate(authority)
        .resolve("localhost", cloud.running.address)
        .build()
        .unwrap();
    let url = format!("https://localhost:{}/healthz", cloud.running.address.port());
    client.get(url).send().await.is_ok_and(|answer| answer.status() == 200)
}

#[tokio::test]
async fn a_renewed_certificate_is_served_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let first = issue(folder.path());
    let cloud = TestCloud::start_with(|config| {
        config.listen.tls_cert = Some(folder.path().join("cert.pem"));
        config.listen.tls_key = Some(folder.path().join("key.pem"));
    })
    .await;
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
