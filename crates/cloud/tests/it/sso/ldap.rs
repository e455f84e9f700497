//! LDAP against Debian's slapd.

use std::{
    io::Write,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bartizan_testkit::{Credential, PATIENCE, TestCloud, cloud::PASSWORD};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A directory server with one person and one group.
struct Slapd {
    child: Child,
    url: String,
    _folder: TempDir,
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const PEOPLE: &str = "\
dn: dc=acme,dc=test
objectClass: dcObject
objectClass: organization
o: Acme
dc: acme

dn: cn=search,dc=acme,dc=test
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: search
userPassword: look it up

dn: uid=lea,dc=acme,dc=test
objectClass: inetOrgPerson
uid: lea
cn: Lea
sn: Low
displayName: Lea Low
mail: lea@acme.test
userPassword: in the directory

dn: uid=nel,dc=acme,dc=test
objectClass: inetOrgPerson
uid: nel
cn: Nel
sn: Low
mail: nel@acme.test
userPassword: in the directory

dn: uid=zoe,dc=acme,dc=test
objectClass: inetOrgPerson
uid: zoe
cn: Zoe
sn: Low
displayName:: ICAg
mail: zoe@acme.test
userPassword: in the directory

dn: cn=security,dc=acme,dc=test
objectClass: groupOfNames
cn: security
member: uid=lea,dc=acme,dc=test
member: uid=nel,dc=acme,dc=test
member: uid=zoe,dc=acme,dc=test

dn: cn=operations,dc=acme,dc=test
objectClass: groupOfUniqueNames
cn: operations
uniqueMember: uid=lea,dc=acme,dc=test
";

impl Slapd {
    async fn start() -> Slapd {
        Slapd::start_with(None).await
    }

    /// With a public key infrastructure only over TLS, and only for whoever shows a certificate of it.
    async fn start_with(pki: Option<&Pki>) -> Slapd {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let config = folder.path().join("slapd.conf");
        let modules = ["/usr/lib/ldap", "/usr/lib/openldap"]
            .into_iter()
            .find(|path| std::path::Path::new(path).exists());
        let text = format!(
            "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
             include /etc/ldap/schema/inetorgperson.schema\nmodulepath {}\nmoduleload back_mdb\n\
             pidfile {}\ndatabase mdb\nsuffix dc=acme,dc=test\nrootdn cn=root,dc=acme,dc=test\ndirectory {}\n",
            modules.unwrap(),
            folder.path().join("slapd.pid").display(),
            data.display()
        );
        let tls = pki.map(|pki| pki.write(folder.path())).unwrap_or_default();
        std::fs::write(&config, tls + &text).unwrap();
        let mut load =
            Command::new("/usr/sbin/slapadd").arg("-f").arg(&config).stdin(Stdio::piped()).spawn().unwrap();
        load.stdin.take().unwrap().write_all(PEOPLE.as_bytes()).unwrap();
        assert!(load.wait().unwrap().success());
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("ldap{}://127.0.0.1:{port}", if pki.is_some() { "s" } else { "" });
        // In the foreground, so that it ends with the test.
        let child = Command::new("/usr/sbin/slapd")
            .args(["-d", "0", "-h", &url, "-f"])
            .arg(&config)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let ready = tokio::time::timeout(PATIENCE, async {
            while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        });
        ready.await.expect("slapd did not start");
        Slapd { child, url, _folder: folder }
    }
}

/// An authority, and what it made for the server and for the cloud.
struct Pki {
    authority: String,
    server: (String, String),
    client: (String, String),
}

impl Pki {
    fn new() -> Pki {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Directory");
        let authority = params.self_signed(&key).unwrap().pem();
        let issuer = rcgen::Issuer::new(params, key);
        let issue = |names: Vec<String>| {
            let key = rcgen::KeyPair::generate().unwrap();
            let mut params = rcgen::CertificateParams::new(names).unwrap();
            params.distinguished_name.push(rcgen::DnType::CommonName, "leaf");
            (params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
        };
        Pki { authority, server: issue(vec!["127.0.0.1".to_owned()]), client: issue(vec![]) }
    }

    /// Writes what the server needs; the lines of its configuration.
    fn write(&self, folder: &std::path::Path) -> String {
        let file = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        format!(
            "TLSCACertificateFile {}\nTLSCertificateFile {}\nTLSCertificateKeyFile {}\nTLSVerifyClient demand\n",
            file("authority.pem", &self.authority),
            file("server.pem", &self.server.0),
            file("server.key", &self.server.1)
        )
    }
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_is_shown_one() {
    let pki = Pki::new();
    let slapd = Slapd::start_with(Some(&pki)).await;
    let cloud = start(false).await;
    let session = cloud.sign_in("admin@acme.test").await;
    let save = async |certificate: Option<&str>, key: Option<&str>| {
        let settings = json!({
            "url": slapd.url, "base_dn": "dc=acme,dc=test", "bind_dn": "cn=search,dc=acme,dc=test",
            "bind_password": "look it up", "domains": ["acme.test"], "certificate": pki.authority,
            "client_certificate": certificate, "client_key": key,
        });
        let reply = cloud.call(&session, Method::PUT, "/v1/sso/ldap", Some(&settings)).await;
        assert!(!reply.text.contains("PRIVATE KEY"), "{}", reply.text);
        let error = reply.json()["body"]["error"].as_str().unwrap_or_default().to_owned();
        (reply.status, error)
    };
    let outcome = async || test(&cloud, &session, "lea@acme.test", "in the directory").await["state"].clone();
    let (certificate, key) = (pki.client.0.as_str(), pki.client.1.as_str());
    assert_eq!(save(None, None).await.0, 200);
    assert_eq!(outcome().await, "failure");
    for (certificate, key, error) in [
        (Some(certificate), None, "client_key must be given with another client_certificate"),
        (None, Some(key), "client_key needs a client_certificate"),
        (Some("x"), None, "client_certificate is not PEM"),
        (Some(certificate), Some("x"), "client_key is not an unencrypted PEM key"),
        (Some(certificate), Some(pki.server.1.as_str()), "client_key is not the key of client_certificate"),
    ] {
        assert_eq!(save(certificate, key).await, (400, error.to_owned()));
    }
    assert_eq!(save(Some(certificate), Some(key)).await.0, 200);
    assert_eq!(outcome().await, "success");
    // The key stays with its certificate, and goes with it.
    assert_eq!(save(Some(certificate), None).await.0, 200);
    assert_eq!(outcome().await, "success");
    assert_eq!(save(None, None).await.0, 200);
    assert_eq!(save(Some(certificate), None).await.0, 400);
    assert_eq!(outcome().await, "failure");
}

/// A cloud that may ask servers on loopback.
async fn start(insecure_ldap: bool) -> TestCloud {
    TestCloud::start_with(|config| {
        config.auth.insecure_ldap = insecure_ldap;
        config.outgoing.allowed_networks = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await
}

async fn set_up(cloud: &TestCloud, session: &Credential, url: &str, password: &str) {
    let settings = json!({
        "url": url, "base_dn": "dc=acme,dc=test", "bind_dn": "cn=search,dc=acme,dc=test", "bind_password": password,
        "domains": ["acme.test"],
    });
    cloud.call(session, Method::PUT, "/v1/sso/ldap", Some(&settings)).await.body();
    let mapping = json!([{"group": "cn=security,dc=acme,dc=test", "role": "analytic"}]);
    cloud.call(session, Method::PUT, "/v1/sso/mapping", Some(&mapping)).await.body();
}

async fn test(cloud: &TestCloud, session: &Credential, username: &str, password: &str) -> Value {
    let body = json!({"username": username, "password": password});
    cloud.post(session, "/v1/sso/ldap/test", body).await.body()
}

async fn sign_in(cloud: &TestCloud, password: &str) -> u16 {
    let body = json!({"username": "Lea@acme.test", "password": password});
    cloud.post(&Credential::Anonymous, "/v1/login", body).await.status
}

#[tokio::test]
async fn people_of_the_directory_sign_in_with_its_password() {
    let slapd = Slapd::start().await;
    let cloud = start(true).await;
    let session = cloud.sign_in("admin@acme.test").await;
    set_up(&cloud, &session, &slapd.url, "look it up").await;
    for (name, password) in
        [("lea@acme.test", "wrong"), ("lea@acme.test", ""), ("nobody@acme.test", "x"), ("*", "x")]
    {
        let result = test(&cloud, &session, name, password).await;
        assert_eq!(result["state"], "failure", "{name} {password}: {result}");
    }
    let result = test(&cloud, &session, "lea@acme.test", "in the directory").await;
    assert_eq!((&result["state"], &result["role"]), (&json!("success"), &json!("analytic")));
    assert_eq!(result["attributes"]["realname"], "Lea Low");
    let mut groups: Vec<&str> = result["attributes"]["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    groups.sort_unstable();
    assert_eq!(groups, ["cn=operations,dc=acme,dc=test", "cn=security,dc=acme,dc=test"]);
    let mapped = cloud.get(&session, "/v1/sso").await.body()["role_mapping"].clone();
    cloud.call(&session, Method::PUT, "/v1/sso/mapping", Some(&json!([]))).await.body();
    let refused = cloud.post(&session, "/v1/sso/activate", json!({})).await;
    assert_eq!((refused.status, &refused.json()["body"]["value"]), (400, &json!("role_mapping")));
    cloud.call(&session, Method::PUT, "/v1/sso/mapping", Some(&mapped)).await.body();
    assert_eq!(sign_in(&cloud, "in the directory").await, 401);
    super::activate_tested(&cloud, &session, json!({"provisioning": true})).await;
    assert_eq!((sign_in(&cloud, "wrong").await, sign_in(&cloud, "").await), (401, 401));
    assert_eq!(sign_in(&cloud, "in the directory").await, 200);
    let lea = json!({"filter": {"email": "lea@acme.test"}});
    let lea = cloud.post(&session, "/v1/objects/user", lea).await.body()[0].clone();
    assert_eq!((&lea["permissions"], &lea["sso_managed"]), (&json!(["analytic"]), &json!(true)));
    // A password here would be a second way in.
    assert_eq!(sign_in(&cloud, PASSWORD).await, 401);
}

#[tokio::test]
async fn people_whose_entry_has_no_display_name_are_refused_and_the_log_says_so() {
    let slapd = Slapd::start().await;
    let cloud = start(true).await;
    let session = cloud.sign_in("admin@acme.test").await;
    set_up(&cloud, &session, &slapd.url, "look it up").await;
    for (name, password, error) in [
        ("nel@acme.test", "in the directory", "user_not_found: the entry has no displayName"),
        ("zoe@acme.test", "in the directory", "user_not_found: the entry has no displayName"),
        ("nel@acme.test", "wrong", "invalid_login: wrong password or unknown person"),
    ] {
        let result = test(&cloud, &session, name, password).await;
        assert_eq!((&result["state"], &result["error"]), (&json!("failure"), &json!(error)), "{name}");
    }
    assert_eq!(test(&cloud, &session, "lea@acme.test", "in the directory").await["state"], "success");
    super::activate_tested(&cloud, &session, json!({"provisioning": true})).await;
    // Told as a wrong password is; nobody is made.
    let sign_in = async |password: &str| {
        let body = json!({"username": "nel@acme.test", "password": password});
        let reply = cloud.post(&Credential::Anonymous, "/v1/login", body).await;
        (reply.status, reply.text)
    };
    let refused = (401, r#"{"status":401,"body":"Invalid login or password"}"#.to_owned());
    assert_eq!((sign_in("in the directory").await, sign_in("wrong").await), (refused.clone(), refused));
    let nel = json!({"filter": {"email": "nel@acme.test"}});
    assert_eq!(cloud.post(&session, "/v1/objects/user", nel).await.body(), json!([]));
}

#[tokio::test]
async fn without_tls_nothing_is_asked_unless_the_operator_says_so() {
    let slapd = Slapd::start().await;
    let cloud = start(false).await;
    let session = cloud.sign_in("admin@acme.test").await;
    set_up(&cloud, &session, &slapd.url, "look it up").await;
    let result = test(&cloud, &session, "lea@acme.test", "in the directory").await;
    assert_eq!(result["state"], "failure", "{result}");
}

#[tokio::test]
async fn a_searching_account_that_may_not_is_said() {
    let slapd = Slapd::start().await;
    let cloud = start(true).await;
    let session = cloud.sign_in("admin@acme.test").await;
    set_up(&cloud, &session, &slapd.url, "not it").await;
    let result = test(&cloud, &session, "lea@acme.test", "in the directory").await;
    assert!(result["error"].as_str().unwrap().contains("result code 49"), "{result}");
}

#[tokio::test]
async fn an_inner_server_is_asked_only_where_the_operator_allows_it() {
    let slapd = Slapd::start().await;
    let cloud = TestCloud::start_with(|config| config.auth.insecure_ldap = true).await;
    let session = cloud.sign_in("admin@acme.test").await;
    set_up(&cloud, &session, &slapd.url, "look it up").await;
    let result = test(&cloud, &session, "lea@acme.test", "in the directory").await;
    assert!(result["error"].as_str().unwrap().contains("an address that is not public"), "{result}");
    // What answers there is not told, be it a directory or not.
    let cloud = start(true).await;
    let session = cloud.sign_in("admin@acme.test").await;
    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ldap://{}", other.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        while let Ok((mut stream, _)) = other.accept().await {
            let _ = stream.write_all(b"220 secret banner\r\n").await;
        }
    });
    set_up(&cloud, &session, &url, "look it up").await;
    let result = test(&cloud, &session, "lea@acme.test", "in the directory").await;
    assert_eq!(result["state"], "failure");
    assert!(!result.to_string().contains("banner"), "{result}");
}

/// A server in front of another that counts who comes.
async fn counting(to: &str) -> (String, Arc<AtomicUsize>) {
    let to = to.trim_start_matches("ldap://").to_owned();
    let front = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ldap://{}", front.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = front.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let mut far = tokio::net::TcpStream::connect(&to).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    (url, count)
}

#[tokio::test]
async fn the_directory_is_asked_alike_whoever_signs_in() {
    let slapd = Slapd::start().await;
    let cloud = start(true).await;
    let session = cloud.sign_in("admin@acme.test").await;
    let (url, count) = counting(&slapd.url).await;
    set_up(&cloud, &session, &url, "look it up").await;
    let result = test(&cloud, &session, "lea@acme.test", "in the directory").await;
    assert_eq!(result["state"], "success", "{result}");
    super::activate_tested(&cloud, &session, json!({})).await;
    cloud.add_user(cloud.client.id, "eve@acme.test", &["auditor"]).await;
    let sign_in = async |email: &str, password: &str| {
        let before = count.load(Ordering::Relaxed);
        let body = json!({"username": email, "password": password});
        let status = cloud.post(&Credential::Anonymous, "/v1/login", body).await.status;
        (status, count.load(Ordering::Relaxed) - before)
    };
    // Nobody at all, somebody of the directory alone, and somebody with a password here: two questions each.
    for email in ["nobody@acme.test", "lea@acme.test", "eve@acme.test"] {
        assert_eq!(sign_in(email, "wrong").await, (401, 2), "{email}");
    }
    assert_eq!(sign_in("eve@acme.test", PASSWORD).await, (200, 2));
    // Other domains are none of its business.
    assert_eq!(sign_in("nobody@elsewhere.test", "wrong").await, (401, 0));
}
