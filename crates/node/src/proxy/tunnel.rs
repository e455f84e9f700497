//! After `101 Switching Protocols`: bytes both ways until one side ends.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::worker::Connection;

/// Connects both sides once the response head is out. The tunnel counts as the connection that it was: among those that
/// the worker may have, with a bound on silence, until the node ends.
pub(super) fn start(connection: &Connection, client: OnUpgrade, upstream: OnUpgrade) {
    connection.tunnel(async move {
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
