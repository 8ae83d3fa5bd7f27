//! Profiles.

use std::{collections::HashMap, sync::Arc};

use guildhall_proto::{
    ids::{GuildId, StreamKey, UserId},
    v1::{self, event::Payload},
};

use super::{
    Caller, Chat, accounts,
    commit::Batch,
    error::{Error, Missing, Result},
    events, validate,
    views::GuildHandle,
};
use crate::{
    limits,
    store::{Commit, MemberRow, NewEvent, Position, UserRow, Write},
};

/// How often a change of a profile is made anew because the user joined or left a guild meanwhile.
const TRIES_MAX: usize = 8;

/// What a session begins with.
pub struct Beginning {
    /// The caller's profile.
    pub me: v1::User,
    /// How far the caller's own stream is.
    pub position: Position,
    /// The caller's guilds, oldest membership first.
    pub guilds: Vec<Arc<GuildHandle>>,
}

impl Chat {
    /// The caller's own profile.
    pub async fn get_me(&self, caller: &Caller, request: v1::GetMeRequest) -> Result<v1::GetMeResponse> {
        validate(&request)?;
        let row = self.profile(caller.user).await?;
        Ok(v1::GetMeResponse { user: Some(events::user(&row)), admin: row.admin })
    }

    /// The same, for those who have no request.
    pub async fn me(&self, caller: &Caller) -> Result<v1::User> {
        Ok(events::user(&self.profile(caller.user).await?))
    }

    pub(super) async fn profile(&self, user: UserId) -> Result<UserRow> {
        self.metadata().user(user).await?.ok_or(Error::NotFound(Missing::User))
    }

    /// Changes the caller's profile and tells the caller's own stream and those of the caller's guilds.
    pub async fn update_me(&self, caller: &Caller, request: v1::UpdateMeRequest) -> Result<v1::UpdateMeResponse> {
        validate(&request)?;
        self.count(caller, limits::PROFILE).await?;
        let stream = StreamKey::user(caller.user);
        for _ in 0..TRIES_MAX {
            let position = self.metadata().stream_position(stream).await?;
            let head = position.ok_or(Error::NotFound(Missing::User))?.seq;
            let old = self.profile(caller.user).await?;
            let new = patched(&old, &request);
            if new == old {
                return Ok(v1::UpdateMeResponse { user: Some(events::user(&old)) });
            }
            let guilds = self.guilds_of(caller.user).await?;
            // Joining and leaving move the user's stream too, so at this head the guilds are these.
            let batch = Batch {
                expected: Some((stream, head)),
                writes: vec![Write::UpdateProfile(new.clone())],
                events: self.profile_events(&new, &guilds),
            };
            let (people, author) = (Arc::clone(&self.people), events::author(&new));
            match self.commits.write(batch, guilds, move || people.replace(author)).await? {
                Commit::Done(_) => return Ok(v1::UpdateMeResponse { user: Some(events::user(&new)) }),
                Commit::Moved(_) => {}
                Commit::Taken(taken) => return Err(taken.into()),
            }
        }
        Err(Error::Conflict)
    }

    fn profile_events(&self, row: &UserRow, guilds: &[Arc<GuildHandle>]) -> Vec<NewEvent> {
        let now_ms = self.clock.now_ms();
        let told = guilds.iter().filter_map(|handle| {
            let join_ms = handle.look(|view| view.member(row.id).map(|member| member.join_ms))?;
            // Nothing of the member's rights: this event is not written at a version of them.
            let member = events::member(&MemberRow::new(handle.id(), row.id, join_ms), row);
            let payload = Payload::MemberUpdated(v1::MemberUpdated { member: Some(member) });
            Some(events::new_event(handle.id(), row.id, now_ms, payload))
        });
        let own = Payload::UserUpdated(v1::UserUpdated { user: Some(events::user(row)) });
        told.chain([events::new_event(row.id, row.id, now_ms, own)]).collect()
    }

    /// Profiles by id, in the order of the request, each once.
    pub async fn batch_get_users(
        &self,
        _caller: &Caller,
        request: v1::BatchGetUsersRequest,
    ) -> Result<v1::BatchGetUsersResponse> {
        validate(&request)?;
        let ids: Vec<_> = request.user_ids.into_iter().map(UserId).collect();
        let rows = self.metadata().users(&ids).await?;
        let mut users: HashMap<_, _> = rows.iter().map(|row| (row.id, events::user(row))).collect();
        Ok(v1::BatchGetUsersResponse { users: ids.iter().filter_map(|id| users.remove(id)).collect() })
    }

    /// The guilds of a user, oldest membership first. Those that the user lost meanwhile are left out.
    pub async fn guilds_of(&self, user: UserId) -> Result<Vec<Arc<GuildHandle>>> {
        self.joined(user, self.metadata().guilds_of(user).await?).await
    }

    /// Who the caller is, how far the caller's own stream is, and the guilds, in one look at the store.
    pub async fn begin(&self, caller: &Caller) -> Result<Beginning> {
        let begun = self.metadata().beginning(caller.user).await?;
        let (user, position, guilds) = begun.ok_or(Error::NotFound(Missing::User))?;
        Ok(Beginning { me: events::user(&user), position, guilds: self.joined(caller.user, guilds).await? })
    }

    async fn joined(&self, user: UserId, guilds: Vec<GuildId>) -> Result<Vec<Arc<GuildHandle>>> {
        let mut joined = Vec::new();
        for id in guilds {
            let Some(handle) = self.guilds.get(id).await? else { continue };
            if !handle.is_member(user) {
                // Just joined, and the picture is about to follow.
                self.guilds.catch_up(&handle).await?;
            }
            if handle.is_member(user) {
                joined.push(handle);
            }
        }
        Ok(joined)
    }
}

/// Fields that are not set stay; an empty name to show is the user name again, and one that is the user name follows it.
fn patched(old: &UserRow, request: &v1::UpdateMeRequest) -> UserRow {
    let or = |new: &Option<String>, old: &String| new.as_ref().unwrap_or(old).clone();
    let username = or(&request.username, &old.username);
    let shown = if old.display_name == old.username { &username } else { &old.display_name };
    UserRow {
        display_name: accounts::shown_name(&or(&request.display_name, shown), &username),
        username,
        avatar_url: or(&request.avatar_url, &old.avatar_url),
        custom_status: or(&request.custom_status, &old.custom_status),
        ..old.clone()
    }
}
