//! The figures of a cluster: three nodes on one machine, over real engines, in their release build.

mod delivery;
mod engine;
mod hot;
mod redis;
mod resume;
mod sends;

use anyhow::{Result, bail};

use engine::{Cassandra, Postgres};

use crate::figure::{Row, measure_or_say};
use crate::noise::Noise;
use crate::site::Site;

/// What can be asked for.
pub(crate) const NAMES: [&str; 7] =
    ["sends-postgres", "sends-cassandra", "hot-postgres", "hot-cassandra", "delivery", "redis", "takeover"];

/// Measures a figure.
pub(crate) async fn measure(name: &str, site: &Site, rounds: usize, noise: &mut Noise) -> Result<Vec<Row>> {
    let rows = match name {
        "sends-postgres" => measure_or_say::<sends::Sends<Postgres>, _>(site, rounds, noise).await,
        "sends-cassandra" => measure_or_say::<sends::Sends<Cassandra>, _>(site, rounds, noise).await,
        "hot-postgres" => measure_or_say::<hot::Hot<Postgres>, _>(site, rounds, noise).await,
        "hot-cassandra" => measure_or_say::<hot::Hot<Cassandra>, _>(site, rounds, noise).await,
        "delivery" => measure_or_say::<delivery::Delivery, _>(site, rounds, noise).await,
        "redis" => measure_or_say::<redis::Down, _>(site, rounds, noise).await,
        "takeover" => measure_or_say::<resume::Takeover, _>(site, rounds, noise).await,
        _ => bail!("there is no figure `{name}` of a cluster"),
    };
    Ok(rows)
}
