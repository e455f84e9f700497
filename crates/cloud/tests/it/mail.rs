//! The mailer against a real mail server.

use std::path::PathBuf;

use bartizan_cloud::{
    config::{MailConfig, MailPassword, MailTls},
    mail::{Letter, MailError, Mailer},
};
use bartizan_testkit::{
    smtp::{MailServer, SMTP_USER, SmtpTls},
    tls::Authority,
};

fn config(server: &MailServer, tls: MailTls, ca_file: Option<PathBuf>) -> MailConfig {
    MailConfig {
        host: "localhost".into(),
        port: Some(server.port),
        tls,
        ca_file,
        from: "Bartizan <alerts@bartizan.test>".into(),
        ..MailConfig::default()
    }
}

fn letter(to: &str) -> Letter {
    Letter { to: vec![to.into()], subject: "You are invited".into(), text: "Hello".into(), html: None }
}

#[tokio::test]
async fn a_letter_arrives_as_it_was_written() {
    let server = MailServer::start().await;
    let mailer = Mailer::new(&config(&server, MailTls::None, None)).unwrap();
    let mut sent = letter("Ann <ann@example.com>");
    sent.html = Some("<p>Hello</p>".into());
    mailer.send(&sent).await.unwrap();
    let taken = server.next().await;
    assert_eq!(
        (taken.from.as_str(), taken.to.clone()),
        ("alerts@bartizan.test", vec!["ann@example.com".into()])
    );
    for part in
        ["Subject: You are invited\r\n", "To: Ann <ann@example.com>\r\n", "\r\nHello\r\n", "<p>Hello</p>"]
    {
        assert!(taken.data.contains(part), "{part} is missing in {}", taken.data);
    }
    assert!(taken.data.contains("From: Bartizan <alerts@bartizan.test>\r\n"), "{}", taken.data);
}

#[tokio::test]
async fn a_subject_with_line_breaks_makes_no_header() {
    let server = MailServer::start().await;
    let mailer = Mailer::new(&config(&server, MailTls::None, None)).unwrap();
    let mut sent = letter("ann@example.com");
    sent.subject = "Hi\r\nBcc: eve@example.com".into();
    mailer.send(&sent).await.unwrap();
    let taken = server.next().await;
    assert!(!taken.data.contains("\nBcc:"), "{}", taken.data);
}

#[tokio::test]
async fn tls_needs_a_trusted_certificate_and_carries_the_password() {
    let authority = Authority::new();
    for (tls, server) in [
        (MailTls::Starttls, MailServer::start_tls(&authority).await),
        (MailTls::Implicit, MailServer::start_with(SmtpTls::Implicit(authority.acceptor())).await),
    ] {
        let stranger = Mailer::new(&config(&server, tls, None)).unwrap();
        assert!(stranger.send(&letter("ann@example.com")).await.unwrap_err().is_temporary());
        let mut trusting = config(&server, tls, Some(authority.file.clone()));
        trusting.user = SMTP_USER.0.into();
        trusting.password = MailPassword(SMTP_USER.1.into());
        Mailer::new(&trusting).unwrap().send(&letter("ann@example.com")).await.unwrap();
        assert_eq!(server.next().await.user.as_deref(), Some("mailer"));
        trusting.password = MailPassword("wrong".into());
        let error = Mailer::new(&trusting).unwrap().send(&letter("ann@example.com")).await.unwrap_err();
        assert!(matches!(error, MailError::Refused(_)), "{error}");
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_nothing() {
    let server = MailServer::start().await;
    let mailer = Mailer::new(&config(&server, MailTls::Starttls, None)).unwrap();
    mailer.send(&letter("ann@example.com")).await.unwrap_err();
    assert!(server.now().await.is_none());
}

#[tokio::test]
async fn refusals_for_good_and_for_now_are_told_apart() {
    let server = MailServer::start().await;
    let mailer = Mailer::new(&config(&server, MailTls::None, None)).unwrap();
    let unknown = mailer.send(&letter("unknown@example.com")).await.unwrap_err();
    assert!(!unknown.is_temporary(), "{unknown}");
    let busy = mailer.send(&letter("busy@example.com")).await.unwrap_err();
    assert!(busy.is_temporary(), "{busy}");
    let malformed = mailer.send(&letter("no address")).await.unwrap_err();
    assert!(matches!(malformed, MailError::Letter(_)), "{malformed}");
    let none = Mailer::new(&MailConfig::default()).unwrap();
    assert!(!none.is_configured());
    assert!(matches!(none.send(&letter("ann@example.com")).await, Err(MailError::NotConfigured)));
}
