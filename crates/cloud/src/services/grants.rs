//! Who may hand out which rights (`spec/accounts.md` section 3.3): never more than one's own.

use bartizan_api::{ApiError, Grant, Permission, Role};
use bartizan_store::entity;

use crate::auth::Caller;

/// Names that are roles in the log and on nodes but that nobody can be given.
const NEVER_ASSIGNABLE: &[&str] = &["superadmin", "node"];

/// Parses the grant that a request asks for.
///
/// # Errors
/// 403 for what is never assignable, 400 for what is not a grant.
pub fn parse(permissions: &[String]) -> Result<Grant, ApiError> {
    if permissions.iter().any(|text| NEVER_ASSIGNABLE.contains(&text.as_str())) {
        return Err(ApiError::access_denied());
    }
    Grant::parse(permissions).map_err(|error| ApiError::invalid(error.to_string(), permissions.to_vec()))
}

/// Refuses to grant more than the caller holds. Rights over several tenants are given by global
/// administrators only, and only in the technical tenant.
///
/// # Errors
/// 403 `Access denied`.
pub fn may_grant(caller: &Caller, grant: &Grant, client: &entity::client::Model) -> Result<(), ApiError> {
    may_manage(caller, grant)?;
    if grant.is_global() && !client.is_technical { Err(ApiError::access_denied()) } else { Ok(()) }
}

/// Refuses to act on an account with more rights than the caller's: setting its password would be a way to
/// those rights.
///
/// # Errors
/// 403 `Access denied`.
pub fn may_manage(caller: &Caller, grant: &Grant) -> Result<(), ApiError> {
    let covered = grant.permissions().is_subset(&caller.permissions);
    if covered && (!grant.is_global() || caller.may(Permission::CreateTenant)) {
        Ok(())
    } else {
        Err(ApiError::access_denied())
    }
}

/// Whether the holder can do all that an administrator can.
#[must_use]
pub fn is_administrator(grant: &Grant) -> bool {
    Role::Admin.permissions().is_subset(&grant.permissions())
}
