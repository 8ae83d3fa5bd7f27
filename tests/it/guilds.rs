//! The life of a guild and of its members, and who is told of what.

use guildhall::{ErrorReason, LeaveReason};
use guildhall_proto::v1::{self, event::Payload};
use guildhall_tests::{Deployment, Guild, User};

#[tokio::test]
async fn a_guild_begins_with_a_channel_and_ends_for_all() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let new = ann.client.guilds().create("Ann's").icon_url("https://example.org/a.png").await.unwrap();
    let guild = &new.guild;
    assert_eq!((guild.name.as_str(), guild.owner_id, guild.member_count), ("Ann's", ann.id, 1));
    let channels = ann.client.channels().list(guild.id).await.unwrap();
    assert_eq!(
        channels.iter().map(|channel| (channel.id, channel.name.as_str())).collect::<Vec<_>>(),
        [(new.channel_id, "general")]
    );
    assert_eq!(bob.client.guilds().get(guild.id).await.unwrap_err().reason(), Some(ErrorReason::GuildNotFound));

    let home = Guild { id: guild.id, channel: new.channel_id };
    deployment.join(home, &ann, &bob).await;
    assert_eq!(bob.client.guilds().get(guild.id).await.unwrap().member_count, 2);
    assert_eq!(bob.client.guilds().list().await.unwrap()[0].id, guild.id);
    let mut session = deployment.wire(&bob).await.watching(&[new.channel_id]).await.unwrap();
    let renamed = ann.client.guilds().update(guild.id).name("Renamed").await.unwrap();
    assert_eq!((renamed.name.as_str(), renamed.icon_url.as_str()), ("Renamed", "https://example.org/a.png"));
    let event = session.event(guild.id).await.unwrap();
    assert!(
        matches!(&event.payload, Some(Payload::GuildUpdated(new)) if new.guild.as_ref().unwrap().name == "Renamed")
    );
    assert_eq!(event.actor_id, ann.id.get());

    ann.client.guilds().delete(guild.id).await.unwrap();
    let left = session.event(bob.id).await.unwrap();
    assert!(
        matches!(&left.payload, Some(Payload::GuildLeft(left)) if left.reason() == LeaveReason::GuildDeleted),
        "{left:?}"
    );
    for user in [&ann, &bob] {
        assert_eq!(user.client.guilds().list().await.unwrap(), []);
        assert_eq!(user.client.guilds().get(guild.id).await.unwrap_err().reason(), Some(ErrorReason::GuildNotFound));
        let error = user.client.messages().send(new.channel_id, "too late").await.unwrap_err();
        assert_eq!(error.reason(), Some(ErrorReason::ChannelNotFound));
    }
}

#[tokio::test]
async fn members_cannot_change_it() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let error = bob.client.guilds().update(guild.id).name("Bob's").await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::MissingPermission));
    assert_eq!(error.metadata().get("permission").map(String::as_str), Some("MANAGE_GUILD"));
    let error = bob.client.guilds().delete(guild.id).await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::MissingPermission));
    assert_eq!(ann.client.guilds().get(guild.id).await.unwrap().name, "a guild");
}

#[tokio::test]
async fn members_join_are_listed_by_pages_and_leave() {
    let deployment = Deployment::start().await;
    let people = deployment.users("user", 7).await;
    let ann = &people[0];
    let guild = deployment.guild(ann, &people[1..].iter().collect::<Vec<_>>()).await;
    let mut paged = Vec::new();
    let mut token = None;
    loop {
        let call = people[3].client.guilds().members(guild.id).page_size(3);
        let call = match token {
            Some(token) => call.page_token(token),
            None => call,
        };
        let page = call.await.unwrap();
        assert!(page.members.len() <= 3);
        paged.extend(page.members.into_iter().map(|member| member.user.id));
        token = page.next_page_token;
        if token.is_none() {
            break;
        }
    }
    let mut everybody: Vec<_> = people.iter().map(|user| user.id).collect();
    everybody.sort();
    assert_eq!(paged, everybody);

    let mut session = deployment.wire(ann).await.watching(&[]).await.unwrap();
    people[1].client.guilds().leave(guild.id).await.unwrap();
    ann.client.guilds().remove_member(guild.id, people[2].id).await.unwrap();
    for (user, reason) in [(&people[1], LeaveReason::Left), (&people[2], LeaveReason::Removed)] {
        let event = session.event(guild.id).await.unwrap();
        let Some(Payload::MemberRemoved(removed)) = event.payload else { panic!("{event:?}") };
        assert_eq!((removed.user_id, removed.reason()), (user.id.get(), reason));
    }
    who_cannot_leave(guild, &people).await;
    assert_eq!(ann.client.guilds().get(guild.id).await.unwrap().member_count, 5);
}

/// The owner stays, others cannot be removed by their like, and who is gone is gone.
async fn who_cannot_leave(guild: Guild, people: &[User]) {
    let ann = &people[0];
    let refused = [
        (ann.client.guilds().leave(guild.id).await.err(), ErrorReason::OwnerCannotLeave),
        (ann.client.guilds().remove_member(guild.id, ann.id).await.err(), ErrorReason::OwnerCannotLeave),
        (ann.client.guilds().remove_member(guild.id, people[1].id).await.err(), ErrorReason::MemberNotFound),
        (people[3].client.guilds().remove_member(guild.id, people[4].id).await.err(), ErrorReason::MissingPermission),
        (people[1].client.guilds().leave(guild.id).await.err(), ErrorReason::GuildNotFound),
    ];
    for (number, (error, reason)) in refused.into_iter().enumerate() {
        assert_eq!(error.unwrap().reason(), Some(reason), "row {number}");
    }
}

#[tokio::test]
async fn a_new_member_and_a_changed_profile_are_told_to_the_guild() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[]).await;
    let mut owner = deployment.wire(&ann).await.watching(&[]).await.unwrap();
    let mut newcomer = deployment.wire(&bob).await.watching(&[]).await.unwrap();
    deployment.join(guild, &ann, &bob).await;
    let joined = newcomer.event(bob.id).await.unwrap();
    assert!(
        matches!(&joined.payload, Some(Payload::GuildJoined(joined)) if joined.guild.as_ref().unwrap().id == guild.id.get())
    );
    let created = owner.event(guild.id).await.unwrap();
    let Some(Payload::InviteCreated(created)) = created.payload else { panic!("{created:?}") };
    assert_eq!(created.creator_id, ann.id.get());
    let event = owner.event(guild.id).await.unwrap();
    let Some(Payload::MemberJoined(v1::MemberJoined { member: Some(member) })) = event.payload else {
        panic!("{event:?}")
    };
    assert_eq!(member.user.unwrap().username, "bob");

    // The newcomer hears the guild's stream from now on, without having asked for it.
    bob.client.users().update_me().display_name("Bob the Builder").custom_status("building").await.unwrap();
    for session in [&mut owner, &mut newcomer] {
        let is_change = |frame: &guildhall_tests::wire::Frame| match frame {
            guildhall_tests::wire::Frame::Event(event) => match &event.payload {
                Some(Payload::MemberUpdated(v1::MemberUpdated { member: Some(member) })) => member.user.clone(),
                _ => None,
            },
            _ => None,
        };
        let user = session.wait("MemberUpdated", is_change).await.unwrap();
        assert_eq!((user.display_name.as_str(), user.custom_status.as_str()), ("Bob the Builder", "building"));
    }
    let own = newcomer.event(bob.id).await.unwrap();
    assert!(matches!(own.payload, Some(Payload::UserUpdated(_))), "{own:?}");
    let users = ann.client.users().get([bob.id, ann.id, guildhall::UserId(7)]).await.unwrap();
    assert_eq!(users.iter().map(|user| user.display_name.as_str()).collect::<Vec<_>>(), ["Bob the Builder", "ann"]);
}
