//! Moving: a server over SQLite stops, everything is moved into the stores of the deployment that is tested, and people
//! go on there with their tokens, cursors and nonces, as if nothing had happened.

use std::process::Stdio;
use std::time::Duration;

use guildhall::{ChannelId, ChannelKind, Client, MessageId, Nonce};
use guildhall_proto::v1::event::Payload;
use guildhall_tests::binaries::{SERVER, binary};
use guildhall_tests::deployment::clear_environment;
use guildhall_tests::process::Process;
use guildhall_tests::wire::{channel_cursor, nonce, send_command};
use guildhall_tests::{Deployment, Guild, User, recorder};
use rusqlite::Connection;

/// A move in a debug build on a busy machine.
const WITHIN: Duration = Duration::from_secs(180);
/// Messages that are moved: enough to be broken off among them.
const MANY: usize = 4_000;
/// Moves that are killed before one is let to its end.
const KILLS: u64 = 4;

/// A move as a process, and what it said.
struct Move {
    process: Process,
    log: std::path::PathBuf,
}

impl Move {
    fn start(scratch: &Deployment, name: &str, arguments: &[String]) -> Self {
        let log = scratch.scratch().join(format!("{name}.log"));
        let mut command = std::process::Command::new(binary(SERVER));
        clear_environment(&mut command);
        command.arg("migrate-store").arg("--replication=1").args(arguments);
        Self { process: Process::start(command, Stdio::null(), &log).unwrap(), log }
    }

    async fn end(mut self) -> (Option<i32>, String) {
        let exit = self.process.exit(WITHIN).await;
        (exit.status.code(), std::fs::read_to_string(&self.log).unwrap())
    }
}

fn arguments(source: &Deployment, target: &Deployment) -> Vec<String> {
    let from = format!("--from=sqlite:{}", source.data_dir().display());
    std::iter::once(from).chain(target.target_flags()).collect()
}

async fn fill(source: &Deployment, ann: &User, channel: ChannelId) {
    let mut session = source.wire(ann).await.watching(&[]).await.unwrap();
    let texts = (1..=MANY).map(|number| send_command(channel, &format!("number {number}"), &nonce()));
    session.pipeline(texts.collect()).await.unwrap();
    let messages = ann.client.messages();
    for id in (2..200).step_by(3) {
        messages.edit(channel, MessageId(id), format!("edited {id}")).await.unwrap();
        messages.delete(channel, MessageId(id + 1)).await.unwrap();
    }
}

#[tokio::test]
async fn everybody_goes_on_where_they_were() {
    let mut source = Deployment::embedded().start().await;
    let mut target = Deployment::builder().bare().prepare().await;
    let (ann, bob) = (source.user("ann").await, source.user("bob").await);
    let guild = source.guild(&ann, &[&bob]).await;
    let second = ann.client.channels().create(guild.id, "second", ChannelKind::Text).await.unwrap().id;
    let kept = Nonce::random();
    let sent = ann.client.messages().send(second, "kept").nonce(kept).await.unwrap();
    fill(&source, &ann, guild.channel).await;
    // Bob has seen all but the last twenty events.
    let mut session = source.wire(&bob).await.watching(&[guild.channel]).await.unwrap();
    let last = ann.client.messages().send(guild.channel, "the last one").await.unwrap().message_id.get();
    let event = session.event(guild.channel).await.unwrap();
    assert_eq!(event.seq, last);
    let cursor = channel_cursor(guild.channel, event.epoch, last - 20);
    let history = async |client: &Client| format!("{:#?}", recorder::log(client, guild.channel).await);
    let before = history(&ann.client).await;
    assert!(source.terminate().await.status.success());

    let arguments = arguments(&source, &target);
    for round in 1..=KILLS {
        let mut moving = Move::start(&source, &format!("killed-{round}"), &arguments);
        // Wherever it is by then; the last one is to be found anywhere.
        tokio::time::sleep(Duration::from_millis(150 * round)).await;
        moving.process.kill9();
    }
    let (code, said) = Move::start(&source, "move", &arguments).end().await;
    let done = code == Some(0) && said.contains("everything was moved");
    // The last one that was killed may have been at its end.
    assert!(done || said.contains("the target is not empty"), "{code:?}: {said}");

    target.restart().await;
    let client = target.client(Some(&ann.token));
    assert_eq!(history(&client).await, before);
    let again = client.messages().send(second, "kept").nonce(kept).await.unwrap();
    assert_eq!((again.duplicate, again.message_id), (true, sent.message_id));
    resumed(&target, &bob, guild, cursor, last).await;
    assert!(target.terminate().await.status.success());
}

/// The events behind the cursor come, then new ones, in one count.
async fn resumed(target: &Deployment, bob: &User, guild: Guild, cursor: guildhall_proto::v1::Cursor, last: u64) {
    let mut session = target.wire(bob).await.session().await.unwrap();
    session.resume(vec![cursor]).await.unwrap();
    for seq in last - 19..=last {
        assert_eq!(session.event(guild.channel).await.unwrap().seq, seq);
    }
    let client = target.client(Some(&bob.token));
    let new = client.messages().send(guild.channel, "from the new place").await.unwrap();
    assert_eq!(new.message_id.get(), last + 1);
    let event = session.event(guild.channel).await.unwrap();
    assert_eq!(event.seq, last + 1);
    assert!(matches!(event.payload, Some(Payload::MessageCreated(_))));
}

#[tokio::test]
async fn of_two_moves_at_once_one_is_refused() {
    let mut source = Deployment::embedded().start().await;
    let target = Deployment::builder().bare().prepare().await;
    let ann = source.user("ann").await;
    let guild = source.guild(&ann, &[]).await;
    fill(&source, &ann, guild.channel).await;
    let arguments = arguments(&source, &target);

    let (code, said) = Move::start(&source, "served", &arguments).end().await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("in use by another process"), "its server runs: {said}");
    assert!(source.terminate().await.status.success());

    let [one, two] = ["one", "two"].map(|name| Move::start(&source, name, &arguments));
    let (one, two) = tokio::join!(one.end(), two.end());
    let codes = [one.0, two.0];
    assert!(codes == [Some(0), Some(1)] || codes == [Some(1), Some(0)], "{one:?} {two:?}");
    let refused = if one.0 == Some(1) { one.1 } else { two.1 };
    let reasons = ["in use by another process", "another move is running", "the target is not empty"];
    assert!(reasons.iter().any(|reason| refused.contains(reason)), "{refused}");

    // And what is moved is moved once.
    let (code, said) = Move::start(&source, "again", &arguments).end().await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the target is not empty"), "{said}");
}

#[tokio::test]
async fn what_makes_no_sense_is_told() {
    let mut source = Deployment::embedded().start().await;
    assert!(source.terminate().await.status.success());
    let from = format!("--from=sqlite:{}", source.data_dir().display());
    let scratch = source.scratch().display().to_string();
    let to = format!("--to=sqlite:{scratch}/new");
    let nowhere = format!("--from=sqlite:{scratch}/nowhere");
    for (name, arguments, code, word) in [
        ("none", vec![], 2, "--from is missing"),
        ("no-target", vec![from.clone()], 2, "--to is missing"),
        ("no-source", vec![nowhere, to.clone()], 1, "there is no database"),
        ("itself", vec![from.clone(), from.replace("--from", "--to")], 1, "in use by another process"),
        ("engine", vec![from.clone(), "--to=mysql://a/b".to_owned()], 2, "--to"),
        ("messages", vec![from.clone(), to.clone(), "--messages=cassandra://a/b".to_owned()], 2, "messages"),
    ] {
        let (found, said) = Move::start(&source, name, &arguments).end().await;
        assert_eq!(found, Some(code), "{name}: {said}");
        assert!(said.contains(word), "{name}: {said}");
    }
    let database = Connection::open(source.data_dir().join("guildhall.db")).unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'later', TRUE, x'00', 0)";
    database.execute(newer, []).unwrap();
    drop(database);
    let (code, said) = Move::start(&source, "newer", &[from, to]).end().await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("newer version (schema 9999)"), "{said}");
}
