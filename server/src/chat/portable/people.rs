//! Who the people of a file are here.
//!
//! Whoever has the same id and the same name is the same user. Of everybody else a placeholder is made, with the profile
//! and without a password, as which nobody can log in: a name alone proves nothing, for anybody may have registered it.

use std::collections::HashMap;

use guildhall_proto::ids::UserId;

use super::Error;
use crate::store::{Commit, Store, Taken, UserRow, Write};

/// Names that are tried for one placeholder.
const NAMES_MAX: u32 = 1_000;
/// The longest user name.
const NAME_CHARS_MAX: usize = 32;

/// The people of a file, by the ids that they have in it.
#[derive(Default)]
pub(super) struct People {
    known: HashMap<UserId, UserRow>,
    /// How many were made.
    pub(super) placeholders: u64,
}

impl People {
    /// Somebody of whom a line was there.
    pub(super) fn get(&self, id: UserId) -> Result<&UserRow, String> {
        self.known.get(&id).ok_or_else(|| format!("there is no line of a user {id} before this one"))
    }

    /// Finds them here, or makes a placeholder.
    pub(super) async fn meet(
        &mut self,
        store: &Store,
        row: UserRow,
        new_id: &mut (dyn FnMut() -> u64 + Send),
    ) -> Result<(), Error> {
        let there = row.id;
        if let Some(same) = store.metadata.user(row.id).await?.filter(|found| found.username == row.username) {
            self.known.insert(there, same);
            return Ok(());
        }
        let mut placeholder = row.clone();
        for number in 1..=NAMES_MAX {
            let done = store.metadata.commit(None, vec![Write::InsertUser(placeholder.clone())], Vec::new()).await?;
            match done {
                Commit::Done(_) => {
                    self.known.insert(there, placeholder);
                    self.placeholders += 1;
                    return Ok(());
                }
                Commit::Taken(Taken::Username) => placeholder.username = numbered(&row.username, number + 1),
                Commit::Taken(_) => placeholder.id = UserId(new_id()),
                Commit::Moved(_) => return Err(Error::Conflict),
            }
        }
        Err(Error::Conflict)
    }
}

/// Names are ASCII.
fn numbered(name: &str, number: u32) -> String {
    let end = format!("-{number}");
    let kept: String = name.chars().take(NAME_CHARS_MAX - end.len()).collect();
    kept + &end
}
