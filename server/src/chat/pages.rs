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

/// The token of the page of members after this one. It is checked, so that it cannot be mixed up with another list's;
/// it is no secret and grants nothing.
pub(super) fn members_token(guild: GuildId, last: UserId) -> String {
    let mut bytes = last.get().to_be_bytes().to_vec();
    bytes.extend(check(guild, last));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The last member before the page of a token; an empty token is the first page.
pub(super) fn members_after(guild: GuildId, token: &str) -> Result<UserId> {
    if token.is_empty() {
        return Ok(UserId(0));
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Error::PageToken)?;
    let (last, sum) = bytes.split_first_chunk().ok_or(Error::PageToken)?;
    let last = UserId(u64::from_be_bytes(*last));
    if sum == check(guild, last) { Ok(last) } else { Err(Error::PageToken) }
}

fn check(guild: GuildId, last: UserId) -> [u8; CHECK_BYTES] {
    let mut hash = Sha256::new();
    hash.update(b"guildhall members page");
    hash.update(guild.get().to_be_bytes());
    hash.update(last.get().to_be_bytes());
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
            let token = members_token(guild, UserId(last));
            assert_eq!(members_after(guild, &token).expect("valid"), UserId(last));
        }
        assert_eq!(members_after(guild, "").expect("first page"), UserId(0));
    }

    #[test]
    fn other_tokens_are_refused() {
        let token = members_token(GuildId(7), UserId(42));
        assert!(matches!(members_after(GuildId(8), &token), Err(Error::PageToken)));
        let cut = &token[..token.len() - 1];
        let swapped = token.replacen('A', "B", 1);
        for bad in [cut, swapped.as_str(), "x", "%%", &format!("{token}A"), &"A".repeat(256)] {
            assert!(matches!(members_after(GuildId(7), bad), Err(Error::PageToken)), "{bad}");
        }
    }
}
