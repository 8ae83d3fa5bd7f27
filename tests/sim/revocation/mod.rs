//! How rights end: membership lies in the guild's stream, so its seq is the version of all rights, and whatever is written
//! in a channel bears the version that it was allowed under.
//!
//! Three nodes hold a picture of the guild, each as old as the bus lets it be: half of what it is told about the guild
//! never comes, and the rest up to ten seconds late; no sweep helps. A node that has something to show which was allowed
//! under a newer version than it holds reads the guild's log first and looks at rights again. So nobody who was removed at
//! version v is shown anything of version v or later: live, by a replay or by history, at whatever node one tries.

mod model;
mod node;

use std::fmt;

use crate::seeds;
use model::Model;

/// What of the protocol is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    /// Nothing.
    Whole,
    /// That versions are compared: a node trusts the picture that it holds.
    WithoutComparing,
    /// That a replayed event counts as new as the text that it shows: an edit may have replaced that text later.
    TextsAsOldAsTheirEvents,
}

/// Something that was promised and did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Anomaly {
    /// Somebody who was removed was shown what was written under the rights of that moment or later.
    Shown { user: usize, removed_at: u64, stamp: u64, how: How },
    /// A client was told an event that was not the next one.
    Order { user: usize, last: u64, told: u64 },
    /// A member does not know the last events.
    Unseen { user: usize, last: u64, head: u64 },
}

/// By which way something is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Live,
    Replay,
    History,
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

fn run(variant: Variant, seed: u64) -> Vec<Anomaly> {
    let mut model = Model::new(variant, seed);
    model.run();
    let head = model.head();
    for user in 0..model.clients.len() {
        let last = model.clients[user].last;
        if model.removed_at(user, u64::MAX).is_none() && last != head {
            model.anomalies.push(Anomaly::Unseen { user, last, head });
        }
    }
    model.anomalies
}

#[test]
fn nothing_of_later_rights_reaches_whoever_was_removed() {
    seeds::hold("revocation", |seed| run(Variant::Whole, seed));
}

#[test]
fn without_comparing_versions_much_does() {
    seeds::fail("revocation, without comparing versions", 500, |seed| run(Variant::WithoutComparing, seed));
}

#[test]
fn a_text_that_counts_as_old_as_its_event_does() {
    let run = |seed| run(Variant::TextsAsOldAsTheirEvents, seed);
    seeds::fail("revocation, texts as old as their events", 5, run);
}

#[test]
fn what_the_model_is_about_does_happen() {
    let (mut removed, mut late, mut shown, mut refused) = (0, 0, 0, 0);
    for seed in 0..50 {
        let mut model = Model::new(Variant::Whole, seed);
        model.run();
        removed += (0..model.clients.len()).filter(|user| model.removed_at(*user, u64::MAX).is_some()).count();
        late += model.met.shown_by_old_rights;
        shown += model.met.waited_for_the_guild;
        refused += model.met.refused;
    }
    println!("revocation, 50 seeds: {removed} removed, {late} shown by old rights, {shown} waits, {refused} refusals");
    assert!(removed > 50 && late > 0 && shown > 0 && refused > 0);
}
