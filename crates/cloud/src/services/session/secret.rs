//! The secret of a user: its renewal (`spec/accounts.md` section 2.3).

use bartizan_api::{ApiError, session::RenewedView};
use bartizan_store::{
    TenantId, entity,
    sea_orm::{ActiveValue::Set, IntoActiveModel},
    sessions,
};
use uuid::Uuid;

use super::{confirmed_user, has_password};
use crate::{
    auth::Caller,
    failure::Failure,
    secrets::Secret,
    services::activity::{self, Change},
    state::Cloud,
};

/// Makes a new secret for the caller; the old one is dead when this returns.
///
/// # Errors
/// 403 `Invalid password`, 429.
pub async fn renew_secret(
    cloud: &Cloud,
    caller: &Caller,
    password: &str,
    otp: Option<&str>,
) -> Result<RenewedView, Failure> {
    has_password(caller)?;
    let user = confirmed_user(cloud, caller, password, Some(otp.unwrap_or_default())).await?;
    give_secret(cloud, caller, user).await
}

/// Gives a user a new secret; the old one is dead when this returns.
///
/// # Errors
/// 500 when the store fails.
pub(in crate::services) async fn give_secret(
    cloud: &Cloud,
    caller: &Caller,
    user: entity::user::Model,
) -> Result<RenewedView, Failure> {
    let secret = Secret::random();
    let (tenant, uuid) = (TenantId(user.client_id), user.uuid.clone());
    let entry = Change {
        object_type: "secret_key",
        action: "update",
        object_id: user.id.to_string(),
        object_name: user.email.clone(),
        before: None,
        after: None,
    };
    let mut change = user.into_active_model();
    change.secret_mac = Set(Some(secret.mac(&cloud.keys)));
    change.secret_created_at = Set(Some(cloud.now()));
    change.secret_last_used_at = Set(None);
    change.secret_last_used_ip = Set(None);
    let transaction = cloud.store.begin().await?;
    sessions::update_user(&transaction, tenant, change).await?;
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    transaction.commit().await?;
    let token = secret.token(Uuid::parse_str(&uuid).map_err(|_| ApiError::internal())?);
    Ok(RenewedView { uuid, secret: secret.hex(), token })
}
