//! `[mail]`: the server that letters go out by.

use std::{net::IpAddr, path::PathBuf};

use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};

/// The mail server that letters go out by: invitations, password resets, notifications.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailConfig {
    /// Host name or address of the SMTP server; empty: this cloud sends no mail.
    pub host: String,
    /// Port; by default 587, 465 or 25, as `tls` has it.
    pub port: Option<u16>,
    /// How the connection is protected.
    pub tls: MailTls,
    /// PEM file of a certificate authority to trust besides the public ones.
    pub ca_file: Option<PathBuf>,
    /// Name to sign in with; empty: no authentication.
    pub user: String,
    /// Password to sign in with.
    pub password: MailPassword,
    /// Sender, `address@host` or `Name <address@host>`.
    pub from: String,
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// TLS from the first byte.
    Implicit,
    /// No protection: only for a server on this machine.
    None,
    /// Plain at first, then TLS by STARTTLS; refused when the server offers none.
    #[default]
    Starttls,
}

/// A password that debug output does not show.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MailPassword(pub String);

impl std::fmt::Debug for MailPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("****")
    }
}

impl MailConfig {
    /// The port in force.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            MailTls::Implicit => 465,
            MailTls::None => 25,
            MailTls::Starttls => 587,
        })
    }

    /// The sender in force.
    ///
    /// # Errors
    /// A sentence about `mail.from`.
    pub fn sender(&self) -> Result<Mailbox, String> {
        self.from.parse().map_err(|error| {
            format!("mail.from must be an address, as in \"Bartizan <alerts@example.com>\": {error}")
        })
    }

    /// Checks what types cannot.
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.host.is_empty() {
            return Ok(());
        }
        let address = self.host.parse::<IpAddr>();
        let local = self.host == "localhost" || address.is_ok_and(|address| address.is_loopback());
        if self.tls == MailTls::None && !local {
            return Err("mail.tls = \"none\" is only for a mail server on this machine".into());
        }
        if self.user.is_empty() != self.password.0.is_empty() {
            return Err("mail.user and mail.password go together".into());
        }
        self.sender().map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(host: &str, tls: MailTls) -> MailConfig {
        MailConfig {
            host: host.into(),
            tls,
            from: "Bartizan <b@example.com>".into(),
            ..MailConfig::default()
        }
    }

    #[test]
    fn plain_connections_stay_on_this_machine() {
        assert!(config("127.0.0.1", MailTls::None).validate().is_ok());
        assert!(config("localhost", MailTls::None).validate().is_ok());
        let error = config("mail.example.com", MailTls::None).validate().unwrap_err();
        assert!(error.contains("mail.tls"), "{error}");
        assert!(config("mail.example.com", MailTls::Starttls).validate().is_ok());
    }

    #[test]
    fn a_sender_is_needed_and_a_password_never_shown() {
        let mut config = config("mail.example.com", MailTls::Implicit);
        config.from = "nobody".into();
        assert!(config.validate().unwrap_err().contains("mail.from"));
        config.password = MailPassword("hunter2".into());
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
