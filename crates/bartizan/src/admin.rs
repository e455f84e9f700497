//! `bartizan admin`: work on a cloud's database from its own machine.
//!
//! Passwords are read from standard input or made up and printed once; they never appear in arguments.

use std::{io::Read, path::PathBuf};

use bartizan_api::{Grant, Permission, Role, settings::PasswordPolicy};
use bartizan_cloud::{
    Cloud, CloudConfig,
    secrets::{Secret, hash_password, password_weaknesses},
    server,
    services::{
        activity::{self, Change},
        clients, event_check,
        provision::{NewUser, create_client, create_partner, create_user},
        users,
    },
};
use bartizan_store::{
    StoreError, TenantId,
    sea_orm::{ActiveValue::Set, ConnectionTrait, IntoActiveModel},
};
use clap::{Parser, Subcommand};

use crate::{
    cloud::start_failure,
    outcome::{Failure, chain},
    output::{print, print_once},
};

mod activity_log;
mod configuration;

#[derive(Parser)]
pub(crate) struct Args {
    /// Configuration file of the cloud.
    #[arg(long, global = true, default_value = "cloud.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a tenant of its own.
    CreateClient {
        /// Name.
        #[arg(long)]
        name: String,
        /// Make it the home of global users, who make and administer tenants below it.
        #[arg(long)]
        technical: bool,
    },
    /// Bring a deleted tenant back, disabled, within 30 days.
    RestoreClient {
        /// Id of the tenant.
        #[arg(long)]
        client: i64,
    },
    /// Make a user; prints the password unless it is given on standard input.
    CreateUser {
        /// Id of the tenant.
        #[arg(long)]
        client: i64,
        /// E-mail address.
        #[arg(long)]
        email: String,
        /// Name.
        #[arg(long, default_value = "")]
        name: String,
        /// Role: admin, analytic, auditor, …; those of several tenants in a technical tenant only.
        #[arg(long, default_value = "admin")]
        role: String,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Make an API token; printed once.
    CreateToken {
        /// E-mail address of the owner.
        #[arg(long)]
        email: String,
        /// Name of the token.
        #[arg(long)]
        name: String,
    },
    /// Make a token that writes plans and subscriptions through the API; printed once.
    CreateOperatorToken {
        /// Id of the tenant that the token is listed with.
        #[arg(long)]
        client: i64,
        /// Name of the token.
        #[arg(long)]
        name: String,
    },
    /// Give a user a new password and end all sessions; prints it unless it is given on standard input.
    ResetPassword {
        /// E-mail address.
        #[arg(long)]
        email: String,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Copy the embedded database and its keys into a folder, while the cloud runs.
    Backup {
        /// Folder to make; must not exist.
        #[arg(long)]
        to: PathBuf,
    },
    /// Put a backup back; the cloud must not run.
    Restore {
        /// Folder that `backup` made.
        #[arg(long)]
        from: PathBuf,
    },
    /// Write the configuration of a tenant to a file; the cloud may run.
    ExportConfig {
        /// Id of the tenant.
        #[arg(long)]
        client: i64,
        /// File; standard output without it.
        #[arg(long)]
        to: Option<PathBuf>,
        /// Write secrets of integrations and specifications as they are, not masked.
        #[arg(long)]
        with_secrets: bool,
    },
    /// Make the configuration of a tenant what a file says, all of it or nothing; the cloud may run.
    ImportConfig {
        /// Id of the tenant.
        #[arg(long)]
        client: i64,
        /// File that `export-config` or the API made.
        #[arg(long)]
        from: PathBuf,
        /// Check and compare only.
        #[arg(long)]
        dry_run: bool,
    },
    /// Bring the database schema up to date and exit.
    Migrate,
    /// Build the event index anew from the database; the cloud must not run.
    Reindex,
    /// Check that counters of attacks agree with their hits, and that nothing of an event is missing; the cloud may run.
    CheckEvents {
        /// Compare the event index with the database, too; the cloud must not run.
        #[arg(long)]
        index: bool,
    },
    /// Check that nobody changed, removed or slipped in entries of the activity log; the cloud may run.
    CheckActivity {
        /// File with the newest entries of the last check, which are looked for; written anew when all is well.
        #[arg(long)]
        witness: Option<PathBuf>,
    },
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let config = CloudConfig::load(&args.config).map_err(Failure::usage)?;
    if let Command::Restore { from } = &args.command {
        return restore(&config, from);
    }
    let cloud = server::open(config).await.map_err(|error| start_failure(&error))?;
    let result = execute(&cloud, args.command).await;
    cloud.store.clone().close().await;
    result
}

async fn execute(cloud: &Cloud, command: Command) -> Result<(), Failure> {
    match command {
        Command::CreateClient { name, technical } => new_client(cloud, &name, technical).await,
        Command::RestoreClient { client } => restore_client(cloud, client).await,
        Command::CreateUser { client, email, name, role, password_stdin } => {
            new_user(cloud, client, &email, &name, &role, password_stdin).await
        }
        Command::CreateToken { email, name } => new_token(cloud, &email, &name).await,
        Command::CreateOperatorToken { client, name } => new_operator_token(cloud, client, &name).await,
        Command::ResetPassword { email, password_stdin } => {
            reset_password(cloud, &email, password_stdin).await
        }
        Command::Backup { to } => backup(cloud, &to).await,
        Command::ExportConfig { client, to, with_secrets } => {
            configuration::to_file(cloud, client, to.as_deref(), with_secrets).await
        }
        Command::ImportConfig { client, from, dry_run } => {
            configuration::from_file(cloud, client, &from, dry_run).await
        }
        Command::Migrate => print("the database schema is up to date"),
        Command::Reindex => reindex(cloud).await,
        Command::CheckEvents { index } => check_events(cloud, index).await,
        Command::CheckActivity { witness } => activity_log::check(cloud, witness.as_deref()).await,
        // Handled before the database is opened.
        Command::Restore { .. } => Ok(()),
    }
}

fn store_failure(error: StoreError) -> Failure {
    match error {
        StoreError::Duplicate => Failure::usage("already exists"),
        other => Failure::fault(chain(&other)),
    }
}

async fn restore_client(cloud: &Cloud, client: i64) -> Result<(), Failure> {
    let restored = clients::restore(cloud, client).await;
    let row = restored.map_err(|failure| Failure::usage(format!("client {client}: {}", failure.0.body)))?;
    print(format_args!("client {} ({}) is back, disabled", row.id, row.name))
}

async fn new_client(cloud: &Cloud, name: &str, technical: bool) -> Result<(), Failure> {
    let transaction = cloud.store.begin().await.map_err(store_failure)?;
    let partner = create_partner(&transaction).await.map_err(store_failure)?;
    let client =
        create_client(&transaction, partner.id, name, technical, cloud.now()).await.map_err(store_failure)?;
    log(cloud, &transaction, client.id, change("client", "create", client.id, &client.name)).await?;
    transaction.commit().await.map_err(|error| store_failure(error.into()))?;
    print(format_args!("client {} ({})", client.id, client.name))
}

async fn new_user(
    cloud: &Cloud,
    client: i64,
    email: &str,
    name: &str,
    role: &str,
    from_stdin: bool,
) -> Result<(), Failure> {
    let known = cloud.store.identify_client(client).await.map_err(store_failure)?;
    let known = known.ok_or_else(|| Failure::usage(format!("there is no client {client}")))?;
    let grant = Grant::parse(&[role]).map_err(|_| Failure::usage(format!("{role} is not a role")))?;
    if grant.is_global() && !known.is_technical {
        return Err(Failure::usage(format!("{role} needs a client made with --technical")));
    }
    let (password, made) = password(from_stdin, email)?;
    let hash = hash_password(password.clone())
        .await
        .ok_or_else(|| Failure::fault("the password cannot be hashed"))?;
    let realname = if name.is_empty() { email } else { name };
    let mut user = NewUser::by_system(client, email, realname, Role::Admin, hash);
    user.permissions = vec![role.to_owned()];
    let transaction = cloud.store.begin().await.map_err(store_failure)?;
    let user = create_user(&transaction, user, cloud.now()).await.map_err(store_failure)?;
    log(cloud, &transaction, client, users::made(&user)).await?;
    transaction.commit().await.map_err(|error| store_failure(error.into()))?;
    print(format_args!("user {} ({})", user.id, user.email))?;
    if made {
        print_once(format_args!("password {password}"))?;
    }
    Ok(())
}

/// The password on standard input, or a made-up one (true).
fn password(from_stdin: bool, email: &str) -> Result<(String, bool), Failure> {
    if !from_stdin {
        return Ok((crate::demo::credentials::random_password(), true));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(Failure::fault)?;
    let text = text.trim_end_matches(['\n', '\r']).to_owned();
    let weaknesses = password_weaknesses(&PasswordPolicy::default(), &text, email, email);
    if weaknesses.is_empty() {
        Ok((text, false))
    } else {
        Err(Failure::usage(format!("weak password: {}", weaknesses.join(", "))))
    }
}

async fn user_of(cloud: &Cloud, email: &str) -> Result<bartizan_store::entity::user::Model, Failure> {
    let user = cloud.store.identify_user_by_email(&email.to_lowercase()).await.map_err(store_failure)?;
    user.ok_or_else(|| Failure::usage(format!("there is no user {email}")))
}

/// Notes what the operator did in the activity log of a tenant.
async fn log<C: ConnectionTrait>(
    cloud: &Cloud,
    connection: &C,
    client: i64,
    change: Change<'_>,
) -> Result<(), Failure> {
    let noted = activity::log_by_operator(connection, TenantId(client), cloud.now(), change).await;
    noted.map_err(|failure| Failure::fault(failure.0.body))
}

fn change(object_type: &'static str, action: &'static str, id: i64, name: &str) -> Change<'static> {
    Change {
        object_type,
        action,
        object_id: id.to_string(),
        object_name: name.to_owned(),
        before: None,
        after: None,
    }
}

async fn reset_password(cloud: &Cloud, email: &str, from_stdin: bool) -> Result<(), Failure> {
    let user = user_of(cloud, email).await?;
    let (password, made) = password(from_stdin, email)?;
    let hash = hash_password(password.clone())
        .await
        .ok_or_else(|| Failure::fault("the password cannot be hashed"))?;
    let (tenant, id) = (TenantId(user.client_id), user.id);
    let mut row = user.into_active_model();
    row.password_hash = Set(Some(hash));
    row.password_changed = Set(cloud.now());
    row.validated = Set(true);
    cloud.store.update_user_row(tenant, row).await.map_err(store_failure)?;
    cloud.store.delete_user_sessions(tenant, id, None).await.map_err(store_failure)?;
    log(cloud, cloud.store.writer(), tenant.0, change("user", "update", id, email)).await?;
    print(format_args!("the password of {email} was changed, all sessions ended"))?;
    if made {
        print_once(format_args!("password {password}"))?;
    }
    Ok(())
}

async fn new_token(cloud: &Cloud, email: &str, name: &str) -> Result<(), Failure> {
    let user = user_of(cloud, email).await?;
    insert_token(cloud, user.client_id, Some(user.id), name, user.permissions).await
}

async fn new_operator_token(cloud: &Cloud, client: i64, name: &str) -> Result<(), Failure> {
    let known = cloud.store.identify_client(client).await.map_err(store_failure)?;
    known.ok_or_else(|| Failure::usage(format!("there is no client {client}")))?;
    let rights = [Permission::ViewLicense, Permission::UpdateLicense].map(Permission::code);
    insert_token(cloud, client, None, name, serde_json::json!(rights)).await
}

/// Makes an API token, of a user or shared, and prints it.
async fn insert_token(
    cloud: &Cloud,
    client_id: i64,
    user_id: Option<i64>,
    name: &str,
    permissions: serde_json::Value,
) -> Result<(), Failure> {
    use bartizan_store::{
        entity::api_token,
        sea_orm::{ActiveModelTrait, ActiveValue::NotSet},
    };
    let (secret, now) = (Secret::random(), cloud.now());
    let (token, uuid) = secret.new_token();
    let mut row = api_token::Model {
        id: 0,
        uuid,
        client_id,
        user_id,
        name: name.to_owned(),
        kind: if user_id.is_some() { "personal" } else { "shared" }.to_owned(),
        usage: "api".to_owned(),
        permissions,
        enabled: true,
        expires_at: None,
        disabled_at: None,
        created_at: now,
        generated_at: now,
        last_used_at: None,
        last_used_ip: None,
        secret_mac: secret.mac(&cloud.keys),
        sealed: None,
        client_ids: None,
        notified_at: None,
        masked: format!("{}*****", token.get(..5).unwrap_or_default()),
    }
    .into_active_model();
    row.id = NotSet;
    let row = row.insert(cloud.store.writer()).await.map_err(|error| store_failure(error.into()))?;
    print_once(format_args!("token {} ({name})\n{token}", row.id))
}

async fn backup(cloud: &Cloud, to: &std::path::Path) -> Result<(), Failure> {
    if !cloud.config.database_url().starts_with("sqlite:") {
        return Err(Failure::usage(
            "only the embedded database is copied here; use pg_dump for PostgreSQL, and keep keys.toml with it",
        ));
    }
    std::fs::create_dir(to)
        .map_err(|error| Failure::usage(format!("{} cannot be made: {error}", to.display())))?;
    let target = to.join("bartizan.db");
    let text = target
        .to_str()
        .filter(|text| !text.contains('\''))
        .ok_or_else(|| Failure::usage("the folder's name cannot hold quotes"))?;
    // VACUUM INTO is a consistent copy while others write; it takes no bound parameters.
    cloud
        .store
        .reader()
        .execute_unprepared(&format!("VACUUM INTO '{text}'"))
        .await
        .map_err(|error| store_failure(error.into()))?;
    std::fs::copy(cloud.config.data_dir.join("keys.toml"), to.join("keys.toml")).map_err(Failure::fault)?;
    print(to.display())
}

fn restore(config: &CloudConfig, from: &std::path::Path) -> Result<(), Failure> {
    if !config.database_url().starts_with("sqlite:") {
        return Err(Failure::usage(
            "only the embedded database is restored here; use pg_restore for PostgreSQL",
        ));
    }
    let target = config.data_dir.join("bartizan.db");
    if target.exists() {
        return Err(Failure::usage(format!("{} exists; move it away first", target.display())));
    }
    std::fs::create_dir_all(&config.data_dir).map_err(Failure::usage)?;
    for name in ["keys.toml", "bartizan.db"] {
        let source = from.join(name);
        std::fs::copy(&source, config.data_dir.join(name))
            .map_err(|error| Failure::usage(format!("{} cannot be restored: {error}", source.display())))?;
    }
    print(format_args!("restored into {}", config.data_dir.display()))
}

async fn reindex(cloud: &Cloud) -> Result<(), Failure> {
    let rows = cloud.event_index.rebuild().await.map_err(|error| Failure::fault(chain(error.as_ref())))?;
    cloud.event_index.close().await;
    print(format_args!("the event index is built: {rows} hits"))
}

/// Prints a line per tenant and one per fault; a fault is a failure.
async fn check_events(cloud: &Cloud, with_index: bool) -> Result<(), Failure> {
    let found = event_check::check(cloud, with_index).await.map_err(|failure| Failure::fault(&failure.0))?;
    if with_index {
        cloud.event_index.close().await;
    }
    let mut faults = 0;
    for tenant in found {
        let verdict = if tenant.faults.is_empty() { "consistent" } else { "NOT consistent" };
        print(format_args!(
            "client {}: {} attacks, {} hits: {verdict}",
            tenant.tenant.0, tenant.attacks, tenant.hits
        ))?;
        for fault in tenant.faults {
            faults += 1;
            let rows: Vec<String> = fault.rows.iter().map(ToString::to_string).collect();
            print(format_args!("  {}: rows {}", fault.what, rows.join(", ")))?;
        }
    }
    if faults == 0 { Ok(()) } else { Err(Failure::fault("the events are not consistent")) }
}
