//! The types that settings have: how each is read from a text, and how it is written as TOML.

use std::net::SocketAddr;
use std::path::PathBuf;

use guildhall_web_bridge::Origin;

pub use crate::chat::Registration;
pub use crate::limits::Mode as RateLimits;

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people on a terminal, as JSON elsewhere.
    Auto,
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// How many copies take part in every read and write of channel logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consistency {
    /// A majority of all.
    Quorum,
    /// A majority of the data centre's.
    LocalQuorum,
}

/// A type that a setting may have.
pub(super) trait Setting: Sized {
    /// Reads it; an empty reason stands for "it has not the form of such a value".
    fn read(text: &str) -> Result<Self, String>;
    /// Writes it as TOML; `None` = not set.
    fn literal(&self) -> Option<String>;
}

/// A text as TOML.
pub(super) fn quoted(text: &str) -> Option<String> {
    Some(toml::Value::String(text.to_owned()).to_string())
}

impl Setting for SocketAddr {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("`{text}` is not an address and port, such as 127.0.0.1:7420 or [::]:7420"))
    }

    fn literal(&self) -> Option<String> {
        quoted(&self.to_string())
    }
}

impl Setting for PathBuf {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("the path is empty".to_owned()),
            _ => Ok(text.into()),
        }
    }

    fn literal(&self) -> Option<String> {
        quoted(&self.to_string_lossy())
    }
}

impl Setting for Option<SocketAddr> {
    fn read(text: &str) -> Result<Self, String> {
        SocketAddr::read(text).map(Some)
    }

    fn literal(&self) -> Option<String> {
        self.as_ref().and_then(Setting::literal)
    }
}

impl Setting for Option<String> {
    fn read(text: &str) -> Result<Self, String> {
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    fn literal(&self) -> Option<String> {
        self.as_deref().and_then(quoted)
    }
}

impl Setting for Option<PathBuf> {
    fn read(text: &str) -> Result<Self, String> {
        PathBuf::read(text).map(Some)
    }

    fn literal(&self) -> Option<String> {
        self.as_ref().and_then(Setting::literal)
    }
}

impl Setting for String {
    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn literal(&self) -> Option<String> {
        quoted(self)
    }
}

impl Setting for Vec<Origin> {
    fn read(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(str::trim)
            .filter(|origin| !origin.is_empty())
            .map(|origin| origin.parse().map_err(|error: guildhall_web_bridge::OriginError| error.to_string()))
            .collect()
    }

    fn literal(&self) -> Option<String> {
        let list = self.iter().map(|origin| origin.to_string().into());
        Some(toml::Value::Array(list.collect()).to_string())
    }
}

/// Types that read and write themselves.
macro_rules! plain {
    ($($type:ty),+) => {
        $(impl Setting for $type {
            fn read(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| String::new())
            }

            fn literal(&self) -> Option<String> {
                Some(self.to_string())
            }
        })+
    };
}

plain!(bool, u32, u64, usize);

/// Types that are one of a few words.
macro_rules! words {
    ($($type:ident { $($variant:ident = $word:literal),+ })+) => {
        $(impl Setting for $type {
            fn read(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(String::new()),
                }
            }

            fn literal(&self) -> Option<String> {
                quoted(match self {
                    $(Self::$variant => $word,)+
                })
            }
        })+
    };
}

words! {
    Registration { Open = "open", Invite = "invite", Closed = "closed" }
    RateLimits { On = "on", Users = "users", Off = "off" }
    Consistency { Quorum = "quorum", LocalQuorum = "local_quorum" }
    LogFormat { Auto = "auto", Pretty = "pretty", Json = "json" }
}
