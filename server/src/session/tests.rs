//! The merge of hub and log against a plain reference: whatever is published late, twice, out of order or not at all,
//! the session is shown every event once, in order.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use guildhall_proto::ids::{ChannelId, StreamKey, UserId};
use proptest::prelude::*;

use super::outbox::{Outbox, Replayed};
use crate::fanout::{Published, Subscriber};

const STREAM: u64 = 7;

#[derive(Clone, Debug)]
enum Step {
    /// The log grows by so many events; each is published, or lost on the way.
    Commit(Vec<bool>),
    /// An old event is published again, counted back from the head.
    Repeat(u64),
    /// The client takes so many frames.
    Read(usize),
    /// The actor does its work, if there is some.
    Work,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => prop::collection::vec(prop::bool::weighted(0.9), 1..40).prop_map(Step::Commit),
        1 => (0u64..50).prop_map(Step::Repeat),
        3 => (0usize..60).prop_map(Step::Read),
        3 => Just(Step::Work),
    ];
    prop::collection::vec(step, 1..60)
}

struct Merge {
    outbox: Arc<Outbox>,
    head: u64,
    shown: Vec<u64>,
}

impl Merge {
    fn new() -> Self {
        let outbox = Outbox::new(UserId::from(1));
        outbox.hold(key(), None);
        outbox.start(key(), 0);
        Self { outbox, head: 0, shown: Vec::new() }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Commit(published) => {
                for published in published {
                    self.head += 1;
                    if *published {
                        self.publish(self.head);
                    }
                }
            }
            Step::Repeat(back) if *back < self.head => self.publish(self.head - back),
            Step::Repeat(_) => {}
            Step::Read(count) => {
                for _ in 0..*count {
                    self.read();
                }
            }
            Step::Work => self.work(),
        }
    }

    fn publish(&self, seq: u64) {
        self.outbox.events(&[Published { stream: key(), seq, guild_seq: 0, frame: frame(seq), of_guild: None }]);
    }

    fn read(&mut self) -> Option<()> {
        match self.outbox.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(frame)) => {
                self.shown.push(u64::from_le_bytes(frame[..].try_into().expect("eight bytes")));
                Some(())
            }
            _ => None,
        }
    }

    /// What the actor does: a page of the log for each stream that is behind.
    fn work(&self) {
        if let Some(stream) = self.outbox.take_work(None).behind {
            let Some(next) = self.outbox.next_behind(stream) else { return };
            let page: Vec<u64> = (next..=self.head).take(64).collect();
            let at_end = page.len() < 64;
            let page = page.into_iter().map(|seq| Replayed { seq, frame: frame(seq), of_guild: None }).collect();
            self.outbox.replay(stream, page, at_end);
        }
    }
}

fn key() -> StreamKey {
    StreamKey::channel(ChannelId::from(STREAM))
}

fn frame(seq: u64) -> Bytes {
    Bytes::copy_from_slice(&seq.to_le_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_session_is_shown_every_event_once_in_order(steps in steps()) {
        let mut merge = Merge::new();
        for step in &steps {
            merge.step(step);
            let expected: Vec<u64> = (1..=merge.shown.len() as u64).collect();
            prop_assert_eq!(&merge.shown, &expected);
        }
        // One last event arrives: it shows any hole before it, which the log then fills.
        merge.head += 1;
        merge.publish(merge.head);
        while merge.shown.len() < usize::try_from(merge.head).expect("small") {
            merge.work();
            prop_assert!(merge.read().is_some(), "stuck at {} of {}", merge.shown.len(), merge.head);
        }
        let expected: Vec<u64> = (1..=merge.head).collect();
        prop_assert_eq!(&merge.shown, &expected);
    }
}

#[test]
fn an_outbox_that_nobody_reads_stays_bounded() {
    let mut merge = Merge::new();
    merge.step(&Step::Commit(vec![true; 10_000]));
    merge.work();
    let mut waiting = 0;
    while merge.read().is_some() {
        waiting += 1;
    }
    assert!(waiting <= 256, "{waiting} events waited for a reader that does not read");
}

#[test]
fn an_outbox_with_many_streams_behind_stays_bounded_and_serves_them_in_turn() {
    let outbox = Outbox::new(UserId::from(1));
    let streams: Vec<StreamKey> = (1..=100).map(|id| StreamKey::channel(ChannelId::from(id))).collect();
    for stream in &streams {
        outbox.hold(*stream, None);
        outbox.start_behind(*stream, 0);
    }
    let mut served = Vec::new();
    let mut last = None;
    let mut read = 0;
    while let Some(stream) = outbox.take_work(last).behind {
        let page = (1..=64).map(|seq| Replayed { seq, frame: frame(seq), of_guild: None }).collect();
        outbox.replay(stream, page, true);
        (last, served) = (Some(stream), [served, vec![stream]].concat());
        let waiting = std::iter::from_fn(|| match outbox.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(frame) => frame,
            Poll::Pending => None,
        });
        // The client takes nothing until there is no room, then all.
        if outbox.take_work(last).behind.is_none() {
            let waiting = waiting.count();
            assert!(waiting <= 256, "{waiting} events waited");
            read += waiting;
        }
    }
    assert_eq!(served, streams);
    assert_eq!(read, 6_400);
}
