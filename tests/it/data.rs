//! The data directory: one server at a time, whatever became of the last one.

use std::process::Stdio;
use std::time::Duration;

use guildhall_tests::process::Process;
use guildhall_tests::{Deployment, recorder};

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused() {
    let deployment = Deployment::start().await;
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
    let mut deployment = Deployment::start().await;
    for _ in 0..3 {
        deployment.kill9();
        deployment.restart().await;
    }
}

#[tokio::test]
async fn the_database_is_sound_and_in_write_ahead_mode() {
    let mut deployment = Deployment::start().await;
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

#[tokio::test]
async fn secrets_and_texts_are_not_in_the_log() {
    let mut deployment = Deployment::builder().set("log", "debug").start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let secret = "a text that nobody else may read";
    let sent = ann.client.messages().send(guild.channel, secret).await.unwrap();
    ann.client.messages().edit(guild.channel, sent.message_id, format!("{secret}, edited")).await.unwrap();
    let mut session = deployment.wire(&ann).await.watching(&[guild.channel]).await.unwrap();
    let command = guildhall_tests::wire::send_command(guild.channel, secret, &guildhall_tests::wire::nonce());
    session.call(command).await.unwrap().unwrap();
    deployment.terminate().await;
    let said = std::fs::read_to_string(deployment.log()).unwrap();
    assert!(said.len() > 200, "it says something: {said}");
    for planted in [secret, &ann.token[4..], "correct horse battery"] {
        assert!(!said.contains(planted), "the log holds {planted:?}");
    }
}
