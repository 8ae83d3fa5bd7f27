//! Which faults there are, where, and which of them are in the gate.

use guildhall_tests::deployment::Kind;

/// Names of faults to run instead of all.
const VARIABLE: &str = "GUILDHALL_TEST_FAULT";

/// What happens. For those that are `Of::Services`, services have to be there that may be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    NodeKilled,
    NodeHangs,
    NodeDrained,
    NodesRestartedInTurn,
    HotNodeKilled,
    HotNodeHangs,
    ClockAhead,
    ClockBehind,
    PostgresCut,
    PostgresGone,
    PostgresHangs,
    PostgresSlow,
    PostgresDeaf,
    PostgresDumb,
    PostgresDeafForOne,
    PostgresLocked,
    PostgresFull,
    PostgresRestarted,
    PostgresKilled,
    RedisGone,
    RedisHangs,
    RedisSlow,
    RedisDeaf,
    RedisDumb,
    RedisKilled,
    RedisPaused,
    RedisForgets,
    CassandraCut,
    CassandraHangs,
    CassandraSlow,
    CassandraDumbForOne,
    OneCassandraKilled,
    OneCassandraPaused,
    CassandrasRestartedInTurn,
    TwoCassandrasKilled,
    TwoCassandrasPaused,
    RedisGoneAndNodeKilled,
    HotNodeKilledAndOtherHangs,
    PostgresSlowAndNodeKilled,
    CassandraKilledAndHotNodeKilled,
    RedisForgetsAndPostgresRestarted,
}

const EMBEDDED: &[Kind] = &[Kind::Embedded];
const POSTGRES: &[Kind] = &[Kind::Postgres];
const CLUSTER: &[Kind] = &[Kind::Cluster];
const SEVERAL: &[Kind] = &[Kind::Postgres, Kind::Cluster];
const ALL: &[Kind] = &[Kind::Embedded, Kind::Postgres, Kind::Cluster];
const NONE: &[Kind] = &[];

/// Whether services die in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Nodes,
    Services,
}

/// A fault, the deployments that can suffer it, and those that suffer it in the gate.
const SCENARIOS: &[(Fault, &[Kind], &[Kind], Of)] = &[
    (Fault::NodeKilled, ALL, &[Kind::Embedded, Kind::Cluster], Of::Nodes),
    (Fault::NodeHangs, ALL, POSTGRES, Of::Nodes),
    (Fault::NodeDrained, ALL, NONE, Of::Nodes),
    (Fault::NodesRestartedInTurn, ALL, EMBEDDED, Of::Nodes),
    (Fault::HotNodeKilled, SEVERAL, POSTGRES, Of::Nodes),
    (Fault::HotNodeHangs, SEVERAL, NONE, Of::Nodes),
    (Fault::ClockAhead, ALL, NONE, Of::Nodes),
    (Fault::ClockBehind, ALL, NONE, Of::Nodes),
    (Fault::PostgresCut, SEVERAL, NONE, Of::Nodes),
    (Fault::PostgresGone, SEVERAL, POSTGRES, Of::Nodes),
    (Fault::PostgresHangs, SEVERAL, POSTGRES, Of::Nodes),
    (Fault::PostgresSlow, SEVERAL, NONE, Of::Nodes),
    (Fault::PostgresDeaf, SEVERAL, NONE, Of::Nodes),
    (Fault::PostgresDumb, SEVERAL, NONE, Of::Nodes),
    (Fault::PostgresDeafForOne, SEVERAL, NONE, Of::Nodes),
    (Fault::PostgresLocked, SEVERAL, NONE, Of::Nodes),
    (Fault::PostgresFull, SEVERAL, NONE, Of::Services),
    (Fault::PostgresRestarted, SEVERAL, NONE, Of::Services),
    (Fault::PostgresKilled, SEVERAL, NONE, Of::Services),
    (Fault::RedisGone, CLUSTER, NONE, Of::Nodes),
    (Fault::RedisHangs, CLUSTER, CLUSTER, Of::Nodes),
    (Fault::RedisSlow, CLUSTER, NONE, Of::Nodes),
    (Fault::RedisDeaf, CLUSTER, NONE, Of::Nodes),
    (Fault::RedisDumb, CLUSTER, NONE, Of::Nodes),
    (Fault::RedisKilled, CLUSTER, NONE, Of::Services),
    (Fault::RedisPaused, CLUSTER, NONE, Of::Services),
    (Fault::RedisForgets, CLUSTER, NONE, Of::Services),
    (Fault::CassandraCut, CLUSTER, NONE, Of::Nodes),
    (Fault::CassandraHangs, CLUSTER, CLUSTER, Of::Nodes),
    (Fault::CassandraSlow, CLUSTER, NONE, Of::Nodes),
    (Fault::CassandraDumbForOne, CLUSTER, NONE, Of::Nodes),
    (Fault::OneCassandraKilled, CLUSTER, NONE, Of::Services),
    (Fault::OneCassandraPaused, CLUSTER, NONE, Of::Services),
    (Fault::CassandrasRestartedInTurn, CLUSTER, NONE, Of::Services),
    (Fault::TwoCassandrasKilled, CLUSTER, NONE, Of::Services),
    (Fault::TwoCassandrasPaused, CLUSTER, NONE, Of::Services),
    (Fault::RedisGoneAndNodeKilled, CLUSTER, CLUSTER, Of::Nodes),
    (Fault::HotNodeKilledAndOtherHangs, SEVERAL, NONE, Of::Nodes),
    (Fault::PostgresSlowAndNodeKilled, SEVERAL, NONE, Of::Nodes),
    (Fault::CassandraKilledAndHotNodeKilled, CLUSTER, NONE, Of::Services),
    (Fault::RedisForgetsAndPostgresRestarted, CLUSTER, NONE, Of::Services),
];

impl Fault {
    /// Whether it strikes the node that commits the sends of the channel; else it strikes any.
    pub(super) fn strikes_the_hot_node(self) -> bool {
        let hot = [Self::HotNodeKilled, Self::HotNodeHangs];
        let pairs = [Self::HotNodeKilledAndOtherHangs, Self::CassandraKilledAndHotNodeKilled];
        hot.contains(&self) || pairs.contains(&self)
    }
}

/// Those of this run.
pub(super) fn chosen(kind: Kind, services_may_die: bool) -> Vec<Fault> {
    let full = std::env::var("GUILDHALL_TEST_FULL").is_ok_and(|full| full == "1");
    let named = std::env::var(VARIABLE).ok();
    let is_named =
        |fault: Fault| named.as_ref().is_none_or(|names| names.split(',').any(|name| name == format!("{fault:?}")));
    let of_this_run = SCENARIOS.iter().filter(|(fault, kinds, gate, of)| {
        let kinds = if full || named.is_some() { kinds } else { gate };
        kinds.contains(&kind) && is_named(*fault) && (*of == Of::Nodes || services_may_die)
    });
    of_this_run.map(|(fault, ..)| *fault).collect()
}

#[test]
fn the_gate_has_faults_of_every_kind() {
    let of = |kind: &Kind| SCENARIOS.iter().filter(|(_, _, gate, _)| gate.contains(kind)).count();
    let counts: Vec<usize> = ALL.iter().map(of).collect();
    assert!(counts.iter().all(|count| *count >= 2) && counts.iter().sum::<usize>() >= 8, "{counts:?}");
    assert!(
        SCENARIOS.iter().all(|(_, kinds, gate, of)| gate.iter().all(|kind| kinds.contains(kind) && *of == Of::Nodes))
    );
}
