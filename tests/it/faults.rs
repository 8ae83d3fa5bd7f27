//! Faults: a node, or what the nodes stand on, fails while everybody writes and reads. Nothing acknowledged is lost,
//! nothing is there twice, all see one order; and when the fault is over, all go on by themselves.

use std::time::{Duration, Instant};

use guildhall::{ChannelId, ChannelKind};
use guildhall_tests::deployment::Kind;
use guildhall_tests::eventually::eventually;
use guildhall_tests::proxy::{Proxy, Way};
use guildhall_tests::recorder::{self, Ledger, Reading};
use guildhall_tests::{Deployment, Guild, User};
use tokio::sync::watch;
use tokio::time::sleep;

/// One writes and one reads at each node.
const PEOPLE: usize = 3;
/// Acknowledgements before the fault, and again after it.
const LOAD: usize = 30;
/// How long a fault lasts.
const LASTS: Duration = Duration::from_secs(3);
/// Rounds of the whole programme in a full run.
const ROUNDS_FULL: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Fault {
    NodeKilled,
    NodeHangs,
    NodesRestartedInTurn,
    PostgresCut,
    PostgresGone,
    PostgresHangs,
    PostgresSlow,
    PostgresDeaf,
    RedisGone,
    RedisHangs,
    RedisSlow,
    CassandraCut,
    CassandraHangs,
    RedisGoneAndNodeKilled,
}

/// Those of the gate: the worst of each kind.
fn worst(kind: Kind) -> Vec<Fault> {
    match kind {
        Kind::Embedded => vec![Fault::NodeKilled, Fault::NodesRestartedInTurn],
        Kind::Postgres => vec![Fault::NodeHangs, Fault::PostgresGone, Fault::PostgresHangs],
        Kind::Cluster => {
            vec![Fault::NodeKilled, Fault::RedisHangs, Fault::CassandraHangs, Fault::RedisGoneAndNodeKilled]
        }
    }
}

fn all(kind: Kind) -> Vec<Fault> {
    let mut faults = vec![Fault::NodeKilled, Fault::NodeHangs, Fault::NodesRestartedInTurn];
    if kind != Kind::Embedded {
        faults.extend([Fault::PostgresCut, Fault::PostgresGone, Fault::PostgresHangs]);
        faults.extend([Fault::PostgresSlow, Fault::PostgresDeaf]);
    }
    if kind == Kind::Cluster {
        faults.extend([Fault::RedisGone, Fault::RedisHangs, Fault::RedisSlow]);
        faults.extend([Fault::CassandraCut, Fault::CassandraHangs, Fault::RedisGoneAndNodeKilled]);
    }
    faults
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_repeated_whatever_fails() {
    let kind = Kind::tested();
    let builder = match kind {
        Kind::Embedded => Deployment::builder(),
        Kind::Postgres | Kind::Cluster => Deployment::builder().with_network(),
    };
    let mut deployment = builder.start().await;
    let people = deployment.users("user", PEOPLE).await;
    let guild = deployment.guild(&people[0], &people[1..].iter().collect::<Vec<_>>()).await;
    let full = std::env::var("GUILDHALL_TEST_FULL").is_ok_and(|full| full == "1");
    println!("{:<26} acknowledged  all had it after", "fault");
    let faults: Vec<Fault> = match full {
        true => (0..ROUNDS_FULL).flat_map(|_| all(kind)).collect(),
        false => worst(kind),
    };
    for fault in faults {
        let (acknowledged, recovered) = endure(&mut deployment, &people, guild, fault).await;
        println!("{:<26} {acknowledged:>12}  {:.1} s", format!("{fault:?}"), recovered.as_secs_f64());
    }
}

/// Everybody writes and reads in a new channel while it happens. How many were acknowledged, and how long after the end of
/// the fault all that was written was shown to all.
async fn endure(deployment: &mut Deployment, people: &[User], guild: Guild, fault: Fault) -> (usize, Duration) {
    let created = eventually("a channel can be made", async || {
        people[0].client.channels().create(guild.id, "faults", ChannelKind::Text).await.ok()
    });
    let channel = created.await.id;
    let mut readings = Vec::new();
    for user in people {
        let (_, events) = user.client.gateway().subscribe(channel).connect().await.unwrap();
        events.gateway().ready().await.unwrap();
        readings.push(Reading::begin(user.name.clone(), events, channel, 0));
    }
    let ledger = Ledger::default();
    let (stop, stopped) = watch::channel(false);
    let writers: Vec<_> =
        people.iter().map(|user| tokio::spawn(write(user.clone(), channel, ledger.clone(), stopped.clone()))).collect();
    acknowledged(&ledger, LOAD).await;
    happen(deployment, fault).await;
    let over = Instant::now();
    acknowledged(&ledger, ledger.acknowledged() + LOAD).await;
    stop.send_replace(true);
    for writer in writers {
        writer.await.unwrap();
    }
    let log = eventually("the history can be read", async || {
        people[0].client.channel(channel).history().await.ok()?;
        Some(recorder::log(&people[0].client, channel).await)
    });
    let log = log.await;
    let head = log.last().unwrap().message_id;
    let mut readers = Vec::new();
    for reading in readings {
        readers.push(reading.until(head).await);
    }
    let recovered = over.elapsed();
    let history = ledger.history(log, readers);
    history.assert_sound();
    assert_eq!(history.sends.len(), history.log.len(), "{fault:?}: every send was settled");
    (history.counts().acknowledged, recovered)
}

async fn acknowledged(ledger: &Ledger, count: usize) {
    eventually("messages are acknowledged", async || (ledger.acknowledged() >= count).then_some(())).await;
}

async fn write(user: User, channel: ChannelId, ledger: Ledger, stopped: watch::Receiver<bool>) {
    let (gateway, _events) = user.client.gateway().connect().await.unwrap();
    let name = user.name;
    let texts = (0..).map(|number| format!("{name} {number}")).take_while(|_| !*stopped.borrow());
    ledger.write(&gateway, channel, texts).await;
    gateway.close().await;
}

/// The fault begins, lasts, and is over.
async fn happen(deployment: &mut Deployment, fault: Fault) {
    match fault {
        Fault::NodeKilled => {
            deployment.kill9_node(0);
            deployment.restart_node(0).await;
        }
        Fault::NodeHangs => {
            deployment.pause_node(0);
            sleep(LASTS).await;
            deployment.resume_node(0);
        }
        Fault::NodesRestartedInTurn => {
            for number in 0..deployment.urls().len() {
                let exit = deployment.terminate_node(number).await;
                assert!(exit.status.success(), "{exit:?}");
                deployment.restart_node(number).await;
            }
        }
        Fault::RedisGoneAndNodeKilled => {
            redis(deployment).refuse().await;
            deployment.kill9_node(1);
            deployment.restart_node(1).await;
            redis(deployment).accept().await;
        }
        Fault::PostgresCut => deployment.network().postgres.reset(),
        Fault::CassandraCut => cassandra(deployment).reset(),
        Fault::PostgresGone => gone(&mut deployment.network().postgres).await,
        Fault::RedisGone => gone(redis(deployment)).await,
        Fault::PostgresHangs => bad(&deployment.network().postgres, Proxy::pause).await,
        Fault::RedisHangs => bad(redis(deployment), Proxy::pause).await,
        Fault::CassandraHangs => bad(cassandra(deployment), Proxy::pause).await,
        Fault::PostgresSlow => bad(&deployment.network().postgres, slow).await,
        Fault::RedisSlow => bad(redis(deployment), slow).await,
        Fault::PostgresDeaf => bad(&deployment.network().postgres, |proxy| proxy.hold(Way::Up)).await,
    }
}

async fn gone(proxy: &mut Proxy) {
    proxy.refuse().await;
    sleep(LASTS).await;
    proxy.accept().await;
}

async fn bad(proxy: &Proxy, weather: impl FnOnce(&Proxy)) {
    weather(proxy);
    sleep(LASTS).await;
    proxy.heal();
}

fn slow(proxy: &Proxy) {
    proxy.delay(Way::Up, Duration::from_millis(100), Duration::from_millis(100));
    proxy.delay(Way::Down, Duration::from_millis(100), Duration::from_millis(100));
}

fn redis(deployment: &mut Deployment) -> &mut Proxy {
    deployment.network().redis.as_mut().expect("the deployment has Redis")
}

fn cassandra(deployment: &mut Deployment) -> &mut Proxy {
    deployment.network().cassandra.as_mut().expect("the deployment has Cassandra")
}
