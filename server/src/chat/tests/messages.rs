//! Messages and history.

use guildhall_proto::{
    ids::{ChannelId, StreamKey},
    v1::{self, ChannelKind, event::Payload},
};

use super::{Bench, assert_error};
use crate::chat::{Caller, Error, error::Missing};

fn send(channel: ChannelId, content: &str) -> v1::SendMessageRequest {
    let nonce = uuid::Uuid::new_v4().to_string();
    v1::SendMessageRequest { channel_id: channel.get(), content: content.into(), nonce, reply_to: 0 }
}

impl Bench {
    pub(super) async fn say(&self, caller: &Caller, channel: ChannelId, content: &str) -> u64 {
        self.chat.send_message(caller, send(channel, content)).await.expect("sent").message_id
    }

    async fn contents(&self, caller: &Caller, channel: ChannelId) -> Vec<String> {
        let request = v1::ListMessagesRequest { channel_id: channel.get(), ..Default::default() };
        let page = self.chat.list_messages(caller, request).await.expect("a page");
        page.messages.into_iter().map(|message| message.content).collect()
    }
}

#[tokio::test]
async fn what_is_sent_is_heard_and_read() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, channel) = bench.guild(&ann).await;
    let heard = bench.listen(channel);
    let request =
        v1::SendMessageRequest { nonce: "A0B1C2D3-0000-4000-8000-00000000000F".into(), ..send(channel, "hi") };
    let first = bench.chat.send_message(&ann, request.clone()).await.expect("sent");
    let again = v1::SendMessageRequest { nonce: request.nonce.to_lowercase(), ..request.clone() };
    let again = bench.chat.send_message(&ann, again).await.expect("sent");
    assert_eq!((first.message_id, first.duplicate, again.message_id, again.duplicate), (1, false, 1, true));
    let other = v1::SendMessageRequest { content: "ho".into(), ..request };
    assert_error!(bench.chat.send_message(&ann, other).await, Error::NonceConflict);

    let told = heard.take();
    let [Payload::MessageCreated(created)] = told.as_slice() else { panic!("{told:?}") };
    let request = v1::GetMessageRequest { channel_id: channel.get(), message_id: 1 };
    let read = bench.chat.get_message(&ann, request).await.expect("there").message;
    assert_eq!(created.message, read);
    let read = read.expect("a message");
    assert_eq!((read.guild_id, read.nonce.as_str()), (guild.id().get(), "a0b1c2d3-0000-4000-8000-00000000000f"));
    assert_eq!(read.author.expect("an author").username, "ann");
}

#[tokio::test]
async fn a_new_name_shows_in_what_a_live_session_sends() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (_, channel) = bench.guild(&ann).await;
    let heard = bench.listen(channel);
    let request = v1::UpdateMeRequest { display_name: Some("Ann".into()), ..Default::default() };
    bench.chat.update_me(&ann, request).await.expect("changed");
    bench.say(&ann, channel, "hi").await;
    let told = heard.take();
    let [Payload::MessageCreated(created)] = told.as_slice() else { panic!("{told:?}") };
    let author = created.message.as_ref().and_then(|message| message.author.as_ref());
    assert_eq!(author.map(|author| author.display_name.as_str()), Some("Ann"));
}

#[tokio::test]
async fn strangers_authors_and_owners() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, channel) = bench.guild(&ann).await;
    let bob = bench.member("bob", &ann, guild.id()).await;
    let cid = bench.person("cid").await;
    let (of_ann, of_bob) = (bench.say(&ann, channel, "one").await, bench.say(&bob, channel, "two").await);
    assert_error!(bench.chat.send_message(&cid, send(channel, "x")).await, Error::NotFound(Missing::Channel));
    let edit = |message_id| v1::EditMessageRequest { channel_id: channel.get(), message_id, content: "new".into() };
    let delete = |message_id| v1::DeleteMessageRequest { channel_id: channel.get(), message_id };
    assert_error!(bench.chat.edit_message(&cid, edit(of_ann)).await, Error::NotFound(Missing::Channel));
    assert_error!(bench.chat.edit_message(&ann, edit(of_bob)).await, Error::Permission("AUTHOR"));
    assert_error!(bench.chat.delete_message(&bob, delete(of_ann)).await, Error::Permission("MANAGE_MESSAGES"));
    let edited = bench.chat.edit_message(&bob, edit(of_bob)).await.expect("edited").message.expect("a message");
    assert_eq!((edited.content.as_str(), edited.edit_time.is_some()), ("new", true));
    bench.chat.delete_message(&ann, delete(of_bob)).await.expect("deleted by the owner");
    assert_error!(bench.chat.edit_message(&bob, edit(of_bob)).await, Error::NotFound(Missing::Message));
    let read = v1::GetMessageRequest { channel_id: channel.get(), message_id: of_bob };
    assert_error!(bench.chat.get_message(&ann, read).await, Error::NotFound(Missing::Message));
    assert_eq!(bench.contents(&bob, channel).await, ["one"]);
}

#[tokio::test]
async fn only_text_channels_hold_messages() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, _) = bench.guild(&ann).await;
    let request = v1::CreateChannelRequest {
        guild_id: guild.id().get(),
        name: "talk".into(),
        kind: ChannelKind::Voice.into(),
        ..Default::default()
    };
    let voice = bench.chat.create_channel(&ann, request).await.expect("made").channel.expect("a channel");
    let voice = ChannelId(voice.id);
    assert_error!(bench.chat.send_message(&ann, send(voice, "x")).await, Error::ChannelKind);
    assert_error!(bench.chat.typing_in(&ann, voice).await, Error::ChannelKind);
    assert_error!(bench.chat.send_message(&ann, send(ChannelId(1), "x")).await, Error::NotFound(Missing::Channel));
}

#[tokio::test]
async fn submitted_in_order_stored_in_order() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (_, channel) = bench.guild(&ann).await;
    let texts: Vec<_> = (0..50).map(|number| number.to_string()).collect();
    let mut pending = Vec::new();
    for text in &texts {
        pending.push(bench.chat.submit_send(&ann, send(channel, text)).await.expect("queued"));
    }
    let answers = futures_util::future::join_all(pending.into_iter().map(super::super::PendingSend::wait)).await;
    let ids: Vec<_> = answers.into_iter().map(|answer| answer.expect("sent").message_id).collect();
    assert_eq!(ids, (1..=50).collect::<Vec<_>>());
    assert_eq!(bench.contents(&ann, channel).await, texts);
}

#[tokio::test]
async fn changes_after_a_cursor() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, channel) = bench.guild(&ann).await;
    let bob = bench.person("bob").await;
    for text in ["one", "two", "three"] {
        bench.say(&ann, channel, text).await;
    }
    bench
        .chat
        .delete_message(&ann, v1::DeleteMessageRequest { channel_id: channel.get(), message_id: 2 })
        .await
        .expect("deleted");
    let changes = |caller, stream: StreamKey, epoch, seq| {
        let cursor = Some(v1::Cursor { stream: Some(stream.into()), epoch, seq });
        bench.chat.list_changes(caller, v1::ListChangesRequest { cursor, page_size: 2 })
    };
    let of_channel = StreamKey::channel(channel);
    let page = changes(&ann, of_channel, 0, 1).await.expect("a page");
    assert_eq!(page.events.iter().map(|event| event.seq).collect::<Vec<_>>(), [2, 3]);
    let Some(Payload::MessageCreated(gone)) = &page.events[0].payload else { panic!("{:?}", page.events) };
    assert_eq!(gone.message.as_ref().map(|message| message.content.as_str()), Some(""), "a deleted text is gone");
    assert_eq!((page.head, page.cursor.map_or(0, |cursor| cursor.seq)), (4, 3));

    let epoch = page.cursor.map_or(0, |cursor| cursor.epoch);
    assert!(changes(&ann, of_channel, epoch, 4).await.expect("a page").events.is_empty());
    assert_error!(changes(&ann, of_channel, epoch, 5).await, Error::Cursor(_));
    assert_error!(changes(&ann, of_channel, epoch ^ 1, 1).await, Error::Cursor(_));
    assert_error!(changes(&bob, of_channel, 0, 0).await, Error::NotFound(Missing::Channel));
    assert_error!(changes(&bob, guild.id().into(), 0, 0).await, Error::NotFound(Missing::Guild));
    assert_error!(changes(&bob, ann.user.into(), 0, 0).await, Error::NotFound(Missing::User));
    let page = changes(&ann, guild.id().into(), 0, 0).await.expect("a page");
    assert!(matches!(page.events[0].payload, Some(Payload::GuildCreated(_))));
    let page = changes(&ann, ann.user.into(), 0, 0).await.expect("a page");
    assert!(matches!(page.events[0].payload, Some(Payload::GuildJoined(_))));
}

#[tokio::test]
async fn whoever_deletes_what_others_wrote_is_written_down() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, channel) = bench.guild(&ann).await;
    let bob = bench.member("bob", &ann, guild.id()).await;
    let (mut of_ann, mut of_bob) = (Vec::new(), Vec::new());
    for number in 0..3 {
        of_ann.push(bench.say(&ann, channel, &format!("ann {number}")).await);
        of_bob.push(bench.say(&bob, channel, &format!("bob {number}")).await);
    }
    let delete = |message_id| v1::DeleteMessageRequest { channel_id: channel.get(), message_id };
    bench.chat.delete_message(&ann, delete(of_ann[0])).await.expect("one's own");
    bench.chat.delete_message(&ann, delete(of_bob[0])).await.expect("another's");
    let request = v1::BulkDeleteMessagesRequest {
        channel_id: channel.get(),
        message_ids: vec![of_bob[0], of_bob[1], of_bob[2], 999],
        reason: "noise".into(),
    };
    assert_error!(bench.chat.bulk_delete_messages(&bob, request.clone()).await, Error::Permission("MANAGE_MESSAGES"));
    assert_eq!(bench.chat.bulk_delete_messages(&ann, request).await.expect("deleted").deleted, 2);
    assert_eq!(bench.contents(&ann, channel).await.len(), 2);
    let request = v1::ListAuditLogRequest { guild_id: guild.id().get(), ..Default::default() };
    let entries = bench.chat.list_audit_log(&ann, request).await.expect("the log").entries;
    let mut acts: Vec<_> = entries
        .iter()
        .filter(|entry| entry.action() != v1::AuditAction::InviteCreate)
        .map(|entry| (entry.action(), entry.target_id, entry.reason.as_str()))
        .collect();
    // Ids of one millisecond are in no order.
    acts.sort_unstable_by_key(|(action, ..)| *action as i32);
    let expected = [
        (v1::AuditAction::MessageDelete, bob.user.get(), ""),
        (v1::AuditAction::MessageBulkDelete, channel.get(), "noise"),
    ];
    assert_eq!(acts, expected);
}
