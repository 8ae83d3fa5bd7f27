//! What was committed to a channel, told to those who listen.

use std::sync::Arc;

use guildhall_proto::ids::StreamKey;

use super::events::{self, Place};
use crate::{
    fanout::Hub,
    sequencer::{Committed, Publisher},
};

/// Between the sequencer and the hub.
pub(super) struct ToHub(pub(super) Arc<Hub>);

impl Publisher for ToHub {
    fn committed(&self, batch: Committed<'_>) {
        let place = Place { guild: batch.guild, channel: batch.channel };
        let events =
            batch.records.iter().map(|(record, author)| events::channel_event(place, batch.epoch, record, author));
        self.0.publish(StreamKey::channel(batch.channel), events);
        if let Some((last, _)) = batch.records.last() {
            self.0.touch(batch.guild, batch.channel, last.seq);
        }
    }
}
