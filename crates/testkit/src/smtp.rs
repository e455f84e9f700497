//! A mail server on a free port that keeps what it takes.
//!
//! The protocol is `mailin`'s; here are the sockets. With an [`Authority`] it offers STARTTLS, or speaks TLS
//! from the first byte, and then takes letters of [`SMTP_USER`] only. Recipients that begin with `unknown` do not exist, with `busy` have to be asked later.

use std::net::IpAddr;

use mailin::{Action, AuthMechanism, Handler, Response, Session, SessionBuilder, response};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufStream},
    net::{TcpListener, TcpStream},
    sync::{Mutex, mpsc},
};
use tokio_rustls::TlsAcceptor;

use crate::tls::Authority;

/// Name and password that the server knows.
pub const SMTP_USER: (&str, &str) = ("mailer", "letters please");

/// A letter that the server took.
#[derive(Clone, Debug, Default)]
pub struct TakenLetter {
    /// Envelope sender.
    pub from: String,
    /// Envelope recipients.
    pub to: Vec<String>,
    /// Header and body as they came.
    pub data: String,
    /// Who signed in.
    pub user: Option<String>,
}

/// How the server protects connections.
#[derive(Clone)]
pub enum SmtpTls {
    /// TLS from the first byte.
    Implicit(TlsAcceptor),
    /// Not at all.
    Plain,
    /// By STARTTLS.
    Starttls(TlsAcceptor),
}

/// A running mail server.
pub struct MailServer {
    /// Port on 127.0.0.1.
    pub port: u16,
    letters: Mutex<mpsc::UnboundedReceiver<TakenLetter>>,
}

impl MailServer {
    /// Without protection.
    pub async fn start() -> MailServer {
        MailServer::start_with(SmtpTls::Plain).await
    }

    /// With STARTTLS by a certificate of this authority.
    pub async fn start_tls(authority: &Authority) -> MailServer {
        MailServer::start_with(SmtpTls::Starttls(authority.acceptor())).await
    }

    /// As asked.
    pub async fn start_with(tls: SmtpTls) -> MailServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, letters) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let inbox = Inbox { letter: TakenLetter::default(), bytes: vec![], sender: sender.clone() };
                tokio::spawn(serve(stream, peer.ip(), tls.clone(), inbox));
            }
        });
        MailServer { port, letters: Mutex::new(letters) }
    }

    /// The next letter; waits for it as long as the test runs.
    pub async fn next(&self) -> TakenLetter {
        let mut letters = self.letters.lock().await;
        tokio::time::timeout(crate::PATIENCE, letters.recv()).await.expect("no letter came").unwrap()
    }

    /// A letter that is there already.
    pub async fn now(&self) -> Option<TakenLetter> {
        self.letters.lock().await.try_recv().ok()
    }
}

async fn serve(stream: TcpStream, peer: IpAddr, tls: SmtpTls, inbox: Inbox) {
    let mut builder = SessionBuilder::new("mail.test");
    if !matches!(tls, SmtpTls::Plain) {
        // From then on nobody sends without signing in.
        builder.enable_auth(AuthMechanism::Plain);
    }
    match tls {
        SmtpTls::Plain => {
            talk(&mut builder.build(peer, inbox), BufStream::new(stream), true).await;
        }
        SmtpTls::Implicit(acceptor) => {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            builder.enable_start_tls();
            let mut session = builder.build(peer, inbox);
            session.tls_active();
            talk(&mut session, BufStream::new(stream), true).await;
        }
        SmtpTls::Starttls(acceptor) => {
            builder.enable_start_tls();
            let mut session = builder.build(peer, inbox);
            let Some(stream) = talk(&mut session, BufStream::new(stream), true).await else { return };
            let Ok(stream) = acceptor.accept(stream.into_inner()).await else { return };
            session.tls_active();
            talk(&mut session, BufStream::new(stream), false).await;
        }
    }
}

/// Reads commands until the end; gives the stream back when the client asks for TLS.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut Session<Inbox>,
    mut stream: BufStream<S>,
    greet: bool,
) -> Option<BufStream<S>> {
    if greet {
        answer(&mut stream, &session.greeting()).await?;
    }
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await.ok()? == 0 {
            return None;
        }
        let response = session.process(&line);
        match response.action {
            Action::NoReply => {}
            Action::Reply => answer(&mut stream, &response).await?,
            Action::UpgradeTls => {
                answer(&mut stream, &response).await?;
                return Some(stream);
            }
            Action::Close => {
                answer(&mut stream, &response).await?;
                return None;
            }
        }
    }
}

async fn answer<S: AsyncWrite + Unpin>(stream: &mut S, response: &Response) -> Option<()> {
    stream.write_all(&response.buffer().ok()?).await.ok()?;
    stream.flush().await.ok()
}

/// What one connection collects.
struct Inbox {
    letter: TakenLetter,
    bytes: Vec<u8>,
    sender: mpsc::UnboundedSender<TakenLetter>,
}

impl Handler for Inbox {
    fn mail(&mut self, _: IpAddr, _: &str, from: &str) -> Response {
        from.clone_into(&mut self.letter.from);
        self.letter.to.clear();
        self.bytes.clear();
        response::OK
    }

    fn rcpt(&mut self, to: &str) -> Response {
        if to.starts_with("unknown") {
            return response::NO_MAILBOX;
        }
        if to.starts_with("busy") {
            return response::OUT_OF_SPACE;
        }
        self.letter.to.push(to.to_owned());
        response::OK
    }

    fn data(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        self.letter.data = String::from_utf8_lossy(&self.bytes).into_owned();
        let _ = self.sender.send(self.letter.clone());
        response::OK
    }

    fn auth_plain(&mut self, _: &str, user: &str, password: &str) -> Response {
        if (user, password) == SMTP_USER {
            self.letter.user = Some(user.to_owned());
            response::AUTH_OK
        } else {
            response::INVALID_CREDENTIALS
        }
    }
}
