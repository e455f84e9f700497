//! Passwords of users: what they must be, and which they had (`spec/accounts.md` section 3.6).

use bartizan_api::{ApiError, settings::PasswordPolicy};
use bartizan_store::entity;
use serde_json::{Value, json};

use crate::{
    auth::strings,
    failure::Failure,
    secrets::{hash_password, password_weaknesses, verify_password},
};

/// A password that somebody chose, and whom it is for.
pub struct NewPassword<'a> {
    /// The password.
    pub password: &'a str,
    /// Address of the user.
    pub email: &'a str,
    /// Name of the user.
    pub realname: &'a str,
    /// Hashes of former passwords, the present one first.
    pub former: Vec<String>,
}

impl<'a> NewPassword<'a> {
    /// For a user who may have had passwords before.
    #[must_use]
    pub fn of(user: &'a entity::user::Model, password: &'a str) -> NewPassword<'a> {
        NewPassword { password, email: &user.email, realname: &user.realname, former: former(user) }
    }
}

fn former(user: &entity::user::Model) -> Vec<String> {
    let mut former: Vec<String> = user.password_hash.iter().cloned().collect();
    former.extend(user.password_history.as_ref().map(strings).unwrap_or_default());
    former
}

/// Former passwords that are kept at most.
const MOST_FORMER: usize = 24;

/// The history of a user whose password is about to change.
#[must_use]
pub fn remember(user: &entity::user::Model) -> Option<Value> {
    let mut former = former(user);
    former.truncate(MOST_FORMER);
    Some(json!(former))
}

/// Checks a password against the policy and hashes it.
///
/// # Errors
/// 400 `weak password` with what is missing, never the password.
pub async fn new_password(policy: &PasswordPolicy, new: &NewPassword<'_>) -> Result<String, Failure> {
    let weaknesses = password_weaknesses(policy, new.password, new.email, new.realname);
    if !weaknesses.is_empty() {
        return Err(ApiError::invalid("weak password", weaknesses).into());
    }
    // With rotation, going back and forth between two passwords would be none.
    let rotated = if policy.rotation_days.is_some() { 5 } else { 0 };
    let looked_at = usize::try_from(policy.history.max(rotated)).unwrap_or(0);
    for hash in new.former.iter().take(looked_at) {
        if verify_password(new.password.to_owned(), Some(hash.clone())).await {
            return Err(ApiError::invalid("weak password", vec!["used_before"]).into());
        }
    }
    Ok(hash_password(new.password.to_owned()).await.ok_or_else(ApiError::internal)?)
}
