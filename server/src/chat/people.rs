//! Who wrote it: users as messages show them, held in memory because every message asks.

use std::{collections::HashMap, sync::Arc};

use guildhall_proto::{ids::UserId, v1};

use super::{cache::Cache, events};
use crate::store::{self, Metadata};

/// Authors that are held, about half a kilobyte each; beyond it those that nobody asked for lately go.
const PEOPLE_MAX: usize = 100_000;

/// The users of this node.
pub(super) struct People {
    metadata: Arc<dyn Metadata>,
    held: Cache<UserId, Arc<v1::Author>>,
}

impl People {
    /// Nobody is held yet.
    pub(super) fn new(metadata: Arc<dyn Metadata>) -> Self {
        Self { metadata, held: Cache::new(PEOPLE_MAX) }
    }

    /// A user as an author.
    ///
    /// # Errors
    /// As the store.
    pub(super) async fn author(&self, id: UserId) -> store::Result<Arc<v1::Author>> {
        let mut authors = self.authors(&[id]).await?;
        Ok(authors.remove(&id).unwrap_or_else(|| nobody(id)))
    }

    /// Users as authors. Those who are not known any more come as an id without a name.
    ///
    /// # Errors
    /// As the store.
    pub(super) async fn authors(&self, ids: &[UserId]) -> store::Result<HashMap<UserId, Arc<v1::Author>>> {
        let mut found = HashMap::new();
        let mut wanted = Vec::new();
        for id in ids {
            if let Some(author) = self.held.get(id) {
                found.insert(*id, author);
            } else if !wanted.contains(id) {
                wanted.push(*id);
            }
        }
        if wanted.is_empty() {
            return Ok(found);
        }
        let mark = self.held.mark();
        for row in self.metadata.users(&wanted).await? {
            let author = Arc::new(events::author(&row));
            self.held.fill(mark, row.id, Arc::clone(&author));
            found.insert(row.id, author);
        }
        for id in wanted {
            found.entry(id).or_insert_with(|| nobody(id));
        }
        Ok(found)
    }

    /// A user has a new profile.
    pub(super) fn replace(&self, author: v1::Author) {
        self.held.replace(UserId(author.id), Arc::new(author));
    }

    /// A user has a new profile, which is not known here.
    pub(super) fn forget(&self, id: UserId) {
        self.held.remove(&id);
    }

    /// Nothing that is held may be true.
    pub(super) fn forget_all(&self) {
        self.held.retain(|_, _| false);
    }
}

fn nobody(id: UserId) -> Arc<v1::Author> {
    Arc::new(v1::Author { id: id.get(), ..Default::default() })
}
