//! Accepts connections of one TCP listener.

use super::connection::Connection;
use super::pool::Pool;
use super::shell::Context;
use crate::net::ListenerId;
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;
use tracing::{debug, warn};

/// Accepts until the transports stop. What is over a cap is closed at once.
pub(super) async fn accept(
    socket: TcpListener,
    listener: ListenerId,
    pool: Arc<Pool>,
    mut context: Context,
) {
    let mut starved = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = context.stop.asked() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, remote)) => {
                starved = false;
                if let Some(lease) = pool.admit(listener, remote) {
                    let connection = Connection::new(lease, context.clone());
                    tokio::spawn(connection.accepted(stream));
                } else {
                    context.sink.counters.refused.add();
                    debug!(%remote, "connection refused: its source or the table is full");
                }
            }
            Err(error) if is_of_the_peer(&error) => debug!(%error, "connection lost in accept"),
            Err(error) => {
                // No descriptors or no memory: the connection stays in the backlog, and accepting
                // at once would spin.
                if !starved {
                    warn!(%error, listener = listener.0, "cannot accept connections for now");
                }
                starved = true;
                context.pause().await;
            }
        }
    }
}

/// Whether an error tells of the connection that was to be accepted and not of us (accept(2):
/// Linux passes pending network errors of the new socket).
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::ConnectionRefused
            | Kind::NetworkDown
            | Kind::NetworkUnreachable
            | Kind::HostUnreachable
            | Kind::TimedOut
            | Kind::Interrupted
    )
}
