//! Faults of services that are killed, paused, filled and started again for it.

use std::time::Duration;

use guildhall_tests::deployment::Services;
use guildhall_tests::eventually::eventually;
use sqlx::{Connection, PgConnection};
use tokio::time::sleep;

use super::{LASTS, without_cassandra, without_postgres};
use crate::faults::play::Play;
use crate::faults::scenario::Fault;

const CASSANDRAS: [&str; 3] = ["cassandra3-1", "cassandra3-2", "cassandra3-3"];
/// A node waits for a connection of its own, or for an answer, less long.
const LOCKED: Duration = Duration::from_secs(12);

pub(super) async fn happen(play: &mut Play, fault: Fault) {
    match fault {
        Fault::PostgresLocked => return postgres_locked(play).await,
        Fault::PostgresFull => return postgres_full(play).await,
        _ => {}
    }
    let services = play.scene.services.clone().expect("services that may die");
    match fault {
        Fault::PostgresRestarted => {
            services.end("postgres");
            services.start("postgres").await;
        }
        Fault::PostgresKilled => {
            services.kill("postgres");
            without_postgres(play).await;
            services.start("postgres").await;
        }
        Fault::RedisKilled => {
            services.kill("redis");
            without_redis(play, LASTS).await;
            services.start("redis").await;
        }
        Fault::RedisPaused => {
            services.pause("redis");
            without_redis(play, Duration::from_secs(10)).await;
            services.resume("redis");
        }
        Fault::RedisForgets => {
            flush().await;
            without_redis(play, Duration::ZERO).await;
        }
        Fault::RedisForgetsAndPostgresRestarted => {
            services.end("postgres");
            flush().await;
            services.start("postgres").await;
        }
        other => cassandra(play, other, &services).await,
    }
}

async fn cassandra(play: &mut Play, fault: Fault, services: &Services) {
    let one = CASSANDRAS[rand::random_range(0..CASSANDRAS.len())];
    let others = CASSANDRAS.iter().copied().filter(|node| *node != one);
    match fault {
        Fault::OneCassandraKilled => {
            services.kill(one);
            nobody_notices(play).await;
            services.start(one).await;
        }
        Fault::OneCassandraPaused => {
            services.pause(one);
            nobody_notices(play).await;
            services.resume(one);
        }
        Fault::CassandrasRestartedInTurn => {
            for node in CASSANDRAS {
                services.end(node);
                nobody_notices(play).await;
                services.start(node).await;
                // The next one may go only when the others know that this one is back.
                eventually("two of three would do", async || play.is_acknowledged().await.then_some(())).await;
                sleep(LASTS).await;
            }
        }
        Fault::TwoCassandrasKilled => {
            others.clone().for_each(|node| services.kill(node));
            without_cassandra(play).await;
            for node in others {
                services.start(node).await;
            }
        }
        Fault::TwoCassandrasPaused => {
            others.clone().for_each(|node| services.pause(node));
            without_cassandra(play).await;
            others.for_each(|node| services.resume(node));
        }
        Fault::CassandraKilledAndHotNodeKilled => {
            services.kill(one);
            super::nodes::killed(play).await;
            services.start(one).await;
        }
        other => panic!("nobody knows how {other:?} happens"),
    }
}

async fn nobody_notices(play: &mut Play) {
    let all = play.scene.nodes();
    play.goes_on(&all).await;
    sleep(LASTS).await;
    play.goes_on(&all).await;
    play.sessions_stay(&all);
}

async fn without_redis(play: &mut Play, time: Duration) {
    let all = play.scene.nodes();
    play.goes_on(&all).await;
    sleep(time).await;
    play.goes_on(&all).await;
    play.sessions_stay(&all);
}

/// All that Redis holds is gone; the people's presence is written again by their nodes.
async fn flush() {
    let address = std::env::var("TEST_REDIS_URL").expect("Redis").replace("redis://", "");
    let mut redis = tokio::net::TcpStream::connect(address).await.expect("Redis");
    let mut answer = [0; 5];
    tokio::io::AsyncWriteExt::write_all(&mut redis, b"FLUSHALL\r\n").await.expect("Redis hears");
    tokio::io::AsyncReadExt::read_exact(&mut redis, &mut answer).await.expect("Redis answers");
    assert_eq!(&answer, b"+OK\r\n");
}

/// Somebody holds a lock on what every send needs: each connection of each node waits for it until none is left.
async fn postgres_locked(play: &mut Play) {
    let mut database =
        PgConnection::connect(&play.scene.deployment.database_url().expect("a database")).await.expect("Postgres");
    let mut lock = database.begin().await.expect("a transaction");
    sqlx::raw_sql("LOCK TABLE streams IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.expect("the lock");
    sleep(LOCKED).await;
    play.sessions_stay(&play.scene.nodes());
    lock.rollback().await.expect("the end of the lock");
}

/// Others take every connection that Postgres has to give, while those of the nodes break.
async fn postgres_full(play: &mut Play) {
    let mut taken = Vec::new();
    while let Ok(connection) = PgConnection::connect(&play.scene.deployment.database_url().expect("a database")).await {
        taken.push(connection);
        if taken.len() % 50 == 0 {
            super::each(play, |network| network.postgres.reset());
        }
    }
    super::each(play, |network| network.postgres.reset());
    sleep(LASTS).await;
    play.sessions_stay(&play.scene.nodes());
    for connection in taken {
        connection.close().await.expect("Postgres takes it back");
    }
}
