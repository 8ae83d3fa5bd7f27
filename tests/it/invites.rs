//! Invites: how often, how long, by whom.

use std::time::Duration;

use guildhall::{ErrorReason, Timestamp};
use guildhall_tests::{Deployment, eventually};

#[tokio::test]
async fn an_invite_is_used_as_often_as_it_says() {
    let deployment = Deployment::start().await;
    let people = deployment.users("user", 4).await;
    let guild = deployment.guild(&people[0], &[]).await;
    let owner = people[0].client.guilds();
    let invite = owner.create_invite(guild.id).max_uses(2).await.unwrap();
    assert_eq!((invite.uses, invite.max_uses, invite.expire_time), (0, 2, None));
    people[1].client.guilds().accept_invite(&invite.code).await.unwrap();
    // Who is a member already uses nothing up.
    people[1].client.guilds().accept_invite(&invite.code).await.unwrap();
    assert_eq!(owner.invites(guild.id).await.unwrap()[0].uses, 1);
    people[2].client.guilds().accept_invite(&invite.code).await.unwrap();
    let error = people[3].client.guilds().accept_invite(&invite.code).await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::InviteNotFound));
    assert_eq!(owner.invites(guild.id).await.unwrap(), [], "those that still work");
}

#[tokio::test]
async fn the_last_use_goes_to_one_of_two_racers() {
    let deployment = Deployment::start().await;
    let people = deployment.users("user", 3).await;
    for _ in 0..20 {
        let guild = deployment.guild(&people[0], &[]).await;
        let invite = people[0].client.guilds().create_invite(guild.id).max_uses(1).await.unwrap();
        let race = [&people[1], &people[2]].map(async |user| user.client.guilds().accept_invite(&invite.code).await);
        let outcomes = futures_util::future::join_all(race).await;
        let refused: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()?.reason()).collect();
        assert_eq!(refused, [ErrorReason::InviteNotFound]);
        assert_eq!(people[0].client.guilds().get(guild.id).await.unwrap().member_count, 2);
    }
}

#[tokio::test]
async fn an_invite_ends_by_time_and_by_word() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[]).await;
    let short = ann.client.guilds().create_invite(guild.id).expires_in(Duration::from_secs(1)).await.unwrap();
    let lifetime = |end: Timestamp| end.unix_millis() - short.create_time.unix_millis();
    assert_eq!(short.expire_time.map(lifetime), Some(1_000));
    let revoked = ann.client.guilds().create_invite(guild.id).await.unwrap();
    ann.client.guilds().revoke_invite(&revoked.code).await.unwrap();
    let reasons = [revoked.code.as_str(), "no-such-code"]
        .map(async |code| bob.client.guilds().accept_invite(code).await.unwrap_err().reason());
    assert_eq!(futures_util::future::join_all(reasons).await, [Some(ErrorReason::InviteNotFound); 2]);
    eventually("the short invite has ended", async || {
        ann.client.guilds().invites(guild.id).await.unwrap().is_empty().then_some(())
    })
    .await;
    let error = bob.client.guilds().accept_invite(&short.code).await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::InviteNotFound));
    let error = ann.client.guilds().revoke_invite(&revoked.code).await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::InviteNotFound));
}

#[tokio::test]
async fn members_see_and_revoke_their_own_only() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let eve = deployment.user("eve").await;
    let guild = deployment.guild(&ann, &[&bob]).await;
    let anns = ann.client.guilds().create_invite(guild.id).await.unwrap();
    let bobs = bob.client.guilds().create_invite(guild.id).await.unwrap();
    let codes = async |user: &guildhall_tests::User| -> Vec<String> {
        let invites = user.client.guilds().invites(guild.id).await.unwrap();
        invites.into_iter().map(|invite| invite.code).collect()
    };
    assert_eq!(codes(&ann).await, [bobs.code.clone(), anns.code.clone()], "newest first");
    assert_eq!(codes(&bob).await, std::slice::from_ref(&bobs.code));
    assert!(bob.client.guilds().revoke_invite(&anns.code).await.is_err());
    assert!(eve.client.guilds().revoke_invite(&anns.code).await.is_err());
    assert_eq!(eve.client.guilds().invites(guild.id).await.unwrap_err().reason(), Some(ErrorReason::GuildNotFound));
    ann.client.guilds().revoke_invite(&bobs.code).await.unwrap();
    eve.client.guilds().accept_invite(&anns.code).await.unwrap();
}

#[tokio::test]
async fn a_server_by_invitation_lets_in_those_who_were_invited() {
    let deployment = Deployment::builder().set("registration", "open").start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let invite = ann.client.guilds().create_invite(guild.id).max_uses(1).await.unwrap();
    let mut deployment = deployment;
    deployment.set("registration", "invite");
    deployment.terminate().await;
    deployment.restart().await;
    let nobody = deployment.client(None);
    let error = nobody.auth().register("eve", "a long password").await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::RegistrationClosed));
    let login = nobody.auth().register("bob", "a long password").invite_code(&invite.code).await.unwrap();
    let bob = nobody.with_token(login.token).unwrap();
    assert_eq!(bob.guilds().list().await.unwrap()[0].id, guild.id);
}
