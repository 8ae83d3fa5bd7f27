//! What this process counts, for its operators: one list of all numbers, and the text that Prometheus reads.
//!
//! Whoever counts holds a handle that is an atomic; nothing is looked up, and nothing here knows who counts. Labels are of
//! closed lists (outcomes, engines, methods): never a user, a channel or an address, of which there may be any number. The
//! numbers are those of the process: two servers in one process, as in tests, add up.

mod labels;
mod process;
mod rpcs;

use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

pub use labels::{
    Cause, Connection, Counters, Dependency, Engine, Gauges, Handover, Histograms, Label, Labelled, PeerState, Sent,
};
pub use rpcs::{Meter, Rpcs};

use process::Process;

/// What `/metrics` is sent as.
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// Upper ends of times, in seconds: from a cached answer to one that is given up.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper ends of batches, in entries.
const ENTRIES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// The numbers of this process.
pub static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

/// All of them.
#[expect(missing_docs, reason = "each is registered with its words")]
pub struct Metrics {
    registry: Registry,
    process: Process,
    pub sessions: Gauge,
    pub sessions_behind: Gauge,
    pub watched_streams: Gauge,
    pub deliveries: Counter,
    pub slow_consumers: Counter,
    pub sends: Counters<Sent>,
    pub appends: Histograms<Engine>,
    pub batch: Histogram,
    pub handovers: Counters<Handover>,
    pub relay_repairs: Counters<Cause>,
    pub relay_dropped: Counter,
    pub relay_malformed: Counter,
    pub dependency_up: Gauges<Dependency>,
    pub breaker_open: Gauges<Dependency>,
    pub breaker_opened: Counters<Dependency>,
    pub breaker_refused: Counters<Dependency>,
    pub store_connections: Gauges<Connection>,
    pub peers: Gauges<PeerState>,
    pub ready: Gauge,
    pub event_loop_lag: Gauge<f64, AtomicU64>,
    pub rpcs: Rpcs,
}

impl Metrics {
    fn new() -> Self {
        let mut registry = Registry::with_prefix("guildhall");
        let all = &mut registry;
        let build = Gauge::<i64>::default();
        build.set(1);
        all.sub_registry_with_label(("version".into(), env!("CARGO_PKG_VERSION").into())).register(
            "build_info",
            "1, labelled with the version of the server",
            build,
        );
        Self {
            process: Process::register(all),
            sessions: gauge(all, "sessions", "Live gateway sessions"),
            sessions_behind: gauge(all, "sessions_behind", "Sessions that read some stream from the log at their pace"),
            watched_streams: gauge(all, "watched_streams", "Streams that at least one session here listens to"),
            deliveries: counter(all, "deliveries", "Durable events handed to sessions, one for each session"),
            slow_consumers: counter(
                all,
                "slow_consumers",
                "Connections cut because their client took nothing for 30 s",
            ),
            sends: Counters::register(all, "sends", "Sends of clients of this node, by what became of them"),
            appends: Histograms::register(all, "append_seconds", "Time of an append to a channel's log", &SECONDS),
            batch: histogram(all, "append_entries", "Entries of an append", &ENTRIES),
            handovers: Counters::register(all, "handovers", "Sends handed over to the node that owns their channel"),
            relay_repairs: Counters::register(all, "relay_repairs", "Streams read from the log, by why"),
            relay_dropped: counter(all, "relay_dropped", "Hints to other nodes that found no room"),
            relay_malformed: counter(all, "relay_malformed", "Payloads of the bus that say nothing"),
            dependency_up: Gauges::register(all, "dependency_up", "Whether what this node stands on answers: 1 or 0"),
            breaker_open: Gauges::register(
                all,
                "breaker_open",
                "Whether calls are refused without being tried: 1 or 0",
            ),
            breaker_opened: Counters::register(all, "breaker_opened", "How often a breaker opened"),
            breaker_refused: Counters::register(all, "breaker_refused", "Calls that an open breaker refused"),
            store_connections: Gauges::register(all, "store_connections", "Connections to Postgres"),
            peers: Gauges::register(all, "peers", "Other nodes"),
            event_loop_lag: {
                let lag = Gauge::default();
                let help = "How late the watch over this node was woken, in seconds";
                all.register("event_loop_lag_seconds", help, Gauge::clone(&lag));
                lag
            },
            ready: gauge(all, "ready", "Whether /readyz says yes: 1 or 0"),
            rpcs: Rpcs::register(all),
            registry,
        }
    }

    /// All numbers as Prometheus' text format 0.0.4.
    pub fn render(&self) -> String {
        self.process.look();
        let mut text = String::with_capacity(32 << 10);
        // A String takes everything.
        let _ = prometheus_text::encode(&mut text, &self.registry);
        text
    }

    /// Measures an append.
    pub async fn append<T>(&self, engine: Engine, work: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let done = work.await;
        self.appends.get(engine).observe(begun.elapsed().as_secs_f64());
        done
    }
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let gauge = Gauge::default();
    registry.register(name, help, gauge.clone());
    gauge
}

fn counter(registry: &mut Registry, name: &str, help: &str) -> Counter {
    let counter = Counter::default();
    registry.register(name, help, counter.clone());
    counter
}

fn histogram(registry: &mut Registry, name: &str, help: &str, ends: &[f64]) -> Histogram {
    let histogram = Histogram::new(ends.iter().copied());
    registry.register(name, help, histogram.clone());
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_shown_and_zeros_are_too() {
        METRICS.sends.get(Sent::Stored).inc();
        METRICS.rpcs.meter("/guildhall.v1.MessageService/SendMessage").tell(14, 0.002);
        let text = METRICS.render();
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).map(str::to_owned);
        assert!(line("guildhall_sends_total{outcome=\"stored\"} ").is_some_and(|line| !line.ends_with(" 0")), "{text}");
        assert!(line("guildhall_relay_repairs_total{cause=\"sweep\"} ").is_some(), "{text}");
        assert!(line("guildhall_build_info{version=").is_some(), "{text}");
        let rpc = "guildhall_rpcs_total{method=\"guildhall.v1.MessageService/SendMessage\",code=\"unavailable\"} 1";
        assert!(text.contains(rpc), "{text}");
        assert!(line("guildhall_process_resident_memory_bytes ").is_some_and(|line| !line.ends_with(" 0")), "{text}");
    }
}
