//! How many messages a second are stored: through gRPC, against a writer that has nothing else to do.

use std::time::Duration;

use anyhow::Result;

use crate::crowd::Crowd;
use crate::figure::{Figure, Pair, Spec, Target};
use crate::lab::Lab;

/// Sends that each sender has under way: what Hello allows.
const IN_FLIGHT: usize = 16;

/// Nothing is kept between rounds: each begins with an empty database.
pub(crate) struct Sends;

impl Figure for Sends {
    const SPECS: &'static [Spec] = &[Spec {
        figure: "durable sends, 128 senders, 64 channels, 16 in flight",
        unit: "sends/s",
        against: "rusqlite, 500 rows a transaction, same schema",
        target: Target::RatioAtLeast(0.45),
    }];

    async fn prepare(_: &Lab) -> Result<Self> {
        Ok(Self)
    }

    async fn round(&mut self, lab: &Lab) -> Result<Vec<Pair>> {
        let duration = Duration::from_secs(lab.or_quick(4, 1));
        let ours = {
            let server = lab.server(&lab.copy_of_template()?).await?;
            let crowd = Crowd::sessions(&[server.addr()], &lab.world).await?;
            crowd.send(IN_FLIGHT, duration, &[server.pid()]).await?
        };
        let other = lab.writer(&lab.copy_of_template()?, duration)?;
        Ok(vec![Pair { ours: ours.rate, other }])
    }
}
