//! One connection of the load generator: a socket, what is to be sent, and whoever listens to its streams. One thread,
//! one buffer for reading, no copy between socket and listener.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};

use crate::wire::{self, Heard, Parser};

/// Bytes that are read at once, by any connection.
const READ_BYTES: usize = 512 << 10;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// Whoever hears the streams of a connection.
pub(crate) trait Listener {
    /// A gRPC message came; `stream` counts the connection's streams from 0.
    fn message(&self, connection: &Connection, stream: usize, message: &[u8]);

    /// A stream is over. Those of a benchmark end only when something is wrong, but for unary calls.
    fn ended(&self, stream: usize) {
        let _ = stream;
    }

    /// All that was read at once has been told.
    fn pause(&self, connection: &Connection) {
        connection.flush();
    }
}

/// A connection. It ends when it is dropped and its `run` is.
pub(crate) struct Connection {
    writer: OwnedWriteHalf,
    out: RefCell<Vec<u8>>,
    streams: Cell<u32>,
    stalled: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// What comes in on a connection, until it is run.
pub(crate) struct Incoming {
    reader: OwnedReadHalf,
    parser: Parser,
    /// The beginning of a frame whose rest is still to come.
    carried: Vec<u8>,
}

impl Connection {
    /// Connects; `receive_bytes` bounds what the kernel holds for a reader that does not read.
    pub(crate) async fn open(addr: SocketAddr, receive_bytes: Option<u32>) -> Result<(Rc<Self>, Incoming)> {
        let socket = TcpSocket::new_v4()?;
        if let Some(bytes) = receive_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        let stream = connect(socket, addr).await?;
        stream.set_nodelay(true)?;
        // Thousands of connections are closed at once: none is to linger in the kernel.
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        let (reader, writer) = stream.into_split();
        let connection = Self {
            writer,
            out: RefCell::new(wire::preface()),
            streams: Cell::new(0),
            stalled: Cell::new(false),
            waker: RefCell::default(),
        };
        Ok((Rc::new(connection), Incoming { reader, parser: Parser::default(), carried: Vec::new() }))
    }

    /// Opens a stream, with its first message; returns its number. Goes out with the next flush.
    pub(crate) fn call(&self, path: &str, token: Option<&str>, first: &[u8], last: bool) -> u32 {
        let number = self.streams.get();
        self.streams.set(number + 1);
        let mut out = self.out.borrow_mut();
        wire::open(&mut out, number, path, token);
        wire::message(&mut out, number, first, last);
        number
    }

    /// Sends a message on a stream. Goes out with the next flush.
    pub(crate) fn send(&self, stream: u32, message: &[u8]) {
        wire::message(&mut self.out.borrow_mut(), stream, message, false);
    }

    /// Hands to the kernel what is to be sent; what it does not take goes with the next flush.
    pub(crate) fn flush(&self) {
        let mut out = self.out.borrow_mut();
        while !out.is_empty() {
            match self.writer.try_write(&out) {
                Ok(written) => drop(out.drain(..written)),
                // Full, which a closed loop clears, or broken, which the reading side tells.
                Err(_) => return,
            }
        }
    }

    /// Stops reading, or goes on.
    pub(crate) fn stall(&self, stalled: bool) {
        self.stalled.set(stalled);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

impl Incoming {
    /// Reads until the connection ends, which is an error unless it is dropped first.
    pub(crate) async fn run(mut self, connection: Rc<Connection>, listener: Rc<dyn Listener>) -> Result<()> {
        connection.flush();
        std::future::poll_fn(|context| self.poll(context, &connection, &*listener)).await
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        connection: &Connection,
        listener: &dyn Listener,
    ) -> Poll<Result<()>> {
        BUFFER.with_borrow_mut(|buffer| {
            loop {
                if connection.stalled.get() {
                    *connection.waker.borrow_mut() = Some(context.waker().clone());
                    return Poll::Pending;
                }
                let carried = self.carried.len();
                buffer[..carried].copy_from_slice(&self.carried);
                let mut read = ReadBuf::new(&mut buffer[carried..]);
                match Pin::new(&mut self.reader).poll_read(context, &mut read) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                    Poll::Ready(Ok(())) => {}
                }
                let length = read.filled().len();
                if length == 0 {
                    return Poll::Ready(Err(anyhow::anyhow!("the server closed the connection")));
                }
                if let Err(error) = self.hear(&buffer[..carried + length], connection, listener) {
                    return Poll::Ready(Err(error));
                }
            }
        })
    }

    fn hear(&mut self, bytes: &[u8], connection: &Connection, listener: &dyn Listener) -> Result<()> {
        let mut hear = |stream: usize, heard: Heard<'_>| match heard {
            Heard::Message(message) => listener.message(connection, stream, message),
            Heard::End => listener.ended(stream),
        };
        let taken = self.parser.take(bytes, &mut hear)?;
        self.carried.clear();
        self.carried.extend(&bytes[taken..]);
        if self.carried.is_empty() {
            self.carried = Vec::new();
        }
        connection.out.borrow_mut().append(&mut self.parser.replies);
        listener.pause(connection);
        Ok(())
    }
}

/// A full backlog answers late: the kernel tries again by itself, only an address in use needs another try.
async fn connect(socket: TcpSocket, addr: SocketAddr) -> Result<TcpStream> {
    const CONNECT_MAX: Duration = Duration::from_secs(20);
    match tokio::time::timeout(CONNECT_MAX, socket.connect(addr)).await {
        Ok(stream) => stream.with_context(|| format!("cannot connect to {addr}")),
        Err(_) => bail!("{addr} does not accept connections"),
    }
}
