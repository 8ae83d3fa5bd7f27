//! One connection through the proxy: two pumps, each with the weather of its direction.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::{End, State, Way};

const CHUNK_BYTES: usize = 16 << 10;
/// Chunks under way in one direction; when it is full, the sender has to wait as on a real line.
const CHUNKS_MAX: usize = 1024;

/// The connection has to be reset.
struct Cut;

/// Runs until both sides have ended, or as it is told.
pub(super) async fn run(mut near: TcpStream, mut far: TcpStream, state: &watch::Sender<State>) {
    // What a node writes at once is to arrive at once.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let mut told = state.subscribe();
    let generation = told.borrow().generation;
    let end = async move {
        match told.wait_for(|state| state.generation != generation).await {
            Ok(state) => state.end,
            Err(_) => End::Reset,
        }
    };
    let end = {
        let (near_read, near_write) = near.split();
        let (far_read, far_write) = far.split();
        let pumps = async {
            let up = pump(near_read, far_write, state, Way::Up);
            let down = pump(far_read, near_write, state, Way::Down);
            tokio::try_join!(up, down)
        };
        tokio::select! {
            biased;
            end = end => Some(end),
            ended = pumps => ended.is_err().then_some(End::Reset),
        }
    };
    match end {
        None => {}
        Some(End::Reset) => {
            reset(&near);
            reset(&far);
        }
        Some(End::Slowly(open)) => {
            let _ = (near.shutdown().await, far.shutdown().await);
            sleep(open).await;
        }
    }
}

/// Makes the end of a connection a reset instead of an orderly one.
pub(super) fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    state: &watch::Sender<State>,
    way: Way,
) -> Result<(), Cut> {
    let (hand_on, mut under_way) = mpsc::channel::<(Instant, Bytes)>(CHUNKS_MAX);
    let read = async move {
        let mut last = Instant::now();
        loop {
            let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
            match from.read_buf(&mut chunk).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(_) => return Err(Cut),
            }
            last = last.max(due(state, way));
            if hand_on.send((last, chunk.freeze())).await.is_err() {
                return Err(Cut);
            }
        }
    };
    let mut weather = state.subscribe();
    let write = async move {
        while let Some((due, chunk)) = under_way.recv().await {
            sleep_until(due).await;
            if weather.wait_for(|state| !{ *state }.way(way).held).await.is_err() {
                return Err(Cut);
            }
            let allowed = allow(state, way, chunk.len());
            to.write_all(&chunk[..allowed]).await.map_err(|_| Cut)?;
            if allowed < chunk.len() {
                return Err(Cut);
            }
        }
        // The other direction may go on.
        to.shutdown().await.map_err(|_| Cut)
    };
    tokio::try_join!(read, write).map(|((), ())| ())
}

/// When what was read now arrives.
fn due(state: &watch::Sender<State>, way: Way) -> Instant {
    let weather = *state.borrow().clone().way(way);
    Instant::now() + weather.delay + weather.jitter.mul_f64(rand::random())
}

/// How many of these bytes may pass. The cut falls once.
fn allow(state: &watch::Sender<State>, way: Way, bytes: usize) -> usize {
    let mut allowed = bytes;
    state.send_if_modified(|state| {
        let left = &mut state.way(way).bytes_left;
        if let Some(bytes_left) = *left {
            let passing = bytes_left.min(bytes as u64);
            allowed = passing as usize;
            *left = (allowed == bytes).then_some(bytes_left - passing);
        }
        // Nobody waits for this.
        false
    });
    allowed
}
