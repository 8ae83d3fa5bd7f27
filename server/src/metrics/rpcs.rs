//! Calls by method and code, and how long they take. Methods are those of the contract; all others are counted as one.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The codes of gRPC, by their numbers.
const CODES: [&str; 17] = [
    "ok",
    "cancelled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
];

/// By method.
type Seconds = Family<[(&'static str, String); 1], Histogram, fn() -> Histogram>;

/// All calls.
pub struct Rpcs {
    count: Family<[(&'static str, String); 2], Counter>,
    seconds: Seconds,
    meters: RwLock<HashMap<String, Arc<Meter>>>,
}

/// The calls of one method.
pub struct Meter {
    codes: [Counter; CODES.len()],
    seconds: Histogram,
}

impl Rpcs {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let new: fn() -> Histogram = || Histogram::new(super::SECONDS);
        let all =
            Self { count: Family::default(), seconds: Family::new_with_constructor(new), meters: RwLock::default() };
        registry.register("rpcs", "Calls by method and code; streams count when they begin", all.count.clone());
        let help = "Time until a call was answered, of a stream until it began";
        registry.register("rpc_seconds", help, all.seconds.clone());
        all
    }

    /// The meter of a method, by its path. To be called once for each: there must be an end to them.
    pub fn meter(&self, path: &str) -> Arc<Meter> {
        if let Some(meter) = self.meters.read().get(path) {
            return Arc::clone(meter);
        }
        let method = path.trim_start_matches('/').to_owned();
        let code = |code: &str| self.count.get_or_create(&[("method", method.clone()), ("code", code.into())]).clone();
        let meter = Arc::new(Meter {
            codes: CODES.map(code),
            seconds: self.seconds.get_or_create(&[("method", method.clone())]).clone(),
        });
        Arc::clone(self.meters.write().entry(path.to_owned()).or_insert(meter))
    }
}

impl Meter {
    /// A call ended with this code, which is the number of gRPC.
    pub fn tell(&self, code: usize, seconds: f64) {
        if let Some(counter) = self.codes.get(code) {
            counter.inc();
        }
        self.seconds.observe(seconds);
    }
}
