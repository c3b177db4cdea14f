//! A member's side of a line: a blocking TCP stream that sends and receives frames or raw bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use socket2::{Domain, SockFilter, SockRef, Socket, Type};

use super::{ABSENCE, PATIENCE, kernel};

/// How a frame's length is written in front of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prefix {
    /// Two bytes, binary, big-endian.
    Bin2,
    /// Four ASCII digits.
    Ascii4,
}

impl Prefix {
    pub const fn size(self) -> usize {
        match self {
            Self::Bin2 => 2,
            Self::Ascii4 => 4,
        }
    }

    /// `data` with its length in front.
    pub fn frame(self, data: &[u8]) -> Vec<u8> {
        let mut frame = match self {
            Self::Bin2 => u16::try_from(data.len()).expect("fits two bytes").to_be_bytes().to_vec(),
            Self::Ascii4 => format!("{:04}", data.len()).into_bytes(),
        };
        assert_eq!(frame.len(), self.size(), "the length fits the prefix");
        frame.extend_from_slice(data);
        frame
    }

    fn length(self, head: &[u8]) -> usize {
        match self {
            Self::Bin2 => usize::from(u16::from_be_bytes([head[0], head[1]])),
            Self::Ascii4 => {
                assert!(head[..4].iter().all(u8::is_ascii_digit), "the switch sent a length of {:?}", &head[..4]);
                head[..4].iter().fold(0, |length, digit| length * 10 + usize::from(digit - b'0'))
            }
        }
    }
}

/// What came, or did not come, within a time.
#[derive(PartialEq, Eq, Debug)]
pub enum Arrival {
    /// The data of a whole frame; empty for a probe.
    Frame(Vec<u8>),
    /// The switch closed in order, at a frame boundary.
    Fin,
    Reset,
    Nothing,
}

pub struct Peer {
    stream: TcpStream,
    prefix: Prefix,
    /// Received; up to `taken` it has been handed out as frames.
    inbox: Vec<u8>,
    taken: usize,
    /// The reset came before the connect had returned: the switch is that quick at times.
    reset_at_once: bool,
}

impl Peer {
    /// Connects from `127.0.0.1`, or from `::1` to an IPv6 address.
    pub fn connect(to: SocketAddr, prefix: Prefix) -> Self {
        Self::connect_from(Ipv4Addr::LOCALHOST, to, prefix)
    }

    /// Connects from the loopback address given: any of `127.0.0.0/8` may be one.
    pub fn connect_from(source: Ipv4Addr, to: SocketAddr, prefix: Prefix) -> Self {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).expect("a socket");
        Self::connect_socket(socket, source, to, prefix)
    }

    /// Connects with a receive buffer of about `bytes`, so that it fills soon when nobody reads.
    pub fn connect_with_receive_buffer(to: SocketAddr, prefix: Prefix, bytes: usize) -> Self {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(bytes).expect("a buffer size");
        Self::connect_socket(socket, Ipv4Addr::LOCALHOST, to, prefix)
    }

    fn connect_socket(socket: Socket, source: Ipv4Addr, to: SocketAddr, prefix: Prefix) -> Self {
        if to.is_ipv4() {
            socket.bind(&SocketAddr::new(IpAddr::V4(source), 0).into()).expect("a loopback source address");
        }
        let connected = socket.connect_timeout(&to.into(), PATIENCE);
        let reset_at_once = matches!(&connected, Err(error) if error.kind() == ErrorKind::ConnectionReset);
        assert!(connected.is_ok() || reset_at_once, "connecting from {source} to {to}: {connected:?}");
        Self { reset_at_once, ..Self::over(socket.into(), prefix) }
    }

    /// Tries once; `None` where the connect itself is refused.
    pub fn try_connect(to: SocketAddr, prefix: Prefix) -> Option<Self> {
        TcpStream::connect_timeout(&to, PATIENCE).ok().map(|stream| Self::over(stream, prefix))
    }

    pub fn over(stream: TcpStream, prefix: Prefix) -> Self {
        stream.set_nodelay(true).expect("TCP");
        // A switch that stops reading must fail a test, not hang it.
        stream.set_write_timeout(Some(PATIENCE)).expect("a time-out above zero");
        Self { stream, prefix, inbox: Vec::new(), taken: 0, reset_at_once: false }
    }

    pub fn local(&self) -> SocketAddr {
        self.stream.local_addr().expect("bound")
    }

    /// The address the other side connected from, or listens on.
    pub fn remote(&self) -> SocketAddr {
        self.stream.peer_addr().expect("connected")
    }

    pub fn prefix(&self) -> Prefix {
        self.prefix
    }

    pub fn send_frame(&mut self, data: &[u8]) {
        let frame = self.prefix.frame(data);
        self.send_raw(&frame);
    }

    pub fn send_probe(&mut self) {
        self.send_frame(&[]);
    }

    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the line takes bytes");
    }

    /// Sends as far as the line takes it; false once it is closed.
    pub fn send_raw_while_open(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The next frame, probes included.
    pub fn arrival(&mut self, within: Duration) -> Arrival {
        if self.reset_at_once {
            return Arrival::Reset;
        }
        let deadline = Instant::now() + within;
        loop {
            if let Some(frame) = self.take_frame() {
                return Arrival::Frame(frame);
            }
            match self.read_until(deadline) {
                Ok(0) => {
                    assert!(self.inbox.len() == self.taken, "FIN in the middle of a frame");
                    return Arrival::Fin;
                }
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if Instant::now() >= deadline {
                        return Arrival::Nothing;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Arrival::Reset,
                Err(error) => panic!("reading a line: {error}"),
            }
        }
    }

    fn read_until(&mut self, deadline: Instant) -> std::io::Result<usize> {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.stream.set_read_timeout(Some(left))?;
        self.inbox.drain(..std::mem::take(&mut self.taken));
        let mut chunk = [0; 64 * 1024];
        let count = self.stream.read(&mut chunk)?;
        self.inbox.extend_from_slice(&chunk[..count]);
        Ok(count)
    }

    fn take_frame(&mut self) -> Option<Vec<u8>> {
        let head = self.prefix.size();
        let waiting = &self.inbox[self.taken..];
        if waiting.len() < head {
            return None;
        }
        let frame = waiting.get(head..head + self.prefix.length(waiting))?.to_vec();
        self.taken += head + frame.len();
        Some(frame)
    }

    /// The data of the next frame, which must come.
    pub fn receive(&mut self) -> Vec<u8> {
        match self.arrival(PATIENCE) {
            Arrival::Frame(data) => data,
            other => panic!("a frame was due, there came: {other:?}"),
        }
    }

    /// The same, probes passed over.
    pub fn receive_message(&mut self) -> Vec<u8> {
        loop {
            let data = self.receive();
            if !data.is_empty() {
                return data;
            }
        }
    }

    pub fn expect_frame(&mut self, data: &[u8]) {
        let received = self.receive();
        assert!(received == data, "expected {data:02x?}, received {received:02x?}");
    }

    pub fn expect_probe(&mut self) {
        self.expect_frame(&[]);
    }

    /// Nothing at all comes for a while, and the line stays open.
    pub fn expect_nothing(&mut self) {
        self.expect_nothing_for(ABSENCE);
    }

    pub fn expect_nothing_for(&mut self, within: Duration) {
        assert_eq!(self.arrival(within), Arrival::Nothing, "nothing was due");
    }

    pub fn expect_fin(&mut self) {
        assert_eq!(self.arrival(PATIENCE), Arrival::Fin, "an orderly close was due");
    }

    pub fn expect_reset(&mut self) {
        assert_eq!(self.arrival(PATIENCE), Arrival::Reset, "a reset was due");
    }

    /// The switch closes, by FIN or reset, without another frame.
    pub fn expect_closed(&mut self) {
        let arrival = self.arrival(PATIENCE);
        assert!(matches!(arrival, Arrival::Fin | Arrival::Reset), "a close was due, there came: {arrival:?}");
    }

    /// Sends FIN and goes on reading.
    pub fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).expect("still connected");
    }

    /// Closes both directions, and is answered with a reset from now on. To drop it is not enough where answers follow at
    /// once: a process that another test starts has the descriptor too until its program begins, and as long the kernel
    /// takes what comes.
    pub fn close_whole(self) {
        self.stream.shutdown(Shutdown::Both).expect("still connected");
    }

    /// Breaks the line by a reset, as a process that dies or a box on the way does.
    pub fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).expect("a TCP socket");
    }

    /// From now on this end's kernel sees nothing of what comes, and acknowledges nothing: a packet
    /// filter that drops everything, on this socket alone.
    pub fn go_deaf(&self) {
        const RETURN_NOTHING: SockFilter = SockFilter::new(libc::BPF_RET as u16, 0, 0, 0);
        SockRef::from(&self.stream).attach_filter(&[RETURN_NOTHING]).expect("a filter");
    }

    /// Every whole frame that has come until now.
    pub fn take_all(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| match self.arrival(Duration::from_millis(1)) {
            Arrival::Frame(frame) => Some(frame),
            Arrival::Nothing | Arrival::Fin | Arrival::Reset => None,
        })
        .collect()
    }

    /// The connection as the only descriptor of another process, which never reads it.
    pub fn hand_to_process(self) -> Child {
        let stream = OwnedFd::from(self.stream);
        let mut sleeper = Command::new("sleep");
        sleeper.arg("1000").stdin(Stdio::from(stream)).stdout(Stdio::null()).spawn().expect("a process")
    }

    /// Closes, by FIN or reset, and waits until the kernel has seen it on the switch's side.
    pub fn end(self, by_reset: bool) {
        let (side, other) = (self.remote(), self.local());
        if by_reset {
            self.reset();
        } else {
            drop(self);
        }
        kernel::wait_end_arrived(side, other);
    }

    /// Bytes that lie in the socket and nobody has read.
    pub fn unread_bytes(&self) -> u64 {
        let mut bytes: libc::c_int = 0;
        // SAFETY: the request writes one int.
        assert_eq!(unsafe { libc::ioctl(self.stream.as_raw_fd(), libc::FIONREAD, &raw mut bytes) }, 0);
        u64::try_from(bytes).expect("a count")
    }

    /// A second handle to the same connection, for a thread that only writes.
    pub fn writer(&self) -> TcpStream {
        self.stream.try_clone().expect("a descriptor")
    }
}

/// The next frame that comes on any of the lines, and on which of them it came.
pub fn receive_from_any(lines: &mut [&mut Peer]) -> (usize, Vec<u8>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        for (index, line) in lines.iter_mut().enumerate() {
            match line.arrival(Duration::from_millis(2)) {
                Arrival::Frame(data) => return (index, data),
                Arrival::Nothing => {}
                other => panic!("a frame was due on one of the lines; line {index} gave {other:?}"),
            }
        }
        assert!(Instant::now() < deadline, "no frame on any of {} lines", lines.len());
    }
}
