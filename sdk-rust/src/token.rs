//! The token that a client shows. It never shows itself.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A token of a login session or of a bot.
///
/// Any text is taken: whether it is a valid token is for the server to say. It is wiped from memory when dropped and
/// does not appear in `Debug`.
#[derive(Clone)]
pub struct Token(SecretString);

impl Token {
    /// Takes a token.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself: to be stored, not to be logged.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<&str> for Token {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Token {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&Token> for Token {
    fn from(token: &Token) -> Self {
        token.clone()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(<redacted>)")
    }
}
