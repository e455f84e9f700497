//! Sockets of the addresses that take traffic: one per worker and address.
//!
//! The kernel spreads connections among the sockets of an address (`SO_REUSEPORT`). A reload keeps the sockets of
//! addresses that stay, so that nobody who is waiting to be accepted is turned away.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket as RawSocket, TcpKeepalive, Type};

use crate::config::{Config, Listen};
use crate::node::NodeError;
use crate::proxy::tls;
use crate::proxy::worker::{ListenSetup, Socket};

/// An address that is listened on.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    /// Identity of the listener among those of the process.
    pub(crate) id: u64,
    /// As the configuration has it; the port may be 0.
    configured: SocketAddr,
    pub(crate) actual: SocketAddr,
}

/// The listeners of a configuration, and what each worker needs to serve them: new sockets for new addresses, other
/// settings for those that stay.
pub(crate) fn rebind(
    config: &Config,
    before: &[Bound],
    workers: usize,
) -> Result<(Vec<Bound>, Vec<Vec<Socket>>), NodeError> {
    let mut sockets: Vec<Vec<Socket>> = (0..workers).map(|_| Vec::new()).collect();
    let mut staying = before.to_vec();
    let mut now: Vec<Bound> = Vec::with_capacity(config.listen.len());
    let mut next_id = before.iter().map(|bound| bound.id + 1).max().unwrap_or(0);
    for listen in &config.listen {
        let setup = setup(listen)?;
        if let Some(at) = staying.iter().position(|bound| bound.configured == listen.address) {
            let bound = staying.swap_remove(at);
            for worker in &mut sockets {
                worker.push(Socket { id: bound.id, listener: None, setup: setup.clone() });
            }
            now.push(bound);
            continue;
        }
        let mut address = listen.address;
        if workers > 1 && address.port() != 0 {
            // With SO_REUSEPORT a second node would share the port silently; without it, it is told.
            drop(bind(address, false)?);
        }
        for worker in &mut sockets {
            let listener = bind(address, workers > 1)?;
            address = listener.local_addr().map_err(NodeError::Setup)?;
            worker.push(Socket { id: next_id, listener: Some(listener), setup: setup.clone() });
        }
        now.push(Bound { id: next_id, configured: listen.address, actual: address });
        next_id += 1;
    }
    Ok((now, sockets))
}

fn setup(listen: &Listen) -> Result<ListenSetup, NodeError> {
    let tls = listen.tls.as_ref().map(tls::acceptor).transpose().map_err(NodeError::Setup)?;
    Ok(ListenSetup { tls, proxy_protocol: listen.proxy_protocol })
}

/// How a peer that vanished without a word is found out: after a minute of silence, within another.
pub(crate) fn keep_alive() -> TcpKeepalive {
    TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(15))
        .with_retries(4)
}

pub(crate) fn bind(address: SocketAddr, shared: bool) -> Result<std::net::TcpListener, NodeError> {
    let bind = || -> io::Result<std::net::TcpListener> {
        let socket = RawSocket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(shared)?;
        // Connections inherit it.
        socket.set_tcp_keepalive(&keep_alive())?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(4096)?;
        Ok(socket.into())
    };
    bind().map_err(|source| NodeError::Bind { address, source })
}
