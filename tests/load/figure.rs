//! What a figure is: ours against something else, a ratio to be reached, and the rounds that were measured.

use std::panic::AssertUnwindSafe;

use anyhow::Result;
use futures_util::FutureExt as _;
use serde::Serialize;

use crate::lab::Lab;
use crate::noise::{Noise, median};

/// What is to be reached.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "value")]
pub(crate) enum Target {
    /// Ours divided by the other is at least that.
    RatioAtLeast(f64),
    /// Ours divided by the other is at most that.
    RatioAtMost(f64),
    /// Ours is at most that.
    OursAtMost(f64),
    /// Ours is at most that more than the other.
    AddedAtMost(f64),
    /// Told beside the others.
    None,
}

/// What a row of the table is about.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Spec {
    /// What is measured.
    pub(crate) figure: &'static str,
    /// In what.
    pub(crate) unit: &'static str,
    /// Against what.
    pub(crate) against: &'static str,
    /// What is to be reached.
    pub(crate) target: Target,
}

/// One round of one row.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Pair {
    /// The server.
    pub(crate) ours: f64,
    /// What it is measured against.
    pub(crate) other: f64,
}

impl Pair {
    /// Ours divided by the other.
    pub(crate) fn ratio(self) -> f64 {
        self.ours / self.other
    }
}

/// A row of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) spec: Spec,
    pub(crate) rounds: Vec<Pair>,
    /// Cores that others used in each round.
    pub(crate) others_cores: Vec<f64>,
    /// Why it has no more rounds than it has.
    pub(crate) failure: Option<String>,
}

impl Row {
    pub(crate) fn ours(&self) -> f64 {
        self.median(|pair| pair.ours)
    }

    pub(crate) fn other(&self) -> f64 {
        self.median(|pair| pair.other)
    }

    pub(crate) fn ratio(&self) -> f64 {
        self.median(Pair::ratio)
    }

    /// The least and the greatest ratio.
    pub(crate) fn spread(&self) -> (f64, f64) {
        let ratios = || self.rounds.iter().map(|pair| pair.ratio());
        (ratios().fold(f64::INFINITY, f64::min), ratios().fold(f64::NEG_INFINITY, f64::max))
    }

    /// Whether the target is reached; none = there is no target, or nothing was measured.
    pub(crate) fn met(&self) -> Option<bool> {
        if self.rounds.is_empty() {
            return None;
        }
        match self.spec.target {
            Target::RatioAtLeast(least) => Some(self.ratio() >= least),
            Target::RatioAtMost(most) => Some(self.ratio() <= most),
            Target::OursAtMost(most) => Some(self.ours() <= most),
            Target::AddedAtMost(most) => Some(self.median(|pair| pair.ours - pair.other) <= most),
            Target::None => None,
        }
    }

    fn median(&self, value: impl Fn(Pair) -> f64) -> f64 {
        median(&self.rounds.iter().copied().map(value).collect::<Vec<_>>())
    }
}

/// Something that can be measured in a lab, round by round, ours and the other in turn.
pub(crate) trait Figure<L = Lab>: Sized {
    /// The rows that it fills.
    const SPECS: &'static [Spec];

    /// Sets up what all rounds have in common.
    async fn prepare(lab: &L) -> Result<Self>;

    /// One round: a pair for each row.
    async fn round(&mut self, lab: &L) -> Result<Vec<Pair>>;
}

/// Measures a figure.
pub(crate) async fn measure<F: Figure<L>, L>(lab: &L, rounds: usize, noise: &mut Noise) -> Result<Vec<Row>> {
    let mut rows = empty::<F, L>();
    measure_into::<F, L>(&mut rows, lab, rounds, noise).await?;
    Ok(rows)
}

/// The same, but what could not be measured is said in the rows, and costs no other figure.
pub(crate) async fn measure_or_say<F: Figure<L>, L>(lab: &L, rounds: usize, noise: &mut Noise) -> Vec<Row> {
    let mut rows = empty::<F, L>();
    // A deployment that does not come up panics, as tests want it.
    let measured = AssertUnwindSafe(measure_into::<F, L>(&mut rows, lab, rounds, noise)).catch_unwind().await;
    let failure = match measured {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("{error:#}")),
        Err(panic) => Some(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "it panicked".to_owned())),
    };
    if let Some(failure) = failure {
        eprintln!("  not measured: {failure}");
        rows.iter_mut().for_each(|row| row.failure = Some(failure.clone()));
    }
    rows
}

fn empty<F: Figure<L>, L>() -> Vec<Row> {
    let row = |spec: &Spec| Row { spec: *spec, rounds: Vec::new(), others_cores: Vec::new(), failure: None };
    F::SPECS.iter().map(row).collect()
}

async fn measure_into<F: Figure<L>, L>(rows: &mut [Row], lab: &L, rounds: usize, noise: &mut Noise) -> Result<()> {
    let mut figure = F::prepare(lab).await?;
    for number in 1..=rounds {
        let begun = noise.begin()?;
        let pairs = figure.round(lab).await?;
        let others = noise.end(&begun)?;
        for (row, pair) in rows.iter_mut().zip(pairs) {
            eprintln!(
                "  {number}/{rounds} {}: {:.4} against {:.4} {}, {:.3} ({others:.2} cores used by others)",
                row.spec.figure,
                pair.ours,
                pair.other,
                row.spec.unit,
                pair.ratio()
            );
            row.rounds.push(pair);
            row.others_cores.push(others);
        }
    }
    Ok(())
}
