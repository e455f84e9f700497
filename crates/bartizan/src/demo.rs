//! `bartizan demo`: cloud, node, sample upstream and one company, in one process on embedded storage.
//!
//! The company's user, its credentials and the node group are made on the first start, through the public
//! API wherever it can, and kept in the data folder.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context, Result};
use bartizan_api::Role;
use bartizan_cloud::{
    CloudConfig, RunningCloud,
    secrets::hash_password,
    services::provision::{NewUser, create_client, create_partner, create_user},
};
use bartizan_store::{
    TenantId,
    sea_orm::{ActiveValue::Set, IntoActiveModel},
};
use clap::Parser;
use serde_json::{Value, json};
use url::Url;

use crate::{
    cloud::start_failure,
    outcome::{Failure, asked_to_stop},
    output::print,
};

mod authority;
pub(crate) mod credentials;
mod shop;
mod traffic;

use credentials::Credentials;

/// Address of the demo's administrator.
const EMAIL: &str = "admin@demo.test";

#[derive(Parser)]
pub(crate) struct Args {
    /// Folder of accounts, rules, attacks and keys; made when it does not exist.
    #[arg(long, default_value = "data")]
    data_dir: PathBuf,
    /// Port of API, Console and API Console, on loopback; 0 is a free one.
    #[arg(long, default_value_t = 8080)]
    api_port: u16,
    /// Port of the node, on loopback; 0 is a free one.
    #[arg(long, default_value_t = 8081)]
    node_port: u16,
    /// Service to protect in place of the sample shop.
    #[arg(long)]
    upstream: Option<Url>,
    /// Send no sample requests.
    #[arg(long)]
    no_traffic: bool,
    /// Serve the API over HTTPS, by a certificate authority made in the data folder.
    #[arg(long)]
    tls: bool,
    /// Write URLs and credentials to this file as JSON, once ready.
    #[arg(long)]
    credentials_file: Option<PathBuf>,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    std::fs::create_dir_all(&args.data_dir).map_err(|error| {
        Failure::usage(format!("the data folder {} cannot be used: {error}", args.data_dir.display()))
    })?;
    let mut config = CloudConfig::from_environment().map_err(Failure::usage)?;
    config.data_dir = args.data_dir.join("cloud");
    config.listen.address = SocketAddr::from(([127, 0, 0, 1], args.api_port));
    let mut ca_file = None;
    if args.tls {
        let files = authority::load_or_create(&args.data_dir)
            .map_err(|error| Failure::usage(format!("the demo's certificates cannot be made: {error}")))?;
        config.listen.tls_cert = Some(files.cert);
        config.listen.tls_key = Some(files.key);
        ca_file = Some(files.ca);
    }
    // What takes long and depends on nothing is done while the cloud starts.
    tokio::task::spawn_blocking(bartizan_node::Node::prepare);
    let password = (!kept_file(&args).exists()).then(Password::random);
    let cloud = RunningCloud::start(config).await.map_err(|error| start_failure(&error))?;
    let outcome = with_cloud(&args, &cloud, ca_file, password).await;
    cloud.shutdown().await;
    outcome
}

/// Where the demo's credentials are kept.
fn kept_file(args: &Args) -> PathBuf {
    args.data_dir.join("demo.json")
}

async fn with_cloud(
    args: &Args,
    cloud: &RunningCloud,
    ca_file: Option<PathBuf>,
    password: Option<Password>,
) -> Result<(), Failure> {
    let upstream_url = match &args.upstream {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None => shop::start().await.map_err(Failure::fault)?,
    };
    let company = Company::open(args, cloud, ca_file.clone(), password)
        .await
        .map_err(|error| Failure::fault(format!("{error:#}")))?;
    let node_config = node_config(args, cloud, &company, &upstream_url, ca_file.as_deref());
    let node = crate::node::start_with(&node_config, &args.data_dir.join("node").join("node.toml")).await?;
    let mut credentials = company.credentials;
    credentials.node_url = format!(
        "http://{}",
        node.addresses().first().copied().unwrap_or(SocketAddr::from(([127, 0, 0, 1], args.node_port)))
    );
    credentials.upstream_url = upstream_url;
    let kept = kept_file(args);
    for path in std::iter::once(&kept).chain(&args.credentials_file) {
        credentials
            .write(path)
            .map_err(|error| Failure::usage(format!("{} cannot be written: {error}", path.display())))?;
    }
    announce(&credentials)?;
    let traffic = (!args.no_traffic && args.upstream.is_none())
        .then(|| tokio::spawn(traffic::send(credentials.node_url.clone())));
    asked_to_stop().await;
    if let Some(traffic) = traffic {
        traffic.abort();
    }
    node.shutdown().await;
    Ok(())
}

fn announce(credentials: &Credentials) -> Result<(), Failure> {
    print(format_args!(
        "Bartizan demo is ready.\n\n  Console      {}\n  API Console  {}\n  API          {}\n  Node         {}  (in front of {})\n\n  \
         Sign in      {}  {}\n  UUID         {}\n  Secret       {}\n  API token    {}\n\n\
         Try:  curl '{}/files?name=../../etc/passwd'\n\
         Stop: Ctrl-C",
        credentials.console_url,
        credentials.api_console_url,
        credentials.api_url,
        credentials.node_url,
        credentials.upstream_url,
        credentials.email,
        credentials.password,
        credentials.uuid,
        credentials.secret,
        credentials.api_token,
        credentials.node_url,
    ))
}

/// The node's file: in front of one upstream, blocking, told what to do by the demo's cloud.
fn node_config(
    args: &Args,
    cloud: &RunningCloud,
    company: &Company,
    upstream: &str,
    ca_file: Option<&std::path::Path>,
) -> String {
    let text = |value: &str| toml::Value::String(value.to_owned()).to_string();
    let state_dir = args.data_dir.join("node");
    let ca =
        ca_file.map(|path| format!("ca_file = {}\n", text(&path.display().to_string()))).unwrap_or_default();
    let token =
        company.node_token.as_deref().map(|token| format!("token = {}\n", text(token))).unwrap_or_default();
    format!(
        "version = 1\nstate_dir = {}\n\n[cloud]\nhost = \"127.0.0.1\"\nport = {}\nuse_ssl = {}\n{ca}{token}\n\
         [[listen]]\naddress = \"127.0.0.1:{}\"\n\n[upstream.shop]\nservers = [{}]\n\n\
         [route]\nmode = \"block\"\nupstream = \"shop\"\n\n[status]\naddress = \"127.0.0.1:0\"\n",
        text(&state_dir.display().to_string()),
        cloud.address.port(),
        args.tls,
        args.node_port,
        text(upstream),
    )
}

/// A new password for the administrator, and its hash in the making: that takes a while, on purpose.
struct Password {
    text: String,
    hash: tokio::task::JoinHandle<Option<String>>,
}

impl Password {
    fn random() -> Password {
        let text = credentials::random_password();
        Password { hash: tokio::spawn(hash_password(text.clone())), text }
    }
}

/// The demo's company: credentials, and the token of its node group on the first start.
struct Company {
    credentials: Credentials,
    node_token: Option<String>,
}

impl Company {
    /// Makes the company on the first start, finds it on later ones.
    async fn open(
        args: &Args,
        cloud: &RunningCloud,
        ca_file: Option<PathBuf>,
        password: Option<Password>,
    ) -> Result<Company> {
        let base =
            format!("{}://127.0.0.1:{}", if args.tls { "https" } else { "http" }, cloud.address.port());
        if let Some(mut kept) = Credentials::read(&kept_file(args)) {
            set_urls(&mut kept, &base, ca_file);
            return Ok(Company { credentials: kept, node_token: None });
        }
        let Password { text: password, hash } = password.unwrap_or_else(Password::random);
        let hash = hash.await?.context("the password cannot be hashed")?;
        let client_id = provision(cloud, hash).await?;
        let mut http = reqwest::Client::builder();
        if let Some(path) = &ca_file {
            http = http.add_root_certificate(reqwest::Certificate::from_pem(&std::fs::read(path)?)?);
        }
        let session = Session::sign_in(http.build()?, &base, &password).await?;
        let (question, name) = (json!({"password": password}), json!({"name": "demo"}));
        let (renewed, token, group, ()) = tokio::try_join!(
            session.post("/v1/user/credentials/renew", &question),
            session.post("/v1/api_tokens", &name),
            session.node_group(),
            session.applications(client_id),
        )?;
        let text = |answer: &Value, key: &str| {
            let value = answer.get(key).and_then(Value::as_str).map(str::to_owned);
            value.with_context(|| format!("no {key} in the answer"))
        };
        let mut credentials = Credentials {
            api_url: String::new(),
            console_url: String::new(),
            api_console_url: String::new(),
            node_url: String::new(),
            upstream_url: String::new(),
            client_id,
            email: EMAIL.to_owned(),
            password,
            uuid: text(&renewed, "uuid")?,
            secret: text(&renewed, "secret")?,
            api_token: text(&token, "token")?,
            ca_file: None,
        };
        set_urls(&mut credentials, &base, ca_file);
        Ok(Company { credentials, node_token: Some(text(&group, "token")?) })
    }
}

fn set_urls(credentials: &mut Credentials, base: &str, ca_file: Option<PathBuf>) {
    credentials.api_url = base.to_owned();
    credentials.console_url = format!("{base}/");
    credentials.api_console_url = format!("{base}/apiconsole/");
    let absolute = ca_file.map(|path| std::path::absolute(&path).unwrap_or(path));
    credentials.ca_file = absolute.map(|path| path.display().to_string());
}

/// Makes the company and its administrator in the database.
async fn provision(cloud: &RunningCloud, hash: String) -> Result<i64> {
    let shared = &cloud.cloud;
    // A first start that was cut short left its user behind: give it the new password and go on.
    if let Some(user) = shared.store.identify_user_by_email(EMAIL).await? {
        let (tenant, mut change) = (TenantId(user.client_id), user.into_active_model());
        change.password_hash = Set(Some(hash));
        return Ok(shared.store.update_user_row(tenant, change).await?.client_id);
    }
    let transaction = shared.store.begin().await?;
    let partner = create_partner(&transaction).await?;
    let client = create_client(&transaction, partner.id, "Demo", false, shared.now()).await?;
    let admin = NewUser::by_system(client.id, EMAIL, "Demo Administrator", Role::Admin, hash);
    create_user(&transaction, admin, shared.now()).await?;
    transaction.commit().await?;
    Ok(client.id)
}

/// A Console session, as a browser would hold it.
struct Session {
    http: reqwest::Client,
    base: String,
    cookie: String,
    csrf: String,
}

impl Session {
    async fn sign_in(http: reqwest::Client, base: &str, password: &str) -> Result<Session> {
        let body = json!({"username": EMAIL, "password": password});
        let reply = http.post(format!("{base}/v1/login")).json(&body).send().await?.error_for_status()?;
        let cookie = reply.headers().get("set-cookie").and_then(|value| value.to_str().ok());
        let cookie = cookie.and_then(|line| line.split(';').next()).context("no session cookie")?.to_owned();
        let session = http.get(format!("{base}/v1/session")).header("Cookie", &cookie).send().await?;
        let session: Value = session.error_for_status()?.json().await?;
        let csrf = session.pointer("/body/csrf").and_then(Value::as_str).context("no CSRF value")?.to_owned();
        Ok(Session { http, base: base.to_owned(), cookie, csrf })
    }

    /// The demo's node group: made, or of an earlier start that was cut short.
    async fn node_group(&self) -> Result<Value> {
        let made = self.post("/v2/node", &json!({"hostname": "demo", "type": "cloud_node"})).await;
        if made.is_ok() {
            return made;
        }
        let groups = self.get("/v2/node").await?;
        let found =
            groups.as_array().into_iter().flatten().find(|group| group["hostname"] == "demo").cloned();
        found.context("no node group")
    }

    /// Two applications beside the default one, so that rules and IP lists for some applications only can be tried.
    /// A first start that was cut short may have left them.
    async fn applications(&self, client_id: i64) -> Result<()> {
        for (id, name) in [(1, "Website"), (2, "Mobile API")] {
            let named = json!({"filter": {"clientid": client_id, "id": id}});
            let known = self.post("/v1/objects/pool", &named).await?;
            if known.as_array().is_some_and(Vec::is_empty) {
                let body = json!({"clientid": client_id, "id": id, "name": name});
                self.post("/v1/objects/pool/create", &body).await?;
            }
        }
        Ok(())
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let reply =
            self.http.get(format!("{}{path}", self.base)).header("Cookie", &self.cookie).send().await?;
        let mut answer: Value = reply.error_for_status()?.json().await?;
        answer.get_mut("body").map(Value::take).context("an answer without a body")
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.http.post(format!("{}{path}", self.base)).json(body);
        let reply = request
            .header("Cookie", &self.cookie)
            .header("X-CSRF-Token", &self.csrf)
            .header("Origin", &self.base)
            .send()
            .await?;
        let status = reply.status();
        let mut answer: Value = reply.json().await?;
        anyhow::ensure!(status.is_success(), "{path} answered {status}: {answer}");
        answer.get_mut("body").map(Value::take).context("an answer without a body")
    }
}
