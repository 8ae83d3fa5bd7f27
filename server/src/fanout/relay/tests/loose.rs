//! A bus within the process that loses, repeats and swaps what it carries; and records in memory.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use guildhall_proto::ids::{GuildId, UserId};
use parking_lot::Mutex;
use rand::RngExt as _;
use tokio::sync::mpsc;

use super::super::{
    ReadResult,
    bus::{Bus, Heard, Line, Parcel, Place, Wants},
    records::{Change, Records},
};
use crate::fanout::presence::{NodeId, Record};

/// What becomes of payloads, each with a probability.
#[derive(Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) lost: f64,
    pub(super) twice: f64,
    /// Comes up to this much later, behind others.
    pub(super) late: Duration,
}

/// The bus itself.
#[derive(Clone, Default)]
pub(super) struct Loose(Arc<Net>);

#[derive(Default)]
struct Net {
    faults: Mutex<Faults>,
    ends: Mutex<Vec<(Arc<Wants>, mpsc::Sender<Heard>)>>,
}

impl Loose {
    pub(super) fn set(&self, faults: Faults) {
        *self.0.faults.lock() = faults;
    }

    /// Sends what nobody has sent.
    pub(super) fn inject(&self, place: Place, payload: Bytes) {
        self.carry(&Parcel { place, payload });
    }

    fn carry(&self, parcel: &Parcel) {
        let faults = *self.0.faults.lock();
        for (_, heard) in self.0.ends.lock().iter().filter(|(wants, _)| wants.contains(parcel.place)) {
            let mut rng = rand::rng();
            if rng.random_bool(faults.lost) {
                continue;
            }
            for _ in 0..1 + usize::from(rng.random_bool(faults.twice)) {
                let late = faults.late.mul_f64(rng.random_range(0.0..1.0));
                let (heard, parcel) = (heard.clone(), parcel.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(late).await;
                    let _ = heard.send(Heard::Parcel(parcel)).await;
                });
            }
        }
    }
}

#[async_trait]
impl Bus for Loose {
    fn payload_max(&self) -> usize {
        1 << 20
    }

    fn is_broadcast(&self) -> bool {
        false
    }

    async fn run(self: Box<Self>, line: Line) {
        let Line { wants, mut outgoing, heard, .. } = line;
        self.0.ends.lock().push((Arc::clone(&wants), heard.clone()));
        loop {
            tokio::select! {
                Some(parcel) = outgoing.recv() => self.carry(&parcel),
                () = wants.changed() => {
                    let _ = heard.send(Heard::Subscribed(wants.take().added)).await;
                }
            }
        }
    }
}

/// Records that live as long as the test.
#[derive(Default)]
pub(super) struct Memory {
    records: Mutex<HashMap<(NodeId, UserId), Record>>,
    dead: Mutex<Vec<NodeId>>,
}

impl Memory {
    /// The records of a node have expired.
    pub(super) fn bury(&self, node: NodeId) {
        self.dead.lock().push(node);
    }

    pub(super) fn all(&self) -> Vec<Record> {
        self.living(|_| true)
    }

    fn living(&self, keep: impl Fn(&Record) -> bool) -> Vec<Record> {
        let dead = self.dead.lock();
        let records = self.records.lock();
        records.values().filter(|record| !dead.contains(&record.node) && keep(record)).cloned().collect()
    }
}

#[async_trait]
impl Records for Memory {
    async fn beat(&self, _: NodeId) -> ReadResult<bool> {
        Ok(true)
    }

    async fn write(&self, changes: &[Change]) -> ReadResult<()> {
        let mut records = self.records.lock();
        for Change { record, .. } in changes {
            records.remove(&(record.node, record.user));
            if record.shown.is_some() {
                records.insert((record.node, record.user), record.clone());
            }
        }
        Ok(())
    }

    async fn in_guild(&self, guild: GuildId) -> ReadResult<Vec<Record>> {
        Ok(self.living(|record| record.guilds.contains(&guild)))
    }

    async fn of_user(&self, user: UserId) -> ReadResult<Vec<Record>> {
        Ok(self.living(|record| record.user == user))
    }

    async fn leave(&self, node: NodeId) -> ReadResult<()> {
        self.bury(node);
        Ok(())
    }
}
