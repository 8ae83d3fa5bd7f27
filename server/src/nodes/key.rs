//! The key that all nodes of a cluster share, and what they show of it.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tonic::metadata::{Ascii, MetadataValue};

/// What is signed. It never changes: the point is not to send the secret itself.
const SIGNED: &[u8] = b"guildhall.internal.v1";

/// Proves to other nodes that this one belongs to them, and tells whether they do. It cannot be shown.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// The key that follows from the secret of the settings.
    pub fn new(secret: &str) -> Self {
        let signed = Hmac::<Sha256>::new_from_slice(secret.as_bytes());
        // A HMAC takes a key of any length.
        let mut signed = signed.unwrap_or_else(|_| Hmac::new(&Default::default()));
        signed.update(SIGNED);
        Self(signed)
    }

    /// Whether an `authorization` header is that of a node. Takes as long for a wrong proof as for the right one.
    pub fn opens(&self, authorization: &str) -> bool {
        let Some((scheme, proof)) = authorization.split_once(' ') else { return false };
        let Some(proof) = unhex(proof) else { return false };
        scheme.eq_ignore_ascii_case("bearer") && self.0.clone().verify_slice(&proof).is_ok()
    }

    /// The `authorization` header of this node; `None` only if hexadecimal were no header value.
    pub(super) fn header(&self) -> Option<MetadataValue<Ascii>> {
        let mut text = "Bearer ".to_owned();
        for byte in self.0.clone().finalize().into_bytes() {
            let _ = write!(text, "{byte:02x}");
        }
        let mut value: MetadataValue<Ascii> = text.parse().ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16)?.try_into().ok()).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_secret_opens() {
        let key = Key::new("0123456789abcdef0123456789abcdef");
        let header = key.header().expect("a header");
        let shown = header.to_str().expect("text");
        assert!(key.clone().opens(shown));
        assert!(!Key::new("0123456789abcdef0123456789abcdeF").opens(shown));
        assert!(!shown.contains("0123456789abcdef0123456789abcdef"));
        assert!(!format!("{header:?}").contains(&shown[7..]));
        for wrong in ["", "Bearer", "Bearer ", "Bearer 00", "Bearer zz", "Basic 00", &shown[..shown.len() - 2]] {
            assert!(!key.opens(wrong), "{wrong}");
        }
    }
}
