//! Rate limits of the real server: told as what they are, and waited for by those who want that.

use std::time::Duration;

use futures_util::future::join_all;
use guildhall::{Client, ErrorReason, Kind};
use guildhall_server::config::RateLimits;
use guildhall_server::testing::TestServer;

use crate::people::Person;
use crate::support::{contents, soon};

/// More than a person may send at once.
const TOO_MANY: usize = 13;

async fn server() -> TestServer {
    TestServer::builder().settings(|settings| settings.rate_limits = RateLimits::On).start().await
}

/// All of them at once: one after the other, a slow machine would keep to the limit by itself.
async fn send(client: &Client, channel: guildhall::ChannelId, count: usize) -> Vec<guildhall::Result<guildhall::Sent>> {
    join_all((0..count).map(|number| client.messages().send(channel, format!("{number}")).into_future())).await
}

#[tokio::test]
async fn whoever_sends_too_much_is_told_which_limit_and_for_how_long() {
    let server = server().await;
    let ann = Person::register(&server, "ann").await;
    let channel = ann.hall().await;
    let outcomes = send(&ann.client, channel, 40).await;
    let errors: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(!errors.is_empty() && errors.len() <= 30, "{}", errors.len());
    for error in errors {
        assert_eq!(error.kind(), Kind::Api(ErrorReason::RateLimited));
        assert_eq!(error.quota(), Some("messages.send"));
        let wait = error.retry_after().expect("a time");
        assert!(!wait.is_zero() && wait <= Duration::from_secs(1), "{wait:?}");
        assert!(error.is_retryable() && !error.outcome_unknown());
    }
}

#[tokio::test]
async fn calls_wait_if_they_may() {
    let server = server().await;
    let ann = Person::register(&server, "ann").await;
    let channel = ann.hall().await;
    let token = ann.client.token().expect("a token").clone();
    let patient = Client::builder(server.url()).token(token).wait_when_limited(Duration::from_secs(60));
    let patient = patient.build().expect("a client");
    for outcome in soon("all are sent", send(&patient, channel, TOO_MANY)).await {
        outcome.expect("sent");
    }
    // No longer than that: the next login is minutes away.
    for _ in 0..5 {
        let error = patient.auth().login("ann", "a wrong password").await.expect_err("wrong");
        assert_eq!(error.reason(), Some(ErrorReason::CredentialsInvalid));
    }
    let error =
        soon("an answer", patient.auth().login("ann", "a wrong password").into_future()).await.expect_err("limited");
    assert_eq!(error.reason(), Some(ErrorReason::RateLimited));
    assert!(error.retry_after().expect("a time") > Duration::from_secs(60));
}

#[tokio::test]
async fn a_gateway_waits_and_keeps_the_order() {
    let server = server().await;
    let ann = Person::register(&server, "ann").await;
    let channel = ann.hall().await;
    let (gateway, mut events) = ann.client.gateway().subscribe(channel).connect().await.expect("a gateway");
    gateway.ready().await.expect("ready");
    let texts: Vec<String> = (0..TOO_MANY).map(|number| number.to_string()).collect();
    let receipts: Vec<_> = texts.iter().map(|text| gateway.send(channel, text.clone()).enqueue()).collect();
    // What was sent last is not sent before what still waits.
    assert_eq!(contents(&mut events, TOO_MANY).await, texts);
    for receipt in receipts {
        soon("an answer", receipt).await.expect("sent");
    }
}
