//! The bytes of a connection, watched: whether the peer speaks at all, whether it has ever called, and whether it still
//! reads what it is sent.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::metrics::METRICS;

/// Bytes of HTTP/2's preface. HTTP/1 requests are longer or come at once.
const PREFACE_BYTES: usize = 24;
/// How long a peer may take nothing of what waits for it.
const STALLED_MAX: Duration = Duration::from_secs(30);

/// What a connection has shown so far.
#[derive(Default)]
pub(super) struct Progress {
    /// Bytes read, counted up to the preface's length.
    read: AtomicUsize,
    called: AtomicBool,
}

impl Progress {
    /// Whether the peer has said enough to be taken for a client.
    pub(super) fn has_spoken(&self) -> bool {
        self.has_called() || self.read.load(Ordering::Relaxed) >= PREFACE_BYTES
    }

    /// Whether it has made a call.
    pub(super) fn has_called(&self) -> bool {
        self.called.load(Ordering::Relaxed)
    }

    /// It makes a call.
    pub(super) fn call(&self) {
        self.called.store(true, Ordering::Relaxed);
    }
}

/// A connection's bytes, under watch.
pub(super) struct Watched<I> {
    io: I,
    /// Since when the peer has taken nothing, as the end of its patience; `None` while it takes.
    stalled: Option<Pin<Box<Sleep>>>,
    /// What is still to be counted; 0 once the peer has spoken, and from then on this costs nothing.
    missing: usize,
    progress: Arc<Progress>,
}

impl<I> Watched<I> {
    pub(super) fn new(io: I, progress: Arc<Progress>) -> Self {
        Self { io, stalled: None, missing: PREFACE_BYTES, progress }
    }

    /// Passes on what a write came to, unless the peer has taken nothing for too long. Then the connection fails: HTTP/2's
    /// own keepalive cannot help, because its ping waits behind the bytes that nobody reads.
    fn unless_stalled<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALLED_MAX)));
        ready!(patience.as_mut().poll(cx));
        METRICS.slow_consumers.inc();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        if self.missing > 0 {
            let new = (buf.filled().len() - before).min(self.missing);
            self.missing -= new;
            self.progress.read.fetch_add(new, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.unless_stalled(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.unless_stalled(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.unless_stalled(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::{Instant, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_for_long_is_cut_off() {
        let (mine, mut theirs) = duplex(16);
        let mut mine = Watched::new(mine, Arc::default());
        mine.write_all(&[0; 16]).await.expect("room");
        let start = Instant::now();
        // One byte taken in time begins the patience anew.
        let taken = async {
            sleep(STALLED_MAX / 2).await;
            theirs.read_u8().await
        };
        let (written, taken) = tokio::join!(mine.write_all(&[0; 2]), taken);
        assert!(taken.is_ok());
        assert_eq!(written.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
        assert_eq!(start.elapsed().as_secs(), (STALLED_MAX + STALLED_MAX / 2).as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn who_speaks_is_known() {
        let (mine, mut theirs) = duplex(64);
        let progress = Arc::<Progress>::default();
        let mut mine = Watched::new(mine, progress.clone());
        theirs.write_all(&[0; 23]).await.expect("room");
        mine.read_exact(&mut [0; 23]).await.expect("bytes");
        assert!(!progress.has_spoken());
        theirs.write_all(&[0; 30]).await.expect("room");
        mine.read_exact(&mut [0; 30]).await.expect("bytes");
        assert!(progress.has_spoken() && !progress.has_called());
        assert!(timeout(STALLED_MAX * 2, mine.read_u8()).await.is_err(), "silence is no stall");
    }
}
