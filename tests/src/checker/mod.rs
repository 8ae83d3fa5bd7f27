//! Judges a recorded history of one channel: what was sent and acknowledged, what the log holds, what each reader was
//! shown. Pure, and linear in the size of the history.

mod anomaly;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

pub use anomaly::{Anomaly, Counts};

/// What happened around one channel.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// What was sent: the text of each nonce, acknowledged or not.
    pub sends: HashMap<String, String>,
    /// What was acknowledged.
    pub acks: Vec<Ack>,
    /// The messages, as History reads them at the end, oldest first. Deleted ones are not there.
    pub log: Vec<Logged>,
    /// What each reader was shown.
    pub readers: Vec<Reader>,
}

/// A promise of the server: this message is stored.
#[derive(Clone, Debug)]
pub struct Ack {
    /// The nonce that it was sent with.
    pub nonce: String,
    /// The id that the server gave it.
    pub message_id: u64,
}

/// A message of the log.
#[derive(Clone, Debug)]
pub struct Logged {
    /// The id, which is its seq.
    pub message_id: u64,
    /// The nonce.
    pub nonce: String,
    /// The text.
    pub content: String,
}

/// What one reader was shown of the channel, in the order in which it came.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    /// What to call it.
    pub name: String,
    /// The last event before its first.
    pub from: u64,
    /// Whether it was there to the end: then it must have been shown everything after `from`.
    pub complete: bool,
    /// What it was shown.
    pub seen: Vec<Seen>,
}

/// One thing that a reader was shown.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A message.
    Created {
        /// Its seq, which is its id.
        seq: u64,
        /// Its nonce.
        nonce: String,
        /// Its text.
        content: String,
    },
    /// Any other event.
    Other {
        /// Its seq.
        seq: u64,
    },
    /// The server said that the stream goes on behind `seq`: what lies before is to be read from History.
    Resync {
        /// The last event that is not shown.
        seq: u64,
    },
}

impl History {
    /// Everything that is wrong.
    pub fn anomalies(&self) -> Vec<Anomaly> {
        let mut found = Vec::new();
        let log = self.check_log(&mut found);
        self.check_acks(&log, &mut found);
        for reader in &self.readers {
            self.check_reader(reader, &log, &mut found);
        }
        found
    }

    /// How much was looked at.
    pub fn counts(&self) -> Counts {
        Counts {
            sent: self.sends.len(),
            acknowledged: self.acks.len(),
            logged: self.log.len(),
            shown: self.readers.iter().map(|reader| reader.seen.len()).collect(),
        }
    }

    /// # Panics
    /// If anything is wrong.
    pub fn assert_sound(&self) {
        let found = self.anomalies();
        let some: Vec<String> = found.iter().take(10).map(ToString::to_string).collect();
        assert!(found.is_empty(), "{} anomalies in {}:\n{}", found.len(), self.counts(), some.join("\n"));
    }

    fn check_log<'a>(&'a self, found: &mut Vec<Anomaly>) -> HashMap<u64, &'a Logged> {
        let mut ids_by_nonce: HashMap<&str, u64> = HashMap::new();
        let mut log = HashMap::new();
        let mut last = 0;
        for logged in &self.log {
            let message_id = logged.message_id;
            if message_id <= last {
                found.push(Anomaly::OutOfOrder { reader: None, seq: message_id, after: last });
            }
            last = message_id;
            if let Some(first) = ids_by_nonce.insert(&logged.nonce, message_id) {
                found.push(Anomaly::Duplicate { reader: None, seq: message_id, first });
            }
            match self.sends.get(&logged.nonce) {
                None => found.push(Anomaly::Phantom { reader: None, seq: message_id }),
                Some(sent) if *sent != logged.content => {
                    found.push(Anomaly::Altered { reader: None, seq: message_id });
                }
                Some(_) => {}
            }
            log.insert(message_id, logged);
        }
        log
    }

    fn check_acks(&self, log: &HashMap<u64, &Logged>, found: &mut Vec<Anomaly>) {
        let mut ids_by_nonce: HashMap<&str, u64> = HashMap::new();
        for ack in &self.acks {
            let message_id = ack.message_id;
            if log.get(&message_id).is_none_or(|logged| logged.nonce != ack.nonce) {
                found.push(Anomaly::Lost { nonce: ack.nonce.clone(), message_id });
            }
            // A repeated send may be acknowledged again, but only as what it was.
            let first = *ids_by_nonce.entry(&ack.nonce).or_insert(message_id);
            if first != message_id {
                found.push(Anomaly::Duplicate { reader: None, seq: message_id, first });
            }
        }
    }

    fn check_reader(&self, reader: &Reader, log: &HashMap<u64, &Logged>, found: &mut Vec<Anomaly>) {
        let name = || Some(reader.name.clone());
        let mut shown = HashSet::new();
        let mut told_to_reload = 0;
        let mut last = reader.from;
        for seen in &reader.seen {
            let seq = match seen {
                Seen::Resync { seq } => {
                    last = *seq;
                    told_to_reload = told_to_reload.max(*seq);
                    continue;
                }
                Seen::Created { seq, .. } | Seen::Other { seq } => *seq,
            };
            if !shown.insert(seq) {
                found.push(Anomaly::Duplicate { reader: name(), seq, first: seq });
            } else if seq <= last {
                found.push(Anomaly::OutOfOrder { reader: name(), seq, after: last });
            } else if seq > last + 1 {
                found.push(Anomaly::Skipped { reader: reader.name.clone(), from: last + 1, to: seq - 1 });
            }
            last = last.max(seq);
            if let Seen::Created { nonce, content, .. } = seen {
                check_shown(name(), seq, (nonce, content), log, found);
            }
        }
        if reader.complete {
            let begin = reader.from.max(told_to_reload);
            let missed = self.log.iter().filter(|logged| logged.message_id > begin);
            let missed = missed.filter(|logged| !shown.contains(&logged.message_id));
            found.extend(
                missed.map(|logged| Anomaly::Unobserved { reader: reader.name.clone(), seq: logged.message_id }),
            );
        }
    }
}

/// Compares a message that a reader was shown with the log. One without text was deleted since, as History says too.
fn check_shown(
    reader: Option<String>,
    seq: u64,
    (nonce, content): (&str, &str),
    log: &HashMap<u64, &Logged>,
    found: &mut Vec<Anomaly>,
) {
    match log.get(&seq) {
        None if content.is_empty() => {}
        None => found.push(Anomaly::Phantom { reader, seq }),
        Some(logged) if logged.nonce != nonce || logged.content != content => {
            found.push(Anomaly::Altered { reader, seq });
        }
        Some(_) => {}
    }
}
