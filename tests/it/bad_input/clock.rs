//! Rows about a clock that is set back ten minutes: while the server runs, and while it is down.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use guildhall::{ChannelId, Timestamp};
use guildhall_tests::process::Process;
use guildhall_tests::{Deployment, User, eventually};
use tokio::net::TcpStream;
use tokio::process::Command;

use super::neighbour::Neighbour;
use super::scene::Scene;
use super::table::{Row, row};

/// Built by the C compiler that Rust links with anyway.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/it/bad_input/clock_back.c");
const RUNNING: &str = "seqs and times rise; the session goes on; tokens, logins and invites work; set forward again all \
                       is well";
/// What a new process cannot know is that the clock was ahead before. Order is by seq, and does not care.
const RESTARTED: &str = "seqs rise, times are ten minutes back; the cursor resumes; tokens, logins and invites work";

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("a clock set back ten minutes", RUNNING, while_it_runs),
        row("a clock set back ten minutes while the server is down", RESTARTED, while_it_is_down),
    ]
}

/// A server whose clock can be set back.
struct Settable {
    deployment: Deployment,
    process: Process,
    library: PathBuf,
    set_back: PathBuf,
}

impl Settable {
    async fn start() -> Self {
        let deployment = Deployment::embedded().prepare().await;
        let library = deployment.scratch().join("clock_back.so");
        let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(SOURCE).status().await;
        assert!(built.is_ok_and(|status| status.success()), "`cc` cannot build {SOURCE}");
        let set_back = deployment.scratch().join("set_back");
        let process = launch(&deployment, &library, &set_back).await;
        Self { deployment, process, library, set_back }
    }

    fn set_back(&self) {
        std::fs::write(&self.set_back, "").unwrap();
    }

    fn set_forward(&self) {
        std::fs::remove_file(&self.set_back).unwrap();
    }

    async fn restart(&mut self) {
        self.process.kill9();
        self.process = launch(&self.deployment, &self.library, &self.set_back).await;
    }
}

async fn launch(deployment: &Deployment, library: &PathBuf, set_back: &PathBuf) -> Process {
    let url = deployment.url(0);
    let address = url.strip_prefix("http://").unwrap();
    let port = address.rsplit(':').next().unwrap().parse().unwrap();
    let mut command = deployment.command(port);
    command.env("LD_PRELOAD", library).env("CLOCK_BACK_FILE", set_back);
    let process = Process::start(command, Stdio::null(), &deployment.scratch().join("server.log")).unwrap();
    eventually("the server listens", async || TcpStream::connect(address).await.ok()).await;
    process
}

/// Sends a message; its seq and its time.
async fn send(user: &User, channel: ChannelId) -> (u64, Timestamp) {
    let sent = user.client.messages().send(channel, "what time is it?").await.unwrap();
    (sent.message_id.get(), sent.create_time)
}

/// Everything that has to do with time goes on as ever.
async fn works(server: &Settable, owner: &User, channel: ChannelId) -> String {
    let deployment = &server.deployment;
    let again = deployment.login(owner).await;
    let guild = again.client.channels().get(channel).await.unwrap().guild_id;
    let invite = again.client.guilds().create_invite(guild).expires_in(Duration::from_secs(600)).await.unwrap();
    let new = deployment.user("dora").await;
    new.client.guilds().accept_invite(&invite.code).await.unwrap();
    let me = owner.client.users().me().await;
    me.map_or_else(|error| format!("the old token: {error}"), |_| "tokens, logins and invites work".to_owned())
}

async fn while_it_runs(_: Arc<Scene>) -> String {
    let server = Settable::start().await;
    let (ann, bob) = (server.deployment.user("ann").await, server.deployment.user("bob").await);
    let guild = server.deployment.guild(&ann, &[&bob]).await;
    let mut neighbour = Neighbour::begin(&server.deployment.wire(&bob).await, guild.channel).await.unwrap();
    let (words, seen) = neighbour
        .beside(async {
            let mut sent = vec![send(&ann, guild.channel).await];
            server.set_back();
            sent.push(send(&ann, guild.channel).await);
            let works = works(&server, &ann, guild.channel).await;
            sent.push(send(&ann, guild.channel).await);
            server.set_forward();
            sent.push(send(&ann, guild.channel).await);
            let rise = sent.is_sorted_by(|before, after| before.0 < after.0 && before.1 <= after.1);
            let rise = if rise { "seqs and times rise".to_owned() } else { format!("{sent:?}") };
            format!("{rise}; the session goes on; {works}; set forward again all is well")
        })
        .await;
    seen.map_or_else(|error| format!("the neighbour noticed: {error:#}"), |_| words)
}

async fn while_it_is_down(_: Arc<Scene>) -> String {
    let mut server = Settable::start().await;
    let ann = server.deployment.user("ann").await;
    let guild = server.deployment.guild(&ann, &[]).await;
    let before = send(&ann, guild.channel).await;
    server.set_back();
    server.restart().await;
    let after = send(&ann, guild.channel).await;
    let mut session = server.deployment.wire(&ann).await.session().await.unwrap();
    let cursor = guildhall_tests::wire::channel_cursor(guild.channel, 0, before.0);
    session.resume(vec![cursor]).await.unwrap();
    let replayed = session.event(guild.channel).await.unwrap();
    let resumes = if replayed.seq == before.0 + 1 { "the cursor resumes" } else { "the cursor does not resume" };
    let times = if after.1 < before.1 { "ten minutes back" } else { "as if nothing had happened" };
    let seqs = if after.0 == before.0 + 1 { "seqs rise" } else { "seqs do not rise" };
    format!("{seqs}, times are {times}; {resumes}; {}", works(&server, &ann, guild.channel).await)
}
