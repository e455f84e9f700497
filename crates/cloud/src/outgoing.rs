//! The one way by which the cloud connects to an address that a user named.
//!
//! Integrations and remote API specifications name hosts, so a user could point the cloud at its own network
//! or at the metadata service of its machine. Therefore: the host is resolved here, every address must be one
//! that the public network routes (or one that the operator allows), and the connection goes to exactly these
//! addresses, so that a second answer of the name service cannot change them. Redirects and proxies of the
//! environment are not followed. Answers are cut at a size.

use std::{net::SocketAddr, time::Duration};

use reqwest::{Method, Url, header::HeaderMap};
use tokio::net::TcpStream;
use url::Host;

use crate::config::OutgoingConfig;

mod addresses;

pub use addresses::is_public;

/// Longest wait for the name service.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a target cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    /// The target is not one that the cloud connects to.
    #[error("the target is refused: {0}")]
    Refused(&'static str),
    /// The name does not resolve.
    #[error("the host cannot be resolved")]
    Unresolved,
    /// What the user gave for the connection cannot be used.
    #[error("the connection cannot be set up: {0}")]
    Setup(String),
    /// No connection, no answer in time, or a broken one.
    #[error("no answer: {0}")]
    Exchange(String),
    /// The answer is larger than the caller takes.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

impl OutgoingError {
    /// Whether trying later may help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, OutgoingError::Unresolved | OutgoingError::Exchange(_))
    }
}

/// What to send.
#[derive(Debug)]
pub struct OutgoingRequest {
    /// Method.
    pub method: Method,
    /// Address, as [`Outgoing::check`] returned it.
    pub url: Url,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
    /// PEM certificate of an authority to trust besides the public ones.
    pub authority: Option<String>,
    /// Whether the certificate of the server is verified.
    pub verify: bool,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for the whole answer.
    pub timeout: Duration,
    /// Largest answer, bytes.
    pub answer_limit: usize,
}

impl OutgoingRequest {
    /// A GET with the usual limits.
    #[must_use]
    pub fn get(url: Url, answer_limit: usize) -> OutgoingRequest {
        OutgoingRequest {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: vec![],
            authority: None,
            verify: true,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(15),
            answer_limit,
        }
    }

    /// A POST with the usual limits; of the answer only a beginning is kept.
    #[must_use]
    pub fn post(url: Url, body: Vec<u8>) -> OutgoingRequest {
        OutgoingRequest { method: Method::POST, body, ..OutgoingRequest::get(url, 64 << 10) }
    }
}

/// What came back.
#[derive(Debug)]
pub struct OutgoingAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

/// The rules of this cloud for its own connections.
#[derive(Clone, Debug)]
pub struct Outgoing {
    config: OutgoingConfig,
    authorities: Vec<reqwest::Certificate>,
}

impl Outgoing {
    /// By this configuration.
    #[must_use]
    pub fn new(config: OutgoingConfig) -> Outgoing {
        // The file was read when the configuration was checked; if it went since, its authorities are not trusted.
        let authorities = config.authorities().unwrap_or_else(|error| {
            tracing::error!(error, "private authorities are not trusted");
            vec![]
        });
        Outgoing { config, authorities }
    }

    /// What can be said about an address without asking the name service: whoever is told "the host does not
    /// resolve" when saving would learn the names of the inner network.
    ///
    /// # Errors
    /// A text that fits a 400 answer.
    pub fn check(&self, text: &str, may_be_plain: bool) -> Result<Url, &'static str> {
        let url = Url::parse(text).map_err(|_| "is not a URL")?;
        match url.scheme() {
            "https" => {}
            "http" if may_be_plain || self.config.plain_http => {}
            "http" => return Err("must begin with https://"),
            _ if may_be_plain => return Err("must begin with http:// or https://"),
            _ => return Err("must begin with https://"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not contain credentials");
        }
        let allowed = match url.host() {
            None => return Err("has no host"),
            Some(Host::Ipv4(address)) => self.allows(address.into()),
            Some(Host::Ipv6(address)) => self.allows(address.into()),
            Some(Host::Domain(name)) => !is_local_name(name) || self.allows_loopback(),
        };
        if allowed { Ok(url) } else { Err("leads to an address that is not public") }
    }

    /// Sends a request to a target, once.
    ///
    /// # Errors
    /// [`OutgoingError`]; any HTTP status is an answer, not an error.
    pub async fn send(&self, request: OutgoingRequest) -> Result<OutgoingAnswer, OutgoingError> {
        self.check(request.url.as_str(), true).map_err(OutgoingError::Refused)?;
        let port = request.url.port_or_known_default().ok_or(OutgoingError::Refused("has no port"))?;
        let addresses = self.resolve(&request.url, port).await?;
        let client = client(&request, &addresses, &self.authorities)?;
        let exchange = |error: reqwest::Error| OutgoingError::Exchange(reason(&error));
        let mut answer = client
            .request(request.method, request.url)
            .headers(request.headers)
            .body(request.body)
            .send()
            .await
            .map_err(exchange)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(exchange)? {
            if body.len() + chunk.len() > request.answer_limit {
                return Err(OutgoingError::TooLarge(request.answer_limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(OutgoingAnswer { status: answer.status().as_u16(), headers: answer.headers().clone(), body })
    }

    /// Connects to a target that speaks another protocol than HTTP.
    ///
    /// # Errors
    /// [`OutgoingError`].
    pub async fn connect(
        &self,
        url: &Url,
        default_port: u16,
        timeout: Duration,
    ) -> Result<TcpStream, OutgoingError> {
        let addresses = self.resolve(url, url.port().unwrap_or(default_port)).await?;
        let connected = tokio::time::timeout(timeout, TcpStream::connect(addresses.as_slice())).await;
        // Why it failed would tell which ports of a network are open.
        let failed = || OutgoingError::Exchange("no connection".to_owned());
        connected.map_err(|_| failed())?.map_err(|_| failed())
    }

    /// The addresses of a target, all of them allowed.
    async fn resolve(&self, url: &Url, port: u16) -> Result<Vec<SocketAddr>, OutgoingError> {
        let addresses: Vec<SocketAddr> = match url.host() {
            Some(Host::Ipv4(address)) => vec![(address, port).into()],
            Some(Host::Ipv6(address)) => vec![(address, port).into()],
            Some(Host::Domain(name)) => {
                let asked = tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((name, port)));
                let found = asked.await.map_err(|_| OutgoingError::Unresolved)?;
                found.map_err(|_| OutgoingError::Unresolved)?.collect()
            }
            None => return Err(OutgoingError::Refused("has no host")),
        };
        if addresses.is_empty() {
            return Err(OutgoingError::Unresolved);
        }
        // One forbidden address spoils the name: which of them is asked would be chance.
        if addresses.iter().all(|address| self.allows(address.ip())) {
            Ok(addresses)
        } else {
            Err(OutgoingError::Refused("leads to an address that is not public"))
        }
    }

    fn allows(&self, address: std::net::IpAddr) -> bool {
        is_public(address) || self.config.allowed_networks.iter().any(|network| network.contains(&address))
    }

    fn allows_loopback(&self) -> bool {
        self.config.allowed_networks.iter().any(|network| network.addr().is_loopback())
    }
}

/// Names of this machine, whatever the name service says.
fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

fn client(
    request: &OutgoingRequest,
    addresses: &[SocketAddr],
    authorities: &[reqwest::Certificate],
) -> Result<reqwest::Client, OutgoingError> {
    let setup = |error: reqwest::Error| OutgoingError::Setup(reason(&error));
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("Bartizan/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(request.connect_timeout)
        .timeout(request.timeout)
        .danger_accept_invalid_certs(!request.verify);
    if let Some(name) = request.url.domain() {
        builder = builder.resolve_to_addrs(name, addresses);
    }
    for authority in authorities {
        builder = builder.add_root_certificate(authority.clone());
    }
    if let Some(pem) = &request.authority {
        let authorities = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(setup)?;
        if authorities.is_empty() {
            return Err(OutgoingError::Setup("no PEM certificate".to_owned()));
        }
        for authority in authorities {
            builder = builder.add_root_certificate(authority);
        }
    }
    builder.build().map_err(setup)
}

/// The causes of an error without the URL, which may hold a secret.
fn reason(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    if error.is_timeout() {
        causes.insert(0, "timed out".to_owned());
    }
    if causes.is_empty() { "the exchange failed".to_owned() } else { causes.join(": ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict() -> Outgoing {
        Outgoing::new(OutgoingConfig::default())
    }

    #[test]
    fn inner_addresses_are_refused_in_every_spelling() {
        for url in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest/meta-data",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://x.localhost/",
        ] {
            assert!(strict().check(url, false).is_err(), "{url}");
        }
        assert!(strict().check("https://203.0.114.7/hook", false).is_ok());
        assert!(strict().check("https://hooks.example.com/x", false).is_ok());
    }

    #[test]
    fn plain_http_and_credentials_are_refused() {
        assert_eq!(strict().check("http://example.com/", false), Err("must begin with https://"));
        assert!(strict().check("http://example.com/", true).is_ok());
        assert!(strict().check("https://user:pw@example.com/", false).is_err());
        assert!(strict().check("ftp://example.com/", true).is_err());
        assert!(strict().check("no url", true).is_err());
    }

    #[tokio::test]
    async fn what_the_operator_allows_is_reached_and_the_rest_is_not() {
        let config = OutgoingConfig {
            allowed_networks: vec!["127.0.0.0/8".parse().unwrap()],
            plain_http: true,
            ca_file: None,
        };
        let outgoing = Outgoing::new(config);
        assert!(outgoing.check("http://127.0.0.1:9/", false).is_ok());
        assert!(outgoing.check("http://10.0.0.1/", false).is_err());
        let resolved = strict().resolve(&Url::parse("https://localhost/").unwrap(), 443).await;
        assert!(matches!(resolved, Err(OutgoingError::Refused(_))), "{resolved:?}");
    }
}
