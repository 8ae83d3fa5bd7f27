//! Tokens: what they look like, so that a mistyped or shortened one is known without asking the storage, and a leaked
//! one is found by those who scan for it. Where the random bytes come from is the caller's business.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Random bytes of a token.
pub const SECRET_BYTES: usize = 32;

const BODY_CHARS: usize = 43;
const CHECK_CHARS: usize = 6;
const PREFIX_CHARS: usize = 4;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Who a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A person's login session.
    Person,
    /// A bot.
    Bot,
}

impl Kind {
    /// How such a token begins.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Person => "ghu_",
            Self::Bot => "ghb_",
        }
    }
}

/// Why a text is not a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// It does not begin like one.
    Prefix,
    /// It is too short or too long.
    Length,
    /// It holds characters that no token has.
    Alphabet,
    /// Its checksum is wrong: a character was changed.
    Checksum,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prefix => "not a token: it does not begin with `ghu_` or `ghb_`",
            Self::Length => "not a token: it is too short or too long",
            Self::Alphabet => "not a token: it holds characters that no token has",
            Self::Checksum => "not a token: a character is wrong",
        })
    }
}

impl std::error::Error for TokenError {}

/// A well-formed token. It does not show itself in `Debug`; [`Token::reveal`] says out loud that it is read.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Makes a token of random bytes.
    #[must_use]
    pub fn generate(kind: Kind, secret: &[u8; SECRET_BYTES]) -> Self {
        let mut text = String::with_capacity(PREFIX_CHARS + BODY_CHARS + CHECK_CHARS);
        text.push_str(kind.prefix());
        URL_SAFE_NO_PAD.encode_string(secret, &mut text);
        let check = checksum(&text);
        text.push_str(&check);
        Self(text)
    }

    /// Takes a text that is well formed.
    ///
    /// # Errors
    ///
    /// [`TokenError`] if it cannot be a token.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        Self::check(text).map(|_| Self(text.to_owned()))
    }

    /// Whether a text can be a token, and whose. Whether it was ever issued is not known here.
    ///
    /// # Errors
    ///
    /// [`TokenError`] if it cannot.
    pub fn check(text: &str) -> Result<Kind, TokenError> {
        let kind = [Kind::Person, Kind::Bot]
            .into_iter()
            .find(|kind| text.starts_with(kind.prefix()))
            .ok_or(TokenError::Prefix)?;
        if text.len() != PREFIX_CHARS + BODY_CHARS + CHECK_CHARS {
            return Err(TokenError::Length);
        }
        if !text.is_ascii() {
            return Err(TokenError::Alphabet);
        }
        let (signed, check) = text.split_at(PREFIX_CHARS + BODY_CHARS);
        let body = &signed[PREFIX_CHARS..];
        let mut secret = [0; SECRET_BYTES];
        let decoded = URL_SAFE_NO_PAD.decode_slice(body, &mut secret);
        if decoded != Ok(SECRET_BYTES) || !check.bytes().all(|byte| BASE62.contains(&byte)) {
            return Err(TokenError::Alphabet);
        }
        if checksum(signed) != check {
            return Err(TokenError::Checksum);
        }
        Ok(kind)
    }

    /// Who it is for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        if self.0.starts_with(Kind::Bot.prefix()) { Kind::Bot } else { Kind::Person }
    }

    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}<redacted>)", self.kind().prefix())
    }
}

/// CRC-32 in six digits of base 62. It finds slips, not forgers.
fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes()) as usize;
    let mut digits = [b'0'; CHECK_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[rest % BASE62.len()];
        rest /= BASE62.len();
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_token_is_accepted() {
        for kind in [Kind::Person, Kind::Bot] {
            let token = Token::generate(kind, &[0xA5; SECRET_BYTES]);
            assert_eq!(token.reveal().len(), 53);
            assert_eq!(Token::check(token.reveal()), Ok(kind));
            assert_eq!(Token::parse(token.reveal()), Ok(token.clone()));
            assert_eq!(token.kind(), kind);
        }
    }

    #[test]
    fn the_format_does_not_change() {
        // Tokens are kept on devices for years: this text must be made and accepted for ever.
        let token = Token::generate(Kind::Person, &[0; SECRET_BYTES]);
        assert_eq!(token.reveal(), "ghu_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA2KbRK5");
    }

    #[test]
    fn every_single_slip_is_found() {
        let token = Token::generate(Kind::Bot, &[7; SECRET_BYTES]);
        for place in 0..token.reveal().len() {
            let mut text = token.reveal().as_bytes().to_vec();
            text[place] = if text[place] == b'x' { b'y' } else { b'x' };
            let text = String::from_utf8(text).unwrap();
            assert!(Token::check(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_token_is_told() {
        let token = Token::generate(Kind::Bot, &[7; SECRET_BYTES]);
        let cases = [
            ("", TokenError::Prefix),
            ("Bearer ghu_", TokenError::Prefix),
            ("ghu_", TokenError::Length),
            (&token.reveal()[..52], TokenError::Length),
            (&token.reveal().replace("ghb_", "ghu_"), TokenError::Checksum),
            (&format!("ghb_{}", "é".repeat(24) + "x"), TokenError::Alphabet),
        ];
        for (text, error) in cases {
            assert_eq!(Token::check(text), Err(error), "{text}");
        }
    }

    #[test]
    fn debug_hides_it() {
        let token = Token::generate(Kind::Person, &[7; SECRET_BYTES]);
        assert_eq!(format!("{token:?}"), "Token(ghu_<redacted>)");
    }
}
