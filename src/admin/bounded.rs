//! A listener that holds no connection for longer than it is of use: at most so many at a time, and
//! each is closed when nothing could be written to it for a while. Bytes that arrive buy no time,
//! or a head sent byte by byte would hold its place for ever.

use super::limits::{CONNECTIONS, PATIENCE};
use axum::serve::Listener;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep_until};

/// See the module.
pub(super) struct Bounded {
    listener: TcpListener,
    places: Arc<Semaphore>,
    patience: Duration,
}

impl Bounded {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self::within(listener, CONNECTIONS, PATIENCE)
    }

    fn within(listener: TcpListener, connections: usize, patience: Duration) -> Self {
        Self {
            listener,
            places: Arc::new(Semaphore::new(connections)),
            patience,
        }
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // An error: the semaphore is closed, which nobody does.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, from) = Listener::accept(&mut self.listener).await;
        let connection = Connection {
            stream,
            patience: self.patience,
            deadline: Box::pin(sleep_until(Instant::now() + self.patience)),
            _place: place,
        };
        (connection, from)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection; its place is free when it is dropped.
pub(super) struct Connection {
    stream: TcpStream,
    patience: Duration,
    deadline: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Connection {
    fn is_late(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.deadline.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.is_late(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.is_late(cx)?;
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        let deadline = Instant::now() + self.patience;
        self.deadline.as_mut().reset(deadline);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const HEAD: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\n";

    /// A server with so many places; dropped with the runtime.
    async fn server(connections: usize, patience: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let pages = Router::new().route("/healthz", get(|| async { "ok\n" }));
        let bounded = Bounded::within(listener, connections, patience);
        tokio::spawn(async move { axum::serve(bounded, pages).await });
        address
    }

    async fn client(at: SocketAddr, says: &[u8]) -> TcpStream {
        let mut client = TcpStream::connect(at).await.unwrap();
        client.write_all(says).await.unwrap();
        client
    }

    async fn answer(client: &mut TcpStream) -> String {
        let mut bytes = vec![0; 1024];
        let length = client.read(&mut bytes).await.unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    #[tokio::test]
    async fn whoever_sends_no_whole_head_or_nothing_more_is_closed() {
        let at = server(8, Duration::from_millis(50)).await;
        for says in [b"".as_slice(), HEAD] {
            let mut client = client(at, says).await;
            let mut rest = Vec::new();
            client.read_to_end(&mut rest).await.unwrap();
        }
        let mut client = client(at, HEAD).await;
        client.write_all(b"\r\n").await.unwrap();
        assert!(answer(&mut client).await.starts_with("HTTP/1.1 200"));
        assert_eq!(answer(&mut client).await, "", "and then it is idle");
    }

    #[tokio::test]
    async fn no_more_connections_than_places_are_served() {
        let at = server(1, Duration::from_secs(3600)).await;
        let first = client(at, HEAD).await;
        let mut second = client(at, HEAD).await;
        second.write_all(b"\r\n").await.unwrap();
        let early = tokio::time::timeout(Duration::from_millis(50), answer(&mut second)).await;
        assert!(early.is_err(), "the only place is taken: {early:?}");
        drop(first);
        assert!(answer(&mut second).await.starts_with("HTTP/1.1 200"));
    }
}
