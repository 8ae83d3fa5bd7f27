//! Which node commits a channel's sends: the one with the highest score for that channel (rendezvous hashing). When a node
//! comes or goes, only the channels that are its own move.

use guildhall_proto::ids::ChannelId;

/// How much a node is the one for a channel. Two nodes with one score do not exist: it is a bijection of the node's id.
///
/// Every node finds the same scores. So whoever hands sends over hands them to a higher score, and however much the nodes
/// disagree about who is there, no two can wait for each other.
pub fn score(node: u64, channel: ChannelId) -> u64 {
    mix(node ^ mix(channel.get()))
}

/// The finaliser of splitmix64.
fn mix(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use proptest::prelude::*;

    use super::*;

    fn owner(nodes: &HashSet<u64>, channel: u64) -> u64 {
        *nodes.iter().max_by_key(|node| score(**node, ChannelId(channel))).expect("nodes")
    }

    proptest! {
        #[test]
        fn only_what_must_move_moves(nodes in prop::collection::hash_set(any::<u64>(), 2..9), new: u64, first: u64) {
            let mut more = nodes.clone();
            more.insert(new);
            for channel in (0..64).map(|offset| first.wrapping_add(offset)) {
                let (before, after) = (owner(&nodes, channel), owner(&more, channel));
                prop_assert!(after == before || after == new);
            }
        }
    }

    #[test]
    fn channels_are_spread_evenly() {
        let nodes: HashSet<u64> = (0..4u64).map(|node| mix(node) ^ 5).collect();
        let mut counts: HashMap<u64, u32> = HashMap::new();
        for channel in 0..40_000 {
            *counts.entry(owner(&nodes, channel << 22)).or_default() += 1;
        }
        assert!(counts.len() == 4 && counts.values().all(|count| (9_000..11_000).contains(count)), "{counts:?}");
    }
}
