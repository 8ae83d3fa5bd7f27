//! A hidden channel and one that does not exist answer alike, word by word, whatever is asked, even to a moderator.

use guildhall_proto::{
    Failure,
    v1::{self, ChannelKind, Permission, client_frame::Command, permission_overwrite::Target},
};
use guildhall_tests::wire::{Wire, nonce};
use tonic::{Code, Status};

use super::scene::{Scene, Way};

/// What a call came to: its name, and all that can be told of the refusal but the number of the request.
type Answer = (&'static str, Failure);

#[tokio::test]
async fn what_is_hidden_answers_as_what_is_not_there() {
    let scene = Scene::new(Way::Overwrite).await;
    let rights = [
        Permission::ManageChannels,
        Permission::ManageRoles,
        Permission::ManageMessages,
        Permission::ManageGuild,
        Permission::ViewAuditLog,
    ];
    scene.give(scene.new_role(&rights).await).await;
    scene.send("a secret").await;
    scene.hide().await;
    let wire = scene.deployment.wire(&scene.bob).await;
    let nowhere = scene.secret.get() + 1;
    let (hidden, absent) = (all(&scene, &wire, scene.secret.get()).await, all(&scene, &wire, nowhere).await);
    assert_eq!(hidden, absent);
    let refused = |failure: &Failure| matches!(failure.code, Code::NotFound | Code::InvalidArgument);
    assert!(hidden.iter().all(|(_, failure)| refused(failure)), "{hidden:?}");
    let (hidden, absent) = (commands(&wire, scene.secret.get()).await, commands(&wire, nowhere).await);
    assert_eq!(hidden, absent);
}

fn answer<T>(name: &'static str, outcome: Result<T, Status>) -> Answer {
    let Err(status) = outcome.map(drop) else { panic!("{name} is allowed") };
    (name, Failure { request_id: None, ..Failure::from_status(&status) })
}

async fn all(scene: &Scene, wire: &Wire, channel_id: u64) -> Vec<Answer> {
    let mut answers = as_a_reader(wire, channel_id).await;
    answers.extend(as_a_writer(wire, channel_id).await);
    answers.extend(as_a_moderator(scene, wire, channel_id).await);
    answers
}

async fn as_a_reader(wire: &Wire, channel_id: u64) -> Vec<Answer> {
    let list = v1::ListMessagesRequest { channel_id, ..Default::default() };
    let stream = v1::Stream { kind: v1::StreamKind::Channel.into(), id: channel_id };
    let cursor = Some(v1::Cursor { stream: Some(stream), epoch: 0, seq: 0 });
    let changes = v1::ListChangesRequest { cursor, page_size: 10 };
    let one = v1::GetMessageRequest { channel_id, message_id: 1 };
    vec![
        answer("GetChannel", wire.channels().get_channel(v1::GetChannelRequest { channel_id }).await),
        answer("ListMessages", wire.history().list_messages(list).await),
        answer("GetMessage", wire.history().get_message(one).await),
        answer("ListChanges", wire.history().list_changes(changes).await),
    ]
}

async fn as_a_writer(wire: &Wire, channel_id: u64) -> Vec<Answer> {
    let send = |reply_to| v1::SendMessageRequest { channel_id, content: "x".into(), nonce: nonce(), reply_to };
    let edit = v1::EditMessageRequest { channel_id, message_id: 1, content: "y".into() };
    let delete = v1::DeleteMessageRequest { channel_id, message_id: 1 };
    let bulk = v1::BulkDeleteMessagesRequest { channel_id, message_ids: vec![1, 2], reason: String::new() };
    vec![
        answer("SendMessage", wire.messages().send_message(send(0)).await),
        answer("a reply", wire.messages().send_message(send(1)).await),
        answer("EditMessage", wire.messages().edit_message(edit).await),
        answer("DeleteMessage", wire.messages().delete_message(delete).await),
        answer("BulkDeleteMessages", wire.messages().bulk_delete_messages(bulk).await),
    ]
}

async fn as_a_moderator(scene: &Scene, wire: &Wire, channel_id: u64) -> Vec<Answer> {
    let reason = String::new;
    let guild_id = scene.guild.id.get();
    let target = Some(Target::UserId(scene.bob.id.get()));
    let overwrite = Some(v1::PermissionOverwrite { target, allow: 0, deny: 0 });
    let set = v1::SetOverwriteRequest { channel_id, overwrite, reason: reason() };
    let target = Some(v1::delete_overwrite_request::Target::UserId(scene.bob.id.get()));
    let delete = v1::DeleteOverwriteRequest { channel_id, target, reason: reason() };
    let permission = Permission::ViewChannel.into();
    let explain = v1::ExplainPermissionRequest { guild_id, channel_id, user_id: 0, permission };
    let rename = v1::UpdateChannelRequest { channel_id, name: Some("mine".into()), ..Default::default() };
    let below = v1::CreateChannelRequest {
        guild_id,
        name: "below".into(),
        kind: ChannelKind::Text.into(),
        parent_id: channel_id,
        ..Default::default()
    };
    let order = v1::ReorderChannelsRequest { guild_id, channel_ids: vec![scene.guild.channel.get(), channel_id] };
    vec![
        answer("UpdateChannel", wire.channels().update_channel(rename).await),
        answer("below it", wire.channels().create_channel(below).await),
        answer("ReorderChannels", wire.channels().reorder_channels(order).await),
        answer("DeleteChannel", wire.channels().delete_channel(v1::DeleteChannelRequest { channel_id }).await),
        answer("SetOverwrite", wire.roles().set_overwrite(set).await),
        answer("DeleteOverwrite", wire.roles().delete_overwrite(delete).await),
        answer("PutInStep", wire.roles().put_in_step(v1::PutInStepRequest { channel_id, reason: reason() }).await),
        answer("ExplainPermission", wire.roles().explain_permission(explain).await),
    ]
}

/// What a session says to it.
async fn commands(wire: &Wire, channel_id: u64) -> Vec<String> {
    let mut session = wire.watching(&[]).await.unwrap();
    let message = v1::SendMessageRequest { channel_id, content: "x".into(), nonce: nonce(), ..Default::default() };
    let channel = v1::ChannelSubscription { channel_id, cursor: None };
    let subscribe = v1::UpdateSubscriptions { add_channels: vec![channel], ..Default::default() };
    let mut answers = Vec::new();
    for command in [
        Command::StartTyping(v1::StartTyping { channel_id }),
        Command::SendMessage(message),
        Command::EditMessage(v1::EditMessageRequest { channel_id, message_id: 1, content: "y".into() }),
        Command::DeleteMessage(v1::DeleteMessageRequest { channel_id, message_id: 1 }),
        Command::UpdateSubscriptions(subscribe),
    ] {
        let outcome = session.call(command).await.unwrap();
        let outcome = outcome.map_err(|failure| Failure { request_id: None, ..failure });
        let answer = format!("{outcome:?}");
        answers.push(answer.replace(&channel_id.to_string(), "it"));
    }
    answers
}
