//! Single logout of SAML (SAML profiles, section 4.4): whoever signs out here is signed out at the identity provider, and
//! the other way round.
//!
//! A session that began by SAML keeps what the provider called the person and its own session there. The provider's
//! request names both; it counts once, signed by a configured certificate, at the address of the client. Our request goes
//! out when somebody signs out and the provider takes such requests. Ours are signed by the key of the client that also
//! signs requests of sign-in (`own_keys`); one is made when a provider with single logout is set.

use bartizan_api::ApiError;
use bartizan_store::{TenantId, entity, sea_orm::DatabaseTransaction, sessions, sso, tickets};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use self::message::{Expected, Head, LogoutAnswer, LogoutRequest};
use super::{
    READING, base,
    binding::{self, Kind, Packed, Page},
    entity_id,
    metadata::{self, Binding, LogoutService},
    own_keys, remember,
    response::There,
    text,
};
use crate::{
    auth::Origin,
    failure::Failure,
    secrets::{Secret, mac_of, seal, unseal},
    services::{
        activity::{self, Change},
        session::SessionThere,
        sso::{
            admission::Refused,
            sign_in::{self, PREFIX},
        },
    },
    state::Cloud,
};
pub mod message;

/// Kind of the tickets of our requests.
const ASKED: &str = "saml_logout";
/// Kind of the tickets of pages that wait for the browser.
const WAITS: &str = "saml_logout_page";
/// Where the browser goes at the end.
const END: &str = "/login";

/// What comes of a message of sign-out.
#[derive(Debug)]
pub enum Outcome {
    /// The browser goes on by a page of ours.
    Page(Page),
    /// The browser goes on to an address.
    Redirect(String),
}

/// Our address for messages of sign-out from the provider of a client.
#[must_use]
pub fn url(cloud: &Cloud, client: &entity::client::Model) -> String {
    format!("{}/v1/sso/saml/{}/logout", base(cloud), client.uuid)
}

/// What a session keeps of the one at the provider.
pub(super) fn kept(cloud: &Cloud, config: &entity::sso_config::Model, there: &There) -> Option<SessionThere> {
    let sealed = seal(&cloud.keys, &json!(there).to_string())?;
    Some(SessionThere { sealed, name_mac: name_mac(cloud, config, &there.name) })
}

fn name_mac(cloud: &Cloud, config: &entity::sso_config::Model, name: &str) -> String {
    let client = config.client_id.to_string();
    let issuer = text(config, "issuer");
    mac_of(&cloud.keys, "saml name", &[client.as_bytes(), issuer.as_bytes(), name.as_bytes()])
}

fn there_of(cloud: &Cloud, session: &entity::session::Model) -> Option<There> {
    let text = unseal(&cloud.keys, session.sso_sealed.as_deref()?)?;
    serde_json::from_str(&text).ok()
}

/// Where the provider takes messages of sign-out.
fn service(config: &entity::sso_config::Model) -> Option<LogoutService> {
    serde_json::from_value(config.settings.get("single_logout")?.clone()).ok()
}

/// Begins the sign-out at the provider of somebody who signed out here: where the browser goes. None where the provider
/// takes no requests, or the session did not begin there.
///
/// # Errors
/// 500 when the store fails.
pub async fn begin(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    session: Option<&entity::session::Model>,
) -> Result<Option<String>, Failure> {
    let Some(there) = session.and_then(|session| there_of(cloud, session)) else { return Ok(None) };
    // Another address by hand is preferred to that of the metadata.
    let service = service(config).filter(|service| service.url == text(config, "logout_url"));
    let Some(service) = service else { return Ok(None) };
    let Some(client) = cloud.store.identify_client(config.client_id).await? else { return Ok(None) };
    let (id, state) = (new_id(), Secret::random());
    let issuer = entity_id(cloud, &client);
    let head = Head { id: &id, destination: &service.url, issuer: &issuer, now: cloud.now() };
    let message = message::request(&head, &there);
    let payload = json!({"request": id, "settings": sign_in::fingerprint(config)});
    let asked = sign_in::ticket(cloud, &state, ASKED, config.client_id, None, payload);
    let relay_state = state.opaque(PREFIX);
    let sent = send(cloud, config, Kind::Request, &service, message, id, Some(relay_state)).await?;
    let Some(sent) = sent else { return Ok(None) };
    tickets::insert(cloud.store.writer(), asked).await?;
    match sent {
        Outcome::Redirect(url) => Ok(Some(url)),
        Outcome::Page(page) => {
            // The browser asks for the page by itself.
            let secret = Secret::random();
            let payload = json!({"html": page.html, "policy": page.policy});
            let waits = sign_in::ticket(cloud, &secret, WAITS, config.client_id, None, payload);
            tickets::insert(cloud.store.writer(), waits).await?;
            Ok(Some(format!("{}?page={}", url(cloud, &client), secret.opaque(PREFIX))))
        }
    }
}

fn new_id() -> String {
    format!("_{}", Secret::random().hex())
}

/// Signs a message on a thread of its own and gives it to the browser. None without a key that signs now.
async fn send(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    kind: Kind,
    to: &LogoutService,
    message: String,
    id: String,
    relay_state: Option<String>,
) -> Result<Option<Outcome>, Failure> {
    let (cloud, own, to) = (cloud.clone(), own_keys::of(config), to.clone());
    let address = match kind {
        Kind::Request => to.url,
        Kind::Response => to.response_url.unwrap_or(to.url),
    };
    let sent = spawn_blocking(move || match to.binding {
        Binding::Redirect => {
            let query = binding::query(kind, &message, relay_state.as_deref()).ok()?;
            let query = binding::signed_query(&cloud, &own, &query)?;
            binding::with_query(&address, &query).map(Outcome::Redirect)
        }
        Binding::Post => {
            let message = binding::signed_message(&cloud, &own, &message, &id)?;
            Some(Outcome::Page(binding::page(kind, &address, &message, relay_state.as_deref())))
        }
    });
    Ok(sent.await.map_err(|_| ApiError::internal())?)
}

/// The page that waits under a secret, once.
///
/// # Errors
/// [`Refused`] when there is none.
pub async fn page(cloud: &Cloud, secret: &str) -> Result<Outcome, Refused> {
    let absent = || Refused::code("invalid_saml_response", "no page of a sign-out waits");
    let id_mac = Secret::parse_opaque(PREFIX, secret).ok_or_else(absent)?.mac(&cloud.keys);
    let ticket = cloud.store.identify_ticket(&id_mac, WAITS, cloud.now()).await?.ok_or_else(absent)?;
    if !tickets::take(cloud.store.writer(), &id_mac).await? {
        return Err(absent());
    }
    let text = |name: &str| ticket.payload.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(Outcome::Page(Page { html: text("html"), policy: text("policy") }))
}

/// Takes a message of the provider of a client.
///
/// # Errors
/// [`Refused`] for a message that is not the provider's, not for us, not of now, or that came before.
pub async fn receive(
    cloud: &Cloud,
    client_uuid: &str,
    kind: Kind,
    packed: Packed,
    origin: &Origin,
) -> Result<Outcome, Refused> {
    let client = cloud.store.identify_client_by_uuid(client_uuid).await?.filter(|client| client.enabled);
    let client = client.ok_or_else(|| Refused::code("client_not_found", ""))?;
    let config = sso::find(cloud.store.reader(), TenantId(client.id)).await?;
    let config = config.filter(|config| config.kind == "saml" && config.state == "active");
    let config = config.ok_or(Refused::NotForClient(client.id))?;
    let certificates = config.settings.get("certificates").map(crate::auth::strings).unwrap_or_default();
    let (issuer, destination) = (text(&config, "issuer").to_owned(), url(cloud, &client));
    let (opener, own, now) = (cloud.clone(), own_keys::of(&config), cloud.now());
    // As with responses of sign-in: anybody may send one.
    let place = READING.acquire().await.map_err(|_| ApiError::internal())?;
    let read = spawn_blocking(move || {
        let signed = binding::unpack(&packed, kind, &metadata::keys(&certificates));
        let signed = signed.map_err(|error| error.to_string())?;
        let expected = Expected { issuer: &issuer, destination: &destination, now };
        let message = match kind {
            Kind::Request => {
                let keys = own_keys::open(&opener, &own);
                message::read_request(&signed.text, &expected, &keys).map(Message::Request)
            }
            Kind::Response => message::read_answer(&signed.text, &expected).map(Message::Answer),
        };
        let message = message.map_err(|what| format!("it is not for this client: {what}"))?;
        Ok::<_, String>((message, signed.relay_state))
    });
    let read = read.await.map_err(|_| ApiError::internal())?;
    drop(place);
    let (message, relay_state) = read.map_err(|detail| Refused::code("invalid_saml_response", detail))?;
    match message {
        Message::Request(request) => {
            end_sessions(cloud, &config, &request, origin).await?;
            answer(cloud, &config, &client, &request, relay_state).await
        }
        Message::Answer(answered) => {
            close(cloud, &config, &answered, relay_state.as_deref(), origin).await?;
            Ok(Outcome::Redirect(END.to_owned()))
        }
    }
}

enum Message {
    Answer(LogoutAnswer),
    Request(LogoutRequest),
}

/// Ends the sessions here that began in those of the request, and notes that it came.
async fn end_sessions(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    request: &LogoutRequest,
    origin: &Origin,
) -> Result<(), Refused> {
    let tenant = TenantId(config.client_id);
    let transaction = cloud.store.begin().await?;
    remember(cloud, &transaction, config, &request.id, request.ends_at).await?;
    let named = |session: &entity::session::Model| {
        let index = there_of(cloud, session).and_then(|there| there.index);
        request.sessions.is_empty() || index.is_none_or(|index| request.sessions.contains(&index))
    };
    let found = sessions::of_sso_name(&transaction, tenant, &name_mac(cloud, config, &request.name)).await?;
    let ended: Vec<_> = found.into_iter().filter(named).collect();
    for session in &ended {
        sessions::delete(&transaction, &session.id_mac).await?;
    }
    let mut users: Vec<i64> = ended.iter().map(|session| session.user_id).collect();
    users.sort_unstable();
    users.dedup();
    for user in users {
        let count = ended.iter().filter(|session| session.user_id == user).count();
        note(cloud, &transaction, user, count, origin).await?;
    }
    transaction.commit().await?;
    // It may have come by GET, after which nobody looks for changes before the answer is out.
    cloud.known.refresh(&cloud.store).await;
    Ok(())
}

async fn note(
    cloud: &Cloud,
    transaction: &DatabaseTransaction,
    user: i64,
    sessions: usize,
    origin: &Origin,
) -> Result<(), Failure> {
    let Some(user) = cloud.store.identify_user(user).await? else { return Ok(()) };
    let entry = Change {
        object_type: "sign_in",
        action: "delete",
        object_id: user.id.to_string(),
        object_name: user.email.clone(),
        before: None,
        after: Some(json!({"by": "saml", "sessions": sessions})),
    };
    activity::log_by_user(transaction, &user, origin, cloud.now(), entry).await
}

/// Our answer to a request: also when nothing was there to end.
async fn answer(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    client: &entity::client::Model,
    request: &LogoutRequest,
    relay_state: Option<String>,
) -> Result<Outcome, Refused> {
    // Without an address or a key there is nobody to answer, or no way to.
    let nowhere = || Outcome::Redirect(END.to_owned());
    let Some(service) = service(config) else { return Ok(nowhere()) };
    let (id, issuer) = (new_id(), entity_id(cloud, client));
    let destination = service.response_url.as_deref().unwrap_or(&service.url);
    let head = Head { id: &id, destination, issuer: &issuer, now: cloud.now() };
    let message = message::answer(&head, &request.id);
    let sent = send(cloud, config, Kind::Response, &service, message, id, relay_state).await?;
    Ok(sent.unwrap_or_else(nowhere))
}

/// Takes the answer to our request. The session here ended before we asked.
async fn close(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    answered: &LogoutAnswer,
    state: Option<&str>,
    origin: &Origin,
) -> Result<(), Refused> {
    let unasked = || Refused::code("invalid_saml_response", "an answer to no request of ours");
    let secret = state.and_then(|state| Secret::parse_opaque(PREFIX, state)).ok_or_else(unasked)?;
    let id_mac = secret.mac(&cloud.keys);
    let ticket = cloud.store.identify_ticket(&id_mac, ASKED, cloud.now()).await?.ok_or_else(unasked)?;
    let is = |name: &str, value: &str| ticket.payload.get(name).and_then(Value::as_str) == Some(value);
    let ours = ticket.client_id == Some(config.client_id)
        && is("request", &answered.request)
        && is("settings", &sign_in::fingerprint(config));
    if !ours || !tickets::take(cloud.store.writer(), &id_mac).await? {
        return Err(unasked());
    }
    if !answered.complete {
        tracing::info!(request.id = %origin.request_id, client.id = config.client_id,
            "an identity provider did not end every session of somebody who signed out");
    }
    Ok(())
}
