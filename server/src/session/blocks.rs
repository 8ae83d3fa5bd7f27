//! Whom the session's user does not hear of, by the word of either: their presence and typing are dropped in the outbox;
//! here it is told when somebody disappears by that, and comes back.

use std::{collections::HashSet, sync::Arc};

use guildhall_proto::{
    ids::UserId,
    v1::{self, PresenceStatus},
};
use tokio::sync::watch;

use super::actor::{Actor, Flow};
use crate::{
    chat::Result,
    fanout::{Presences, Topic, presence::presence_frame},
};

/// Those who are hidden, as the session last saw them.
#[derive(Default)]
pub(super) struct Hiding {
    set: Arc<HashSet<UserId>>,
    changes: Option<watch::Receiver<Arc<HashSet<UserId>>>>,
}

impl Hiding {
    /// Waits for the next change; for ever, before the session is identified.
    pub(super) async fn changed(&mut self) {
        if let Some(changes) = &mut self.changes
            && changes.changed().await.is_ok()
        {
            return;
        }
        std::future::pending().await
    }

    pub(super) fn has(&self, user: UserId) -> bool {
        self.set.contains(&user)
    }
}

impl Actor {
    /// To be called before anything passing is listened to.
    pub(super) async fn hide(&mut self) -> Result<()> {
        let hidden = self.shared.chat.hidden_from(self.caller.user).await?;
        let mut changes = hidden.watch();
        let set = Arc::clone(&changes.borrow_and_update());
        self.hiding = Hiding { set, changes: Some(changes) };
        self.outbox.hide(hidden);
        Ok(())
    }

    /// Whoever is hidden from now on goes offline; whoever is not any more is shown again. What changes nothing that was
    /// shown is not told: whoever is blocked must not notice.
    pub(super) fn follow_blocks(&mut self) -> Flow {
        let Some(changes) = &mut self.hiding.changes else { return Flow::Continue(()) };
        let now = Arc::clone(&changes.borrow_and_update());
        let before = std::mem::replace(&mut self.hiding.set, Arc::clone(&now));
        for user in now.symmetric_difference(&before) {
            let presence = self.shared.presences.known(*user);
            if presence.status() != PresenceStatus::Offline && self.is_looked_at(*user) {
                let shown = self.visible(*user, presence);
                self.outbox.presence(*user, presence_frame(shown));
            }
        }
        Flow::Continue(())
    }

    /// A presence as this session's user may see it.
    pub(super) fn visible(&self, user: UserId, presence: v1::Presence) -> v1::Presence {
        if self.hiding.has(user) { Presences::nobody(user) } else { presence }
    }

    /// Whether the session looks at the presence of a user whom it may see.
    fn is_looked_at(&self, user: UserId) -> bool {
        let by_name = self.topics.contains(&Topic::UserPresence(user));
        self.guilds
            .iter()
            .any(|(id, guild)| guild.is_member(user) && (by_name || self.topics.contains(&Topic::GuildPresence(*id))))
    }
}
