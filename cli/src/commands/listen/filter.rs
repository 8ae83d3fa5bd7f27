//! Which events are handed on. Pure.

use std::collections::BTreeSet;

use guildhall_proto::v1;

use super::event::Happening;

/// The kinds that can be asked for.
pub(super) const KINDS: [&str; 28] = [
    "message_created",
    "message_updated",
    "message_deleted",
    "guild_created",
    "guild_updated",
    "guild_deleted",
    "member_joined",
    "member_removed",
    "member_updated",
    "channel_created",
    "channel_updated",
    "channel_deleted",
    "channels_reordered",
    "invite_created",
    "invite_revoked",
    "guild_joined",
    "guild_left",
    "user_updated",
    "user_blocked",
    "user_unblocked",
    "bot_created",
    "bot_deleted",
    "unknown",
    "gap",
    "typing_started",
    "typing_stopped",
    "presence",
    "activity",
];

/// Those that are passing: heard only by those who ask for them.
const PASSING: [&str; 4] = ["typing_started", "typing_stopped", "presence", "activity"];

/// Where to listen; nothing = everywhere.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    pub(super) guilds: BTreeSet<u64>,
    pub(super) channels: BTreeSet<u64>,
}

impl Scope {
    pub(super) fn is_everything(&self) -> bool {
        self.guilds.is_empty() && self.channels.is_empty()
    }
}

/// Decides.
#[derive(Debug)]
pub(super) struct Filter {
    scope: Scope,
    /// Empty = all that are not passing.
    kinds: BTreeSet<String>,
    own: bool,
    me: Option<u64>,
}

impl Filter {
    pub(super) fn new(scope: Scope, kinds: &[String], own: bool) -> Self {
        let kinds = kinds.iter().cloned().collect();
        Self { scope, kinds, own, me: None }
    }

    /// Whether an event is handed on. Learns on the way who we are.
    pub(super) fn admits(&mut self, happening: &Happening) -> bool {
        if let Some(me) = happening.me {
            self.me = Some(me);
        }
        self.wants_kind(happening.name) && self.wants_stream(happening) && self.wants_actor(happening)
    }

    fn wants_kind(&self, name: &str) -> bool {
        if self.kinds.is_empty() {
            return KINDS.contains(&name) && !PASSING.contains(&name);
        }
        self.kinds.contains(name)
    }

    /// A session hears the streams of the user and of all the user's guilds; not all of them were asked for. Channels
    /// are only heard because they were.
    fn wants_stream(&self, happening: &Happening) -> bool {
        let Some(stream) = happening.stream else {
            return true;
        };
        if self.scope.is_everything() {
            return true;
        }
        match v1::StreamKind::try_from(stream.kind) {
            Ok(v1::StreamKind::Channel) => true,
            Ok(v1::StreamKind::Guild) => self.scope.guilds.contains(&stream.id),
            _ => false,
        }
    }

    fn wants_actor(&self, happening: &Happening) -> bool {
        let actor = happening.wire.as_ref().map(|event| event.actor_id);
        self.own || actor.is_none() || actor != self.me
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happening(name: &'static str, kind: v1::StreamKind, id: u64, actor_id: u64) -> Happening {
        let stream = v1::Stream { kind: kind.into(), id };
        let wire = v1::Event { stream: Some(stream), seq: 1, actor_id, ..v1::Event::default() };
        Happening { name, stream: Some(stream), wire: Some(wire), ..Happening::default() }
    }

    fn filter(guilds: &[u64], kinds: &[&str], own: bool) -> Filter {
        let scope = Scope { guilds: guilds.iter().copied().collect(), channels: BTreeSet::new() };
        let kinds: Vec<_> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        Filter::new(scope, &kinds, own)
    }

    #[test]
    fn passing_things_are_heard_on_demand() {
        let typing = Happening { name: "typing_started", ..Happening::default() };
        assert!(!filter(&[], &[], true).admits(&typing));
        assert!(filter(&[], &["typing_started"], true).admits(&typing));
        let ready = Happening { name: "ready", ..Happening::default() };
        assert!(!filter(&[], &[], true).admits(&ready));
    }

    #[test]
    fn other_guilds_are_not_heard() {
        use v1::StreamKind::{Channel, Guild, User};
        let mut all = filter(&[], &[], true);
        let mut one = filter(&[7], &[], true);
        for (kind, id, wanted) in [(Guild, 7, true), (Guild, 8, false), (User, 1, false), (Channel, 9, true)] {
            let happening = happening("member_joined", kind, id, 1);
            assert!(all.admits(&happening));
            assert_eq!(one.admits(&happening), wanted, "{kind:?} {id}");
        }
    }

    #[test]
    fn a_bot_does_not_hear_itself() {
        let mut filter = filter(&[], &[], false);
        let ready = Happening { name: "ready", me: Some(5), ..Happening::default() };
        assert!(!filter.admits(&ready));
        assert!(filter.admits(&happening("message_created", v1::StreamKind::Channel, 1, 6)));
        assert!(!filter.admits(&happening("message_created", v1::StreamKind::Channel, 1, 5)));
    }
}
