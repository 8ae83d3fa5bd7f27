//! How each fault begins, lasts and is over, and what people see while it lasts.

mod nodes;
mod services;

use std::time::Duration;

use guildhall_tests::deployment::{Kind, Network};
use guildhall_tests::proxy::{Proxy, Way};
use tokio::time::sleep;

use super::play::Play;
use super::scenario::Fault;

/// Longer than it takes to notice it: a heartbeat and what it may be late.
const LASTS: Duration = Duration::from_secs(5);

/// The fault, from its beginning to its end.
pub(super) async fn happen(play: &mut Play, fault: Fault) {
    play.mark();
    match fault {
        Fault::NodeKilled | Fault::HotNodeKilled => nodes::killed(play).await,
        Fault::NodeHangs => nodes::hangs(play, Duration::from_secs(3)).await,
        // Longer than a node may be silent before it counts as gone.
        Fault::HotNodeHangs => nodes::hangs(play, Duration::from_secs(13)).await,
        Fault::NodeDrained => nodes::drained(play).await,
        Fault::NodesRestartedInTurn => nodes::restarted_in_turn(play).await,
        Fault::ClockAhead => nodes::clock_off(play, 600).await,
        Fault::ClockBehind => nodes::clock_off(play, -600).await,
        Fault::HotNodeKilledAndOtherHangs => nodes::killed_while_another_hangs(play).await,
        Fault::PostgresSlowAndNodeKilled => {
            each(play, |network| slow(&network.postgres));
            nodes::killed(play).await;
            each(play, |network| network.postgres.heal());
        }
        Fault::RedisGoneAndNodeKilled => {
            for network in play.scene.deployment.networks() {
                redis(network).refuse().await;
            }
            nodes::killed(play).await;
            for network in play.scene.deployment.networks() {
                redis(network).accept().await;
            }
        }
        Fault::PostgresCut | Fault::PostgresGone | Fault::PostgresHangs | Fault::PostgresSlow => {
            postgres_is(play, fault).await;
        }
        Fault::PostgresDeaf | Fault::PostgresDumb | Fault::PostgresDeafForOne => postgres_is(play, fault).await,
        Fault::RedisGone | Fault::RedisHangs | Fault::RedisSlow | Fault::RedisDeaf | Fault::RedisDumb => {
            redis_is(play, fault).await;
        }
        Fault::CassandraCut | Fault::CassandraHangs | Fault::CassandraSlow | Fault::CassandraDumbForOne => {
            cassandra_is(play, fault).await;
        }
        other => services::happen(play, other).await,
    }
}

/// Postgres as the nodes see it. Without it nobody can log in; sends wait, and sessions stay.
async fn postgres_is(play: &mut Play, fault: Fault) {
    let all = play.scene.nodes();
    match fault {
        Fault::PostgresCut => return each(play, |network| network.postgres.reset()),
        Fault::PostgresSlow => {
            each(play, |network| slow(&network.postgres));
            play.goes_on(&all).await;
            play.sessions_stay(&all);
            return each(play, |network| network.postgres.heal());
        }
        Fault::PostgresDeafForOne => {
            let victim = play.victim;
            play.scene.deployment.networks()[victim].postgres.hold(Way::Up);
            play.goes_on(&play.others()).await;
            sleep(LASTS).await;
            play.sessions_stay(&play.others());
            return play.scene.deployment.networks()[victim].postgres.heal();
        }
        Fault::PostgresGone => {
            for network in play.scene.deployment.networks() {
                network.postgres.refuse().await;
            }
        }
        Fault::PostgresDeaf => each(play, |network| network.postgres.hold(Way::Up)),
        Fault::PostgresDumb => each(play, |network| network.postgres.hold(Way::Down)),
        _ => each(play, |network| network.postgres.pause()),
    }
    without_postgres(play).await;
    each(play, |network| network.postgres.heal());
    for network in play.scene.deployment.networks() {
        network.postgres.accept().await;
    }
}

/// Where Postgres has the messages, they wait for it. Where Cassandra has them, who is known goes on sending: what nodes hold
/// of tokens and rights is good for half a minute.
async fn without_postgres(play: &mut Play) {
    let all = play.scene.nodes();
    match play.scene.deployment.kind() {
        Kind::Cluster => play.sends_go_on(&all).await,
        _ => play.waits(&all).await,
    }
    play.logins_wait().await;
    sleep(LASTS).await;
    play.sessions_stay(&all);
}

/// Redis as the nodes see it: whatever it does, everything that is stored goes on.
async fn redis_is(play: &mut Play, fault: Fault) {
    let all = play.scene.nodes();
    match fault {
        Fault::RedisGone => {
            for network in play.scene.deployment.networks() {
                redis(network).refuse().await;
            }
        }
        Fault::RedisSlow => each(play, |network| slow(redis(network))),
        Fault::RedisDeaf => each(play, |network| redis(network).hold(Way::Up)),
        Fault::RedisDumb => each(play, |network| redis(network).hold(Way::Down)),
        _ => each(play, |network| redis(network).pause()),
    }
    play.goes_on(&all).await;
    sleep(LASTS).await;
    play.goes_on(&all).await;
    play.sessions_stay(&all);
    each(play, |network| redis(network).heal());
    for network in play.scene.deployment.networks() {
        redis(network).accept().await;
    }
}

/// Cassandra as the nodes see it. Without it sends and history wait; sessions stay, and guilds are looked after.
async fn cassandra_is(play: &mut Play, fault: Fault) {
    let (all, victim) = (play.scene.nodes(), play.victim);
    match fault {
        Fault::CassandraCut => return each(play, |network| network.cassandra.iter().for_each(Proxy::reset)),
        Fault::CassandraSlow => {
            each(play, |network| network.cassandra.iter().for_each(slow));
            play.goes_on(&all).await;
            play.sessions_stay(&all);
        }
        Fault::CassandraDumbForOne => {
            let cassandra = &play.scene.deployment.networks()[victim].cassandra;
            cassandra.iter().for_each(|node| node.hold(Way::Down));
            sleep(LASTS).await;
            play.goes_on(&play.others()).await;
            play.sessions_stay(&all);
        }
        _ => {
            each(play, |network| network.cassandra.iter().for_each(Proxy::pause));
            without_cassandra(play).await;
        }
    }
    each(play, |network| network.cassandra.iter().for_each(Proxy::heal));
}

async fn without_cassandra(play: &mut Play) {
    play.waits(&play.scene.nodes()).await;
    play.guilds_go_on().await;
    sleep(LASTS).await;
    play.sessions_stay(&play.scene.nodes());
}

fn each(play: &mut Play, weather: impl Fn(&mut Network)) {
    if play.scene.deployment.kind() != Kind::Embedded {
        play.scene.deployment.networks().iter_mut().for_each(weather);
    }
}

/// 200 ms, and up to 200 more by chance, there and back together.
fn slow(proxy: &Proxy) {
    proxy.delay(Way::Up, Duration::from_millis(100), Duration::from_millis(100));
    proxy.delay(Way::Down, Duration::from_millis(100), Duration::from_millis(100));
}

fn redis(network: &mut Network) -> &mut Proxy {
    network.redis.as_mut().expect("the deployment has Redis")
}
