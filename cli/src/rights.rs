//! Permissions as people write them: by name, dashes or underscores, and lists of changes such as
//! `+send-messages,-attach-files`.

use guildhall::{Permission, Permissions};

/// A change of a set: what is added, what is taken away, and what is said nothing about any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// `+name`, or the name alone.
    pub(crate) give: Permissions,
    /// `-name`.
    pub(crate) take: Permissions,
    /// `=name`.
    pub(crate) clear: Permissions,
}

/// Reads one name.
///
/// # Errors
///
/// That there is none, with the nearest one.
pub(crate) fn permission(text: &str) -> Result<Permission, String> {
    let wanted = text.trim().to_lowercase().replace('_', "-");
    let wanted = wanted.strip_prefix("permission-").unwrap_or(&wanted);
    if let Some(found) = all().find(|permission| name(*permission) == wanted) {
        return Ok(found);
    }
    let nearest = all().map(name).min_by_key(|other| distance(wanted, other)).unwrap_or_default();
    Err(format!("no permission `{text}`; did you mean `{nearest}`?"))
}

/// Reads a list of changes with commas or spaces between them.
///
/// # Errors
///
/// As [`permission`], or that one is named twice.
pub(crate) fn changes(text: &str) -> Result<Changes, String> {
    let mut changes = Changes::default();
    for item in text.split([',', ' ']).filter(|item| !item.is_empty()) {
        let (set, rest) = match item.as_bytes().first() {
            Some(b'-') => (&mut changes.take, &item[1..]),
            Some(b'=') => (&mut changes.clear, &item[1..]),
            Some(b'+') => (&mut changes.give, &item[1..]),
            _ => (&mut changes.give, item),
        };
        let bit = Permissions::of([permission(rest)?]).0;
        set.0 |= bit;
    }
    let Changes { give, take, clear } = changes;
    if give.0 & take.0 != 0 || (give.0 | take.0) & clear.0 != 0 {
        return Err("a permission is named twice with different signs".to_owned());
    }
    Ok(changes)
}

impl Changes {
    /// The set of a role after them.
    pub(crate) fn applied(self, bits: u64) -> u64 {
        (bits | self.give.0) & !self.take.0 & !self.clear.0
    }

    /// What an overwrite gives and takes after them.
    pub(crate) fn overwritten(self, (allow, deny): (u64, u64)) -> (u64, u64) {
        ((allow | self.give.0) & !self.take.0 & !self.clear.0, (deny | self.take.0) & !self.give.0 & !self.clear.0)
    }
}

/// The name of a permission, such as `send-messages`.
pub(crate) fn name(permission: Permission) -> String {
    let name = permission.as_str_name();
    name.strip_prefix("PERMISSION_").unwrap_or(name).to_lowercase().replace('_', "-")
}

/// The names of a set, each with this sign before it.
pub(crate) fn names(bits: u64, sign: &str) -> Vec<String> {
    Permissions(bits).each().map(|permission| format!("{sign}{}", name(permission))).collect()
}

fn all() -> impl Iterator<Item = Permission> {
    Permissions(u64::MAX).each()
}

/// How many characters must be changed, added or left out to make one of the other.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (above, char) in left.chars().enumerate() {
        let mut corner = above;
        row[0] = above + 1;
        for (place, other) in right.chars().enumerate() {
            let swapped = corner + usize::from(char != other);
            corner = row[place + 1];
            row[place + 1] = swapped.min(corner + 1).min(row[place] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_read_by_name() {
        for text in ["send-messages", "SEND_MESSAGES", "Send-Messages", "PERMISSION_SEND_MESSAGES"] {
            assert_eq!(permission(text), Ok(Permission::SendMessages), "{text}");
        }
        assert_eq!(
            permission("sned-message").unwrap_err(),
            "no permission `sned-message`; did you mean `send-messages`?"
        );
        assert!(permission("unspecified").is_err());
    }

    #[test]
    fn every_permission_has_a_name_that_is_read_again() {
        for each in all() {
            assert_eq!(permission(&name(each)), Ok(each));
        }
        assert_eq!(all().count(), 30);
    }

    #[test]
    fn changes_are_read_and_applied() {
        let set = |permission| Permissions::of([permission]);
        let read = changes("+send-messages,-attach-files =speak connect").unwrap();
        assert_eq!(read.give, Permissions::of([Permission::SendMessages, Permission::Connect]));
        assert_eq!((read.take, read.clear), (set(Permission::AttachFiles), set(Permission::Speak)));
        assert_eq!(read.applied(set(Permission::AttachFiles).0), read.give.0);
        let before = (set(Permission::AttachFiles).0, set(Permission::SendMessages).0 | set(Permission::Speak).0);
        assert_eq!(read.overwritten(before), (read.give.0, read.take.0));
        assert!(changes("+speak,-speak").is_err());
        assert!(changes("+speek").unwrap_err().contains("`speak`"));
    }

    #[test]
    fn sets_are_shown_by_name() {
        let bits = Permissions::of([Permission::ViewChannel, Permission::Speak]).0;
        assert_eq!(names(bits, "+"), ["+view-channel", "+speak"]);
    }
}
