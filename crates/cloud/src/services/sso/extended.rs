//! Extended security of SAML: signed requests, signed and encrypted assertions (`spec/accounts.md` section 6.1).
//!
//! The identity provider must know our certificate before it can encrypt, and people must not be locked out meanwhile.
//! So a key can be made first: then both kinds of assertions are taken, and only when a test sign-in has brought an
//! encrypted one may an active configuration ask for it.

use bartizan_api::{
    ApiError,
    sso::{SamlCertificateCreate, SsoOptions, SsoView},
};
use bartizan_store::{
    clients, entity,
    sea_orm::{ConnectionTrait, DatabaseTransaction},
    tickets,
};
use serde_json::Value;

use super::{
    activation::TESTED_S,
    configured,
    saml::own_keys::{self, OwnKey},
    save,
    sign_in::STATE,
};
use crate::{auth::Caller, failure::Failure, services::session::require_proof, state::Cloud};

/// Days until a new key signs, unless somebody says otherwise; and at most.
const SIGNS_AFTER_DAYS: (i64, i64) = (7, 30);
const DAY_S: i64 = 86_400;

fn of_saml(config: &entity::sso_config::Model) -> Result<(), ApiError> {
    if config.kind == "saml" {
        Ok(())
    } else {
        Err(ApiError::invalid(
            "extended_security is for SAML: set a SAML identity provider up first",
            Value::Null,
        ))
    }
}

/// The key that options need, made before anything is locked: the first time that extended security is turned on.
///
/// # Errors
/// 400 when single sign-on is not by SAML.
pub(super) async fn prepare(
    cloud: &Cloud,
    caller: &Caller,
    config: &entity::sso_config::Model,
    options: &SsoOptions,
) -> Result<Option<OwnKey>, Failure> {
    if options.extended_security != Some(true) || config.extended_security {
        return Ok(None);
    }
    of_saml(config)?;
    if !own_keys::of(config).is_empty() {
        return Ok(None);
    }
    check_tested(cloud, config)?;
    Ok(Some(own_keys::make(cloud, &caller.client.uuid, cloud.now()).await?))
}

/// Sets the option in the configuration that is about to be saved.
///
/// # Errors
/// 400 when single sign-on is not by SAML, or is active and no test brought an encrypted assertion.
pub(super) async fn set(
    cloud: &Cloud,
    caller: &Caller,
    transaction: &DatabaseTransaction,
    config: &mut entity::sso_config::Model,
    asked: Option<bool>,
    made: Option<OwnKey>,
) -> Result<(), Failure> {
    let asked = asked.unwrap_or(config.extended_security);
    if asked == config.extended_security {
        return Ok(());
    }
    config.extended_security = asked;
    if !asked {
        return Ok(());
    }
    of_saml(config)?;
    check_tested(cloud, config)?;
    if own_keys::of(config).is_empty() {
        let made =
            made.ok_or_else(|| ApiError::invalid("single sign-on was changed just now: try again", true))?;
        config.saml_keys = own_keys::stored(&[made]);
    }
    // What a test proved without encryption is not enough any more.
    config.tested_at = config.tested_encrypted_at;
    if config.state != "active" && config.tested_at.is_none() {
        config.state = "draft".to_owned();
    }
    // A response that was believed without encryption does not end in a session now.
    tickets::delete_of_client(transaction, caller.tenant_of(None)?, STATE).await?;
    Ok(())
}

/// Whether people get in once assertions must be encrypted.
fn check_tested(cloud: &Cloud, config: &entity::sso_config::Model) -> Result<(), ApiError> {
    let tested = config.tested_encrypted_at.is_some_and(|at| at + TESTED_S > cloud.now());
    if config.state != "active" || tested {
        return Ok(());
    }
    let error = "extended_security: single sign-on is active, so make a certificate (POST /v1/sso/saml/certificate), \
                 give it to the identity provider, and let a test sign-in with an encrypted assertion succeed first";
    Err(ApiError::invalid(error, true))
}

/// Makes a key of our own for SAML. The one that signs now goes on until the day that the new one does, and decrypts
/// for [`own_keys::OLD_DECRYPTS_S`] more, unless it is replaced. Every other that still decrypts stays, too.
///
/// # Errors
/// 403 without a fresh proof of the password, 400 for invalid fields, when single sign-on is not by SAML, or when there
/// are as many keys as there may be.
pub async fn make_certificate(
    cloud: &Cloud,
    caller: &Caller,
    proof: &str,
    request: &SamlCertificateCreate,
) -> Result<SsoView, Failure> {
    let (usual, most) = SIGNS_AFTER_DAYS;
    let days = request.signs_after_days.unwrap_or(if request.replace { 0 } else { usual });
    if !(0..=most).contains(&days) {
        return Err(ApiError::invalid(format!("signs_after_days must be 0 to {most}"), days).into());
    }
    if request.replace && days > 0 {
        let error = "signs_after_days must be 0 with replace: no key would sign until then";
        return Err(ApiError::invalid(error, days).into());
    }
    let config = saml_of(cloud.store.reader(), caller).await?;
    require_proof(cloud, caller, proof).await?;
    let now = cloud.now();
    let check_room = |config: &entity::sso_config::Model| {
        if request.replace { Ok(()) } else { own_keys::check_room(&own_keys::of(config), now) }
    };
    check_room(&config)?;
    let mut made = own_keys::make(cloud, &caller.client.uuid, now + days * DAY_S).await?;
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, caller.tenant_of(None)?).await?;
    let before = saml_of(&transaction, caller).await?;
    check_room(&before)?;
    let own = own_keys::of(&before);
    if own.is_empty() {
        made.signs_from = now;
    }
    let own = own_keys::followed(&own, made, now, request.replace);
    let mut after = entity::sso_config::Model { saml_keys: own_keys::stored(&own), ..before.clone() };
    if request.replace {
        // The identity provider encrypted for the old one.
        after.tested_encrypted_at = None;
    }
    save(cloud, caller, transaction, Some(&before), after).await
}

async fn saml_of<C: ConnectionTrait>(
    connection: &C,
    caller: &Caller,
) -> Result<entity::sso_config::Model, Failure> {
    let config = configured(connection, caller.tenant_of(None)?).await?;
    of_saml(&config)?;
    Ok(config)
}
