//! The listener: HTTP/1.1 connections within limits, and an orderly end.
//!
//! ```text
//!  bind ─► accept (bounded) ─► connection task ─► router
//!             ▲ stop()             └─► finishes its request, then closes
//! ```

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::places::Places;
use crate::clock::Clock;

/// How long a request's head may take, and how long a connection may be without one: a slow sender
/// holds one of few places.
const HEAD_WAIT: Duration = Duration::from_secs(10);

/// Bytes of a request's head: our routes are short, and a token has 46 characters.
const HEAD_MAX: usize = 16 * 1024;

/// How long requests under way may take to end after a stop: `docker stop` kills after ten seconds, and
/// EventBridge itself waits for five.
const DRAIN_WAIT: Duration = Duration::from_secs(5);

/// The wait after an accept failed: usually the process has no file descriptor left.
const ACCEPT_RETRY: Duration = Duration::from_millis(500);

/// An address that can't be listened on.
#[derive(Debug, Error)]
#[error("{address}: {reason}")]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    /// Why, in words.
    pub reason: String,
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    accepting: tokio::task::JoinHandle<()>,
    connections: TaskTracker,
    clock: Arc<dyn Clock>,
}

impl Server {
    /// Takes the address. Connections wait in the kernel until [`Server::start`].
    ///
    /// # Errors
    /// When the address is in use or not one of this machine's.
    pub async fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
        TcpListener::bind(address).await.map_err(|error| {
            let reason = match error.kind() {
                io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
                io::ErrorKind::AddrNotAvailable => {
                    "this machine does not have this address".to_owned()
                }
                io::ErrorKind::PermissionDenied => "this user may not listen there".to_owned(),
                _ => error.to_string(),
            };
            ListenError { address, reason }
        })
    }

    /// Serves `router` on `listener`.
    ///
    /// # Errors
    /// When the listener does not know its own address.
    pub fn start(listener: TcpListener, router: Router, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let connections = TaskTracker::new();
        let accepting = tokio::spawn(accept(
            listener,
            router,
            connections.clone(),
            stop.clone(),
            Arc::clone(&clock),
        ));
        Ok(Self { address, stop, accepting, connections, clock })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, and waits for the requests under way.
    pub async fn stop(self) {
        self.stop.cancel();
        drop(self.accepting.await);
        self.connections.close();
        tokio::select! {
            () = self.connections.wait() => {}
            () = self.clock.sleep(DRAIN_WAIT) => {
                tracing::warn!(connections = self.connections.len(), "requests did not end in time");
            }
        }
    }
}

async fn accept(
    listener: TcpListener,
    router: Router,
    connections: TaskTracker,
    stop: CancellationToken,
    clock: Arc<dyn Clock>,
) {
    let places = Places::new(Arc::clone(&clock));
    loop {
        let free = tokio::select! {
            free = places.free() => free,
            () = stop.cancelled() => return,
        };
        let Some(free) = free else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(place) = places.take(free, peer.ip()) else { continue };
                let (router, stop) = (router.clone(), stop.clone());
                connections.spawn(async move {
                    serve(stream, router, stop).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::error!(error = %error, "a connection could not be accepted");
                clock.sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, router: Router, stop: CancellationToken) {
    // Answers are small, and a sender waits for each.
    drop(stream.set_nodelay(true));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = %error, "a connection ended early");
    }
}
