//! Page sizes and page tokens.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use guildhall_proto::ids::{GuildId, UserId};
use sha2::{Digest as _, Sha256};

use super::error::{Error, Result};

const CHECK_BYTES: usize = 8;

/// The page size that a request gets: 0 = the default, more than the most is cut. Negative ones were refused before.
pub(super) fn size(asked: i32, default: usize, most: usize) -> usize {
    match usize::try_from(asked).unwrap_or_default() {
        0 => default,
        asked => asked.min(most),
    }
}

/// What a page is of; the token of one list does not fit another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// The members of a guild, by id.
    Members,
    /// The bans of a guild, by user.
    Bans,
    /// The acts in a guild, the newest first.
    Audit,
}

impl List {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Members => b"guildhall members page",
            Self::Bans => b"guildhall bans page",
            Self::Audit => b"guildhall audit page",
        }
    }
}

/// The token of the page behind this id. It is checked, so that it cannot be mixed up with another list's; it is no
/// secret and grants nothing.
pub(super) fn token(list: List, guild: GuildId, last: u64) -> String {
    let mut bytes = last.to_be_bytes().to_vec();
    bytes.extend(check(list, guild, last));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The last id before the page of a token; `None`: an empty token is the first page.
pub(super) fn before(list: List, guild: GuildId, token: &str) -> Result<Option<u64>> {
    if token.is_empty() {
        return Ok(None);
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Error::PageToken)?;
    let (last, sum) = bytes.split_first_chunk().ok_or(Error::PageToken)?;
    let last = u64::from_be_bytes(*last);
    if sum == check(list, guild, last) { Ok(Some(last)) } else { Err(Error::PageToken) }
}

/// The same for a list of users.
pub(super) fn after(list: List, guild: GuildId, token: &str) -> Result<UserId> {
    Ok(UserId(before(list, guild, token)?.unwrap_or_default()))
}

fn check(list: List, guild: GuildId, last: u64) -> [u8; CHECK_BYTES] {
    let mut hash = Sha256::new();
    hash.update(list.name());
    hash.update(guild.get().to_be_bytes());
    hash.update(last.to_be_bytes());
    let sum = hash.finalize();
    std::array::from_fn(|index| sum[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_cut() {
        let sizes = [0, 1, 100, 101, i32::MAX].map(|asked| size(asked, 50, 100));
        assert_eq!(sizes, [50, 1, 100, 100, 100]);
    }

    #[test]
    fn a_token_leads_back() {
        let guild = GuildId(7);
        for last in [1, 42, u64::MAX] {
            let token = token(List::Members, guild, last);
            assert_eq!(after(List::Members, guild, &token).expect("valid"), UserId(last));
        }
        assert_eq!(after(List::Members, guild, "").expect("first page"), UserId(0));
    }

    #[test]
    fn other_tokens_are_refused() {
        let token = token(List::Members, GuildId(7), 42);
        assert!(matches!(after(List::Members, GuildId(8), &token), Err(Error::PageToken)));
        assert!(matches!(after(List::Bans, GuildId(7), &token), Err(Error::PageToken)));
        let cut = &token[..token.len() - 1];
        let swapped = token.replacen('A', "B", 1);
        for bad in [cut, swapped.as_str(), "x", "%%", &format!("{token}A"), &"A".repeat(256)] {
            assert!(matches!(after(List::Members, GuildId(7), bad), Err(Error::PageToken)), "{bad}");
        }
    }
}
