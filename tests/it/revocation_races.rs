//! Promise 8 under load: somebody is removed while others write and while he attaches. Whatever he is shown was allowed
//! before his removal: its guild seq is below that of the removal. No clock is asked.

use std::time::Duration;

use guildhall::{Cursor, StreamKey};
use guildhall_proto::v1::{self, Permission, permission_overwrite::Target};
use guildhall_tests::wire::{Frame, Outcome, Session, Wire, channel_cursor, nonce, send_command};
use guildhall_tests::{Deployment, Guild, User};

const ROUNDS: usize = 120;
/// What it takes to see a channel.
const SIGHT: u64 = 1 << Permission::ViewChannel as u64;

/// How somebody is removed.
#[derive(Clone, Copy, Debug)]
enum Way {
    Kick,
    Ban,
    /// The channel is hidden from this member.
    Overwrite,
    /// The role that may see the channel is taken.
    Role,
}

const WAYS: [Way; 4] = [Way::Kick, Way::Ban, Way::Overwrite, Way::Role];

/// A channel that those see who bear a role.
struct Place {
    guild: Guild,
    role_id: u64,
    owner: Wire,
}

#[tokio::test]
async fn nothing_that_was_allowed_later_is_shown() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let carol = deployment.user("carol").await;
    let guild = deployment.guild(&ann, &[&carol]).await;
    let place = Place::new(guild, deployment.wire(&ann).await).await;
    place.give(&carol).await;
    let mut writer = deployment.wire(&carol).await.watching(&[]).await.unwrap();
    let wire = deployment.wire(&bob).await;
    let mut shown = 0;
    deployment.join(guild, &ann, &bob).await;
    for round in 0..ROUNDS {
        let way = WAYS[round % WAYS.len()];
        place.give(&bob).await;
        let session = attach(&wire, guild, round / WAYS.len()).await;
        let (removal, frames, ()) =
            tokio::join!(remove(&place, &ann, &bob, way), watch(session, &bob, guild), write(&mut writer, guild));
        shown += frames.iter().filter(|frame| matches!(frame, Frame::Event(_))).count();
        for frame in frames {
            assert_allowed_before(&frame, guild, removal, way);
        }
        match way {
            Way::Kick => deployment.join(guild, &ann, &bob).await,
            Way::Ban => {
                place.unban(&bob).await;
                deployment.join(guild, &ann, &bob).await;
            }
            Way::Overwrite => place.overwrite(Target::UserId(bob.id.get()), 0, 0).await,
            Way::Role => {}
        }
    }
    println!("{ROUNDS} removals, {shown} events shown before them");
    assert!(shown > ROUNDS, "the load was there");
}

impl Place {
    async fn new(guild: Guild, owner: Wire) -> Self {
        let role = v1::CreateRoleRequest { guild_id: guild.id.get(), name: "insiders".into(), ..Default::default() };
        let role_id = owner.roles().create_role(role).await.unwrap().into_inner().role.unwrap().id;
        let place = Self { guild, role_id, owner };
        place.overwrite(Target::RoleId(guild.id.get()), 0, SIGHT).await;
        place.overwrite(Target::RoleId(role_id), SIGHT, 0).await;
        place
    }

    async fn give(&self, to: &User) {
        let (guild_id, user_id) = (self.guild.id.get(), to.id.get());
        let request = v1::AddMemberRoleRequest { guild_id, user_id, role_id: self.role_id, reason: String::new() };
        self.owner.roles().add_member_role(request).await.unwrap();
    }

    async fn take(&self, from: &User) {
        let (guild_id, user_id) = (self.guild.id.get(), from.id.get());
        let request = v1::RemoveMemberRoleRequest { guild_id, user_id, role_id: self.role_id, reason: String::new() };
        self.owner.roles().remove_member_role(request).await.unwrap();
    }

    async fn overwrite(&self, target: Target, allow: u64, deny: u64) {
        let overwrite = Some(v1::PermissionOverwrite { target: Some(target), allow, deny });
        let channel_id = self.guild.channel.get();
        let request = v1::SetOverwriteRequest { channel_id, overwrite, reason: String::new() };
        self.owner.roles().set_overwrite(request).await.unwrap();
    }

    async fn ban(&self, user: &User) {
        let (guild_id, user_id) = (self.guild.id.get(), user.id.get());
        let request = v1::BanUserRequest { guild_id, user_id, ..Default::default() };
        self.owner.moderation().ban_user(request).await.unwrap();
    }

    async fn unban(&self, user: &User) {
        let (guild_id, user_id) = (self.guild.id.get(), user.id.get());
        let request = v1::UnbanUserRequest { guild_id, user_id, reason: String::new() };
        self.owner.moderation().unban_user(request).await.unwrap();
    }
}

/// Half of the sessions are live before the race, half are still on their way through the log.
async fn attach(wire: &Wire, guild: Guild, round: usize) -> Session {
    if round.is_multiple_of(2) {
        return wire.watching(&[guild.channel]).await.unwrap();
    }
    let newest = v1::ListMessagesRequest { channel_id: guild.channel.get(), page_size: 1, ..Default::default() };
    let head = wire.history().list_messages(newest).await.unwrap().into_inner().cursor.unwrap();
    let mut session = wire.session().await.unwrap();
    let from = channel_cursor(guild.channel, head.epoch, head.seq.saturating_sub(300));
    let resume = v1::Resume { cursors: vec![from], ..Default::default() };
    session.tell(v1::client_frame::Command::Resume(resume)).await.unwrap();
    session
}

async fn write(writer: &mut Session, guild: Guild) {
    let commands = (0..40).map(|number| send_command(guild.channel, &number.to_string(), &nonce())).collect();
    let outcomes = writer.pipeline(commands).await.unwrap();
    assert!(outcomes.iter().all(Result::is_ok));
    writer.forget();
}

/// Removes somebody and returns the guild seq of the removal: that of the last event, since nothing else happens to the
/// guild.
async fn remove(place: &Place, ann: &User, bob: &User, way: Way) -> u64 {
    let guild = place.guild.id;
    match way {
        Way::Kick => ann.client.guilds().remove_member(guild, bob.id).await.unwrap(),
        Way::Ban => place.ban(bob).await,
        Way::Overwrite => place.overwrite(Target::UserId(bob.id.get()), 0, SIGHT).await,
        Way::Role => place.take(bob).await,
    }
    let mut cursor = Cursor::beginning(guild);
    loop {
        let page = ann.client.history().changes(cursor).page_size(1_000).await.unwrap();
        cursor = page.cursor;
        if cursor.seq == page.head {
            return page.head;
        }
    }
}

/// Everything that the session is shown until some time after it was told of the end: by the user's own stream, or, if
/// it came too late for that, by that of the channel.
async fn watch(mut session: Session, bob: &User, guild: Guild) -> Vec<Frame> {
    let own = Some(v1::Stream::from(StreamKey::user(bob.id)));
    let channel = Some(v1::Stream::from(StreamKey::channel(guild.channel)));
    let is_end = |frame: &Frame| match frame {
        Frame::Event(event) => event.stream == own && matches!(event.payload, Some(v1::event::Payload::GuildLeft(_))),
        Frame::Resync(resync) => resync.stream == channel && resync.reason() == v1::ResyncReason::AccessLost,
        _ => false,
    };
    let mut frames = Vec::new();
    loop {
        let frame = session.frame().await.unwrap();
        let end = is_end(&frame);
        frames.push(frame);
        if end {
            break;
        }
    }
    frames.extend(session.frames_for(Duration::from_millis(20)).await.unwrap());
    frames
}

fn assert_allowed_before(frame: &Frame, guild: Guild, removal: u64, way: Way) {
    let Frame::Event(event) = frame else { return };
    let stream = event.stream.unwrap();
    if stream == StreamKey::channel(guild.channel).into() {
        assert!(event.guild_seq < removal, "{way:?}: removed at {removal}, and shown {event:?}");
    }
    // The removal itself is the last that may be told of the guild.
    if stream == StreamKey::guild(guild.id).into() && matches!(way, Way::Kick | Way::Ban) {
        assert!(event.seq <= removal, "{way:?}: removed at {removal}, and shown {event:?}");
    }
}

#[tokio::test]
async fn a_channel_that_is_deleted_under_load_ends_for_all_alike() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    for round in 0..20 {
        let kind = guildhall::ChannelKind::Text;
        let channel = ann.client.channels().create(guild.id, "short-lived", kind).await.unwrap().id;
        let mut session = deployment.wire(&bob).await.watching(&[channel]).await.unwrap();
        let mut writer = deployment.wire(&bob).await.watching(&[]).await.unwrap();
        let commands = (0..30).map(|number| send_command(channel, &number.to_string(), &nonce())).collect();
        let (outcomes, deleted) =
            tokio::join!(writer.pipeline(commands), async { ann.client.channels().delete(channel).await });
        deleted.unwrap();
        let outcomes = outcomes.unwrap();
        let stored = stored(&outcomes);
        let gone = |frame: &Frame| match frame {
            Frame::Event(event) => match &event.payload {
                Some(v1::event::Payload::ChannelDeleted(deleted)) if deleted.channel_id == channel.get() => {
                    Some(event.seq)
                }
                _ => None,
            },
            _ => None,
        };
        let deletion = session.wait("the end of the channel", gone).await.unwrap();
        let stream = Some(v1::Stream::from(StreamKey::channel(channel)));
        let lost = |frame: &Frame| match frame {
            Frame::Resync(resync) if resync.stream == stream => Some((resync.reason(), resync.cursor)),
            _ => None,
        };
        let told = session.wait("that the stream is over", lost).await.unwrap();
        assert_eq!(told, (v1::ResyncReason::AccessLost, None));
        let frames = session.frames_for(Duration::from_millis(20)).await.unwrap();
        let shown: Vec<&v1::Event> = frames.iter().filter_map(|frame| of_stream(frame, stream)).collect();
        assert!(shown.len() <= stored, "round {round}: {stored} stored, {} shown", shown.len());
        assert!(
            shown.iter().all(|event| event.guild_seq < deletion),
            "round {round}: deleted at {deletion}: {shown:?}"
        );
    }
}

/// How many were stored; the others came too late, and are told so.
fn stored(outcomes: &[Outcome]) -> usize {
    let refused = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    assert!(refused.clone().all(|failure| failure.reason == guildhall::ErrorReason::ChannelNotFound), "{outcomes:?}");
    outcomes.len() - refused.count()
}

fn of_stream(frame: &Frame, stream: Option<v1::Stream>) -> Option<&v1::Event> {
    match frame {
        Frame::Event(event) if event.stream == stream => Some(event),
        _ => None,
    }
}
