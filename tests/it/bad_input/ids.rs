//! Rows about ids: 0, the greatest, ones that nobody has, and those of others, which answer as if nobody had them.

use guildhall_proto::v1::{self, client_frame::Command};

use super::scene::{Scene, message};
use super::table::{Row, row};
use super::tale::{Say, identify, tale};
use super::words;

const UNKNOWN: u64 = 4_711;
const NO_CHANNEL: &str = "NOT_FOUND CHANNEL_NOT_FOUND";
const NO_GUILD: &str = "NOT_FOUND GUILD_NOT_FOUND";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = channels();
    rows.extend(guilds());
    rows.extend(messages());
    rows.extend(people());
    rows.extend(frames());
    rows
}

type Pick = fn(&Scene) -> u64;

fn channels() -> Vec<Row> {
    let ids: [(&str, Pick, &str); 5] = [
        ("channel 0", |_| 0, "INVALID_ARGUMENT VALIDATION_FAILED channel_id/fixed64.gt"),
        ("channel max", |_| u64::MAX, NO_CHANNEL),
        ("a channel that nobody has", |_| UNKNOWN, NO_CHANNEL),
        ("a channel of another guild", |scene| scene.elsewhere.channel.get(), NO_CHANNEL),
        ("a guild in the place of a channel", Scene::guild_id, NO_CHANNEL),
    ];
    let row = |(input, pick, outcome): (&str, Pick, &str)| {
        row(input, outcome, async move |scene| {
            let channel_id = pick(&scene);
            scene.ann.send(v1::SendMessageRequest { channel_id, ..message(scene.watched, "x") }).await
        })
    };
    ids.into_iter().map(row).collect()
}

fn guilds() -> Vec<Row> {
    let ids: [(&str, Pick, &str); 4] = [
        ("guild 0", |_| 0, "INVALID_ARGUMENT VALIDATION_FAILED guild_id/fixed64.gt"),
        ("guild max", |_| u64::MAX, NO_GUILD),
        ("a guild of others", |scene| scene.elsewhere.id.get(), NO_GUILD),
        ("a channel in the place of a guild", |scene| scene.side.get(), NO_GUILD),
    ];
    let row = |(input, pick, outcome): (&str, Pick, &str)| {
        row(input, outcome, async move |scene| {
            let answer = scene.ann.wire.guilds().get_guild(v1::GetGuildRequest { guild_id: pick(&scene) }).await;
            words::of_call(answer, |answer| format!("{answer:?}"))
        })
    };
    ids.into_iter().map(row).collect()
}

fn messages() -> Vec<Row> {
    let ids = [
        ("message 0", 0, "INVALID_ARGUMENT VALIDATION_FAILED message_id/uint64.gt"),
        ("message max", u64::MAX, "NOT_FOUND MESSAGE_NOT_FOUND"),
        ("a message that nobody sent", 1 << 63, "NOT_FOUND MESSAGE_NOT_FOUND"),
    ];
    let row = |(input, message_id, outcome)| {
        row(input, outcome, async move |scene| scene.ann.delete(scene.watched, message_id).await)
    };
    let mut rows: Vec<_> = ids.into_iter().map(row).collect();
    rows.push(super::table::row("a message of another guild's channel", NO_CHANNEL, async |scene| {
        let id = scene.cleo.user.client.messages().send(scene.elsewhere.channel, "secret").await.unwrap();
        let request =
            v1::GetMessageRequest { channel_id: scene.elsewhere.channel.get(), message_id: id.message_id.get() };
        let answer = scene.ann.wire.history().get_message(request).await;
        words::of_call(answer, |answer| format!("{answer:?}"))
    }));
    rows
}

fn people() -> Vec<Row> {
    vec![
        row("a member that nobody is", "NOT_FOUND MEMBER_NOT_FOUND", async |scene| {
            let request =
                v1::RemoveMemberRequest { guild_id: scene.guild_id(), user_id: u64::MAX, reason: String::new() };
            words::of_call(scene.ann.wire.guilds().remove_member(request).await, |_| "removed".to_owned())
        }),
        row("users 0 and max", "0 users", async |scene| {
            let request = v1::BatchGetUsersRequest { user_ids: vec![0, u64::MAX] };
            let answer = scene.ann.wire.users().batch_get_users(request).await;
            words::of_call(answer, |answer| format!("{} users", answer.users.len()))
        }),
        row("the login session of somebody else", "NOT_FOUND SESSION_NOT_FOUND", async |scene| {
            let session_id = scene.bob.user.client.auth().sessions().await.unwrap()[0].id.get();
            let request = v1::RevokeSessionRequest { session_id };
            words::of_call(scene.ann.wire.auth().revoke_session(request).await, |_| "revoked".to_owned())
        }),
        row("the bot of somebody else", "NOT_FOUND BOT_NOT_FOUND", async |scene| {
            let request = v1::CreateBotRequest { username: "bobs-bot".to_owned(), display_name: String::new() };
            let bot = scene.bob.wire.auth().create_bot(request).await.unwrap().into_inner().bot.unwrap();
            let request = v1::RotateBotTokenRequest { bot_id: bot.id };
            words::of_call(scene.ann.wire.auth().rotate_bot_token(request).await, |_| "rotated".to_owned())
        }),
        row("the owner, removed by the owner", "FAILED_PRECONDITION OWNER_CANNOT_LEAVE", async |scene| {
            let request = v1::RemoveMemberRequest {
                guild_id: scene.guild_id(),
                user_id: scene.ann.user.id.get(),
                reason: String::new(),
            };
            words::of_call(scene.ann.wire.guilds().remove_member(request).await, |_| "removed".to_owned())
        }),
        row("the owner, leaving", "FAILED_PRECONDITION OWNER_CANNOT_LEAVE", async |scene| {
            let request = v1::LeaveGuildRequest { guild_id: scene.guild_id() };
            words::of_call(scene.ann.wire.guilds().leave_guild(request).await, |_| "left".to_owned())
        }),
    ]
}

fn frames() -> Vec<Row> {
    vec![
        row("typing in a channel of others", format!("Ready, {NO_CHANNEL}, goes on"), async |scene| {
            let typing = v1::StartTyping { channel_id: scene.elsewhere.channel.get() };
            tale(&scene, &scene.ann, vec![identify(), Say::Ask(Command::StartTyping(typing))]).await
        }),
        row(
            "watching what is others', nobody's and one's own",
            "Ready, 1 watched, [2, 2, 2] refused, goes on",
            watch_all,
        ),
    ]
}

async fn watch_all(scene: std::sync::Arc<Scene>) -> String {
    let watch = |channel_id| v1::ChannelSubscription { channel_id, cursor: None };
    let channels = [scene.elsewhere.channel.get(), u64::MAX, scene.side.get()];
    let update = v1::UpdateSubscriptions {
        add_channels: channels.map(watch).to_vec(),
        add_guilds: vec![scene.elsewhere.id.get(), u64::MAX],
        add_presence_users: vec![scene.cleo.user.id.get(), u64::MAX],
        ..Default::default()
    };
    tale(&scene, &scene.ann, vec![identify(), Say::Ask(Command::UpdateSubscriptions(update))]).await
}
