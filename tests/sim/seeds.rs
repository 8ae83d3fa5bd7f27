//! Which seeds are run, and what is said about them.

use std::fmt::Display;
use std::ops::Range;
use std::time::Instant;

const SEEDS: u64 = 500;
const SEEDS_FULL: u64 = 20_000;
/// Enough to know how often a broken variant fails.
const SEEDS_BROKEN: u64 = 3000;
/// How many failing seeds are named.
const SHOWN: usize = 5;

/// The one that was asked for, or as many as the depth of this run wants.
fn chosen() -> Range<u64> {
    if let Ok(seed) = std::env::var("GUILDHALL_SIM_SEED") {
        let seed: u64 = seed.parse().expect("GUILDHALL_SIM_SEED is not a number");
        return seed..seed + 1;
    }
    match std::env::var("GUILDHALL_TEST_FULL").as_deref() {
        Ok("1") => 0..SEEDS_FULL,
        _ => 0..SEEDS,
    }
}

/// The seeds with the anomalies of each, of those that have any.
fn failing<A>(name: &str, seeds: Range<u64>, run: impl Fn(u64) -> Vec<A>) -> Vec<(u64, Vec<A>)> {
    let start = Instant::now();
    let count = seeds.end - seeds.start;
    let failing: Vec<_> = seeds.map(|seed| (seed, run(seed))).filter(|(_, anomalies)| !anomalies.is_empty()).collect();
    let anomalies: usize = failing.iter().map(|(_, anomalies)| anomalies.len()).sum();
    let seconds = start.elapsed().as_secs_f64();
    println!("{name}: {count} seeds, {} failed, {anomalies} anomalies, {seconds:.1} s", failing.len());
    failing
}

/// The protocol holds by every seed.
pub(crate) fn hold<A: Display>(name: &str, run: impl Fn(u64) -> Vec<A>) {
    let failing = failing(name, chosen(), run);
    for (seed, anomalies) in failing.iter().take(SHOWN) {
        println!("GUILDHALL_SIM_SEED={seed}");
        for anomaly in anomalies {
            println!("    {anomaly}");
        }
    }
    assert!(failing.is_empty(), "{name}: seed {} fails, and {} in all", failing[0].0, failing.len());
}

/// A protocol without one of its parts fails by a good part of the seeds: else the model proves nothing about that part.
pub(crate) fn fail<A>(name: &str, permille: u64, run: impl Fn(u64) -> Vec<A>) {
    let seeds = chosen();
    if seeds.end - seeds.start == 1 {
        return;
    }
    let seeds = 0..seeds.end.min(SEEDS_BROKEN);
    let failing = failing(name, seeds.clone(), run).len() as u64;
    let wanted = seeds.end * permille / 1000;
    assert!(failing >= wanted, "{name}: only {failing} seeds fail, and at least {wanted} should");
}
