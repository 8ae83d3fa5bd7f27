//! What a server says of the data that it is given: nothing.

use guildhall_tests::Deployment;

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
    let said = deployment.said();
    assert!(said.len() > 200, "it says something: {said}");
    for planted in [secret, &ann.token[4..], "correct horse battery"] {
        assert!(!said.contains(planted), "the log holds {planted:?}");
    }
}
