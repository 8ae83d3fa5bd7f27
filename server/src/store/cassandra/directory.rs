//! Whether a channel exists: the directory says so, and is believed for a while.

use guildhall_proto::ids::ChannelId;

use super::Engine;
use super::closing::Job;
use super::known::Known;
use crate::store::Result;

impl Engine {
    /// What is known of a channel; `None`: there is none.
    pub(super) async fn known(&self, channel: ChannelId) -> Result<Option<Known>> {
        let held = self.channels.get(channel);
        if let Some(known) = held.filter(Known::is_fresh) {
            return Ok(Some(known));
        }
        match self.directory.log.position(channel).await {
            Ok(Some(position)) => Ok(Some(self.channels.exists(channel, position.epoch))),
            Ok(None) => {
                if held.is_some() {
                    self.was_deleted(channel);
                }
                Ok(None)
            }
            // The log can do without the directory for as long as it knows the channel.
            Err(error) => held.map(Some).ok_or(error),
        }
    }

    /// What is known of several, in their order.
    pub(super) async fn known_all(&self, channels: &[ChannelId]) -> Result<Vec<Option<Known>>> {
        let mut known: Vec<_> =
            channels.iter().map(|channel| self.channels.get(*channel).filter(Known::is_fresh)).collect();
        let missing: Vec<_> = (0..channels.len()).filter(|at| known[*at].is_none()).collect();
        if missing.is_empty() {
            return Ok(known);
        }
        let asked: Vec<_> = missing.iter().map(|at| channels[*at]).collect();
        match self.directory.log.positions(&asked).await {
            Ok(positions) => {
                for (at, position) in missing.into_iter().zip(positions) {
                    known[at] = position.map(|position| self.channels.exists(channels[at], position.epoch));
                }
            }
            Err(error) => {
                for at in missing {
                    known[at] = self.channels.get(channels[at]);
                }
                if known.iter().any(Option::is_none) {
                    return Err(error);
                }
            }
        }
        Ok(known)
    }

    /// A channel that was there is not any more. Whoever deleted it has closed its log, or died before; so it is closed
    /// again. When there is much to do, it waits for the next look at what is being deleted.
    fn was_deleted(&self, channel: ChannelId) {
        self.channels.forget(channel);
        let _ = self.jobs.try_send(Job { channel, attempt: None });
    }
}
