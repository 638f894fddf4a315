//! A port that is known before anybody listens on it, and that nobody else is given meanwhile.

use std::net::SocketAddr;
use tokio::net::TcpSocket;

/// A bound socket that never listens: connections are refused until a listener that allows reuse (as smoke's and the
/// standard library's do) takes the address, and again when it has gone; the kernel gives the port to no one else.
pub struct Reserved {
    pub address: SocketAddr,
    _socket: TcpSocket,
}

impl Reserved {
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("reuse");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        Self { address: socket.local_addr().expect("an address"), _socket: socket }
    }
}
