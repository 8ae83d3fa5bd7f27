//! How far one stream was told on this node. Pure: events and hints go in by any order, events come out by theirs.

use std::collections::BTreeMap;

use crate::fanout::Published;

/// Events that came before those in front of them, and are kept. Further ones are read from the log.
const EARLY_MAX: usize = 256;

/// A stream that is watched.
#[derive(Default)]
pub(super) struct Followed {
    /// The last event that was handed on; `None`: nothing is known yet, and any event will do.
    told: Option<u64>,
    /// The last event that was heard of.
    wanted: u64,
    early: BTreeMap<u64, Published>,
    /// Whether somebody reads the log.
    reading: bool,
    /// Where `told` was when the log was last found to be behind it.
    ahead: Option<u64>,
}

/// What its reader has to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// What was missing has come: hand on what waits, which was allowed up to this version of the rights.
    Early { guild_seq: u64 },
    /// Ask how far the log is.
    Compare,
    /// Read the log.
    Read { after: u64, wanted: u64 },
}

impl Followed {
    /// Takes events; returns those that are to be handed on now.
    pub(super) fn offer(&mut self, events: Vec<Published>) -> Vec<Published> {
        let mut ready = Vec::with_capacity(events.len());
        for event in events {
            let told = *self.told.get_or_insert(event.seq.saturating_sub(1));
            self.wanted = self.wanted.max(event.seq);
            if event.seq == told + 1 {
                self.told = Some(event.seq);
                ready.push(event);
                // Those that waited for it come before what follows in the list.
                self.drain(u64::MAX, &mut ready);
            } else if event.seq > told {
                self.keep(event);
            }
        }
        ready
    }

    /// Takes events that cannot be handed on yet.
    pub(super) fn park(&mut self, events: Vec<Published>) {
        for event in events {
            let told = *self.told.get_or_insert(event.seq.saturating_sub(1));
            self.wanted = self.wanted.max(event.seq);
            if event.seq > told {
                self.keep(event);
            }
        }
    }

    /// The stream is said to be here.
    pub(super) fn want(&mut self, seq: u64) {
        self.wanted = self.wanted.max(seq);
    }

    /// The log is here for sure. Whether those who listen must be told so, because nothing was told to them yet.
    pub(super) fn confirm(&mut self, head: u64) -> bool {
        match self.told {
            Some(told) if told > head => {
                // Told after the head was read; or never written: then it would still be so now.
                if self.ahead.replace(told) == Some(told) {
                    (self.told, self.wanted, self.ahead) = (Some(head), head, None);
                    self.early.clear();
                }
                false
            }
            Some(_) => {
                self.wanted = self.wanted.max(head);
                false
            }
            None => {
                (self.told, self.wanted) = (Some(head), head);
                head > 0
            }
        }
    }

    /// What is in front of this event will not be told.
    pub(super) fn skip(&mut self, seq: u64) {
        self.told = Some(self.told.map_or(seq, |told| told.max(seq)));
        self.wanted = self.wanted.max(seq);
        self.early = self.early.split_off(&(seq + 1));
    }

    /// Whether the log is to be read, by the caller.
    pub(super) fn claim(&mut self) -> bool {
        let behind = self.told.unwrap_or(0) < self.wanted;
        behind && !std::mem::replace(&mut self.reading, true)
    }

    /// What the reader does next; `None`: nothing, it is released.
    pub(super) fn next(&mut self) -> Option<Step> {
        let Some(told) = self.told else {
            self.reading = self.wanted > 0;
            return self.reading.then_some(Step::Compare);
        };
        if self.early.contains_key(&(told + 1)) {
            return Some(Step::Early { guild_seq: self.run(told).map(|event| event.guild_seq).max().unwrap_or(0) });
        }
        if self.wanted > told {
            return Some(Step::Read { after: told, wanted: self.wanted });
        }
        self.reading = false;
        None
    }

    /// What waits and may be handed on now, at this version of the rights.
    pub(super) fn take(&mut self, guild_seq: u64) -> Vec<Published> {
        let mut ready = Vec::new();
        self.drain(guild_seq, &mut ready);
        ready
    }

    /// The reader is released, and comes again when it is called.
    pub(super) fn release(&mut self) {
        self.reading = false;
    }

    /// There is nothing where there should be something: whoever said so was wrong.
    pub(super) fn disbelieve(&mut self) {
        self.wanted = self.told.unwrap_or_default();
        self.early.clear();
    }

    /// A guild's stream is said to be here: whether the caller has to read it. What is told of it, its picture knows.
    pub(super) fn claim_guild(&mut self, seq: u64) -> bool {
        self.wanted = self.wanted.max(seq);
        !std::mem::replace(&mut self.reading, true)
    }

    /// Whether a guild's picture at this event shows all that was heard of.
    pub(super) fn reached(&self, seq: u64) -> bool {
        seq >= self.wanted
    }

    fn keep(&mut self, event: Published) {
        if self.early.len() < EARLY_MAX {
            self.early.insert(event.seq, event);
        }
    }

    fn run(&self, told: u64) -> impl Iterator<Item = &Published> {
        (told + 1..).map_while(|seq| self.early.get(&seq))
    }

    fn drain(&mut self, guild_seq: u64, ready: &mut Vec<Published>) {
        let mut next = self.told.unwrap_or_default() + 1;
        while let Some(entry) = self.early.first_entry() {
            if *entry.key() > next || entry.get().guild_seq > guild_seq {
                break;
            }
            let (seq, event) = entry.remove_entry();
            if seq == next {
                self.told = Some(seq);
                next += 1;
                ready.push(event);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use guildhall_proto::ids::{ChannelId, StreamKey};
    use proptest::prelude::*;

    use super::*;

    fn event(seq: u64) -> Published {
        Published {
            stream: StreamKey::channel(ChannelId(1)),
            seq,
            guild_seq: seq / 3,
            frame: Bytes::new(),
            of_guild: None,
        }
    }

    fn seqs(events: &[Published]) -> Vec<u64> {
        events.iter().map(|event| event.seq).collect()
    }

    #[test]
    fn what_comes_early_waits() {
        let mut followed = Followed::default();
        assert_eq!(seqs(&followed.offer(vec![event(5)])), [5]);
        assert!(followed.offer(vec![event(7), event(8)]).is_empty());
        assert!(followed.claim());
        assert!(!followed.claim(), "one reader");
        assert_eq!(seqs(&followed.offer(vec![event(5), event(6)])), [6, 7, 8]);
        assert_eq!(followed.next(), None);
        assert!(!followed.claim());
    }

    #[test]
    fn a_hint_that_was_wrong_is_forgotten() {
        let mut followed = Followed::default();
        followed.confirm(3);
        followed.want(u64::MAX);
        assert!(followed.claim());
        assert_eq!(followed.next(), Some(Step::Read { after: 3, wanted: u64::MAX }));
        followed.disbelieve();
        assert_eq!(followed.next(), None);
        assert_eq!(seqs(&followed.offer(vec![event(4)])), [4]);
    }

    #[test]
    fn the_first_head_is_told_once() {
        let mut followed = Followed::default();
        assert!(followed.confirm(3));
        assert!(!followed.confirm(3));
        assert!(!followed.claim());
        assert!(!followed.confirm(4));
        assert!(followed.claim());
    }

    #[test]
    fn what_was_never_written_is_not_obeyed_for_long() {
        let mut followed = Followed::default();
        followed.offer(vec![event(1_000_000)]);
        assert!(!followed.confirm(3));
        assert!(followed.offer(vec![event(4)]).is_empty());
        followed.confirm(4);
        assert_eq!(seqs(&followed.offer(vec![event(5)])), [5]);
        let mut followed = Followed::default();
        followed.want(u64::MAX);
        assert!(followed.claim());
        assert_eq!(followed.next(), Some(Step::Compare));
    }

    #[test]
    fn rights_that_lag_are_waited_for() {
        let mut followed = Followed::default();
        followed.confirm(5);
        followed.park(vec![event(6), event(7)]);
        assert!(followed.claim());
        assert_eq!(followed.next(), Some(Step::Early { guild_seq: 2 }));
        assert_eq!(seqs(&followed.take(1)), [] as [u64; 0]);
        assert_eq!(seqs(&followed.take(2)), [6, 7]);
    }

    proptest! {
        #[test]
        fn whatever_comes_each_event_is_told_once_and_in_order(hints in prop::collection::vec((1u64..40, 0u8..4), 0..200)) {
            let mut followed = Followed::default();
            followed.confirm(0);
            let mut told = Vec::new();
            for (seq, kind) in hints {
                match kind {
                    0 => followed.want(seq),
                    1 => followed.park(vec![event(seq)]),
                    _ => told.extend(seqs(&followed.offer(vec![event(seq)]))),
                }
                if followed.claim() && kind == 2 {
                    while let Some(step) = followed.next() {
                        told.extend(match step {
                            Step::Early { guild_seq } => seqs(&followed.take(guild_seq)),
                            Step::Compare => unreachable!("its place is known"),
                            Step::Read { after, .. } => seqs(&followed.offer(vec![event(after + 1)])),
                        });
                    }
                } else {
                    followed.release();
                }
            }
            let expected: Vec<u64> = (1..=told.len() as u64).collect();
            prop_assert_eq!(told, expected);
        }
    }
}
