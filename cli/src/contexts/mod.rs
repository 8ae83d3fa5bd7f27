//! Contexts: a server and an account by a name, so that one need not be typed with every command. The file holds no
//! secrets; those lie with `tokens`.

mod choose;
mod file;
mod tokens;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub(crate) use choose::{Choice, Wish, choose, name_for};
pub(crate) use file::{Durability, replace};
pub(crate) use tokens::Place;

use crate::fault::{Fault, Result};

/// Where a server listens unless told otherwise.
pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:7420";

/// The file of contexts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contexts {
    /// The one that is used unless another is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// All of them.
    #[serde(default)]
    pub(crate) contexts: BTreeMap<String, Context>,
}

/// A server and an account on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    /// The address.
    pub(crate) server: String,
    /// Who is logged in there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) username: Option<String>,
    /// Where the token lies; not set = logged out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<Place>,
    /// A certificate authority to trust for this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_certificate: Option<PathBuf>,
}

impl Contexts {
    /// Reads the file; without one there are no contexts.
    pub(crate) fn load() -> Result<Self> {
        file::load(&Self::path()?)
    }

    /// Replaces the file.
    pub(crate) fn save(&self) -> Result<()> {
        file::save(&Self::path()?, self)
    }

    /// Where the file lies.
    pub(crate) fn path() -> Result<PathBuf> {
        Ok(file::config_dir()?.join("config.toml"))
    }

    /// A context that must be there.
    pub(crate) fn get(&self, name: &str) -> Result<&Context> {
        self.contexts.get(name).ok_or_else(|| {
            let fault = Fault::not_found(format!("no context `{name}`"));
            fault.remedy("list them: `guildhall context list`")
        })
    }

    /// Notes who is logged in and where the token lies, and makes this the current context.
    pub(crate) fn log_in(&mut self, name: &str, context: Context, token: &str) -> Result<Place> {
        check_name(name)?;
        let place = tokens::keep(name, token)?;
        let context = Context { token: Some(place), ..context };
        self.contexts.insert(name.to_owned(), context);
        self.current = Some(name.to_owned());
        self.save()?;
        Ok(place)
    }

    /// Forgets the token of a context.
    pub(crate) fn log_out(&mut self, name: &str) -> Result<()> {
        if let Some(place) = self.contexts.get_mut(name).and_then(|context| context.token.take()) {
            tokens::forget(name, place)?;
        }
        self.save()
    }

    /// Forgets a context with its token.
    pub(crate) fn remove(&mut self, name: &str) -> Result<()> {
        self.get(name)?;
        self.log_out(name)?;
        self.contexts.remove(name);
        if self.current.as_deref() == Some(name) {
            self.current = None;
        }
        self.save()
    }
}

/// The token of a context, if it has one.
pub(crate) fn token_of(name: &str, context: &Context) -> Result<Option<String>> {
    match context.token {
        Some(place) => tokens::read(name, place),
        None => Ok(None),
    }
}

/// A name is a part of a file's name, so it holds nothing that a path would understand.
fn check_name(name: &str) -> Result<()> {
    let allowed = |char: char| char.is_ascii_alphanumeric() || "-_.:@".contains(char);
    let fits = (1..=64).contains(&name.len()) && !name.starts_with('.') && name.chars().all(allowed);
    if fits {
        return Ok(());
    }
    Err(Fault::usage(format!("`{name}` cannot name a context: use up to 64 of a-z A-Z 0-9 - _ . : @")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_their_directory() {
        for name in ["default", "chat.example.org:7420", "me@home", "a_b-c"] {
            check_name(name).unwrap();
        }
        for name in ["", ".", "..", "../x", "a/b", ".hidden", "a b", "é", &"x".repeat(65)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_file_is_read_as_it_was_written() {
        let mut contexts = Contexts { current: Some("home".to_owned()), ..Contexts::default() };
        let context = Context {
            server: DEFAULT_SERVER.to_owned(),
            username: Some("ada".to_owned()),
            token: Some(Place::File),
            ca_certificate: None,
        };
        contexts.contexts.insert("home".to_owned(), context);
        let text = toml::to_string(&contexts).unwrap();
        assert_eq!(
            text,
            "current = \"home\"\n\n[contexts.home]\nserver = \"http://127.0.0.1:7420\"\nusername = \"ada\"\ntoken = \"file\"\n"
        );
        assert_eq!(toml::from_str::<Contexts>(&text).unwrap(), contexts);
        assert!(toml::from_str::<Contexts>("curent = \"x\"").is_err());
    }
}
