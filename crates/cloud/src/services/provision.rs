//! Making tenants and users: the one place that knows what a new one starts with.
//!
//! Used by the API, by `bartizan admin` and by the demo.

use bartizan_api::Role;
use bartizan_store::{
    StoreError, TenantId, entity,
    sea_orm::{ActiveModelTrait, ActiveValue::NotSet, ConnectionTrait, IntoActiveModel},
    triggers,
};
use serde_json::json;
use uuid::Uuid;

use super::user_view::default_profile;

/// SHA-256 hex of the empty condition set: the default branch.
pub const DEFAULT_BRANCH_HASH: &str = "5b8b61bd5ed79de9b3d130436a1e5a63ec663e224557ccb981bbb491a891b4dc";

/// What a new user is made of.
pub struct NewUser {
    /// Tenant.
    pub client_id: i64,
    /// Address, lower case.
    pub email: String,
    /// Name.
    pub realname: String,
    /// Grant strings, already validated.
    pub permissions: Vec<String>,
    /// Argon2id hash; none is an invitation.
    pub password_hash: Option<String>,
    /// Creating user, 0 is the system.
    pub create_by: i64,
    /// Address of the creator.
    pub create_from: String,
}

impl NewUser {
    /// A user made by the system.
    #[must_use]
    pub fn by_system(
        client_id: i64,
        email: &str,
        realname: &str,
        role: Role,
        password_hash: String,
    ) -> NewUser {
        NewUser {
            client_id,
            email: email.to_lowercase(),
            realname: realname.to_owned(),
            permissions: vec![role.code().to_owned()],
            password_hash: Some(password_hash),
            create_by: 0,
            create_from: "127.0.0.1".to_owned(),
        }
    }
}

/// Inserts a global account with its own UUID.
///
/// # Errors
/// [`StoreError`].
pub async fn create_partner<C: ConnectionTrait>(
    connection: &C,
) -> Result<entity::partner::Model, StoreError> {
    let mut row = entity::partner::Model { id: 0, uuid: Uuid::new_v4().to_string() }.into_active_model();
    row.id = NotSet;
    Ok(row.insert(connection).await?)
}

/// Inserts a tenant with everything it starts with: default application, default branch with its filtration
/// mode, configuration versions.
///
/// # Errors
/// [`StoreError::Duplicate`] when the partner has a tenant of this name.
pub async fn create_client<C: ConnectionTrait>(
    connection: &C,
    partner_id: i64,
    name: &str,
    is_technical: bool,
    now: i64,
) -> Result<entity::client::Model, StoreError> {
    let client = insert_client(connection, partner_id, name, is_technical, now).await?;
    let pool =
        entity::pool::Model { client_id: client.id, id: -1, name: "default".to_owned(), deleted: false };
    pool.into_active_model().insert(connection).await?;
    let versions = entity::config_version::Model {
        client_id: client.id,
        seq: 1,
        ruleset_version: 1,
        ruleset_updated_at: now,
        lists_seq: 1,
    };
    versions.into_active_model().insert(connection).await?;
    insert_default_branch(connection, client.id, now).await?;
    triggers::insert_default(connection, TenantId(client.id), now).await?;
    Ok(client)
}

async fn insert_client<C: ConnectionTrait>(
    connection: &C,
    partner_id: i64,
    name: &str,
    is_technical: bool,
    now: i64,
) -> Result<entity::client::Model, StoreError> {
    let mut row = entity::client::Model {
        id: 0,
        uuid: Uuid::new_v4().to_string(),
        partner_id,
        name: name.to_owned(),
        enabled: true,
        is_technical,
        vuln_prefix: vuln_prefix(name),
        language: "en".to_owned(),
        date_format: "ddmmyy".to_owned(),
        attack_rechecker_mode: "off".to_owned(),
        vuln_rechecker_mode: "off".to_owned(),
        notifications: super::clients::notifications(&json!({})),
        created_at: now,
        deleted_at: None,
    }
    .into_active_model();
    row.id = NotSet;
    row.insert(connection).await.map_err(StoreError::of_insert)
}

async fn insert_default_branch<C: ConnectionTrait>(
    connection: &C,
    client_id: i64,
    now: i64,
) -> Result<(), StoreError> {
    let mut action = entity::action::Model {
        id: 0,
        client_id,
        conditions: json!([]),
        conditions_hash: DEFAULT_BRANCH_HASH.to_owned(),
        name: None,
        updated_at: now,
    }
    .into_active_model();
    action.id = NotSet;
    let action = action.insert(connection).await?;
    let mut hint = entity::hint::Model {
        id: 0,
        client_id,
        action_id: action.id,
        kind: "wallarm_mode".to_owned(),
        fields: json!({"mode": "default"}),
        point_hash: None,
        regex_id: None,
        system: false,
        active: true,
        validated: false,
        variativity_disabled: true,
        comment: None,
        title: None,
        set_name: None,
        uuid: Uuid::new_v4().to_string(),
        group_uuid: Uuid::new_v4().to_string(),
        created_at: now,
        create_userid: 0,
        updated_at: now,
        expires_at: None,
    }
    .into_active_model();
    hint.id = NotSet;
    hint.insert(connection).await?;
    Ok(())
}

/// Four letters or digits of the name, padded with `X`.
fn vuln_prefix(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase());
    letters.chain(std::iter::repeat('X')).take(4).collect()
}

/// Inserts a user.
///
/// # Errors
/// [`StoreError::Duplicate`] when the address is taken, anywhere in the cloud.
pub async fn create_user<C: ConnectionTrait>(
    connection: &C,
    new: NewUser,
    now: i64,
) -> Result<entity::user::Model, StoreError> {
    let with_password = new.password_hash.is_some();
    let mut row = entity::user::Model {
        id: 0,
        uuid: Uuid::new_v4().to_string(),
        client_id: new.client_id,
        email: new.email,
        realname: new.realname,
        phone: None,
        job_title: None,
        permissions: json!(new.permissions),
        enabled: true,
        validated: with_password,
        password_hash: new.password_hash,
        password_changed: if with_password { now } else { 0 },
        create_by: new.create_by,
        created_at: now,
        create_from: new.create_from,
        profile: default_profile(),
        login_history: json!([]),
        last_login_time: None,
        secret_mac: None,
        secret_created_at: None,
        secret_last_used_at: None,
        secret_last_used_ip: None,
        mfa_sealed: None,
        mfa_step: 0,
        mfa_recovery: None,
        auth_method: None,
        sso_subject: None,
        sso_groups: None,
        sso_seen_at: None,
        sso_disabled_by: None,
        scim_external_id: None,
        sso_managed: false,
        api_access: false,
        is_fallback: false,
        password_history: None,
    }
    .into_active_model();
    row.id = NotSet;
    row.insert(connection).await.map_err(StoreError::of_insert)
}
