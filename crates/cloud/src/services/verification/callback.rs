//! Calls by which a verified host gives itself away: it was made to ask an address that the payload named.
//!
//! Flaws that show nothing in an answer (`ssrf`, `xxe`, commands whose output is lost) show here. A payload names an
//! address of this cloud with a token that only this cloud can make and that is good for one verification and ten
//! minutes. Whoever asks that address is noted; every path gets the same answer, so asking around tells nothing, and
//! nothing is stored without a token. The listener is one of its own: hosts under test need not reach the API. It takes
//! `verification.callback_connections` connections at a time, each for [`LIFE`] at most. What it turns away may be the
//! call that a check waits for, so it is counted, in whatever process it was ([`Missed`]), and such a check does not say that
//! none came.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::header::USER_AGENT,
};
use bartizan_store::{Store, TenantId, entity::verification_callback::Model};
use hyper_util::rt::TokioTimer;
use tokio::{sync::Semaphore, time::Instant};

use super::{
    exchange::Stop,
    mark::code_of,
    missed::{Count, Missed, SHARED_WITHIN},
    places::Places,
};
use crate::{keys::Keys, secrets::same, state::Cloud};

/// Seconds for which a token is good.
const GOOD_S: i64 = 600;
/// How far the clocks of two processes may be apart, seconds.
const SKEW_S: i64 = 60;
/// How long a client may take for the head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// How long a connection may last, whatever is sent on it: a call is one request.
const LIFE: Duration = Duration::from_secs(15);
/// How long a call is waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it is looked for one.
const LOOK: Duration = Duration::from_millis(150);
/// Calls that are noted at the same time; others are answered and not noted.
const CONCURRENT: usize = 32;
/// Characters of a caller's name that are kept.
const MAX_NAME: usize = 200;

/// How payloads of one verification make a host call.
pub(super) struct Callback<'a> {
    pub(super) store: &'a Store,
    pub(super) tenant: TenantId,
    /// Origin that payloads name.
    pub(super) url: &'a str,
    /// Makes a token.
    pub(super) token: &'a (dyn Fn() -> String + Sync),
    /// Calls that were missed.
    pub(super) missed: &'a Missed,
    /// How many those were before the first payload was sent.
    pub(super) missed_before: Count,
}

impl Callback<'_> {
    /// The address of a token.
    pub(super) fn address(&self, token: &str) -> String {
        format!("{}/{token}", self.url.trim_end_matches('/'))
    }

    /// Waits until one of these tokens was called; none when that did not happen. That it is not known, as calls were
    /// missed meanwhile, is trouble, and says nothing about the host.
    pub(super) async fn wait(&self, tokens: &[&str]) -> Result<Option<Model>, Stop> {
        let end = Instant::now() + PATIENCE;
        loop {
            let found = self.store.callback_of(self.tenant, tokens).await;
            let is_over = tokens.is_empty() || Instant::now() >= end;
            match found {
                Ok(Some(call)) => return Ok(Some(call)),
                Ok(None) if tokens.is_empty() => return Ok(None),
                Ok(None) if is_over => return self.none_was_missed().await.map(|()| None),
                Ok(None) => {}
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "calls of a verified host could not be looked for");
                    if is_over {
                        return Err(Stop::Trouble);
                    }
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Makes sure that no process missed a call since the check began.
    async fn none_was_missed(&self) -> Result<(), Stop> {
        // What another process missed just now is not known at once.
        tokio::time::sleep(SHARED_WITHIN).await;
        match self.missed.count(self.store).await {
            Ok(count) if count == self.missed_before => Ok(()),
            Ok(_) => Err(Stop::Trouble),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "missed calls of verified hosts could not be looked for");
                Err(Stop::Trouble)
            }
        }
    }
}

/// A token of a verification: short enough for a label of a host name.
pub(super) fn token(keys: &Keys, id: i64, now: i64) -> String {
    let named = format!("{id:x}-{now:x}-{:08x}", rand::random::<u32>());
    let code = code_of(keys, &format!("callback {named}"));
    format!("{named}-{code}")
}

/// The verification of a token.
fn verification_of(keys: &Keys, token: &str, now: i64) -> Option<i64> {
    let (named, code) = token.rsplit_once('-')?;
    let mut parts = named.split('-').map(|part| i64::from_str_radix(part, 16));
    let (id, time) = (parts.next()?.ok()?, parts.next()?.ok()?);
    // The clock of the process that made it may be a little ahead of this one's.
    let is_good = (time.saturating_sub(SKEW_S)..=time.saturating_add(GOOD_S)).contains(&now);
    (is_good && same(code, &code_of(keys, &format!("callback {named}")))).then_some(id)
}

/// Takes calls on a listener.
pub(crate) async fn serve(cloud: Cloud, listener: TcpListener) -> std::io::Result<()> {
    let places =
        Places::new(cloud.config.verification.callback_connections, LIFE, Arc::clone(&cloud.missed_calls));
    let state = (cloud, Arc::new(Semaphore::new(CONCURRENT)));
    listen(listener, Router::new().fallback(answer).with_state(state), places, HEAD).await
}

/// Serves connections as far as there are places.
async fn listen(
    listener: TcpListener,
    routes: Router,
    places: Places,
    head: Duration,
) -> std::io::Result<()> {
    // Without a guess at the version, which would wait for the first bytes for ever, the time for the head begins at
    // once.
    let mut server = axum_server::from_tcp(listener)?.acceptor(places).http1_only();
    server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(head);
    server.serve(routes.into_make_service_with_connect_info::<SocketAddr>()).await
}

async fn answer(
    State((cloud, turns)): State<(Cloud, Arc<Semaphore>)>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> &'static str {
    let token = request.uri().path().trim_start_matches('/').split('/').next().unwrap_or_default();
    let now = cloud.now();
    if let Some(id) = verification_of(&cloud.keys, token, now) {
        let Ok(_turn) = turns.try_acquire() else {
            cloud.missed_calls.note();
            return "ok";
        };
        let agent = request.headers().get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let kept = |text: &str| text.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
        let call = Model {
            token: token.to_owned(),
            client_id: 0,
            verification_id: id,
            called_at: now,
            source: peer.ip().to_canonical().to_string(),
            method: kept(request.method().as_str()),
            user_agent: kept(&agent.unwrap_or_default()),
        };
        if let Err(error) = cloud.store.note_callback(call).await {
            cloud.missed_calls.note();
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, verification.id = id, "the call of a verified host was not noted");
        }
    }
    "ok"
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;

    const SHORT: Duration = Duration::from_millis(200);
    const NEVER: Duration = Duration::from_secs(3600);

    /// A listener with two places.
    fn listener(head: Duration, life: Duration) -> (SocketAddr, Arc<Missed>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let missed = Arc::new(Missed::default());
        let places = Places::new(2, life, Arc::clone(&missed));
        let routes = Router::new().fallback(async || "ok");
        tokio::spawn(async move { listen(listener, routes, places, head).await.unwrap() });
        (address, missed)
    }

    async fn is_answered(stream: &mut TcpStream) -> bool {
        let _closed = stream.write_all(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let mut text = [0; 15];
        stream.read_exact(&mut text).await.is_ok() && text == *b"HTTP/1.1 200 OK"
    }

    /// Whether the other side closes a connection, which it need not do at once.
    async fn is_closed(mut stream: TcpStream) -> bool {
        let mut text = vec![];
        let closed = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut text)).await;
        closed.is_ok()
    }

    #[tokio::test]
    async fn silent_connections_do_not_keep_calls_away() {
        let (address, missed) = listener(SHORT, NEVER);
        let silent = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
        let mut third = TcpStream::connect(address).await.unwrap();
        assert!(!is_answered(&mut third).await, "there is no place");
        assert_eq!(missed.number(), 1);
        for stream in silent {
            assert!(is_closed(stream).await);
        }
        assert!(is_answered(&mut TcpStream::connect(address).await.unwrap()).await);
        assert_eq!(missed.number(), 1);
    }

    #[tokio::test]
    async fn connections_end_whatever_is_sent_on_them() {
        let (address, _) = listener(NEVER, SHORT);
        let mut begun = TcpStream::connect(address).await.unwrap();
        begun.write_all(b"GET /x HT").await.unwrap();
        // One that was answered and stays, and one that would speak another version.
        let mut kept = TcpStream::connect(address).await.unwrap();
        assert!(is_answered(&mut kept).await);
        assert!(is_closed(begun).await && is_closed(kept).await);
        let mut other = TcpStream::connect(address).await.unwrap();
        other.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        assert!(is_closed(other).await);
    }

    #[test]
    fn only_the_own_tokens_count_and_not_for_long() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::load_or_create(folder.path()).unwrap();
        let good = token(&keys, 300, 1_000_000);
        assert!(good.len() <= 63 && good.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
        assert_ne!(good, token(&keys, 300, 1_000_000));
        assert_eq!(verification_of(&keys, &good, 1_000_000 + GOOD_S), Some(300));
        assert_eq!(verification_of(&keys, &good, 1_000_001 + GOOD_S), None);
        assert_eq!(verification_of(&keys, &good, 1_000_000 - SKEW_S), Some(300));
        assert_eq!(verification_of(&keys, &good, 999_999 - SKEW_S), None);
        assert_eq!(verification_of(&keys, &good.replacen("12c", "12d", 1), 1_000_000), None, "another one");
        for wrong in ["", "favicon.ico", "12c-f4240", "12c-f4240-00000000-", "-1-f4240-00000000-x"] {
            assert_eq!(verification_of(&keys, wrong, 1_000_000), None, "{wrong}");
        }
    }
}
