//! UUID and secret of a user in token form, among the API tokens (`spec/accounts.md` section 2.3).
//!
//! It is no row of its own but there while the user has a secret, with the rights of the user and nothing to set. Its id is
//! the user's with a minus before it. To renew it is to renew the secret, to delete it is to end the secret.

use bartizan_api::{
    ApiError, Grant, Permission,
    api_token::{ApiTokenSecretView, ApiTokenView},
    filter::{Condition, Filter, Test},
};
use bartizan_store::{TenantId, api_tokens::Visible, entity, users};

use super::in_session;
use crate::{
    auth::Caller,
    failure::Failure,
    services::{account, grants, session, users::grant_of},
    state::Cloud,
};

/// Users whose tokens are listed at most.
const MOST_LISTED: u64 = 10_000;

/// The user whose token an id names, if it names one of these.
pub(super) fn user_of(id: i64) -> Option<i64> {
    (id < 0).then(|| id.saturating_neg())
}

/// The token of a user.
fn view(user: &entity::user::Model) -> ApiTokenView {
    let grant = grant_of(user);
    let mut actual: Vec<String> =
        grant.permissions().into_iter().map(|permission| permission.code().to_owned()).collect();
    actual.sort();
    let created = user.secret_created_at.unwrap_or(user.created_at);
    ApiTokenView {
        id: -user.id,
        uuid: user.uuid.clone(),
        client_id: user.client_id,
        user_id: Some(user.id),
        name: "Backward-compatible token".to_owned(),
        token_type: "personal".to_owned(),
        kind: "backward_compatible".to_owned(),
        usage: "api".to_owned(),
        role: match &grant {
            Grant::Role(role) => Some(role.code().to_owned()),
            Grant::Custom(_) => None,
        },
        permissions: grant.strings(),
        actual_permissions: actual,
        // A user of an identity provider cannot use it.
        enabled: user.enabled && user.auth_method.is_none(),
        expires_at: None,
        disabled_at: None,
        delete_at: None,
        created_at: created,
        generated_at: created,
        last_used_at: user.secret_last_used_at,
        last_used_ip: user.secret_last_used_ip.clone(),
        client_ids: None,
        token_masked: "*****".to_owned(),
    }
}

/// Those that a filter selects, by user.
///
/// # Errors
/// 500 when the store fails.
pub(super) async fn list(
    cloud: &Cloud,
    caller: &Caller,
    visible: Visible,
    filter: &Filter,
) -> Result<Vec<ApiTokenView>, Failure> {
    let only = match visible {
        Visible::All => None,
        Visible::OwnedBy(user) => Some(user),
    };
    let holders = users::with_secret(cloud.store.reader(), &caller.tenants, only, MOST_LISTED).await?;
    Ok(holders.iter().map(view).filter(|view| selects(filter, view)).collect())
}

fn selects(filter: &Filter, view: &ApiTokenView) -> bool {
    filter.clauses.is_empty()
        || filter.clauses.iter().any(|clause| clause.iter().all(|asked| holds(asked, view)))
}

fn holds(asked: &Condition, view: &ApiTokenView) -> bool {
    let number = match asked.field {
        "id" => Some(view.id),
        "client_id" => Some(view.client_id),
        "user_id" => view.user_id,
        _ => None,
    };
    let text = match asked.field {
        "type" => view.token_type.as_str(),
        "usage" => view.usage.as_str(),
        _ => "",
    };
    let passes = match &asked.test {
        Test::Ints(values, ranges) => number.is_some_and(|number| {
            let within = |range: &bartizan_api::filter::Range| {
                range.from.is_none_or(|from| from <= number) && range.to.is_none_or(|to| number <= to)
            };
            values.contains(&number) || ranges.iter().any(within)
        }),
        Test::Texts(texts) => texts.iter().any(|wanted| wanted == text),
        Test::Bool(flag) => asked.field == "enabled" && *flag == view.enabled,
        _ => false,
    };
    passes != asked.negated
}

/// What it takes to do something to one of these tokens.
struct Rights {
    /// To that of somebody else.
    of_others: Permission,
    /// To that of the caller, for a key: a session needs none.
    own_by_key: Permission,
}

const VIEW: Rights =
    Rights { of_others: Permission::ViewSharedApiToken, own_by_key: Permission::ViewApiToken };
/// To delete it is to end UUID and secret, which takes the right to them.
const DELETE: Rights =
    Rights { of_others: Permission::DeleteSharedApiToken, own_by_key: Permission::UpdateCredentials };

/// The user of a token that the caller may do something to.
async fn holder(
    cloud: &Cloud,
    caller: &Caller,
    id: i64,
    rights: &Rights,
) -> Result<entity::user::Model, Failure> {
    let absent = || ApiError::not_found("api token", id);
    let user = cloud.store.identify_user(user_of(id).unwrap_or(0)).await?.ok_or_else(absent)?;
    caller.tenant_of(Some(user.client_id))?;
    if user.id != caller.user_id() {
        caller.require(rights.of_others)?;
        grants::may_manage(caller, &grant_of(&user))?;
    } else if !in_session(caller) {
        caller.require(rights.own_by_key)?;
    }
    if user.secret_mac.is_none() {
        return Err(absent().into());
    }
    Ok(user)
}

/// One of them.
///
/// # Errors
/// 404 when the user has no secret, 403 for another's.
pub(super) async fn find(cloud: &Cloud, caller: &Caller, id: i64) -> Result<ApiTokenView, Failure> {
    Ok(view(&holder(cloud, caller, id, &VIEW).await?))
}

/// Refuses a change: there is nothing to set.
///
/// # Errors
/// 400, or as [`find`].
pub(super) async fn refuse_change(cloud: &Cloud, caller: &Caller, id: i64) -> Result<ApiTokenView, Failure> {
    find(cloud, caller, id).await?;
    Err(ApiError::invalid("the backward-compatible token cannot be changed", id).into())
}

/// Renews the secret of the caller, who proved the password lately.
///
/// # Errors
/// 404 without a secret, 403 for another's and without the proof.
pub(super) async fn renew(
    cloud: &Cloud,
    caller: &Caller,
    id: i64,
    proof: &str,
) -> Result<ApiTokenSecretView, Failure> {
    let user = holder(cloud, caller, id, &VIEW).await?;
    if user.id != caller.user_id() {
        return Err(ApiError::access_denied().into());
    }
    session::has_password(caller)?;
    session::require_proof(cloud, caller, proof).await?;
    let tenant = TenantId(user.client_id);
    let token = session::give_secret(cloud, caller, user).await?.token;
    let user = users::find(cloud.store.reader(), tenant, user_of(id).unwrap_or(0)).await?;
    Ok(ApiTokenSecretView { properties: view(&user.ok_or_else(ApiError::access_denied)?), token })
}

/// Ends the secret of a user.
///
/// # Errors
/// 404 without a secret, 403 for rights.
pub(super) async fn delete(cloud: &Cloud, caller: &Caller, id: i64) -> Result<ApiTokenView, Failure> {
    let user = holder(cloud, caller, id, &DELETE).await?;
    let gone = view(&user);
    account::end_secret(cloud, caller, user).await?;
    Ok(gone)
}
