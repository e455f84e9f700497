//! Single sign-on (`spec/accounts.md` section 6.5).

use axum::{
    Extension,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bartizan_api::{
    ApiError, Empty, Envelope,
    sso::{
        GroupMapping, LdapSettings, LdapTest, OidcCallback, OidcSettings, SamlAnswer, SamlCertificateCreate,
        SamlForm, SamlSettings, SsoLoginQuery, SsoOptions, SsoTestLink, SsoTestView, SsoView, UserSwitch,
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{Caller, Origin, session::set_cookie},
    extract::{Body, NoFields, Path, RackQuery, whole},
    failure::Failure,
    services::sso::{
        self, activation,
        admission::Refused,
        extended, ldap, oidc, saml, settings,
        sign_in::{self, Finished},
        switching,
    },
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(sso_view, sso_update, sso_delete))
        .routes(routes!(sso_oidc_update))
        .routes(routes!(sso_saml_update))
        .routes(routes!(sso_saml_certificate))
        .routes(routes!(sso_saml_metadata))
        .routes(routes!(sso_saml_acs))
        .routes(routes!(sso_saml_finish))
        .routes(routes!(sso_ldap_update))
        .routes(routes!(sso_ldap_test))
        .routes(routes!(sso_mapping_update))
        .routes(routes!(sso_test))
        .routes(routes!(sso_test_view))
        .routes(routes!(sso_activate))
        .routes(routes!(sso_deactivate))
        .routes(routes!(sso_login))
        .routes(routes!(sso_oidc_callback))
        .routes(routes!(sso_oidc_client_callback))
        .routes(routes!(user_sso))
        .routes(routes!(user_api_access))
}

/// View single sign-on
///
/// What is set up for the caller's client. Secrets are not returned.
#[utoipa::path(get, path = "/v1/sso", tag = "Single sign-on",
    responses((status = 200, description = "The configuration", body = Envelope<SsoView>)))]
pub async fn sso_view(State(cloud): State<Cloud>, caller: Caller) -> Result<Envelope<SsoView>, Failure> {
    Ok(Envelope::new(sso::find(&cloud, &caller).await?))
}

/// Change what single sign-on means for users
///
/// Provisioning, strict mode, extended security of SAML, and the fallback account. Needs a fresh proof of the password in `X-Reauth`; turning
/// something on also needs a test sign-in within the last day and a fallback account.
#[utoipa::path(put, path = "/v1/sso", tag = "Single sign-on", security(("Session" = [])),
    params(("X-Reauth" = String, Header, description = "Proof of the password")), request_body = SsoOptions,
    responses((status = 200, description = "The configuration", body = Envelope<SsoView>)))]
pub async fn sso_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    headers: HeaderMap,
    Body(request): Body<SsoOptions>,
) -> Result<Envelope<SsoView>, Failure> {
    Ok(Envelope::new(activation::put_options(&cloud, &caller, proof_of(&headers), &request).await?))
}

/// Remove single sign-on
///
/// Users are back to passwords. Not while the identity provider is the source of users. Needs a fresh proof of the
/// password in `X-Reauth`.
#[utoipa::path(delete, path = "/v1/sso", tag = "Single sign-on", security(("Session" = [])),
    params(("X-Reauth" = String, Header, description = "Proof of the password")),
    responses((status = 200, description = "Nothing is set up now", body = Envelope<SsoView>)))]
pub async fn sso_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    headers: HeaderMap,
    Body(NoFields {}): Body<NoFields>,
) -> Result<Envelope<SsoView>, Failure> {
    Ok(Envelope::new(activation::delete(&cloud, &caller, proof_of(&headers)).await?))
}

/// The proof of the password that a call carries.
pub(super) fn proof_of(headers: &HeaderMap) -> &str {
    headers.get("x-reauth").and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Set an OpenID Connect provider
///
/// A draft until it is tested and activated. Register `callback_url` of the answer at the provider.
#[utoipa::path(put, path = "/v1/sso/oidc", tag = "Single sign-on", request_body = OidcSettings,
    responses((status = 200, description = "The configuration", body = Envelope<SsoView>)))]
pub async fn sso_oidc_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<OidcSettings>,
) -> Result<Envelope<SsoView>, Failure> {
    Ok(Envelope::new(settings::put_oidc(&cloud, &caller, request).await?))
}

/// Set a SAML identity provider
///
/// A draft until it is tested and activated. Give the provider the metadata at `entity_id` of the answer.
#[utoipa::path(put, path = "/v1/sso/saml", tag = "Single sign-on", request_body = SamlSettings,
    responses((status = 200, description = "The configuration", body = Envelope<SsoView>)))]
pub async fn sso_saml_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<SamlSettings>,
) -> Result<Envelope<SsoView>, Failure> {
    Ok(Envelope::new(saml::put(&cloud, &caller, request).await?))
}

/// Make a certificate for SAML
///
/// With its key requests are signed and assertions decrypted, as `extended_security` asks for. It is in the metadata and
/// decrypts at once, and signs after `signs_after_days`, so that the identity provider can be told of it in between. From
/// that day on the one before only decrypts, for 30 days more. A newer one that does not sign yet is replaced. The private
/// key is never returned. Needs a fresh proof of the password in `X-Reauth`.
#[utoipa::path(post, path = "/v1/sso/saml/certificate", tag = "Single sign-on", security(("Session" = [])),
    params(("X-Reauth" = String, Header, description = "Proof of the password")),
    request_body = SamlCertificateCreate,
    responses((status = 200, description = "The configuration", body = Envelope<SsoView>),
        (status = 400, description = "A field is invalid, or single sign-on is not by SAML",
            body = bartizan_api::ErrorBody)))]
pub async fn sso_saml_certificate(
    State(cloud): State<Cloud>,
    caller: Caller,
    headers: HeaderMap,
    Body(request): Body<SamlCertificateCreate>,
) -> Result<Envelope<SsoView>, Failure> {
    let view = extended::make_certificate(&cloud, &caller, proof_of(&headers), &request).await?;
    Ok(Envelope::new(view))
}

/// Set an LDAP server
///
/// A draft until it is tested and activated.
#[utoipa::path(put, path = "/v1/sso/ldap", tag = "Single sign-on", request_body = LdapSettings,
    responses((status = 200, description = "The configuration", body = Envelope<SsoView>)))]
pub async fn sso_ldap_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<LdapSettings>,
) -> Result<Envelope<SsoView>, Failure> {
    Ok(Envelope::new(settings::put_ldap(&cloud, &caller, request).await?))
}

/// Test LDAP
///
/// Signs in as somebody and shows what the server says, changing nothing here.
#[utoipa::path(post, path = "/v1/sso/ldap/test", tag = "Single sign-on", security(("Session" = [])),
    request_body = LdapTest,
    responses((status = 200, description = "The result", body = Envelope<SsoTestView>)))]
pub async fn sso_ldap_test(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<LdapTest>,
) -> Result<Envelope<SsoTestView>, Failure> {
    Ok(Envelope::new(ldap::test(&cloud, &caller, &request).await?))
}

/// Map groups to roles
///
/// Of several roles a person gets the widest; of none, no access.
#[utoipa::path(put, path = "/v1/sso/mapping", tag = "Single sign-on", request_body = Vec<GroupMapping>,
    responses((status = 200, description = "The configuration", body = Envelope<SsoView>)))]
pub async fn sso_mapping_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(mapping): Body<Vec<GroupMapping>>,
) -> Result<Envelope<SsoView>, Failure> {
    Ok(Envelope::new(settings::put_mapping(&cloud, &caller, mapping).await?))
}

/// Begin a test sign-in
///
/// Open the link of the answer, sign in at the provider, then ask for the result. Nothing changes here.
#[utoipa::path(post, path = "/v1/sso/test", tag = "Single sign-on", security(("Session" = [])),
    responses((status = 200, description = "Where to sign in", body = Envelope<SsoTestLink>)))]
pub async fn sso_test(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(NoFields {}): Body<NoFields>,
) -> Result<Envelope<SsoTestLink>, Failure> {
    Ok(Envelope::new(sign_in::test_link(&cloud, &caller).await?))
}

/// View the result of a test sign-in
///
/// What the provider said about the person, and the role that it gives.
#[utoipa::path(get, path = "/v1/sso/test/{id}", tag = "Single sign-on", security(("Session" = [])),
    params(("id" = String, Path, description = "Test")),
    responses((status = 200, description = "The result", body = Envelope<SsoTestView>),
        (status = 404, description = "There is no such test", body = bartizan_api::ErrorBody)))]
pub async fn sso_test_view(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Envelope<SsoTestView>, Failure> {
    Ok(Envelope::new(sign_in::test_result(&cloud, &caller, &id).await?))
}

/// Activate single sign-on
///
/// Needs a successful test sign-in within the last day.
#[utoipa::path(post, path = "/v1/sso/activate", tag = "Single sign-on",
    responses((status = 200, description = "In force", body = Envelope<SsoView>)))]
pub async fn sso_activate(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(NoFields {}): Body<NoFields>,
) -> Result<Envelope<SsoView>, Failure> {
    Ok(Envelope::new(activation::activate(&cloud, &caller).await?))
}

/// Deactivate single sign-on
///
/// Users are back to passwords. Not while the identity provider is the source of users. Needs a fresh proof of the
/// password in `X-Reauth`.
#[utoipa::path(post, path = "/v1/sso/deactivate", tag = "Single sign-on", security(("Session" = [])),
    params(("X-Reauth" = String, Header, description = "Proof of the password")),
    responses((status = 200, description = "Out of force", body = Envelope<SsoView>)))]
pub async fn sso_deactivate(
    State(cloud): State<Cloud>,
    caller: Caller,
    headers: HeaderMap,
    Body(NoFields {}): Body<NoFields>,
) -> Result<Envelope<SsoView>, Failure> {
    Ok(Envelope::new(activation::deactivate(&cloud, &caller, proof_of(&headers)).await?))
}

/// Sign in by single sign-on
///
/// For browsers: leads to the identity provider of a client.
#[utoipa::path(get, path = "/v1/sso/login", tag = "Single sign-on", security(()),
    params(("client" = Option<String>, Query, description = "Public UUID of the client"),
        ("test" = Option<String>, Query, description = "A test sign-in instead")),
    responses((status = 302, description = "To the identity provider, or back with an error code")))]
pub async fn sso_login(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    RackQuery(query): RackQuery<SsoLoginQuery>,
) -> Result<Response, Failure> {
    cloud.limits.sign_in_begun(&cloud.store, origin.ip).await?;
    match sign_in::begin(&cloud, query.client.as_deref(), query.test.as_deref()).await {
        Ok(begun) => {
            let secure = if origin.tls { "; Secure" } else { "" };
            let cookie = format!(
                "{}={}; Path={}; HttpOnly; SameSite=Lax; Max-Age=600{secure}",
                sign_in::COOKIE,
                begun.binding,
                begun.cookie_path
            );
            redirect(&begun.location, Some(&cookie))
        }
        Err(refused) => refuse(&refused, &origin),
    }
}

/// Come back from the identity provider
///
/// For browsers: ends a sign-in that began with `/v1/sso/login`, at a provider that names itself in its answer
/// (RFC 9207) and has `callback: shared`.
#[utoipa::path(get, path = "/v1/sso/oidc/callback", tag = "Single sign-on", security(()),
    params(("state" = Option<String>, Query, description = "State"),
        ("code" = Option<String>, Query, description = "Code"),
        ("iss" = Option<String>, Query, description = "Issuer of the answer"),
        ("error" = Option<String>, Query, description = "Refusal of the provider")),
    responses((status = 302, description = "To the Console, or to its sign-in page with an error code")))]
pub async fn sso_oidc_callback(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
    RackQuery(query): RackQuery<OidcCallback>,
) -> Result<Response, Failure> {
    end(&cloud, &origin, oidc::finish(&cloud, None, &query, &binding(&headers), &origin).await)
}

/// Come back from the identity provider of a client
///
/// For browsers: ends a sign-in that began with `/v1/sso/login`. The address is one client's alone, so an answer of
/// another client's provider is not taken for one of this.
#[utoipa::path(get, path = "/v1/sso/oidc/callback/{client_uuid}", tag = "Single sign-on", security(()),
    params(("client_uuid" = String, Path, description = "Public UUID of the client"),
        ("state" = Option<String>, Query, description = "State"),
        ("code" = Option<String>, Query, description = "Code"),
        ("iss" = Option<String>, Query, description = "Issuer of the answer, where the provider sends it"),
        ("error" = Option<String>, Query, description = "Refusal of the provider")),
    responses((status = 302, description = "To the Console, or to its sign-in page with an error code")))]
pub async fn sso_oidc_client_callback(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
    Path(client): Path<String>,
    RackQuery(query): RackQuery<OidcCallback>,
) -> Result<Response, Failure> {
    end(&cloud, &origin, oidc::finish(&cloud, Some(&client), &query, &binding(&headers), &origin).await)
}

/// View the metadata of SAML
///
/// What an identity provider needs to know of a client: entity id, address for responses, and our certificates once there
/// are any.
#[utoipa::path(get, path = "/v1/sso/saml/{client_uuid}/metadata", tag = "Single sign-on", security(()),
    params(("client_uuid" = String, Path, description = "Public UUID of the client")),
    responses((status = 200, description = "Metadata", body = String, content_type = "application/samlmetadata+xml"),
        (status = 404, description = "There is no such client", body = bartizan_api::ErrorBody)))]
pub async fn sso_saml_metadata(
    State(cloud): State<Cloud>,
    Path(client_uuid): Path<String>,
) -> Result<Response, Failure> {
    let metadata = saml::own_metadata(&cloud, &client_uuid).await?;
    Ok(([(header::CONTENT_TYPE, "application/samlmetadata+xml")], metadata).into_response())
}

/// Take a response of SAML
///
/// For browsers, which identity providers send here with a form.
#[utoipa::path(post, path = "/v1/sso/saml/acs", tag = "Single sign-on", security(()),
    request_body(content = SamlForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 303, description = "On to the end of the sign-in, or back with an error code")))]
pub async fn sso_saml_acs(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    // Not counted: it goes nowhere without a sign-in that began, and that was.
    let body = whole(body)?;
    let field = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(&body);
        pairs.find(|(field, _)| field == name).map(|(_, value)| value.into_owned())
    };
    let form = SamlForm { saml_response: field("SAMLResponse"), relay_state: field("RelayState") };
    let mut response = match saml::accept(&cloud, &form).await {
        Ok(location) => redirect(&location, None)?,
        Err(refused) => refuse(&refused, &origin)?,
    };
    // The next request must be a GET: browsers bring the cookie with no other one from another site.
    *response.status_mut() = StatusCode::SEE_OTHER;
    Ok(response)
}

/// End a sign-in by SAML
///
/// For browsers: ends a sign-in that began with `/v1/sso/login`.
#[utoipa::path(get, path = "/v1/sso/saml/finish", tag = "Single sign-on", security(()),
    params(("answer" = Option<String>, Query, description = "What the response was put under")),
    responses((status = 302, description = "To the Console, or to its sign-in page with an error code")))]
pub async fn sso_saml_finish(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
    RackQuery(query): RackQuery<SamlAnswer>,
) -> Result<Response, Failure> {
    end(&cloud, &origin, saml::finish(&cloud, &query, &binding(&headers), &origin).await)
}

fn end(cloud: &Cloud, origin: &Origin, finished: Result<Finished, Refused>) -> Result<Response, Failure> {
    match finished {
        Ok(Finished::Session(started)) => {
            let cookie = set_cookie(cloud, origin.tls, &started.id, started.lifetime_s);
            redirect("/", Some(&cookie))
        }
        Ok(Finished::Tested) => redirect("/settings/sso?tested=true", None),
        Err(refused) => refuse(&refused, origin),
    }
}

fn binding(headers: &HeaderMap) -> String {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == sign_in::COOKIE).map(|(_, value)| value.to_owned()).unwrap_or_default()
}

fn redirect(location: &str, cookie: Option<&str>) -> Result<Response, Failure> {
    let mut response = StatusCode::FOUND.into_response();
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| ApiError::internal());
    response.headers_mut().insert(header::LOCATION, value(location)?);
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, value(cookie)?);
    }
    Ok(response)
}

/// To the sign-in page with a code; the details stay in the log.
fn refuse(refused: &Refused, origin: &Origin) -> Result<Response, Failure> {
    let (code, detail) = refused.told()?;
    tracing::info!(request.id = %origin.request_id, code, detail, "single sign-on was refused");
    let about = match refused {
        Refused::NotForUser(id) => format!("&userid={id}"),
        Refused::NotForClient(id) => format!("&clientid={id}"),
        Refused::Code(..) | Refused::Failure(_) => String::new(),
    };
    redirect(&format!("/login?error={code}{about}"), None)
}

/// Switch single sign-on for a user
///
/// Where neither strict mode nor the identity provider decides.
#[utoipa::path(post, path = "/v1/user/{id}/sso", tag = "Single sign-on",
    params(("id" = i64, Path, description = "User")), request_body = UserSwitch,
    responses((status = 200, description = "Switched", body = Envelope<Empty>),
        (status = 404, description = "There is no such user", body = bartizan_api::ErrorBody)))]
pub async fn user_sso(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
    Body(request): Body<UserSwitch>,
) -> Result<Envelope<Empty>, Failure> {
    switching::switch_one(&cloud, &caller, id, request.enabled).await?;
    Ok(Envelope::new(Empty {}))
}

/// Let a user of an identity provider have API tokens
///
/// For administrators under provisioning or strict mode. Turning it off disables their tokens.
#[utoipa::path(post, path = "/v1/user/{id}/api_access", tag = "Single sign-on",
    params(("id" = i64, Path, description = "User")), request_body = UserSwitch,
    responses((status = 200, description = "Switched", body = Envelope<Empty>),
        (status = 404, description = "There is no such user", body = bartizan_api::ErrorBody)))]
pub async fn user_api_access(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
    Body(request): Body<UserSwitch>,
) -> Result<Envelope<Empty>, Failure> {
    switching::switch_api_access(&cloud, &caller, id, request.enabled).await?;
    Ok(Envelope::new(Empty {}))
}
