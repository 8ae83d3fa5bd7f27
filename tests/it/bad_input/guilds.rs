//! Rows about guilds: invites and channels.

use std::sync::Arc;

use guildhall::ChannelKind;
use guildhall_proto::v1;
use guildhall_tests::eventually;

use super::scene::{Person, Scene};
use super::table::{Row, row};
use super::words;

const NO_INVITE: &str = "NOT_FOUND INVITE_NOT_FOUND";
const ORDER: &str = "INVALID_ARGUMENT VALIDATION_FAILED channel_ids/reorder.all";
const NAME: &str = "INVALID_ARGUMENT VALIDATION_FAILED name/string.pattern";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = invites();
    rows.extend(names());
    rows.extend(orders());
    rows
}

async fn invite(scene: &Scene, max_uses: u32, expire_seconds: u32) -> String {
    let request = v1::CreateInviteRequest { guild_id: scene.guild_id(), max_uses, expire_seconds };
    scene.ann.wire.guilds().create_invite(request).await.unwrap().into_inner().invite.unwrap().code
}

async fn accept(person: &Person, code: &str) -> String {
    let request = v1::AcceptInviteRequest { code: code.to_owned() };
    words::of_call(person.wire.guilds().accept_invite(request).await, |_| "joined".to_owned())
}

fn invites() -> Vec<Row> {
    vec![
        row("an expired invite", NO_INVITE, expired),
        row("an invite for one, used by two at once", format!("joined, {NO_INVITE}"), two_at_once),
        row("a revoked invite", NO_INVITE, async |scene| {
            let code = invite(&scene, 0, 0).await;
            let request = v1::RevokeInviteRequest { code: code.clone() };
            scene.ann.wire.guilds().revoke_invite(request).await.unwrap();
            accept(&scene.stranger().await, &code).await
        }),
        row("an invite revoked by a stranger", NO_INVITE, async |scene| {
            let code = invite(&scene, 0, 0).await;
            let answer = scene.cleo.wire.guilds().revoke_invite(v1::RevokeInviteRequest { code }).await;
            words::of_call(answer, |_| "revoked".to_owned())
        }),
        row("a guessed invite", NO_INVITE, async |scene| accept(&scene.cleo, "AAAAAAAAAAAAAAAA").await),
        row("an invite used by a member", "joined, 0 uses", async |scene| {
            let code = invite(&scene, 1, 0).await;
            let answer = accept(&scene.bob, &code).await;
            let invites = scene.ann.user.client.guilds().invites(scene.guild.id).await.unwrap();
            format!("{answer}, {} uses", invites.iter().find(|invite| invite.code == code).unwrap().uses)
        }),
    ]
}

async fn expired(scene: Arc<Scene>) -> String {
    let person = scene.stranger().await;
    let code = invite(&scene, 0, 1).await;
    let guilds = scene.ann.user.client.guilds();
    eventually("the invite expires", async || {
        let open = guilds.invites(scene.guild.id).await.unwrap();
        open.iter().all(|invite| invite.code != code).then_some(())
    })
    .await;
    accept(&person, &code).await
}

async fn two_at_once(scene: Arc<Scene>) -> String {
    let (one, other) = (scene.stranger().await, scene.stranger().await);
    let code = invite(&scene, 1, 0).await;
    let (one, other) = tokio::join!(accept(&one, &code), accept(&other, &code));
    let mut words = [one, other];
    words.sort_unstable_by_key(|word| word != "joined");
    words.join(", ")
}

fn names() -> Vec<Row> {
    let channel = |input: &str, outcome: &str, change: fn(&Scene, &mut v1::CreateChannelRequest)| {
        row(input, outcome, async move |scene| {
            let mut request = v1::CreateChannelRequest {
                guild_id: scene.guild_id(),
                name: "fine".to_owned(),
                kind: v1::ChannelKind::Text.into(),
                ..Default::default()
            };
            change(&scene, &mut request);
            let answer = scene.ann.wire.channels().create_channel(request).await;
            words::of_call(answer, |_| "made".to_owned())
        })
    };
    let parent = "INVALID_ARGUMENT VALIDATION_FAILED parent_id/channel.parent";
    vec![
        channel("a channel's name with capitals", NAME, |_, request| request.name = "General".to_owned()),
        channel("a channel's name with a line feed", NAME, |_, request| request.name = "general\n".to_owned()),
        channel("a channel's name of 101 characters", NAME, |_, request| request.name = "a".repeat(101)),
        channel("a channel below a channel of others", parent, |scene, request| {
            request.parent_id = scene.elsewhere.channel.get();
        }),
        channel("a channel below a text channel", parent, |scene, request| request.parent_id = scene.side.get()),
        row("a channel made by a member", "PERMISSION_DENIED MISSING_PERMISSION MANAGE_CHANNELS", async |scene| {
            let request = v1::CreateChannelRequest {
                guild_id: scene.guild_id(),
                name: "mine".to_owned(),
                kind: v1::ChannelKind::Text.into(),
                ..Default::default()
            };
            words::of_call(scene.bob.wire.channels().create_channel(request).await, |_| "made".to_owned())
        }),
    ]
}

fn orders() -> Vec<Row> {
    type Change = fn(&Scene, &mut Vec<u64>);
    let order = |input: &str, outcome: &str, change: Change| {
        row(input, outcome, async move |scene| {
            let channels = scene.ann.user.client.channels().list(scene.guild.id).await.unwrap();
            let mut channel_ids: Vec<_> = channels.iter().map(|channel| channel.id.get()).collect();
            change(&scene, &mut channel_ids);
            let request = v1::ReorderChannelsRequest { guild_id: scene.guild_id(), channel_ids };
            let answer = scene.ann.wire.channels().reorder_channels(request).await;
            let after = scene.ann.user.client.channels().list(scene.guild.id).await.unwrap();
            let kept = if after == channels { "" } else { ", but moved" };
            format!("{}{kept}", words::of_call(answer, |_| "ordered".to_owned()))
        })
    };
    let twice = "INVALID_ARGUMENT VALIDATION_FAILED channel_ids/repeated.unique";
    vec![
        order("an order with a channel of others in it", ORDER, |scene, ids| ids[0] = scene.elsewhere.channel.get()),
        order("an order with a channel too many", ORDER, |scene, ids| ids.push(scene.elsewhere.channel.get())),
        order("an order with a channel missing", ORDER, |_, ids| ids.truncate(ids.len() - 1)),
        order("an order with a channel twice", twice, |_, ids| ids[0] = ids[1]),
        row("an order with a channel that was just deleted", ORDER, async |scene| {
            let gone = scene.channel("gone", ChannelKind::Text).await;
            let channels = scene.ann.user.client.channels().list(scene.guild.id).await.unwrap();
            let channel_ids = channels.iter().map(|channel| channel.id.get()).collect();
            scene.ann.user.client.channels().delete(gone).await.unwrap();
            let request = v1::ReorderChannelsRequest { guild_id: scene.guild_id(), channel_ids };
            words::of_call(scene.ann.wire.channels().reorder_channels(request).await, |_| "ordered".to_owned())
        }),
    ]
}
