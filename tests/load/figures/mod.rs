//! The figures, a file for each setting. Those of a cluster have a folder.

mod ack;
pub(crate) mod cluster;
mod fanout;
mod history;
mod memory;
mod resume;
mod scale;
mod sends;
mod stalled;

use anyhow::{Result, bail};

use crate::figure::{self, Row};
use crate::lab::Lab;
use crate::noise::Noise;

/// What can be asked for.
pub(crate) const NAMES: [&str; 8] = ["fanout", "scale", "memory", "stalled", "ack", "sends", "history", "resume"];

/// Accounts that a figure needs.
pub(crate) fn members(name: &str, quick: bool) -> usize {
    let (full, short) = match name {
        "fanout" => fanout::RECEIVERS,
        "stalled" => stalled::RECEIVERS,
        "scale" => scale::RECEIVERS,
        "memory" => memory::SESSIONS,
        "resume" => resume::SESSIONS,
        _ => (1, 1),
    };
    if quick { short } else { full }
}

/// Measures a figure.
pub(crate) async fn measure(name: &str, lab: &Lab, rounds: usize, noise: &mut Noise) -> Result<Vec<Row>> {
    match name {
        "fanout" => figure::measure::<fanout::Fanout, Lab>(lab, rounds, noise).await,
        "scale" => figure::measure::<scale::Scale, Lab>(lab, rounds, noise).await,
        "memory" => figure::measure::<memory::Memory, Lab>(lab, rounds, noise).await,
        "stalled" => figure::measure::<stalled::Stalled, Lab>(lab, rounds, noise).await,
        "ack" => figure::measure::<ack::Ack, Lab>(lab, rounds, noise).await,
        "sends" => figure::measure::<sends::Sends, Lab>(lab, rounds, noise).await,
        "history" => figure::measure::<history::History, Lab>(lab, rounds, noise).await,
        "resume" => figure::measure::<resume::Resume, Lab>(lab, rounds, noise).await,
        _ => bail!("there is no figure `{name}`"),
    }
}
