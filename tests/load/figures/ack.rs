//! How long a sender waits for its acknowledgement, with 127 others.

use std::time::Duration;

use anyhow::Result;

use crate::crowd::Crowd;
use crate::figure::{Figure, Pair, Spec, Target};
use crate::lab::Lab;

/// Nothing is kept between rounds: each begins with an empty database.
pub(crate) struct Ack;

const ECHO: &str = "tonic echo that commits by rusqlite";

impl Figure for Ack {
    const SPECS: &'static [Spec] = &[
        Spec {
            figure: "acknowledgement p50, 128 senders, 64 channels, 1 in flight",
            unit: "us",
            against: ECHO,
            target: Target::RatioAtMost(1.5),
        },
        Spec { figure: "  p99 of it", unit: "us", against: ECHO, target: Target::None },
        Spec { figure: "  server CPU of it", unit: "us/send", against: ECHO, target: Target::None },
    ];

    async fn prepare(_: &Lab) -> Result<Self> {
        Ok(Self)
    }

    async fn round(&mut self, lab: &Lab) -> Result<Vec<Pair>> {
        let duration = Duration::from_secs(lab.or_quick(4, 1));
        let (ours, reply) = {
            let server = lab.server(&lab.copy_of_template()?).await?;
            let crowd = Crowd::sessions(&[server.addr()], &lab.world).await?;
            (crowd.send(1, duration, &[server.pid()]).await?, crowd.reply())
        };
        let echo = lab.echo(&lab.copy_of_template()?, &reply).await?;
        let crowd = Crowd::bare(echo.addr(), &lab.world).await?;
        let bare = crowd.send(1, duration, &[echo.pid()]).await?;
        let at = |quantile| Pair {
            ours: ours.latencies.value_at_quantile(quantile) as f64,
            other: bare.latencies.value_at_quantile(quantile) as f64,
        };
        Ok(vec![at(0.5), at(0.99), Pair { ours: ours.cpu_us, other: bare.cpu_us }])
    }
}
