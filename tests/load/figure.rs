//! What a figure is: ours against something else, a ratio to be reached, and the rounds that were measured.

use anyhow::Result;
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

    /// Whether the target is reached; none = there is no target.
    pub(crate) fn met(&self) -> Option<bool> {
        match self.spec.target {
            Target::RatioAtLeast(least) => Some(self.ratio() >= least),
            Target::RatioAtMost(most) => Some(self.ratio() <= most),
            Target::OursAtMost(most) => Some(self.ours() <= most),
            Target::None => None,
        }
    }

    fn median(&self, value: impl Fn(Pair) -> f64) -> f64 {
        median(&self.rounds.iter().copied().map(value).collect::<Vec<_>>())
    }
}

/// Something that can be measured, round by round, ours and the other in turn.
pub(crate) trait Figure: Sized {
    /// The rows that it fills.
    const SPECS: &'static [Spec];

    /// Sets up what all rounds have in common.
    async fn prepare(lab: &Lab) -> Result<Self>;

    /// One round: a pair for each row.
    async fn round(&mut self, lab: &Lab) -> Result<Vec<Pair>>;
}

/// Measures a figure.
pub(crate) async fn measure<F: Figure>(lab: &Lab, rounds: usize, noise: &mut Noise) -> Result<Vec<Row>> {
    let mut figure = F::prepare(lab).await?;
    let empty = |spec: &Spec| Row { spec: *spec, rounds: Vec::new(), others_cores: Vec::new() };
    let mut rows: Vec<Row> = F::SPECS.iter().map(empty).collect();
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
    Ok(rows)
}
