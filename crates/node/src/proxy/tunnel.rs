//! After `101 Switching Protocols`: bytes both ways until one side ends.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::wire::ConnState;

/// Connects both sides once the response head is out.
pub(super) fn start(state: &ConnState, client: OnUpgrade, upstream: OnUpgrade) {
    // The bytes after the head belong to another protocol; nobody may look for HTTP in them.
    state.become_tunnel();
    tokio::task::spawn_local(async move {
        let (client, upstream) = match futures_util::future::try_join(client, upstream).await {
            Ok(sides) => sides,
            Err(error) => return tracing::debug!(%error, "tunnel.upgrade failed"),
        };
        let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
        if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut upstream).await {
            tracing::debug!(%error, "tunnel.ended");
        }
    });
}
