//! Rows about the disk: full, and read-only. A small tmpfs is mounted for each, which root may do.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::TryStreamExt;
use guildhall::{ChannelId, MessageId};
use guildhall_proto::v1;
use guildhall_tests::{Deployment, eventually};
use tokio::process::Command;

use super::machine;
use super::neighbour::Neighbour;
use super::scene::{Person, Scene, message, person};
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
            let deployment = Deployment::embedded().prepare().await;
            let disk = Disk::mount(&deployment.data_dir(), "size=1m").await;
            disk.remount("ro").await;
            machine::starts(&deployment, 0).await
        }),
        row("a data directory that has become read-only", read_only, async |_| {
            let mut deployment = Deployment::embedded().prepare().await;
            let disk = Disk::mount(&deployment.data_dir(), "size=16m").await;
            deployment.restart().await;
            deployment.user("ann").await;
            deployment.terminate().await;
            disk.remount("ro").await;
            machine::starts(&deployment, 0).await
        }),
        row("a disk that is full at the start", AT_START, async |_| {
            let deployment = Deployment::embedded().prepare().await;
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

const FULL: &str = "messages and guilds refused with UNAVAILABLE STORAGE_FULL (retry); history is read, the session goes \
                    on; with room again stored by the same nonce; each message once, in order, heard live; the database \
                    is sound";

async fn full(_: Arc<Scene>) -> String {
    let mut deployment = Deployment::embedded().prepare().await;
    let disk = Disk::mount(&deployment.data_dir(), "size=16m").await;
    deployment.restart().await;
    let ann = person(&deployment, "ann").await;
    let bob = person(&deployment, "bob").await;
    let guild = deployment.guild(&ann.user, &[&bob.user]).await;
    let mut neighbour = Neighbour::begin(&bob.wire, guild.channel).await.unwrap();
    // It cannot speak while the disk is full, but listens all the while.
    neighbour.mark().await.unwrap();
    let (stored, words) = fill_up(&disk, &ann, guild.channel).await;
    let heard = match neighbour.mark().await {
        Ok(heard) => heard,
        Err(error) => return format!("{words}; the neighbour noticed: {error:#}"),
    };
    let page = ann.user.client.history().messages(guild.channel).after(MessageId(0)).page_size(100).stream();
    let messages: Vec<guildhall::Message> = page.try_collect().await.unwrap();
    let in_order = messages.iter().map(|message| message.id.get()).eq(1..=messages.len() as u64);
    let by_ann = messages.iter().filter(|message| message.author.id == ann.user.id);
    let once = by_ann.map(|message| &message.nonce).eq(&stored) && in_order && heard == stored.len();
    let once = if once { "each message once, in order, heard live" } else { "something is missing" };
    deployment.terminate().await;
    format!("{words}; {once}; the database is {}", soundness(&deployment))
}

/// Fills the disk, sends until it is refused, makes room, and sends what was refused again. Returns the nonces of what was
/// stored, in order.
async fn fill_up(disk: &Disk, ann: &Person, channel: ChannelId) -> (Vec<String>, String) {
    let ballast = disk.fill();
    let mut stored = Vec::new();
    let (request, refused) = loop {
        let request = message(channel, "🦀".repeat(2_000));
        match ann.send(request.clone()).await.as_str() {
            "stored" => stored.push(request.nonce),
            refused => break (request, refused.to_owned()),
        }
        if stored.len() > TRIES {
            return (stored, "never refused".to_owned());
        }
    };
    let guild = v1::CreateGuildRequest { name: "no room".to_owned(), ..Default::default() };
    let alike = words::of_call(ann.wire.guilds().create_guild(guild).await, |_| "made".to_owned());
    let refused = match alike == refused {
        true => format!("messages and guilds refused with {refused}"),
        false => format!("messages refused with {refused}, guilds with {alike}"),
    };
    let page = v1::ListMessagesRequest { channel_id: channel.get(), anchor: None, page_size: 1 };
    let read = words::of_call(ann.wire.history().list_messages(page).await, |_| "history is read".to_owned());
    std::fs::remove_file(ballast).unwrap();
    let again = eventually("the server recovers by itself", async || {
        ann.wire.messages().send_message(request.clone()).await.ok().map(tonic::Response::into_inner)
    })
    .await;
    stored.push(request.nonce);
    let again = if again.duplicate { "it was stored already" } else { "stored by the same nonce" };
    (stored, format!("{refused}; {read}, the session goes on; with room again {again}"))
}

fn soundness(deployment: &Deployment) -> String {
    let file = rusqlite::Connection::open(deployment.data_dir().join("guildhall.db")).unwrap();
    let answer: String = file.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    if answer == "ok" { "sound".to_owned() } else { answer }
}
