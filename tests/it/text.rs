//! Real text, in three languages, sent line by line by the CLI while listeners run, one of them is stopped and started
//! again, and the server is killed three times on the way. What each listener wrote is what was sent, byte for byte. In a
//! full run a node of Cassandra is killed meanwhile as well, and comes back.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use guildhall::ChannelId;
use guildhall_tests::cli::Cli;
use guildhall_tests::deployment::{Kind, Services};
use guildhall_tests::process::Process;
use guildhall_tests::{Deployment, User, corpus, eventually};
use rustix::process::Signal;

const LINES_EACH: usize = 2_000;
const KILLS: usize = 3;
/// A node of Cassandra that dies with the first kill and is back before the last one.
const CASSANDRA: &str = "cassandra3-2";

/// A `guildhall listen` that writes to a file.
struct Listener {
    cli: Cli,
    name: &'static str,
    channel: ChannelId,
    format: &'static str,
    output: PathBuf,
    process: Process,
}

impl Listener {
    fn start(
        deployment: &Deployment,
        user: &User,
        name: &'static str,
        channel: ChannelId,
        format: &'static str,
    ) -> Self {
        let cli = Cli::new(deployment, user);
        let output = deployment.scratch().join(name);
        // From the beginning: whether it or the first message is faster is nobody's promise.
        let since = format!("channel:{channel}:0:0");
        let process =
            cli.start(name, Self::args(channel, format, &output).into_iter().chain(["--since".into(), since]));
        Self { cli, name, channel, format, output, process }
    }

    fn args(channel: ChannelId, format: &str, output: &Path) -> Vec<String> {
        let positions = output.with_extension("positions").display().to_string();
        let output = output.display().to_string();
        let channel = channel.to_string();
        let args = ["listen", "--channel", &channel, "--events", "message_created", "--format", format];
        let files = ["--resume-file", &positions, "--output", &output];
        args.into_iter().chain(files).map(str::to_owned).collect()
    }

    fn start_again(&mut self) {
        let args = Self::args(self.channel, self.format, &self.output);
        self.process = self.cli.start(self.name, args);
    }

    /// SIGTERM: it finishes the event in work and says nothing is wrong.
    async fn stop(&mut self) {
        self.process.signal(Signal::TERM);
        let exit = self.process.exit(Duration::from_secs(10)).await;
        assert!(exit.status.success(), "{exit:?}: {}", self.process.tail());
    }

    fn lines(&self) -> usize {
        let bytes = fs::read(&self.output).unwrap_or_default();
        bytes.iter().filter(|byte| **byte == b'\n').count()
    }

    async fn has(&self, lines: usize) {
        eventually(&format!("{} has {lines} lines", self.name), async || (self.lines() >= lines).then_some(())).await;
    }
}

#[tokio::test]
async fn what_is_heard_is_what_was_sent() {
    let lines = corpus::lines(LINES_EACH);
    let mut deployment = Deployment::start().await;
    let services = Services::that_may_die().filter(|_| deployment.kind() == Kind::Cluster);
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let mut one = Listener::start(&deployment, &bob, "one", guild.channel, "content");
    let mut two = Listener::start(&deployment, &bob, "two", guild.channel, "json");

    let input = deployment.scratch().join("input");
    fs::write(&input, with_blank_lines(&lines)).unwrap();
    let channel = guild.channel.to_string();
    let args = ["send", "--lines", &channel];
    let mut sender = Cli::new(&deployment, &ann).start_with("send", args, File::open(&input).unwrap());
    for kill in 1..=KILLS {
        stored(&ann, guild.channel, lines.len() * kill / (KILLS + 1)).await;
        assert!(sender.ended().is_none(), "the sender is still at work: {}", sender.tail());
        deployment.kill9();
        match kill {
            1 => {
                services.iter().for_each(|services| services.kill(CASSANDRA));
                two.stop().await;
            }
            2 => two.start_again(),
            _ => {}
        }
        deployment.restart().await;
        if let Some(services) = services.as_ref().filter(|_| kill == 2) {
            services.start(CASSANDRA).await;
        }
    }
    stored(&ann, guild.channel, lines.len()).await;
    let exit = sender.exit(Duration::from_secs(60)).await;
    assert!(exit.status.success(), "{exit:?}: {}", sender.tail());
    one.has(lines.len()).await;
    two.has(lines.len()).await;
    one.stop().await;
    two.stop().await;

    let expected = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    assert_same(&fs::read_to_string(&one.output).unwrap(), &expected);
    assert_same(&contents(&two.output), &expected);
    let history = Cli::new(&deployment, &bob).run(["history", &channel, "--all", "--content"], "").await;
    assert_same(&String::from_utf8(history.stdout).unwrap(), &expected);
    println!("{} lines, {} bytes, {KILLS} kills, two listeners and the history: the same", lines.len(), expected.len());
}

/// Every now and then a blank line, which is no message.
fn with_blank_lines(lines: &[String]) -> String {
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        text.push_str(line);
        text.push_str(if number % 7 == 0 { "\n\n \t\n" } else { "\n" });
    }
    text
}

/// Waits until so many messages are stored, for as long as there is progress.
async fn stored(ann: &User, channel: ChannelId, count: usize) {
    const STEP: usize = 100;
    for step in (0..count).step_by(STEP).chain([count]) {
        eventually("the sender makes progress", async || {
            let page = ann.client.history().messages(channel).page_size(1).await.ok()?;
            (page.cursor?.seq >= step as u64).then_some(())
        })
        .await;
    }
}

/// The contents of messages that were written as JSON, as lines.
fn contents(path: &Path) -> String {
    let mut text = String::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let content = event["message_created"]["message"]["content"].as_str();
        text.push_str(content.unwrap_or_else(|| panic!("no message: {event}")));
        text.push('\n');
    }
    text
}

/// Says where they differ, instead of showing both.
#[track_caller]
fn assert_same(heard: &str, sent: &str) {
    let differs = heard.lines().zip(sent.lines()).position(|(heard, sent)| heard != sent);
    if let Some(line) = differs {
        let of = |text: &str| text.lines().nth(line).map(str::to_owned);
        panic!("line {line}: heard {:?}, sent {:?}", of(heard), of(sent));
    }
    assert_eq!((heard.lines().count(), heard.len()), (sent.lines().count(), sent.len()));
    assert!(heard == sent, "they differ in line ends");
}
