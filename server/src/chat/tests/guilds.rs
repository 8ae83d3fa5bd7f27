//! Guilds, members and invites.

use guildhall_proto::{
    ids::UserId,
    v1::{self, event::Payload},
};

use super::{Bench, assert_error};
use crate::chat::{Error, error::Missing};

#[tokio::test]
async fn a_guild_is_hidden_from_strangers() {
    let bench = Bench::open().await;
    let (ann, bob) = (bench.person("ann").await, bench.person("bob").await);
    let (guild, channel) = bench.guild(&ann).await;
    let hidden = bench.chat.get_guild(&bob, v1::GetGuildRequest { guild_id: guild.id().get() }).await;
    assert_error!(hidden, Error::NotFound(Missing::Guild));
    let hidden = bench.chat.get_channel(&bob, v1::GetChannelRequest { channel_id: channel.get() }).await;
    assert_error!(hidden, Error::NotFound(Missing::Channel));
    let unknown = bench.chat.get_guild(&ann, v1::GetGuildRequest { guild_id: u64::MAX }).await;
    assert_error!(unknown, Error::NotFound(Missing::Guild));
    let mine = bench.chat.list_my_guilds(&ann, v1::ListMyGuildsRequest {}).await.expect("listed").guilds;
    assert_eq!(mine, [guild.guild_message()]);
    let theirs = bench.chat.list_my_guilds(&bob, v1::ListMyGuildsRequest {}).await.expect("listed").guilds;
    assert!(theirs.is_empty());
}

#[tokio::test]
async fn two_race_for_the_last_use() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, _) = bench.guild(&ann).await;
    let code = bench.invite(&ann, guild.id(), 1).await;
    let (bob, cid) = (bench.person("bob").await, bench.person("cid").await);
    let (first, second) = tokio::join!(bench.join(&bob, &code), bench.join(&cid, &code));
    assert_eq!(i32::from(first.is_ok()) + i32::from(second.is_ok()), 1);
    assert_error!(first.and(second), Error::NotFound(Missing::Invite));
    assert_eq!(guild.guild_message().member_count, 2);
}

#[tokio::test]
async fn many_join_at_once() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, _) = bench.guild(&ann).await;
    let code = bench.invite(&ann, guild.id(), 0).await;
    let heard = bench.listen(guild.id());
    let mut callers = Vec::new();
    for name in ["b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "b9", "b10", "b11", "b12"] {
        callers.push(bench.person(name).await);
    }
    let joins = futures_util::future::join_all(callers.iter().map(|caller| bench.join(caller, &code))).await;
    assert!(joins.iter().all(Result::is_ok), "{joins:?}");
    let seqs: Vec<_> = heard.0.lock().iter().map(|event| event.seq).collect();
    let first = seqs[0];
    assert_eq!(seqs, (first..first + 12).collect::<Vec<_>>(), "in order, without a hole");
    assert_eq!(guild.guild_message().member_count, 13);
}

#[tokio::test]
async fn an_invite_ends() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, _) = bench.guild(&ann).await;
    let bob = bench.member("bob", &ann, guild.id()).await;
    let cid = bench.person("cid").await;
    let code = bench.invite(&bob, guild.id(), 0).await;
    let revoked = bench.invite(&ann, guild.id(), 0).await;

    let list = |caller| bench.chat.list_invites(caller, v1::ListInvitesRequest { guild_id: guild.id().get() });
    assert_eq!(list(&bob).await.expect("listed").invites.len(), 1, "members see their own");
    assert_eq!(list(&ann).await.expect("listed").invites.len(), 2, "the used up one is gone");

    let revoke = |caller, code: &str| bench.chat.revoke_invite(caller, v1::RevokeInviteRequest { code: code.into() });
    assert_error!(revoke(&cid, &revoked).await, Error::NotFound(Missing::Invite));
    assert_error!(revoke(&bob, &revoked).await, Error::Permission("MANAGE_CHANNELS"));
    revoke(&ann, &revoked).await.expect("revoked");
    assert_error!(bench.join(&cid, &revoked).await, Error::NotFound(Missing::Invite));
    bench.join(&bob, &code).await.expect("a member already");
    bench.clock.advance(60_000);
    assert_error!(bench.join(&cid, &code).await, Error::NotFound(Missing::Invite));
    assert_error!(bench.join(&cid, "nonsense").await, Error::NotFound(Missing::Invite));
}

#[tokio::test]
async fn members_come_in_pages() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, _) = bench.guild(&ann).await;
    for name in ["b1", "b2", "b3", "b4"] {
        bench.member(name, &ann, guild.id()).await;
    }
    let mut request = v1::ListMembersRequest { guild_id: guild.id().get(), page_size: 2, page_token: String::new() };
    let mut seen = Vec::new();
    for expected in [2, 2, 1] {
        let page = bench.chat.list_members(&ann, request.clone()).await.expect("a page");
        assert_eq!(page.members.len(), expected);
        seen.extend(page.members.into_iter().filter_map(|member| member.user).map(|user| user.id));
        request.page_token = page.next_page_token;
    }
    assert!(request.page_token.is_empty() && seen.is_sorted() && seen.len() == 5);
    request.page_token = "nonsense".into();
    assert_error!(bench.chat.list_members(&ann, request).await, Error::PageToken);
}

#[tokio::test]
async fn the_owner_stays_and_members_go() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, _) = bench.guild(&ann).await;
    let bob = bench.member("bob", &ann, guild.id()).await;
    let guild_id = guild.id().get();
    let remove = |caller, user: UserId| {
        bench
            .chat
            .remove_member(caller, v1::RemoveMemberRequest { guild_id, user_id: user.get(), reason: String::new() })
    };
    assert_error!(remove(&bob, ann.user).await, Error::Permission("KICK_MEMBERS"));
    assert_error!(remove(&ann, ann.user).await, Error::OwnerStays);
    assert_error!(remove(&ann, UserId(1)).await, Error::NotFound(Missing::Member));
    let leave = |caller| bench.chat.leave_guild(caller, v1::LeaveGuildRequest { guild_id });
    assert_error!(leave(&ann).await, Error::OwnerStays);
    let heard = bench.listen(bob.user);
    leave(&bob).await.expect("left");
    assert!(!guild.is_member(bob.user));
    assert!(matches!(heard.take().as_slice(), [Payload::GuildLeft(left)] if left.reason() == v1::LeaveReason::Left));
    assert_error!(leave(&bob).await, Error::NotFound(Missing::Guild));
}

#[tokio::test]
async fn a_guild_changes() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, _) = bench.guild(&ann).await;
    let bob = bench.member("bob", &ann, guild.id()).await;
    let request = v1::UpdateGuildRequest { guild_id: guild.id().get(), name: Some("other".into()), icon_url: None };
    assert_error!(bench.chat.update_guild(&bob, request.clone()).await, Error::Permission("MANAGE_GUILD"));
    let heard = bench.listen(guild.id());
    let changed = bench.chat.update_guild(&ann, request.clone()).await.expect("changed").guild;
    assert_eq!(changed, Some(guild.guild_message()));
    assert_eq!(heard.take().len(), 1);
    bench.chat.update_guild(&ann, request).await.expect("the same");
    assert!(heard.take().is_empty());
}

#[tokio::test]
async fn a_deleted_guild_is_gone_for_all() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, channel) = bench.guild(&ann).await;
    let bob = bench.member("bob", &ann, guild.id()).await;
    let code = bench.invite(&ann, guild.id(), 0).await;
    let request = v1::DeleteGuildRequest { guild_id: guild.id().get() };
    assert_error!(bench.chat.delete_guild(&bob, request).await, Error::Permission("OWNER"));
    let (of_guild, of_bob) = (bench.listen(guild.id()), bench.listen(bob.user));
    bench.chat.delete_guild(&ann, request).await.expect("deleted");
    assert!(matches!(of_guild.take().as_slice(), [Payload::GuildDeleted(_)]));
    let reason = v1::LeaveReason::GuildDeleted;
    assert!(matches!(of_bob.take().as_slice(), [Payload::GuildLeft(left)] if left.reason() == reason));
    assert!(!guild.is_member(ann.user) && !guild.may_read(ann.user, channel));
    assert!(bench.chat.guild(guild.id()).await.expect("read").is_none());
    assert!(bench.chat.guild_of(channel).await.expect("read").is_none());
    let cid = bench.person("cid").await;
    assert_error!(bench.join(&cid, &code).await, Error::NotFound(Missing::Invite));
}
