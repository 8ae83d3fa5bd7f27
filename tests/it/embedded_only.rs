//! What only the embedded deployment has: a data directory, a database file, a machine that it shares with nobody. These
//! tests are left out when another deployment is tested, and they are here, in one place, so that they are few.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use guildhall_proto::v1::ResyncReason;
use guildhall_tests::process::Process;
use guildhall_tests::wire::{Frame, channel_cursor};
use guildhall_tests::{Deployment, recorder};

use super::bad_input;

/// All of them. Whoever adds one has to say so here.
const LIST: [&str; 5] = [
    "a_second_server_on_the_same_data_is_refused",
    "the_data_is_free_at_once_when_its_server_is_killed",
    "the_database_is_sound_and_in_write_ahead_mode",
    "a_backup_is_restored_and_whoever_saw_more_is_told",
    "every_bad_machine_has_its_outcome_and_harms_nobody",
];
/// Who may start an embedded deployment whichever is tested: this file, rows of bad input that it runs, and moves.
const MAY: [&str; 6] = [
    "embedded_only.rs",
    "bad_input/mod.rs",
    "bad_input/disk.rs",
    "bad_input/machine.rs",
    "bad_input/clock.rs",
    // Most moves begin there.
    "moved.rs",
];

#[test]
fn they_are_few_and_known() {
    let names = include_str!("embedded_only.rs").split("#[tokio::test]\nasync fn ").skip(1);
    let names: Vec<_> = names.filter_map(|rest| rest.split('(').next()).collect();
    assert_eq!(names, LIST);
    let it = Path::new(env!("CARGO_MANIFEST_DIR")).join("it");
    let mut strays = Vec::new();
    for dir in [it.clone(), it.join("bad_input")] {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&it).unwrap().display().to_string();
            let is_rust = path.extension().is_some_and(|extension| extension == "rs");
            if is_rust && !MAY.contains(&name.as_str()) && fs::read_to_string(&path).unwrap().contains("embedded()") {
                strays.push(name);
            }
        }
    }
    assert_eq!(strays, Vec::<String>::new(), "tests of the embedded deployment only belong here");
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused() {
    let deployment = Deployment::embedded().start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let log = deployment.scratch().join("second.log");
    // Another port: it is the data that is taken.
    let mut second = Process::start(deployment.command(0), Stdio::null(), &log).unwrap();
    let exit = second.exit(Duration::from_secs(10)).await;
    assert!(!exit.status.success(), "{exit:?}");
    let said = std::fs::read_to_string(&log).unwrap();
    let data_dir = deployment.data_dir().display().to_string();
    assert!(said.contains(&data_dir), "it names the directory: {said}");
    assert!(!said.contains("panicked"), "{said}");
    ann.client.messages().send(guild.channel, "the first one did not notice").await.unwrap();
}

#[tokio::test]
async fn the_data_is_free_at_once_when_its_server_is_killed() {
    let mut deployment = Deployment::embedded().start().await;
    for _ in 0..3 {
        deployment.kill9();
        deployment.restart().await;
    }
}

#[tokio::test]
async fn the_database_is_sound_and_in_write_ahead_mode() {
    let mut deployment = Deployment::embedded().start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    ann.client.messages().send(guild.channel, "hello").await.unwrap();
    assert_eq!(deployment.pragma("journal_mode"), ["wal"]);
    deployment.kill9();
    assert_eq!(deployment.pragma("integrity_check"), ["ok"]);
    assert_eq!(deployment.pragma("foreign_key_check"), Vec::<String>::new());
    deployment.restart().await;
    assert_eq!(recorder::log(&ann.client, guild.channel).await.len(), 1);
}

/// What docs/operations.md says, word for word.
const BACKUP: &str = "VACUUM INTO 'backup.db'";
const NEW_EPOCHS: &str = "UPDATE streams SET epoch = random()";

#[tokio::test]
async fn a_backup_is_restored_and_whoever_saw_more_is_told() {
    let manual = include_str!("../../docs/operations.md");
    assert!(manual.contains(BACKUP) && manual.contains(NEW_EPOCHS));
    let mut deployment = Deployment::embedded().start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let send = async |content: &str| ann.client.messages().send(guild.channel, content).await.unwrap();
    send("before").await;
    let file = deployment.data_dir().join("guildhall.db");
    let backup = deployment.scratch().join("backup.db");
    let sql = |sql: &str| rusqlite::Connection::open(&file).unwrap().execute(sql, []).unwrap();
    sql(&BACKUP.replace("backup.db", &backup.display().to_string()));
    send("lost with the machine").await;
    let seen = ann.client.history().messages(guild.channel).await.unwrap().cursor.unwrap();
    deployment.terminate().await;
    for end in ["-wal", "-shm"] {
        let _ = fs::remove_file(deployment.data_dir().join(format!("guildhall.db{end}")));
    }
    fs::copy(&backup, &file).unwrap();
    sql(NEW_EPOCHS);
    deployment.restart().await;
    send("after").await;
    let log = recorder::log(&ann.client, guild.channel).await;
    assert_eq!(log.iter().map(|message| message.content.as_str()).collect::<Vec<_>>(), ["before", "after"]);
    let mut session = deployment.wire(&ann).await.session().await.unwrap();
    session.resume(vec![channel_cursor(guild.channel, seen.epoch, seen.seq)]).await.unwrap();
    let resync = session.wait("Resync", |frame| match frame {
        Frame::Resync(resync) => Some(resync.reason()),
        _ => None,
    });
    assert_eq!(resync.await.unwrap(), ResyncReason::EpochChanged);
}

#[tokio::test]
async fn every_bad_machine_has_its_outcome_and_harms_nobody() {
    bad_input::of_the_machine().await;
}
