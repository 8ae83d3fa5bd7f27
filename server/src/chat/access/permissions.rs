//! Sets of permissions.

use guildhall_proto::v1::Permission;

/// A set of permissions, as the protos have it: the bit `1 << number` of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u64);

impl Permissions {
    /// None at all.
    pub const NONE: Self = Self(0);
    /// All that there are. Bits that this server does not know are not among them.
    pub const ALL: Self = Self(((1 << (Permission::Administrator as u32 + 1)) - 1) & !1);
    /// What everyone's role gives in a new guild.
    pub const MEMBER: Self = Self::of(&[
        Permission::ViewChannel,
        Permission::ReadHistory,
        Permission::SendMessages,
        Permission::CreateInvites,
        Permission::SendInThreads,
        Permission::CreateThreads,
        Permission::AddReactions,
        Permission::AttachFiles,
        Permission::EmbedLinks,
        Permission::UseExternalEmoji,
        Permission::ChangeNickname,
        Permission::Connect,
        Permission::Speak,
    ]);
    /// What is left during a time-out: to look on.
    pub const TIMED_OUT: Self = Self::of(&[Permission::ViewChannel, Permission::ReadHistory]);

    /// These.
    pub const fn of(permissions: &[Permission]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < permissions.len() {
            bits |= bit(permissions[index]);
            index += 1;
        }
        Self(bits)
    }

    /// Out of the store or the wire. Unknown bits are dropped: what has no meaning gives nothing.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// For the store and the wire.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether the permission is among them.
    pub const fn has(self, permission: Permission) -> bool {
        let bit = bit(permission);
        bit != 0 && self.0 & bit == bit
    }

    /// Whether all of the others are among them.
    pub const fn has_all(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Those of both.
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Those that are in both.
    pub const fn only(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// Without the others.
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Each of them, by number.
    pub fn each(self) -> impl Iterator<Item = Permission> {
        (1..64).filter(move |number| self.0 & (1 << number) != 0).filter_map(|number| Permission::try_from(number).ok())
    }
}

/// `UNSPECIFIED` has no bit: it is never held.
const fn bit(permission: Permission) -> u64 {
    match permission {
        Permission::Unspecified => 0,
        known => 1 << known as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_and_unspecified_permissions_are_never_held() {
        assert!(!Permissions::ALL.has(Permission::Unspecified));
        assert!(!Permissions::from_bits(u64::MAX).has(Permission::Unspecified));
        assert_eq!(Permissions::from_bits(u64::MAX), Permissions::ALL);
        assert!(!Permissions::NONE.has(Permission::ViewChannel));
    }

    #[test]
    fn all_is_every_permission_of_the_protos() {
        for number in 1..64 {
            let known = Permission::try_from(number).is_ok();
            assert_eq!(Permissions::ALL.bits() & (1 << number) != 0, known, "{number}");
        }
        assert_eq!(Permissions::ALL.each().count(), 30);
    }
}
