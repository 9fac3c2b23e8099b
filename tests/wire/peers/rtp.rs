//! The smallest RTP endpoint: sends PCMU packets and counts what comes back.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

const SSRC: u32 = 0x5bc0_5bc0;
/// 20 ms of PCMU.
const SAMPLES: u16 = 160;

pub(crate) struct RtpSocket {
    socket: UdpSocket,
    sequence: u16,
}

impl RtpSocket {
    pub(crate) fn bind(port: u16) -> Self {
        Self::on(Ipv4Addr::LOCALHOST, port)
    }

    /// At an address of this machine; port 0 lets the system choose.
    pub(crate) fn on(ip: Ipv4Addr, port: u16) -> Self {
        let socket = UdpSocket::bind((ip, port)).expect("the port is free");
        let patience = Some(Duration::from_secs(1));
        socket
            .set_read_timeout(patience)
            .expect("a second is a valid timeout");
        Self {
            socket,
            sequence: 0,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.socket.local_addr().expect("it is bound").port()
    }

    /// Sends `count` packets to `peer`, one behind the other.
    pub(crate) fn send(&mut self, peer: SocketAddr, count: usize) {
        for _ in 0..count {
            let packet = self.next_packet();
            self.socket
                .send_to(&packet, peer)
                .expect("loopback takes a packet");
        }
    }

    /// Sends `count` packets to `peer`, each after the one before came back or was given up, and
    /// returns how many came back unchanged. Five losses in a row end it.
    pub(crate) fn echo(&mut self, peer: SocketAddr, count: usize) -> usize {
        let (mut returned, mut lost_in_a_row) = (0, 0);
        for _ in 0..count {
            let packet = self.next_packet();
            self.socket
                .send_to(&packet, peer)
                .expect("loopback takes a packet");
            let mut buffer = [0; 2048];
            match self.socket.recv_from(&mut buffer) {
                Ok((length, _)) if buffer[..length] == packet => {
                    returned += 1;
                    lost_in_a_row = 0;
                }
                _ => lost_in_a_row += 1,
            }
            if lost_in_a_row == 5 {
                break;
            }
        }
        returned
    }

    fn next_packet(&mut self) -> Vec<u8> {
        self.sequence += 1;
        let stamp = u32::from(self.sequence) * u32::from(SAMPLES);
        // Version 2, no padding, extension or CSRC; payload type 0 (RFC 3550 5.1, RFC 3551 6).
        let mut packet = vec![0x80, 0];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(stamp.to_be_bytes());
        packet.extend(SSRC.to_be_bytes());
        packet.extend((0..SAMPLES).map(|sample| sample.to_le_bytes()[0]));
        packet
    }
}
