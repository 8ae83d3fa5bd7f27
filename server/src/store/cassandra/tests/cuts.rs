//! The connection breaks while an append is on its way: what became of it is found out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildhall_proto::ids::ChannelId;
use tokio::time::sleep;

use super::proxy::Proxy;
use super::{Node, Nodes, Options, contents};
use crate::store::contract::{channel, create};
use crate::store::{Append, Entry, Store};

const APPENDS: usize = 60;

/// Appends three entries at a time, as a sequencer does: what is not known is sent again with the same nonces.
async fn write(store: &Store, channel: ChannelId, name: &str, appends: usize) -> usize {
    let (mut head, mut unknown) = (0, 0);
    for number in 0..appends {
        let mut entries: Vec<Entry> = (0..3).map(|part| create(&format!("{name} {number} {part}"))).collect();
        while !entries.is_empty() {
            match store.log.append(channel, head, entries.clone()).await {
                Ok(Append::Done { taken }) => {
                    head += taken as u64;
                    drop(entries.drain(..taken));
                }
                Ok(Append::HeadMoved { actual }) => head = actual,
                Ok(Append::Duplicates(found)) => {
                    let gone: Vec<usize> = found.iter().map(|duplicate| duplicate.index).collect();
                    let mut at = 0..;
                    entries.retain(|_| !gone.contains(&at.next().unwrap()));
                }
                Ok(other) => panic!("{other:?}"),
                Err(_) => unknown += 1,
            }
        }
    }
    unknown
}

#[tokio::test]
async fn nothing_is_lost_or_written_twice_when_answers_are() {
    let node = Node::get();
    let proxy = Proxy::to(node.addresses[0].clone()).await;
    let mut nodes = Nodes::start(1).await;
    nodes.add(Options { nodes: vec![proxy.address.clone()], ..node.options() }).await;
    let (direct, cut) = (nodes.store(0), nodes.store(1));
    let channel = channel(direct).await;
    let done = AtomicBool::new(false);
    let cutting = async {
        while !done.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(rand::random_range(20..250))).await;
            proxy.cut();
        }
    };
    let writing = async {
        let (_, unknown) = tokio::join!(write(direct, channel, "direct", APPENDS), write(cut, channel, "cut", APPENDS));
        done.store(true, Ordering::Relaxed);
        unknown
    };
    let both = tokio::time::timeout(Duration::from_secs(120), async { tokio::join!(cutting, writing) });
    let ((), unknown) = both.await.expect("it does not come to an end");
    // All of it was settled inside, within its time.
    assert_eq!(unknown, 0);
    assert!(nodes.nodes[1].1.unknown_outcomes() > 0, "nothing was cut");
    let contents = contents(direct, channel).await;
    for name in ["direct", "cut"] {
        let own: Vec<_> = contents.iter().filter(|text| text.starts_with(name)).cloned().collect();
        let sent = (0..APPENDS).flat_map(|number| (0..3).map(move |part| format!("{name} {number} {part}")));
        assert_eq!(own, sent.collect::<Vec<_>>());
    }
    assert_eq!(contents.len(), 2 * 3 * APPENDS);
}
