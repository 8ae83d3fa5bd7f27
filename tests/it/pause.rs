//! A server that is killed, or that hangs and comes back to life: the SDK's gateways go on by themselves, and nothing is
//! lost, repeated or out of order.

use std::time::Duration;

use guildhall_tests::recorder::{self, Ledger, Reading};
use guildhall_tests::{Deployment, eventually};

const MESSAGES: usize = 600;

/// What is done to the server, again and again while it is used.
enum Fault {
    Kill,
    /// Longer than a heartbeat takes to be missed.
    LongPause,
    ShortPause,
}

#[tokio::test]
async fn gateways_go_on_by_themselves() {
    let mut deployment = Deployment::builder().set("heartbeat_seconds", 1).start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let (gateway, events) = bob.client.gateway().subscribe(guild.channel).connect().await.unwrap();
    gateway.ready().await.unwrap();
    let reading = Reading::begin("bob", events, guild.channel, 0);
    let (writer, _events) = ann.client.gateway().connect().await.unwrap();
    let ledger = Ledger::default();
    let faults = [Fault::ShortPause, Fault::Kill, Fault::LongPause, Fault::Kill, Fault::ShortPause];
    let disturb = async {
        for (number, fault) in (1..).zip(faults) {
            let enough = MESSAGES * number / 6;
            eventually("some are acknowledged", async || (ledger.acknowledged() >= enough).then_some(())).await;
            disturb(&mut deployment, fault).await;
        }
    };
    let texts = (0..MESSAGES).map(|number| format!("number {number}"));
    tokio::join!(ledger.write(&writer, guild.channel, texts), disturb);
    let log = recorder::log(&ann.client, guild.channel).await;
    let reader = reading.until(log.last().unwrap().message_id).await;
    let history = ledger.history(log, vec![reader]);
    history.assert_sound();
    assert_eq!(history.counts().logged, MESSAGES);
    gateway.ready().await.unwrap();
}

async fn disturb(deployment: &mut Deployment, fault: Fault) {
    let pause = match fault {
        Fault::Kill => {
            deployment.kill9();
            return deployment.restart().await;
        }
        Fault::ShortPause => Duration::from_millis(200),
        Fault::LongPause => Duration::from_secs(4),
    };
    deployment.pause();
    tokio::time::sleep(pause).await;
    deployment.resume();
}
