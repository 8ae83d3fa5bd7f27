//! How quiet the machine is: a fixed piece of work for one core, timed before and after each round, and what everybody
//! else used meanwhile.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::child::{cpu_of_all, cpu_of_machine};

/// Steps of the fixed piece of work; some 50 ms.
const STEPS: u64 = 30_000_000;

/// What was seen of the machine, over all rounds so far.
#[derive(Default)]
pub(crate) struct Noise {
    spins_ms: Vec<f64>,
    others: Vec<f64>,
}

/// The machine as it is at one moment.
pub(crate) struct Moment {
    at: Instant,
    own: Duration,
    machine: Duration,
}

/// The machine's noise in figures.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Summary {
    /// How long the fixed work took, in milliseconds.
    pub(crate) spin_median_ms: f64,
    /// At best.
    pub(crate) spin_min_ms: f64,
    /// At worst.
    pub(crate) spin_max_ms: f64,
    /// Cores that others used, on average.
    pub(crate) others_median_cores: f64,
    /// In the worst round.
    pub(crate) others_max_cores: f64,
}

impl Noise {
    /// Before a round.
    pub(crate) fn begin(&mut self) -> Result<Moment> {
        self.spins_ms.push(spin_ms());
        Ok(Moment { at: Instant::now(), own: cpu_of_all()?, machine: cpu_of_machine()? })
    }

    /// After a round; returns the cores that others used during it.
    pub(crate) fn end(&mut self, begun: &Moment) -> Result<f64> {
        let elapsed = begun.at.elapsed();
        let own = cpu_of_all()?.saturating_sub(begun.own);
        let machine = cpu_of_machine()?.saturating_sub(begun.machine);
        let others = machine.saturating_sub(own).as_secs_f64() / elapsed.as_secs_f64();
        self.others.push(others);
        self.spins_ms.push(spin_ms());
        Ok(others)
    }

    /// All of it.
    pub(crate) fn summary(&self) -> Summary {
        Summary {
            spin_median_ms: median(&self.spins_ms),
            spin_min_ms: self.spins_ms.iter().copied().fold(f64::INFINITY, f64::min),
            spin_max_ms: self.spins_ms.iter().copied().fold(0.0, f64::max),
            others_median_cores: median(&self.others),
            others_max_cores: self.others.iter().copied().fold(0.0, f64::max),
        }
    }
}

/// The middle one; of an even number, the upper of the two in the middle. None of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn spin_ms() -> f64 {
    let begun = Instant::now();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..STEPS {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    black_box(state);
    begun.elapsed().as_secs_f64() * 1_000.0
}
