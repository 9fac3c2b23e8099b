//! What is asked of the operating system: sockets, epoll, eventfd. The only place where `unsafe`
//! would be allowed; rustix and socket2 make it unnecessary so far.

use crate::limits::{READY, RECEIVE_BUFFER_BYTES};
use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, epoll, eventfd, poll};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// A UDP socket bound for media. Never blocks.
///
/// # Errors
/// Those of the operating system.
pub(crate) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM.nonblocking().cloexec(),
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Whether an error says that there are no descriptors left.
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE))
}

/// Wakes a worker from another thread.
#[derive(Debug)]
pub(crate) struct Waker(OwnedFd);

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC;
        Ok(Self(eventfd(0, flags)?))
    }

    /// The worker wakes, now or when it next waits.
    pub(crate) fn wake(&self) {
        if let Err(error) = rustix::io::write(&self.0, &1_u64.to_ne_bytes()) {
            // A counter that is full wakes as well.
            debug_assert_eq!(error, Errno::AGAIN, "eventfd");
        }
    }

    /// Takes note of all wakes so far.
    pub(crate) fn clear(&self) {
        if let Err(error) = rustix::io::read(&self.0, &mut [0_u8; 8]) {
            debug_assert_eq!(error, Errno::AGAIN, "eventfd");
        }
    }

    /// Waits for a wake, at most this long.
    pub(crate) fn wait(&self, time: Duration) {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        if let Err(error) = poll(&mut fds, timespec(time).as_ref()) {
            // An interrupted wait is only shorter.
            debug_assert_eq!(error, Errno::INTR, "poll");
        }
    }
}

/// Level-triggered epoll over sockets that are known by a number.
#[derive(Debug)]
pub(crate) struct Poller(OwnedFd);

/// Sockets that are ready. Stays on its thread.
pub(crate) struct Ready(Vec<epoll::Event>);

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(epoll::create(epoll::CreateFlags::CLOEXEC)?))
    }

    /// Watches a socket. Closing it ends that.
    pub(crate) fn add(&self, socket: &impl AsFd, token: u64) -> io::Result<()> {
        let data = epoll::EventData::new_u64(token);
        Ok(epoll::add(&self.0, socket, data, epoll::EventFlags::IN)?)
    }

    /// Watches a waker.
    pub(crate) fn add_waker(&self, waker: &Waker, token: u64) -> io::Result<()> {
        self.add(&waker.0, token)
    }

    /// Waits for packets, for ever where `time` is `None`.
    pub(crate) fn wait(&self, ready: &mut Ready, time: Option<Duration>) {
        ready.0.clear();
        let time = time.and_then(timespec);
        if let Err(error) = epoll::wait(&self.0, spare_capacity(&mut ready.0), time.as_ref()) {
            // Any other error is one of this program: a descriptor that is closed or wrong.
            debug_assert_eq!(error, Errno::INTR, "epoll_wait");
        }
    }
}

impl Ready {
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(READY))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their tokens.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|event| event.data.u64())
    }
}

fn timespec(time: Duration) -> Option<Timespec> {
    Timespec::try_from(time).ok()
}
