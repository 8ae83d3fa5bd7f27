//! Rows about the disk: full, and read-only. A small tmpfs is mounted for each, which root may do.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use guildhall::ChannelId;
use guildhall_proto::v1;
use guildhall_tests::wire::Wire;
use guildhall_tests::{Deployment, eventually};
use tokio::process::Command;

use super::machine;
use super::neighbour::Neighbour;
use super::scene::{Scene, message};
use super::table::{Row, row};
use super::words;

/// Messages that are sent to a full disk until one is refused; each is 8 KB.
const TRIES: usize = 200;

pub(super) fn rows() -> Vec<Row> {
    let read_only = "ends with 1: error: the data directory DIR is read-only | \
                     make it writable for this user, or choose another --data-dir";
    vec![
        row("a disk that is full", FULL, full),
        row("an empty data directory that is read-only", read_only, async |_| {
            let deployment = Deployment::builder().prepare();
            let disk = Disk::mount(&deployment.data_dir(), "size=1m").await;
            disk.remount("ro").await;
            machine::starts(&deployment, 0).await
        }),
        row("a data directory that has become read-only", read_only, async |_| {
            let mut deployment = Deployment::builder().prepare();
            let disk = Disk::mount(&deployment.data_dir(), "size=16m").await;
            deployment.restart().await;
            deployment.user("ann").await;
            deployment.terminate().await;
            disk.remount("ro").await;
            machine::starts(&deployment, 0).await
        }),
        row("a disk that is full at the start", AT_START, async |_| {
            let deployment = Deployment::builder().prepare();
            let disk = Disk::mount(&deployment.data_dir(), "size=64k").await;
            disk.fill();
            machine::starts(&deployment, 0).await
        }),
    ]
}

const AT_START: &str = "ends with 1: error: the disk of the data directory DIR is full | \
                        make room, or choose another --data-dir";

/// A mounted tmpfs, gone with its handle.
struct Disk(PathBuf);

impl Disk {
    async fn mount(at: &Path, options: &str) -> Self {
        std::fs::create_dir_all(at).unwrap();
        mount(&["-t", "tmpfs", "-o", options, "tmpfs"], at).await;
        Self(at.to_owned())
    }

    async fn remount(&self, option: &str) {
        mount(&["-o", &format!("remount,{option}")], &self.0).await;
    }

    /// Writes a file until there is no room for another byte.
    fn fill(&self) -> PathBuf {
        let ballast = self.0.join("ballast");
        let mut file = File::create(&ballast).unwrap();
        for size in [64 << 10, 4 << 10, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        ballast
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the server may hold it for a moment more.
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

async fn mount(args: &[&str], at: &Path) {
    let output = Command::new("mount").args(args).arg(at).output().await;
    let output = output.expect("`mount` is needed to test full and read-only disks");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "full and read-only disks are tested on a tmpfs, which root may mount: {said}");
}

const FULL: &str = "refused with UNAVAILABLE STORAGE_FULL (retry); history is read; with room again stored by the same \
                    nonce; each message once, in order, heard live; the database is sound";

async fn full(_: Arc<Scene>) -> String {
    let mut deployment = Deployment::builder().prepare();
    let disk = Disk::mount(&deployment.data_dir(), "size=16m").await;
    deployment.restart().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let wire = deployment.wire(&ann).await;
    let mut neighbour = Neighbour::begin(&deployment.wire(&bob).await, guild.channel).await.unwrap();
    let (sent, seen) = neighbour.beside(fill_up(&disk, &wire, guild.channel)).await;
    let (stored, words) = sent;
    // The neighbour's own marks are in the channel as well.
    let heard = match seen {
        Ok(seen) => seen,
        Err(error) => return format!("the neighbour noticed: {error:#}"),
    };
    let page = ann.client.history().messages(guild.channel).after(guildhall::MessageId(0)).stream();
    let messages: Vec<_> = futures_util::TryStreamExt::try_collect::<Vec<guildhall::Message>>(page).await.unwrap();
    let in_order = messages.iter().map(|message| message.id.get()).eq(1..=messages.len() as u64);
    let nonces: Vec<_> = messages.iter().filter(|message| message.author.id == ann.id).map(|one| &one.nonce).collect();
    let once = nonces.iter().copied().eq(&stored) && in_order && heard == stored.len();
    let once = if once { "each message once, in order, heard live" } else { "something is missing" };
    deployment.terminate().await;
    format!("{words}; {once}; the database is {}", soundness(&deployment))
}

/// Fills the disk, sends until it is refused, makes room, and sends what was refused again. Returns the nonces of what was
/// stored, in order.
async fn fill_up(disk: &Disk, wire: &Wire, channel: ChannelId) -> (Vec<String>, String) {
    let ballast = disk.fill();
    let mut stored = Vec::new();
    let mut messages = wire.messages();
    let (refused, words) = loop {
        let request = message(channel, "🦀".repeat(2_000));
        match messages.send_message(request.clone()).await {
            Ok(_) => stored.push(request.nonce),
            Err(status) => break (request, words::of_status(&status)),
        }
        if stored.len() > TRIES {
            return (stored, "never refused".to_owned());
        }
    };
    let page = v1::ListMessagesRequest { channel_id: channel.get(), anchor: None, page_size: 1 };
    let read = words::of_call(wire.history().list_messages(page).await, |_| "history is read".to_owned());
    std::fs::remove_file(ballast).unwrap();
    let again = eventually("the server recovers by itself", async || {
        messages.clone().send_message(refused.clone()).await.ok().map(tonic::Response::into_inner)
    })
    .await;
    stored.push(refused.nonce);
    let again = if again.duplicate { "it was stored already" } else { "stored by the same nonce" };
    (stored, format!("refused with {words}; {read}; with room again {again}"))
}

fn soundness(deployment: &Deployment) -> String {
    let file = rusqlite::Connection::open(deployment.data_dir().join("guildhall.db")).unwrap();
    let answer: String = file.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    if answer == "ok" { "sound".to_owned() } else { answer }
}
