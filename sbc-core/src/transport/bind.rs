//! Binding the listeners of a network.

use super::Transport;
use crate::limits;
use crate::net::{Listener, Network};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, UdpSocket};
use tracing::info;

/// A listener could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("listener {listener}: cannot bind {transport} {address}: {source}; {}", advice(.source))]
pub struct BindError {
    /// The listener's name in the configuration.
    pub listener: Box<str>,
    /// Its transport.
    pub transport: Transport,
    /// The address that was asked for.
    pub address: SocketAddr,
    /// What the operating system said.
    #[source]
    pub source: io::Error,
}

/// A bound socket that nobody reads yet.
#[derive(Debug)]
pub(super) enum Bound {
    /// Of a UDP listener.
    Udp(UdpSocket),
    /// Of a TCP listener.
    Tcp(TcpListener),
}

/// Binds every listener, in order; the addresses are written back once all of them are bound.
pub(super) fn bind_all(network: &mut Network) -> Result<Vec<Bound>, BindError> {
    let mut bound = Vec::with_capacity(network.listeners.len());
    let mut addresses = Vec::with_capacity(network.listeners.len());
    for listener in &network.listeners {
        let (socket, address) = bind(listener).map_err(|source| BindError {
            listener: listener.name.clone(),
            transport: listener.transport,
            address: listener.bind,
            source,
        })?;
        info!(listener = %listener.name, transport = %listener.transport, %address, "bound");
        bound.push(socket);
        addresses.push(address);
    }
    for (listener, address) in network.listeners.iter_mut().zip(addresses) {
        listener.bind = address;
        if listener.advertise.port() == 0 {
            listener.advertise.set_port(address.port());
        }
    }
    Ok(bound)
}

fn bind(listener: &Listener) -> io::Result<(Bound, SocketAddr)> {
    let socket = socket(listener.transport, listener.bind)?;
    match listener.transport {
        Transport::Udp => {
            socket.bind(&listener.bind.into())?;
            let socket = UdpSocket::from_std(socket.into())?;
            let address = socket.local_addr()?;
            Ok((Bound::Udp(socket), address))
        }
        Transport::Tcp => {
            // On Linux this lets us bind beside the TIME_WAITs of a former process, never beside
            // another listener.
            socket.set_reuse_address(true)?;
            socket.bind(&listener.bind.into())?;
            socket.listen(limits::LISTEN_BACKLOG)?;
            let socket = TcpListener::from_std(socket.into())?;
            let address = socket.local_addr()?;
            Ok((Bound::Tcp(socket), address))
        }
    }
}

fn socket(transport: Transport, address: SocketAddr) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let socket = match transport {
        Transport::Udp => Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?,
        Transport::Tcp => Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?,
    };
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        // `[::]` beside `0.0.0.0` on one port, and no IPv4 peer that looks like IPv6.
        socket.set_only_v6(true)?;
    }
    if transport == Transport::Udp {
        // The kernel grants at most net.core.rmem_max, silently.
        socket.set_recv_buffer_size(limits::SOCKET_RECEIVE_BYTES)?;
    }
    Ok(socket)
}

/// What to do about a failure to bind.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another listener or program has this address and port: stop it or choose another port"
        }
        io::ErrorKind::AddrNotAvailable => {
            "no interface of this machine has this address: correct `bind`, or bring the interface \
             up before"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE: grant it or choose another port"
        }
        _ => "correct `bind` of this listener",
    }
}
