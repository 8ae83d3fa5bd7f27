//! The session of browsers: Listen brings what Session brings, and a Push that is sent again does nothing twice.

use guildhall::{ChannelId, ErrorReason};
use guildhall_proto::Failure;
use guildhall_proto::v1::{self, client_frame::Command, command_result::Outcome};
use guildhall_tests::wire::{Frame, Wire, channel_cursor, nonce, send_command, subscribe};
use guildhall_tests::{Deployment, recorder};
use tonic::Streaming;

/// A browser's session: the downlink, and what the uplink needs.
struct Browser {
    wire: Wire,
    down: Streaming<v1::ListenResponse>,
    session_id: String,
}

impl Browser {
    async fn open(wire: Wire, start: v1::listen_request::Start) -> Self {
        let request = v1::ListenRequest { start: Some(start) };
        let down = wire.gateway().listen(request).await.unwrap().into_inner();
        let mut browser = Self { wire, down, session_id: String::new() };
        match browser.frame().await {
            Frame::Hello(hello) => browser.session_id = hello.session_id,
            other => panic!("the first frame is {other:?}"),
        }
        let second = browser.frame().await;
        assert!(matches!(second, Frame::Ready(_)), "{second:?}");
        browser
    }

    async fn watching(wire: Wire, channel: ChannelId) -> Self {
        let subscriptions = Some(subscribe(&[channel]));
        let identify = v1::Identify { subscriptions, ..Default::default() };
        Self::open(wire, v1::listen_request::Start::Identify(identify)).await
    }

    async fn frame(&mut self) -> Frame {
        let next = tokio::time::timeout(guildhall_tests::eventually::PATIENCE, self.down.message());
        let response = next.await.unwrap().unwrap().expect("the stream goes on");
        response.frame.unwrap().payload.unwrap()
    }

    async fn event(&mut self, channel: ChannelId) -> v1::Event {
        loop {
            match self.frame().await {
                Frame::Event(event) if event.stream.is_some_and(|stream| stream.id == channel.get()) => return event,
                Frame::CommandResult(result) => panic!("results are inline: {result:?}"),
                _ => {}
            }
        }
    }

    async fn push(&self, frames: Vec<v1::ClientFrame>) -> Result<Vec<v1::CommandResult>, Failure> {
        let request = v1::PushRequest { session_id: self.session_id.clone(), frames };
        let answer = self.wire.gateway().push(request).await;
        answer.map(|response| response.into_inner().results).map_err(|status| Failure::from_status(&status))
    }
}

fn frame(request_id: u64, command: Command) -> v1::ClientFrame {
    v1::ClientFrame { request_id, command: Some(command) }
}

#[tokio::test]
async fn it_hears_and_sends_like_any_other() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let mut browser = Browser::watching(deployment.wire(&bob).await, guild.channel).await;
    ann.client.messages().send(guild.channel, "hello").await.unwrap();
    let event = browser.event(guild.channel).await;
    assert_eq!(event.seq, 1);
    let results = browser.push(vec![
        frame(1, send_command(guild.channel, "hello yourself", &nonce())),
        frame(0, Command::Heartbeat(v1::Heartbeat { cursors: Vec::new() })),
        frame(2, send_command(ChannelId(1), "to nobody", &nonce())),
    ]);
    let results = results.await.unwrap();
    assert_eq!(results.iter().map(|result| result.request_id).collect::<Vec<_>>(), [1, 2]);
    assert!(matches!(results[0].outcome, Some(Outcome::SendMessage(_))), "{results:?}");
    assert!(matches!(results[1].outcome, Some(Outcome::Error(_))), "{results:?}");
    assert_eq!(browser.event(guild.channel).await.seq, 2);
    // It resumes as well, by its cursor alone.
    drop(browser);
    let cursors = vec![channel_cursor(guild.channel, event.epoch, event.seq)];
    let resume = v1::listen_request::Start::Resume(v1::Resume { cursors, ..Default::default() });
    let mut browser = Browser::open(deployment.wire(&bob).await, resume).await;
    assert_eq!(browser.event(guild.channel).await.seq, 2);
}

#[tokio::test]
async fn a_push_that_is_sent_again_is_answered_from_memory() {
    let deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let browser = Browser::watching(deployment.wire(&ann).await, guild.channel).await;
    let frames = vec![
        frame(1, send_command(guild.channel, "once", &nonce())),
        frame(2, send_command(guild.channel, " ", &nonce())),
    ];
    let first = browser.push(frames.clone()).await.unwrap();
    for _ in 0..3 {
        assert_eq!(browser.push(frames.clone()).await.unwrap(), first);
    }
    let (one, two) = tokio::join!(browser.push(frames.clone()), browser.push(frames));
    assert_eq!((one.unwrap(), two.unwrap()), (first.clone(), first));
    assert_eq!(recorder::log(&ann.client, guild.channel).await.len(), 1);
}

#[tokio::test]
async fn a_session_takes_pushes_of_its_user_while_it_lives() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let browser = Browser::watching(deployment.wire(&ann).await, guild.channel).await;
    let send = || vec![frame(1, send_command(guild.channel, "mine?", &nonce()))];
    let thief = Browser {
        session_id: browser.session_id.clone(),
        ..Browser::watching(deployment.wire(&bob).await, guild.channel).await
    };
    let failure = thief.push(send()).await.unwrap_err();
    assert_eq!(failure.reason, ErrorReason::GatewaySessionNotFound);
    let (wire, session_id) = (browser.wire.clone(), browser.session_id.clone());
    drop(browser);
    guildhall_tests::eventually("the session is gone", async || {
        let request = v1::PushRequest { session_id: session_id.clone(), frames: send() };
        let status = wire.gateway().push(request).await.err()?;
        (Failure::from_status(&status).reason == ErrorReason::GatewaySessionNotFound).then_some(())
    })
    .await;
}
