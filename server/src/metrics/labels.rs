//! The closed lists that numbers are told apart by, and numbers with one of them.

use std::marker::PhantomData;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

/// A closed list, by its place in it.
pub trait Label: Copy {
    /// The name of the label.
    const NAME: &'static str;
    /// The values, in the order of the variants.
    const VALUES: &'static [&'static str];

    /// Which.
    fn place(self) -> usize;
}

macro_rules! label {
    ($(#[$doc:meta])* $name:ident, $label:literal, { $($(#[$variant_doc:meta])* $variant:ident = $value:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl Label for $name {
            const NAME: &'static str = $label;
            const VALUES: &'static [&'static str] = &[$($value),*];

            fn place(self) -> usize {
                self as usize
            }
        }

        impl $name {
            /// As it is shown.
            pub fn name(self) -> &'static str {
                Self::VALUES[self.place()]
            }
        }
    };
}

label! {
    /// What became of a send.
    Sent, "outcome", {
        /// It is on disk, and was not before.
        Stored = "stored",
        /// It was there before.
        Duplicate = "duplicate",
        /// Its sender has to change something.
        Refused = "refused",
        /// The channel's queue was full, or others overtook it too often.
        Overloaded = "overloaded",
        /// The storage does not answer, or is full.
        Unavailable = "unavailable",
    }
}

label! {
    /// What stores the logs of channels.
    Engine, "engine", {
        /// SQLite.
        Sqlite = "sqlite",
        /// Postgres.
        Postgres = "postgres",
        /// Cassandra or Scylla.
        Cassandra = "cassandra",
    }
}

label! {
    /// What became of sends that were handed to another node.
    Handover, "outcome", {
        /// It answered.
        Answered = "answered",
        /// It did not, and they were committed here.
        Fallback = "fallback",
    }
}

label! {
    /// Why a stream was read from the log though there is a bus.
    Cause, "cause", {
        /// An event came without the one before it.
        Gap = "gap",
        /// The heads were compared, as they are now and then.
        Sweep = "sweep",
        /// The bus had lost something, or was not there, or began to carry the stream.
        Reconnect = "reconnect",
        /// The bus told how far the stream is, and not what happened: ordinary on Postgres.
        Hint = "hint",
    }
}

label! {
    /// What a node stands on.
    Dependency, "dependency", {
        /// SQLite or Postgres: everything but the logs of channels, and these too unless they are elsewhere.
        Database = "database",
        /// The logs of channels.
        Log = "log",
        /// The bus between nodes, and the presences of all nodes.
        Relay = "relay",
    }
}

label! {
    /// A connection of the pool.
    Connection, "state", {
        /// At work.
        Used = "used",
        /// Waiting for work.
        Idle = "idle",
    }
}

label! {
    /// Another node, as this one sees it.
    PeerState, "state", {
        /// It is in the list of nodes, and does what it is asked.
        Well = "well",
        /// It is in the list, and failed lately.
        Avoided = "avoided",
    }
}

/// Counters told apart by one label.
pub type Counters<L> = Labelled<L, Counter>;
/// Gauges told apart by one label.
pub type Gauges<L> = Labelled<L, Gauge>;
/// Histograms told apart by one label.
pub type Histograms<L> = Labelled<L, Histogram>;

/// A metric for each value of a label, all there from the start, so that a rate is seen from the first event on.
pub struct Labelled<L, M> {
    metrics: Vec<M>,
    label: PhantomData<L>,
}

impl<L: Label, M: Clone> Labelled<L, M> {
    /// The one of a value.
    pub fn get(&self, value: L) -> &M {
        &self.metrics[value.place()]
    }

    fn of<C>(registry: &mut Registry, (name, help): (&str, &str), family: Family<Labels, M, C>) -> Self
    where
        C: MetricConstructor<M> + Clone,
        Family<Labels, M, C>: Metric,
    {
        let metrics = L::VALUES.iter().map(|value| family.get_or_create(&[(L::NAME, value)]).clone()).collect();
        registry.register(name, help, family);
        Self { metrics, label: PhantomData }
    }
}

/// One name and its value.
type Labels = [(&'static str, &'static str); 1];

impl<L: Label> Counters<L> {
    pub(super) fn register(registry: &mut Registry, name: &str, help: &str) -> Self {
        Self::of(registry, (name, help), Family::default())
    }
}

impl<L: Label> Gauges<L> {
    pub(super) fn register(registry: &mut Registry, name: &str, help: &str) -> Self {
        Self::of(registry, (name, help), Family::default())
    }
}

impl<L: Label> Histograms<L> {
    pub(super) fn register(registry: &mut Registry, name: &str, help: &str, ends: &'static [f64]) -> Self {
        let new = move || Histogram::new(ends.iter().copied());
        Self::of(registry, (name, help), Family::new_with_constructor(new))
    }
}
