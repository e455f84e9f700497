//! A cloud on a free port, with one company and its administrator.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use bartizan_api::Role;
use bartizan_cloud::{
    CloudConfig, RunningCloud,
    secrets::{Secret, hash_password},
    services::provision::{NewUser, create_client, create_partner, create_user},
};
use bartizan_store::entity;
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;

use crate::logs;

/// Password of every user that the kit makes.
pub const PASSWORD: &str = "Correct1horse";

/// A running cloud. Its folder goes with it.
pub struct TestCloud {
    /// The server.
    pub running: RunningCloud,
    /// `http://127.0.0.1:port`.
    pub url: String,
    /// The company.
    pub client: entity::client::Model,
    /// Its administrator.
    pub admin: entity::user::Model,
    http: reqwest::Client,
    secrets: Secrets,
    folder: TempDir,
}

/// The secrets that went through a cloud. Fails its test when one of them was logged.
struct Secrets {
    seen: Mutex<BTreeSet<String>>,
    /// Where the log was when the cloud started.
    mark: usize,
}

impl Drop for Secrets {
    fn drop(&mut self) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let leaks = logs::leaks(self.mark, &seen);
        assert!(leaks.is_empty() || std::thread::panicking(), "a secret was logged:\n{}", leaks.join("\n"));
    }
}

/// What a test calls with.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Nothing.
    Anonymous,
    /// UUID and secret.
    Pair(String, String),
    /// API token.
    Token(String),
    /// Cookie header and CSRF value.
    Cookie(String, String),
    /// UUID and secret of a node instance.
    Node(String, String),
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: reqwest::header::HeaderMap,
    /// Raw body.
    pub text: String,
}

impl Reply {
    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The `body` member of a success; asserts that it is one.
    pub fn body(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()["body"].clone()
    }
}

impl Credential {
    /// The session as it goes on after an answer, which may have given it another id.
    #[must_use]
    pub fn after(self, reply: &Reply) -> Credential {
        let set = reply.headers.get("set-cookie").and_then(|value| value.to_str().ok());
        match (self, set.and_then(|set| set.split(';').next())) {
            (Credential::Cookie(_, csrf), Some(cookie)) => Credential::Cookie(cookie.to_owned(), csrf),
            (same, _) => same,
        }
    }
}

impl TestCloud {
    /// Starts on SQLite, or on PostgreSQL when `BARTIZAN_TEST_DATABASE=postgres`.
    pub async fn start() -> TestCloud {
        TestCloud::start_with(|_| {}).await
    }

    /// Starts with a changed configuration.
    pub async fn start_with(change: impl FnOnce(&mut CloudConfig)) -> TestCloud {
        let mark = logs::capture();
        let folder = tempfile::tempdir().unwrap();
        let mut config = CloudConfig { data_dir: folder.path().to_owned(), ..CloudConfig::default() };
        config.listen.address = "127.0.0.1:0".parse().unwrap();
        // Tests ask again and again until something is there.
        config.limits.requests_per_second = 100_000;
        config.limits.request_burst = 100_000;
        config.limits.password_checks_per_minute = 1000;
        config.limits.password_checks_per_minute_account = 1000;
        config.limits.password_checks_per_minute_address = 1000;
        config.limits.failed_authentications_per_minute_credential = 300;
        if crate::postgres::is_chosen() {
            config.database.url = tokio::task::spawn_blocking(crate::postgres::fresh_database).await.unwrap();
        }
        change(&mut config);
        let running = RunningCloud::start(config).await.unwrap();
        let (cloud, now) = (running.cloud.clone(), running.cloud.now());
        let transaction = cloud.store.begin().await.unwrap();
        let partner = create_partner(&transaction).await.unwrap();
        let client = create_client(&transaction, partner.id, "Acme", false, now).await.unwrap();
        let hash = hash_password(PASSWORD.to_owned()).await.unwrap();
        let admin = NewUser::by_system(client.id, "admin@acme.test", "Ada Admin", Role::Admin, hash);
        let admin = create_user(&transaction, admin, now).await.unwrap();
        transaction.commit().await.unwrap();
        let url = format!("http://{}", running.address);
        let secrets = Secrets { seen: Mutex::new([PASSWORD.to_owned()].into()), mark };
        TestCloud { url, client, admin, http: reqwest::Client::new(), secrets, running, folder }
    }

    /// Remembers secrets that must not be logged.
    pub fn keep_secret(&self, secrets: impl IntoIterator<Item = String>) {
        self.secrets.seen.lock().unwrap_or_else(PoisonError::into_inner).extend(secrets);
    }

    /// The secrets that went through this cloud so far.
    #[must_use]
    pub fn secrets(&self) -> BTreeSet<String> {
        self.secrets.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The folder of keys and the embedded database.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Adds a user of a role to the company (or another client) and returns it.
    pub async fn add_user(&self, client_id: i64, email: &str, permissions: &[&str]) -> entity::user::Model {
        let hash = hash_password(PASSWORD.to_owned()).await.unwrap();
        let mut user = NewUser::by_system(client_id, email, "Test User", Role::Admin, hash);
        user.permissions = permissions.iter().map(|text| (*text).to_owned()).collect();
        let cloud = &self.running.cloud;
        create_user(cloud.store.writer(), user, cloud.now()).await.unwrap()
    }

    /// Adds a second, unrelated company.
    pub async fn add_company(&self, name: &str) -> entity::client::Model {
        let cloud = &self.running.cloud;
        let transaction = cloud.store.begin().await.unwrap();
        let partner = create_partner(&transaction).await.unwrap();
        let client = create_client(&transaction, partner.id, name, false, cloud.now()).await.unwrap();
        transaction.commit().await.unwrap();
        client
    }

    /// Adds a global account: its technical tenant and one linked tenant.
    pub async fn add_global_account(&self) -> (entity::client::Model, entity::client::Model) {
        let cloud = &self.running.cloud;
        let transaction = cloud.store.begin().await.unwrap();
        let partner = create_partner(&transaction).await.unwrap();
        let now = cloud.now();
        let linked = create_client(&transaction, partner.id, "Linked", false, now).await.unwrap();
        let home = create_client(&transaction, partner.id, "Home", true, now).await.unwrap();
        transaction.commit().await.unwrap();
        (home, linked)
    }

    /// Gives a user a secret, as renewing it would, and returns the pair.
    pub async fn pair_of(&self, user: &entity::user::Model) -> Credential {
        use bartizan_store::sea_orm::{ActiveValue::Set, IntoActiveModel};
        let cloud = &self.running.cloud;
        let secret = Secret::random();
        let mut change = user.clone().into_active_model();
        change.secret_mac = Set(Some(secret.mac(&cloud.keys)));
        let tenant = bartizan_store::TenantId(user.client_id);
        cloud.store.update_user_row(tenant, change).await.unwrap();
        cloud.known.refresh(&cloud.store).await;
        Credential::Pair(user.uuid.clone(), secret.hex())
    }

    /// The administrator's UUID and secret.
    pub async fn admin_pair(&self) -> Credential {
        self.pair_of(&self.admin).await
    }

    /// Signs in and returns the cookie with its CSRF value.
    pub async fn sign_in(&self, email: &str) -> Credential {
        let body = serde_json::json!({"username": email, "password": PASSWORD});
        let reply = self.call(&Credential::Anonymous, Method::POST, "/v1/login", Some(&body)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let set_cookie = reply.headers["set-cookie"].to_str().unwrap();
        let cookie = set_cookie.split(';').next().unwrap().to_owned();
        let session = self
            .call(&Credential::Cookie(cookie.clone(), String::new()), Method::GET, "/v1/session", None)
            .await;
        Credential::Cookie(cookie, session.body()["csrf"].as_str().unwrap().to_owned())
    }

    /// Calls the API.
    pub async fn call(
        &self,
        credential: &Credential,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Reply {
        self.call_with(credential, method, path, &[], body).await
    }

    /// Calls the API with further headers.
    pub async fn call_with(
        &self,
        credential: &Credential,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Reply {
        let mut request = self.request(credential, method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            self.note(body);
            request = request.json(body);
        }
        let reply = reply(request).await;
        if let Ok(body) = serde_json::from_str(&reply.text) {
            self.note(&body);
        }
        for name in ["set-cookie", "x-mfa-ticket"] {
            let values = reply.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
            values.for_each(|value| self.keep_secret(logs::prefixed(value)));
        }
        reply
    }

    fn note(&self, body: &Value) {
        let mut found = BTreeSet::new();
        logs::secrets_of(body, &mut found);
        self.keep_secret(found);
    }

    /// Calls the API with a body that is no JSON.
    pub async fn send_text(
        &self,
        credential: &Credential,
        method: Method,
        path: &str,
        body: String,
    ) -> Reply {
        reply(self.request(credential, method, path).header("Content-Type", "text/plain").body(body)).await
    }

    fn request(&self, credential: &Credential, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match credential {
            Credential::Pair(_, secret) | Credential::Token(secret) | Credential::Node(_, secret)
                if secret.len() == 64 =>
            {
                self.keep_secret([secret.clone()]);
            }
            _ => {}
        }
        match credential {
            Credential::Anonymous => request,
            Credential::Pair(uuid, secret) => {
                request.header("X-WallarmAPI-UUID", uuid).header("X-WallarmAPI-Secret", secret)
            }
            Credential::Token(token) => request.header("X-WallarmApi-Token", token),
            Credential::Node(uuid, secret) => {
                request.header("Authorization", format!("Node {uuid}:{secret}"))
            }
            Credential::Cookie(cookie, csrf) => {
                let request = request.header("Cookie", cookie).header("X-CSRF-Token", csrf);
                request.header("Origin", &self.url)
            }
        }
    }

    /// POSTs a JSON body.
    pub async fn post(&self, credential: &Credential, path: &str, body: Value) -> Reply {
        self.call(credential, Method::POST, path, Some(&body)).await
    }

    /// GETs a path.
    pub async fn get(&self, credential: &Credential, path: &str) -> Reply {
        self.call(credential, Method::GET, path, None).await
    }
}

async fn reply(request: reqwest::RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    Reply {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await.unwrap(),
    }
}
