//! Sign-in, sign-out and the session itself (`spec/accounts.md` section 2.4).

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bartizan_api::{
    ApiError, Empty, Envelope,
    mfa::MfaLogin,
    session::{
        CloudLink, DiscoverRequest, DiscoverView, LoginOptions, LoginRequest, LoginView, LogoutRequest,
        LogoutView, ReauthRequest, ReauthView, SessionClient, SessionTokenView, SessionView,
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{self, Caller, Origin, Scheme},
    extract::{Body, NoFields},
    failure::Failure,
    services::{
        account::Renewed,
        session::{self, SignIn, Started},
        sso,
    },
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(logout))
        .routes(routes!(session_view))
        .routes(routes!(session_token))
        .routes(routes!(session_client))
        .routes(routes!(login_mfa))
        .routes(routes!(login_discover))
        .routes(routes!(login_options))
        .routes(routes!(session_reauth))
}

/// The answer of a call after which the session may go on under another id.
pub(super) fn renewed(
    cloud: &Cloud,
    origin: &Origin,
    session: Option<Renewed>,
    body: impl IntoResponse,
) -> Result<Response, Failure> {
    match session {
        Some(session) => with_cookie(cloud, origin, &session.id, session.lifetime_s, body),
        None => Ok(body.into_response()),
    }
}

fn with_cookie(
    cloud: &Cloud,
    origin: &Origin,
    id: &str,
    lifetime_s: i64,
    body: impl IntoResponse,
) -> Result<Response, Failure> {
    let mut response = body.into_response();
    let cookie = HeaderValue::from_str(&auth::session::set_cookie(cloud, origin.tls, id, lifetime_s))
        .map_err(|_| ApiError::internal())?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// Sign in
///
/// Starts a Console session, carried by an `HttpOnly` cookie. Unknown, disabled and unconfirmed users get the
/// same answer as a wrong password.
#[utoipa::path(post, path = "/v1/login", tag = "Sessions", security(()), request_body = LoginRequest,
    responses((status = 200, description = "Signed in", body = Envelope<LoginView>)))]
pub async fn login(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
    Body(request): Body<LoginRequest>,
) -> Result<Response, Failure> {
    // Else another site could sign its visitor in as somebody else.
    auth::session::check_page(&cloud, &headers, &origin)?;
    match session::sign_in(&cloud, &request.username, &request.password, &origin).await? {
        SignIn::Started(started) => signed_in(&cloud, &origin, &started, "none"),
        SignIn::SecondFactor(ticket) => {
            let mut response = ApiError::text(StatusCode::UNAUTHORIZED, "mfa_required").into_response();
            let ticket = HeaderValue::from_str(&ticket).map_err(|_| ApiError::internal())?;
            response.headers_mut().insert("x-mfa-ticket", ticket);
            Ok(response)
        }
    }
}

fn signed_in(cloud: &Cloud, origin: &Origin, started: &Started, mfa: &str) -> Result<Response, Failure> {
    let (user_id, client_id) = (started.user.id, started.user.client_id);
    let view = LoginView { user_id, client_id, mfa: mfa.to_owned() };
    with_cookie(cloud, origin, &started.id, started.lifetime_s, Envelope::new(view))
}

/// Give the second factor
///
/// The second step of a sign-in that was answered with `mfa_required`: its ticket, and a code of the
/// authenticator or a recovery code. Five wrong codes void the ticket.
#[utoipa::path(post, path = "/v1/login/mfa", tag = "Sessions", security(()), request_body = MfaLogin,
    responses((status = 200, description = "Signed in", body = Envelope<LoginView>)))]
pub async fn login_mfa(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
    Body(request): Body<MfaLogin>,
) -> Result<Response, Failure> {
    auth::session::check_page(&cloud, &headers, &origin)?;
    let started = session::second_step(&cloud, &request, &origin).await?;
    let mfa = if request.otp.is_some() { "totp" } else { "recovery_code" };
    signed_in(&cloud, &origin, &started, mfa)
}

/// Prove the password again
///
/// For what asks for it: the answer is a proof for the `X-Reauth` header, good for 15 minutes in this session.
#[utoipa::path(post, path = "/v1/session/reauth", tag = "Sessions", security(("Session" = [])),
    request_body = ReauthRequest,
    responses((status = 200, description = "The proof", body = Envelope<ReauthView>)))]
pub async fn session_reauth(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<ReauthRequest>,
) -> Result<Envelope<ReauthView>, Failure> {
    let ticket = session::reauthenticate(&cloud, &caller, &request.password, request.otp.as_deref()).await?;
    Ok(Envelope::new(ReauthView { ticket, expires_in: session::REAUTH_S }))
}

/// Sign out
///
/// Ends this session, or every session of the user. Answers 200 also when the session is already gone. After
/// single sign-on the answer says where the session at the identity provider ends.
#[utoipa::path(post, path = "/v1/logout", tag = "Sessions", security(("Session" = []), ()), request_body = LogoutRequest,
    responses((status = 200, description = "Signed out", body = Envelope<LogoutView>)))]
pub async fn logout(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
    Body(request): Body<LogoutRequest>,
) -> Result<Response, Failure> {
    let mut view = LogoutView::default();
    match auth::session::authenticate(&cloud, &axum::http::Method::POST, &headers, &origin).await {
        Ok(caller) => {
            session::sign_out(&cloud, &caller, request.all).await?;
            if let Some(user) = &caller.user {
                view.sso_logout_url =
                    sso::sign_in::sign_out_url(&cloud, user, caller.session.as_deref()).await;
            }
        }
        Err(failure) if failure.0.status == StatusCode::UNAUTHORIZED => {}
        Err(failure) => return Err(failure),
    }
    with_cookie(&cloud, &origin, "", 0, Envelope::new(view))
}

/// View the session
///
/// Who is signed in, until when, and the value for `X-CSRF-Token`.
#[utoipa::path(get, path = "/v1/session", tag = "Sessions", security(("Session" = [])),
    responses((status = 200, description = "The session", body = Envelope<SessionView>)))]
pub async fn session_view(
    State(cloud): State<Cloud>,
    caller: Caller,
) -> Result<Envelope<SessionView>, Failure> {
    let Scheme::Session { id_mac, .. } = &caller.scheme else { return Err(ApiError::access_denied().into()) };
    let row = cloud.store.identify_session(id_mac).await?.ok_or_else(ApiError::session_expired)?;
    let limits = &caller.settings;
    Ok(Envelope::new(SessionView {
        user_id: row.user_id,
        client_id: row.client_id,
        acting_client_id: row.acting_client_id.unwrap_or(row.client_id),
        created_at: row.created_at,
        last_seen_at: row.last_seen_at,
        idle_expires_at: row.last_seen_at + limits.idle_timeout,
        absolute_expires_at: row.expires_at.min(row.created_at + limits.absolute_timeout),
        csrf: row.csrf,
        restriction: row.restriction,
    }))
}

/// Derive a bearer token
///
/// For the API Console: a token of 15 minutes that dies with the session. Only with the session cookie.
#[utoipa::path(post, path = "/v1/session/token", tag = "Sessions", security(("Session" = [])),
    responses((status = 200, description = "The token", body = Envelope<SessionTokenView>)))]
pub async fn session_token(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    caller: Caller,
    Body(NoFields {}): Body<NoFields>,
) -> Result<Envelope<SessionTokenView>, Failure> {
    let token = session::derive_token(&cloud, &caller, &origin).await?;
    Ok(Envelope::new(SessionTokenView { token, expires_in: session::TOKEN_LIFETIME_S }))
}

/// Show another client
///
/// For global users: the client that the Console shows from now on. It changes no rights.
#[utoipa::path(post, path = "/v1/session/client", tag = "Sessions", security(("Session" = [])),
    request_body = SessionClient,
    responses((status = 200, description = "Shown", body = Envelope<Empty>)))]
pub async fn session_client(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<SessionClient>,
) -> Result<Envelope<Empty>, Failure> {
    session::show_client(&cloud, &caller, request.client_id).await?;
    Ok(Envelope::new(Empty {}))
}

/// Find out how to sign in
///
/// By the domain of an e-mail address; whether the address has an account does not matter.
#[utoipa::path(post, path = "/v1/login/discover", tag = "Sessions", security(()), request_body = DiscoverRequest,
    responses((status = 200, description = "The ways", body = Envelope<DiscoverView>)))]
pub async fn login_discover(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    Body(request): Body<DiscoverRequest>,
) -> Result<Envelope<DiscoverView>, Failure> {
    Ok(Envelope::new(session::discover(&cloud, &request.username, &origin).await?))
}

/// View what the sign-in page offers
///
/// Name of this cloud, and the other clouds with users of their own.
#[utoipa::path(get, path = "/v1/login/options", tag = "Sessions", security(()),
    responses((status = 200, description = "The options", body = Envelope<LoginOptions>)))]
pub async fn login_options(State(cloud): State<Cloud>) -> Envelope<LoginOptions> {
    let config = &cloud.config;
    let link = |other: &crate::config::OtherCloud| CloudLink {
        label: other.label.clone(),
        console_url: other.console_url.clone(),
    };
    Envelope::new(LoginOptions {
        region: config.region.clone(),
        label: config.label.clone(),
        mail: cloud.mailer.is_configured(),
        signup: config.signup.enabled,
        clouds: config.public.clouds.iter().map(link).collect(),
    })
}
