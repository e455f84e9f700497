//! Letters by SMTP: invitations, password resets, notifications.
//!
//! One mailer per process, from `[mail]` of the configuration. [`Mailer::send`] returns when the server has
//! taken the letter or refused it; who must not wait or lose a letter sends from a job. The subject and the
//! text are ours, so a letter never repeats input that was not checked.

use std::time::Duration;

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, MultiPart, SinglePart, header::ContentType},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};

use crate::config::{MailConfig, MailTls};

/// Longest wait for the mail server, per command.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A letter.
#[derive(Clone, Debug, Default)]
pub struct Letter {
    /// Recipients, each `address@host` or `Name <address@host>`. They see each other.
    pub to: Vec<String>,
    /// Subject.
    pub subject: String,
    /// Body as plain text.
    pub text: String,
    /// The same as HTML, for readers that show it.
    pub html: Option<String>,
}

/// Why a letter did not go out.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The configuration names no mail server.
    #[error("no mail server is configured")]
    NotConfigured,
    /// The configuration does not make a connection.
    #[error("the mail configuration cannot be used: {0}")]
    Configuration(String),
    /// A recipient is not an address, or the letter cannot be composed.
    #[error("the letter cannot be composed: {0}")]
    Letter(String),
    /// The server refused for good: sending again does not help.
    #[error("the mail server refused the letter")]
    Refused(#[source] lettre::transport::smtp::Error),
    /// The server could not be reached, or asks to come back later.
    #[error("the mail server cannot take the letter now")]
    Unavailable(#[source] lettre::transport::smtp::Error),
}

impl MailError {
    /// Whether sending again later may help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, MailError::Unavailable(_))
    }
}

/// What sends letters. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Mailer(Option<Configured>);

#[derive(Clone, Debug)]
struct Configured {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// A mailer for this configuration; it connects when it sends.
    ///
    /// # Errors
    /// [`MailError::Configuration`] when the sender or the certificate file cannot be used.
    pub fn new(config: &MailConfig) -> Result<Mailer, MailError> {
        if config.host.is_empty() {
            return Ok(Mailer(None));
        }
        let from = config.sender().map_err(MailError::Configuration)?;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(config.port())
            .tls(tls(config)?)
            .timeout(Some(TIMEOUT));
        if !config.user.is_empty() {
            builder = builder.credentials(Credentials::new(config.user.clone(), config.password.0.clone()));
        }
        Ok(Mailer(Some(Configured { transport: builder.build(), from })))
    }

    /// Whether this cloud can send letters at all.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        self.0.is_some()
    }

    /// Sends a letter; returns when the server has taken it.
    ///
    /// # Errors
    /// [`MailError`]; [`MailError::is_temporary`] says whether to try again.
    pub async fn send(&self, letter: &Letter) -> Result<(), MailError> {
        let Configured { transport, from } = self.0.as_ref().ok_or(MailError::NotConfigured)?;
        let message = compose(from, letter)?;
        let sent = transport.send(message).await;
        sent.map(|_| ()).map_err(|error| {
            if error.is_permanent() { MailError::Refused(error) } else { MailError::Unavailable(error) }
        })
    }
}

fn tls(config: &MailConfig) -> Result<Tls, MailError> {
    if config.tls == MailTls::None {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(config.host.clone());
    if let Some(path) = &config.ca_file {
        let bad = |text: String| MailError::Configuration(format!("mail.ca_file {} {text}", path.display()));
        let pem = std::fs::read(path).map_err(|error| bad(format!("cannot be read: {error}")))?;
        let authority =
            Certificate::from_pem(&pem).map_err(|error| bad(format!("is no certificate: {error}")))?;
        parameters = parameters.add_root_certificate(authority);
    }
    let parameters = parameters.build().map_err(|error| MailError::Configuration(error.to_string()))?;
    Ok(if config.tls == MailTls::Implicit { Tls::Wrapper(parameters) } else { Tls::Required(parameters) })
}

/// Whether a text is an address that a letter can go to.
#[must_use]
pub fn is_address(text: &str) -> bool {
    text.parse::<lettre::Address>().is_ok()
}

fn compose(from: &Mailbox, letter: &Letter) -> Result<Message, MailError> {
    let bad = |text: String| MailError::Letter(text);
    // A line break would end the header; encoders fold, they do not refuse.
    let subject: String = letter.subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut message = Message::builder().from(from.clone()).subject(subject);
    for recipient in &letter.to {
        let mailbox: Mailbox = recipient.parse().map_err(|error| bad(format!("{recipient}: {error}")))?;
        message = message.to(mailbox);
    }
    let composed = match &letter.html {
        None => message.header(ContentType::TEXT_PLAIN).body(letter.text.clone()),
        Some(html) => message.multipart(
            MultiPart::alternative()
                .singlepart(SinglePart::plain(letter.text.clone()))
                .singlepart(SinglePart::html(html.clone())),
        ),
    };
    composed.map_err(|error| bad(error.to_string()))
}
