//! Single logout of SAML: messages of identity providers, which browsers carry (`services/sso/saml/logout.rs`).

use axum::{
    Extension,
    body::Bytes,
    extract::{RawQuery, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bartizan_api::{ApiError, sso::SamlLogoutForm};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Origin,
    extract::{Path, whole},
    failure::Failure,
    services::sso::{
        admission::Refused,
        saml::{
            binding::{Kind, Packed},
            logout::{self, Outcome},
        },
    },
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new().routes(routes!(sso_saml_logout_redirect, sso_saml_logout_form))
}

/// Take a message of sign-out by redirect
///
/// For browsers, which identity providers lead here: a signed `LogoutRequest` ends the sessions that it names and leads
/// back with a signed `LogoutResponse`; a signed `LogoutResponse` to a request of ours leads to the sign-in page, and so
/// does whatever is not taken, with `error=saml_logout_refused`. Also where the page waits with which our own message goes to a provider that takes forms only.
#[utoipa::path(get, path = "/v1/sso/saml/{client_uuid}/logout", tag = "Single sign-on", security(()),
    params(("client_uuid" = String, Path, description = "Public UUID of the client"),
        ("SAMLRequest" = Option<String>, Query, description = "Request, deflated, base64"),
        ("SAMLResponse" = Option<String>, Query, description = "Response, deflated, base64"),
        ("RelayState" = Option<String>, Query, description = "State of who sent the message"),
        ("SigAlg" = Option<String>, Query, description = "Algorithm of the signature"),
        ("Signature" = Option<String>, Query, description = "Signature over the parameters before it, base64"),
        ("page" = Option<String>, Query, description = "A page that waits")),
    responses((status = 302, description = "Back to the identity provider, or to the sign-in page"),
        (status = 200, description = "A page that posts the message on", body = String, content_type = "text/html")))]
pub async fn sso_saml_logout_redirect(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    Path(client_uuid): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let query = query.unwrap_or_default();
    let field = |name: &str| field(query.as_bytes(), name);
    let outcome = match (field("page"), kind_of(&field)) {
        (Some(secret), _) => logout::page(&cloud, &secret).await,
        (None, Some(kind)) => {
            logout::receive(&cloud, &client_uuid, kind, Packed::Query(query), &origin).await
        }
        (None, None) => Err(nothing()),
    };
    answer(outcome, StatusCode::FOUND, &origin)
}

/// Take a message of sign-out by form
///
/// As by redirect; here the signature is in the message.
#[utoipa::path(post, path = "/v1/sso/saml/{client_uuid}/logout", tag = "Single sign-on", security(()),
    params(("client_uuid" = String, Path, description = "Public UUID of the client")),
    request_body(content = SamlLogoutForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 303, description = "Back to the identity provider, or to the sign-in page"),
        (status = 200, description = "A page that posts the message on", body = String, content_type = "text/html")))]
pub async fn sso_saml_logout_form(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    Path(client_uuid): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let body = whole(body)?;
    let field = |name: &str| field(&body, name);
    let outcome = match kind_of(&field) {
        Some(kind) => {
            let message = field(kind.parameter()).unwrap_or_default();
            let packed = Packed::Form { message, relay_state: field("RelayState") };
            logout::receive(&cloud, &client_uuid, kind, packed, &origin).await
        }
        None => Err(nothing()),
    };
    answer(outcome, StatusCode::SEE_OTHER, &origin)
}

fn field(pairs: &[u8], name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(pairs);
    pairs.find(|(field, _)| field == name).map(|(_, value)| value.into_owned())
}

/// What a message is; two at once are none.
fn kind_of(field: &impl Fn(&str) -> Option<String>) -> Option<Kind> {
    match [Kind::Request, Kind::Response].map(|kind| field(kind.parameter()).is_some()) {
        [true, false] => Some(Kind::Request),
        [false, true] => Some(Kind::Response),
        _ => None,
    }
}

fn nothing() -> Refused {
    Refused::code("invalid_saml_response", "not one message")
}

/// Where the browser goes with a message that is not taken: a person sits there, who is told no more than that.
const REFUSED: &str = "/login?error=saml_logout_refused";

/// Leads the browser on. The details of a refusal stay in the log.
fn answer(
    outcome: Result<Outcome, Refused>,
    redirect: StatusCode,
    origin: &Origin,
) -> Result<Response, Failure> {
    match outcome {
        Ok(Outcome::Redirect(location)) => {
            let location = HeaderValue::from_str(&location).map_err(|_| ApiError::internal())?;
            Ok((redirect, [(header::LOCATION, location)]).into_response())
        }
        Ok(Outcome::Page(page)) => {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            let policy = HeaderValue::from_str(&page.policy).map_err(|_| ApiError::internal())?;
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
            headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            Ok((headers, page.html).into_response())
        }
        Err(refused) => {
            let (code, detail) = refused.told()?;
            tracing::info!(request.id = %origin.request_id, code, detail, "a message of sign-out was refused");
            Ok((redirect, [(header::LOCATION, HeaderValue::from_static(REFUSED))]).into_response())
        }
    }
}
