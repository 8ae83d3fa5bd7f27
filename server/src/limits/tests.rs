//! Tests of the limits of one process, in time that passes when told. What nodes share is tested over a real Redis, in
//! `fanout/relay/tests`.

use tokio::time::advance;

use super::*;

const ANN: Key = Key::User(UserId(1));
const BOB: Key = Key::User(UserId(2));

async fn given(limits: &Limits, limit: Limit, key: &Key, tries: usize) -> usize {
    let mut given = 0;
    for _ in 0..tries {
        given += usize::from(limits.take(&[(limit, key.clone())]).await.is_ok());
    }
    given
}

#[tokio::test(start_paused = true)]
async fn who_waits_as_told_gets_one_and_others_are_not_held_up() {
    let limits = Limits::new(Mode::On);
    assert_eq!(given(&limits, SEND, &ANN, 50).await, 10);
    let exceeded = limits.take(&[(SEND, ANN)]).await.expect_err("reached");
    assert_eq!(exceeded, Exceeded { limit: "messages.send", retry_after: Duration::from_secs(1) });
    assert_eq!(given(&limits, SEND, &BOB, 50).await, 10, "a bucket of his own");
    assert_eq!(given(&limits, CHANGE, &ANN, 50).await, 20, "of another limit");
    advance(exceeded.retry_after).await;
    assert_eq!(given(&limits, SEND, &ANN, 50).await, 1);
    // An hour later there is the burst and no more.
    advance(Duration::from_secs(3_600)).await;
    assert_eq!(given(&limits, SEND, &ANN, 50).await, 10);
}

#[tokio::test(start_paused = true)]
async fn all_are_taken_or_none() {
    let limits = Limits::new(Mode::On);
    let peer = Key::Peer(IpAddr::from([10, 0, 0, 1]).into());
    let account = Key::Account("ann".into(), None);
    assert_eq!(given(&limits, LOGIN, &account, 9).await, 5);
    let both = [(PEER_LOGIN, peer.clone()), (LOGIN, account)];
    for _ in 0..200 {
        assert_eq!(limits.take(&both).await.expect_err("reached").limit, "login");
    }
    assert_eq!(given(&limits, PEER_LOGIN, &peer, 200).await, 100, "what was refused took nothing");
}

#[tokio::test(start_paused = true)]
async fn what_is_given_back_is_there_again() {
    let limits = Limits::new(Mode::On);
    let account = Key::Account("ann".into(), None);
    for _ in 0..100 {
        limits.take(&[(LOGIN, account.clone())]).await.expect("the right password is not counted");
        limits.give_back(&LOGIN, &account);
    }
    assert_eq!(given(&limits, LOGIN, &account, 9).await, 5);
}

#[tokio::test(start_paused = true)]
async fn slow_mode_is_one_message_of_each_user_per_interval() {
    let limits = Limits::new(Mode::On);
    let of = |user| Key::Channel(ChannelId(9), UserId(user));
    let slow = slow_mode(Duration::from_secs(60));
    assert_eq!(given(&limits, slow, &of(1), 5).await, 1);
    assert_eq!(given(&limits, slow, &of(2), 5).await, 1);
    assert_eq!(given(&limits, slow, &Key::Channel(ChannelId(8), UserId(1)), 5).await, 1);
    let exceeded = limits.take(&[(slow, of(1))]).await.expect_err("too soon");
    assert_eq!(exceeded, Exceeded { limit: "channel.slow_mode", retry_after: Duration::from_secs(60) });
    // The interval was made shorter: nobody waits for the longer one any more.
    let exceeded = limits.take(&[(slow_mode(Duration::from_secs(5)), of(1))]).await.expect_err("too soon");
    assert_eq!(exceeded.retry_after, Duration::from_secs(5));
    // And off.
    assert_eq!(given(&limits, slow_mode(Duration::ZERO), &of(1), 5).await, 5);
    advance(Duration::from_secs(60)).await;
    assert_eq!(given(&limits, slow_mode(Duration::from_secs(21_600)), &of(2), 5).await, 1);
    let exceeded = limits.take(&[(slow_mode(Duration::from_secs(21_600)), of(2))]).await.expect_err("too soon");
    assert_eq!(exceeded.retry_after, Duration::from_secs(21_600));
}

#[tokio::test(start_paused = true)]
async fn full_buckets_are_not_kept() {
    let limits = Limits::new(Mode::On);
    for user in 0..10_000 {
        limits.take(&[(SEND, Key::User(UserId(user)))]).await.expect("the first of ten");
    }
    assert_eq!(given(&limits, GUILD, &ANN, 1).await, 1);
    assert_eq!(limits.len(), 10_001);
    advance(Duration::from_secs(2)).await;
    limits.forget_full();
    assert_eq!(limits.len(), 1, "the one that fills up in minutes");
    advance(Duration::from_secs(360)).await;
    limits.forget_full();
    assert!(limits.is_empty());
}

#[tokio::test(start_paused = true)]
async fn behind_a_proxy_addresses_are_not_counted_and_off_is_off() {
    let peer = Key::Peer(IpAddr::from([10, 0, 0, 1]).into());
    let users = Limits::new(Mode::Users);
    assert_eq!(given(&users, PEER_REGISTER, &peer, 100).await, 100);
    assert_eq!(given(&users, SEND, &ANN, 100).await, 10);
    let off = Limits::new(Mode::Off);
    assert_eq!(given(&off, SEND, &ANN, 100).await, 100);
    assert!(off.is_empty());
}

#[test]
fn a_64_is_one_peer() {
    let peer = |text: &str| Peer::from(text.parse::<IpAddr>().expect("an address"));
    assert_eq!(peer("2001:db8::1"), peer("2001:db8::2"));
    assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
    assert_eq!(peer("::ffff:10.0.0.2"), peer("10.0.0.2"));
    assert_ne!(peer("10.0.0.1"), peer("10.0.0.2"));
}
