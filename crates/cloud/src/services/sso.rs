//! Single sign-on of tenants (`spec/accounts.md` section 6): what it means for accounts.

use bartizan_store::{TenantId, sso};

use crate::{failure::Failure, state::Cloud};

/// The kind of single sign-on that new users of a tenant get instead of a password: only when it is active and
/// everybody must use it.
///
/// # Errors
/// 500 when the store fails.
pub async fn replaces_password(cloud: &Cloud, tenant: TenantId) -> Result<Option<String>, Failure> {
    let config = sso::find(cloud.store.reader(), tenant).await?;
    let active = config.filter(|config| config.state == "active" && (config.strict || config.provisioning));
    Ok(active.map(|config| config.kind))
}
