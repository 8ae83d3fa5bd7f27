//! The breaker before the server: it refuses before anything is sent, never what is being found out, and a node that is
//! merely busy is not cut off.

use futures_util::future::join_all;
use tokio::time::Instant;

use super::{fresh, open_at};
use crate::breaker::Verdict;
use crate::store::contract::{append, channel, create};
use crate::store::{Append, testing_postgres};

#[tokio::test]
async fn what_is_refused_was_not_sent_and_what_is_in_doubt_is_not_refused() {
    let (store, postgres) = fresh().await;
    let channel = channel(&store).await;
    append(&store, channel, 0, vec![create("before")]).await;
    let link = &postgres.engine.link;
    (0..5).for_each(|_| link.breaker().note(Instant::now(), Verdict::TimedOut));
    let refused = store.log.append(channel, 1, vec![create("refused")]).await.expect_err("it is open");
    assert!(refused.is_refused(), "{refused}");
    assert!(store.metadata.has_admin().await.expect_err("it is open").is_refused());
    let settling = link.settling();
    let seen = settling.row(|| sqlx::query("SELECT 1")).await.expect("what settles is let through");
    assert!(seen.is_some());
    // That answer has closed it.
    let appended = store.log.append(channel, 1, vec![create("after")]).await.expect("it is closed");
    assert_eq!(appended, Append::Done { taken: 1 }, "nothing of what was refused is there");
    assert_eq!(store.log.read(channel, 0, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_pool_that_is_busy_does_not_open_it() {
    let (store, postgres) = open_at(&testing_postgres::database().await).await;
    let link = &postgres.engine.link;
    let mut held = Vec::new();
    for _ in 0..link.pool().options().get_max_connections() {
        held.push(link.lease().await.unwrap());
    }
    let refused = join_all((0..12).map(|_| store.metadata.has_admin())).await;
    assert!(refused.iter().all(Result::is_err), "there is no connection for them");
    assert!(!link.breaker().is_open(), "too many callers are no fault of the server");
    drop(held);
    store.metadata.has_admin().await.expect("the next one is served");
}
