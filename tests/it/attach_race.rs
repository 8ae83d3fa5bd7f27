//! Sessions attach to a channel while it is hammered, by every way there is. Each is shown one contiguous run, and it
//! begins exactly where the server said that it would.

use std::sync::atomic::{AtomicBool, Ordering};

use guildhall::ChannelId;
use guildhall_proto::v1::{self, client_frame::Command, command_result::Outcome, event::Payload};
use guildhall_tests::checker::{Reader, Seen};
use guildhall_tests::recorder::{self, Ledger};
use guildhall_tests::wire::{Session, Wire, channel_cursor, send_command, subscribe};
use guildhall_tests::{Deployment, User};

const WRITERS: usize = 2;
const ATTACHERS: usize = 6;
const ROUNDS: usize = 25;
/// Events that are read after each attach.
const RUN: usize = 12;

#[tokio::test]
async fn every_attach_sees_a_contiguous_run() {
    let deployment = Deployment::start().await;
    let people = deployment.users("user", WRITERS).await;
    let guild = deployment.guild(&people[0], &[&people[1]]).await;
    let (ledger, stop) = (Ledger::default(), AtomicBool::new(false));
    let writers = people.iter().map(|user| hammer(&deployment, user, guild.channel, &ledger, &stop));
    let attachers = async {
        let attachers = (0..ATTACHERS).map(|number| attach_and_detach(&deployment, &people, guild.channel, number));
        let readers = futures_util::future::join_all(attachers).await;
        stop.store(true, Ordering::Relaxed);
        readers.into_iter().flatten().collect::<Vec<_>>()
    };
    let (_, readers) = tokio::join!(futures_util::future::join_all(writers), attachers);
    assert_eq!(readers.len(), ATTACHERS * ROUNDS);
    let log = recorder::log(&people[0].client, guild.channel).await;
    let history = ledger.history(log, readers);
    history.assert_sound();
    println!("{} attaches while {} messages were sent", history.readers.len(), history.log.len());
}

async fn hammer(deployment: &Deployment, user: &User, channel: ChannelId, ledger: &Ledger, stop: &AtomicBool) {
    let mut session = deployment.wire(user).await.watching(&[]).await.unwrap();
    while !stop.load(Ordering::Relaxed) {
        let nonces: Vec<_> = (0..8).map(|_| guildhall_tests::wire::nonce()).collect();
        nonces.iter().for_each(|nonce| ledger.sends(nonce, nonce));
        let commands = nonces.iter().map(|nonce| send_command(channel, nonce, nonce)).collect();
        let outcomes = session.pipeline(commands).await.unwrap();
        for (nonce, outcome) in nonces.iter().zip(&outcomes) {
            ledger.acknowledges(nonce, guildhall_tests::wire::message_id(outcome));
        }
    }
}

async fn attach_and_detach(deployment: &Deployment, people: &[User], channel: ChannelId, number: usize) -> Vec<Reader> {
    let wire = deployment.wire(&people[number % people.len()]).await;
    let mut kept = wire.watching(&[]).await.unwrap();
    let mut readers = Vec::new();
    for round in 0..ROUNDS {
        let name = format!("attacher {number}, round {round}");
        readers.push(match (number + round) % 4 {
            0 => by_identify(&wire, channel, name).await,
            1 => by_subscription(&mut kept, channel, name).await,
            2 => by_resume(&wire, channel, name).await,
            _ => by_history(&wire, channel, name).await,
        });
    }
    readers
}

/// The first moment of a session: it begins where Ready says that the channel is.
async fn by_identify(wire: &Wire, channel: ChannelId, name: String) -> Reader {
    let mut session = wire.session().await.unwrap();
    let ready = session.identify(subscribe(&[channel])).await.unwrap();
    let states = ready.guilds.iter().flat_map(|guild| &guild.channels);
    let state = states.into_iter().find(|state| state.channel_id == channel.get()).unwrap();
    run(&mut session, channel, format!("{name}, by Identify"), state.cursor.as_ref().unwrap().seq).await
}

/// A living session that begins to watch, and stops again: it begins where the result says.
async fn by_subscription(session: &mut Session, channel: ChannelId, name: String) -> Reader {
    let outcome = session.call(Command::UpdateSubscriptions(subscribe(&[channel]))).await.unwrap();
    let Ok(Outcome::SubscriptionsUpdated(updated)) = outcome else { panic!("{outcome:?}") };
    let reader = run(session, channel, format!("{name}, by subscription"), updated.cursors[0].seq).await;
    let remove_channels = vec![channel.get()];
    let remove = v1::UpdateSubscriptions { remove_channels, ..Default::default() };
    session.call(Command::UpdateSubscriptions(remove)).await.unwrap().unwrap();
    // What was under way when the watching ended.
    session.heartbeat(Vec::new()).await.unwrap();
    session.forget();
    reader
}

/// From a cursor that is some events old.
async fn by_resume(wire: &Wire, channel: ChannelId, name: String) -> Reader {
    let head = head(wire, channel).await;
    let from = head.seq.saturating_sub(RUN as u64 / 2);
    let mut session = wire.session().await.unwrap();
    session.resume(vec![channel_cursor(channel, head.epoch, from)]).await.unwrap();
    run(&mut session, channel, format!("{name}, by Resume"), from).await
}

/// A page of the history, then a session that goes on from its cursor.
async fn by_history(wire: &Wire, channel: ChannelId, name: String) -> Reader {
    let from = head(wire, channel).await;
    let add = v1::ChannelSubscription { channel_id: channel.get(), cursor: Some(from) };
    let mut session = wire.session().await.unwrap();
    session.identify(v1::UpdateSubscriptions { add_channels: vec![add], ..Default::default() }).await.unwrap();
    run(&mut session, channel, format!("{name}, by history"), from.seq).await
}

async fn head(wire: &Wire, channel: ChannelId) -> v1::Cursor {
    let request = v1::ListMessagesRequest { channel_id: channel.get(), page_size: 1, ..Default::default() };
    wire.history().list_messages(request).await.unwrap().into_inner().cursor.unwrap()
}

async fn run(session: &mut Session, channel: ChannelId, name: String, from: u64) -> Reader {
    let mut seen = Vec::with_capacity(RUN);
    while seen.len() < RUN {
        let event = session.event(channel).await.unwrap();
        let Some(Payload::MessageCreated(v1::MessageCreated { message: Some(message) })) = event.payload else {
            panic!("{event:?}");
        };
        seen.push(Seen::Created { seq: event.seq, nonce: message.nonce, content: message.content });
    }
    Reader { name, from, complete: false, seen }
}
