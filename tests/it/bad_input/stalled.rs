//! The row about a client that opens a session, watches a busy channel, and never reads a byte.

use std::sync::Arc;
use std::time::Duration;

use guildhall_proto::v1::{self, client_frame::Command};
use guildhall_tests::wire::{nonce, send_command, subscribe};
use prost::Message;

use super::http2::{Attacker, DATA, END_HEADERS, HEADERS, WINDOW_UPDATE, frame};
use super::raw::framed;
use super::scene::Scene;

/// The widest window that there is: HTTP/2 itself holds nothing back, only the socket does.
const WINDOW: u32 = i32::MAX as u32;
/// Messages of 8 KB: more than all buffers on the way.
const MESSAGES: usize = 100;
/// The server waits 30 s for a peer that takes nothing.
const WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How the kernel writes that a connection is established.
const ESTABLISHED: &str = "01";

pub(super) async fn never_reads(scene: Arc<Scene>) -> String {
    let mut attacker = Attacker::begin(&scene.deployment, &scene.bob.user.token, WINDOW).await;
    attacker.send(&frame(WINDOW_UPDATE, 0, 0, &(WINDOW - 65_535).to_be_bytes())).await;
    let headers = attacker.call("/guildhall.v1.GatewayService/Session");
    attacker.send(&frame(HEADERS, END_HEADERS, 1, &headers)).await;
    let subscriptions = Some(subscribe(&[scene.watched]));
    let identify = Command::Identify(v1::Identify { subscriptions, ..Default::default() });
    let identify = v1::ClientFrame { request_id: 1, command: Some(identify) };
    let request = v1::SessionRequest { frame: Some(identify) };
    attacker.send(&frame(DATA, 0, 1, &framed(request.encode_to_vec()))).await;

    let mut session = scene.ann.wire.watching(&[]).await.unwrap();
    let text = "🦀".repeat(2_000);
    let sends = (0..MESSAGES).map(|_| send_command(scene.watched, &text, &nonce()));
    let outcomes = session.pipeline(sends.collect()).await.unwrap();
    if let Some(Err(refused)) = outcomes.into_iter().find(Result::is_err) {
        return format!("a message was refused: {refused}");
    }
    let port = attacker.stream.local_addr().unwrap().port();
    match tokio::time::timeout(WITHIN, closed(port)).await {
        Ok(()) => "closed by the server".to_owned(),
        Err(_) => "open".to_owned(),
    }
}

/// Waits until the server has let go of the connection from this port. Who does not read is not told; the kernel knows.
async fn closed(port: u16) {
    while state(port).await.as_deref() == Some(ESTABLISHED) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The state of the server's end of the connection from this port; `None`: it is gone.
async fn state(port: u16) -> Option<String> {
    let table = tokio::fs::read_to_string("/proc/net/tcp").await.unwrap();
    let peer = format!(":{port:04X}");
    let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = rows.find(|row| row.get(2).is_some_and(|remote| remote.ends_with(&peer)))?;
    row.get(3).map(|state| (*state).to_owned())
}
