//! Writing out the log again, in any order, changes nothing.

use guildhall_proto::ids::ChannelId;
use tokio::time::{Duration, Instant};

use super::{Engine, Nodes};
use crate::store::cassandra::codec::{LogRow, Mark};
use crate::store::contract::{channel, create, delete, edit};
use crate::store::{Entry, MessageRow};

const MARK: Mark = Mark { random: 1, nonces_ms: 1 };

/// Random events on ten messages.
fn events() -> Vec<Entry> {
    let made = (0..10).map(|number| create(&format!("made {number}")));
    let changes = (0..50).map(|number| match rand::random_range(0..4) {
        0 => delete(rand::random_range(1..=10)),
        _ => edit(rand::random_range(1..=10), &format!("edit {number}")),
    });
    let mut gone = std::collections::HashSet::new();
    // As the sequencer lets them pass: nothing after a deletion.
    let allowed = |entry: &Entry| match &entry.body {
        crate::store::Body::Create { .. } => true,
        crate::store::Body::Edit { message, .. } => !gone.contains(message),
        crate::store::Body::Delete { message } => gone.insert(*message),
    };
    made.chain(changes).filter(allowed).collect()
}

async fn state(engine: &Engine, channel: ChannelId) -> Vec<MessageRow> {
    let states = engine.states(channel, 1..=10).await.unwrap();
    let mut rows: Vec<_> = states.into_values().filter_map(|state| state.message).collect();
    rows.sort_by_key(|row| row.id);
    rows
}

#[tokio::test]
async fn any_order_and_twice_is_as_in_order() {
    let nodes = Nodes::start(1).await;
    let (store, engine) = (nodes.store(0), nodes.engine(0));
    let until = Instant::now() + Duration::from_secs(60);
    for _ in 0..10 {
        let entries = events();
        let rows: Vec<LogRow> = entries.iter().zip(1..).map(|(entry, seq)| LogRow::new(seq, entry, MARK)).collect();
        let (ordered, mixed) = (channel(store).await, channel(store).await);
        engine.apply(ordered, &rows, until).await.unwrap();
        let expected = state(engine, ordered).await;
        assert_eq!(expected.len(), 10);
        for _ in 0..2 {
            let mut order: Vec<usize> = (0..rows.len()).collect();
            (1..order.len()).for_each(|at| order.swap(at, rand::random_range(0..=at)));
            for part in order.chunks(5) {
                let part: Vec<LogRow> =
                    part.iter().map(|at| LogRow::new(*at as i64 + 1, &entries[*at], MARK)).collect();
                engine.apply(mixed, &part, until).await.unwrap();
            }
        }
        assert_eq!(state(engine, mixed).await, expected);
    }
}
