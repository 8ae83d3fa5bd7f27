//! Which server to talk to and whose token to show. Pure, because a mistake here would show a token to a stranger: a
//! context's token goes to that context's server and nowhere else.

use std::path::PathBuf;

use super::{Context, Contexts, DEFAULT_SERVER};
use crate::fault::Result;

/// What the command line and the environment ask for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    /// A server.
    pub(crate) server: Option<String>,
    /// A context.
    pub(crate) context: Option<String>,
    /// A certificate authority.
    pub(crate) ca_certificate: Option<PathBuf>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The server.
    pub(crate) server: String,
    /// The context whose token may be shown to it.
    pub(crate) context: Option<String>,
    /// A certificate authority to trust.
    pub(crate) ca_certificate: Option<PathBuf>,
}

/// Decides. A context that is named must exist unless `may_be_new`, as for the login that makes it.
pub(crate) fn choose(contexts: &Contexts, wish: &Wish, may_be_new: bool) -> Result<Choice> {
    let named = match &wish.context {
        Some(name) if !may_be_new || contexts.contexts.contains_key(name) => Some((name, contexts.get(name)?)),
        Some(_) => None,
        None if wish.server.is_none() => current(contexts)?,
        None => None,
    };
    let Some(server) = &wish.server else {
        let server = named.map_or(DEFAULT_SERVER, |(_, context)| context.server.as_str());
        return Ok(choice(tidy(server), named, wish));
    };
    let server = tidy(server);
    let found = match named {
        Some(found) => Some(found).filter(|(_, context)| same_server(&context.server, &server)),
        None if wish.context.is_some() => None,
        None => with_server(contexts, &server),
    };
    Ok(choice(server, found, wish))
}

fn choice(server: String, found: Option<(&String, &Context)>, wish: &Wish) -> Choice {
    let trusted = found.and_then(|(_, context)| context.ca_certificate.clone());
    Choice {
        server,
        context: found.map(|(name, _)| name.clone()),
        ca_certificate: wish.ca_certificate.clone().or(trusted),
    }
}

fn current(contexts: &Contexts) -> Result<Option<(&String, &Context)>> {
    let Some(name) = &contexts.current else {
        return Ok(None);
    };
    Ok(Some((name, contexts.get(name)?)))
}

/// The current context if it has this server, else the only one that has.
fn with_server<'a>(contexts: &'a Contexts, server: &str) -> Option<(&'a String, &'a Context)> {
    let mut fitting: Vec<_> =
        contexts.contexts.iter().filter(|(_, context)| same_server(&context.server, server)).collect();
    let current = fitting.iter().position(|(name, _)| Some(*name) == contexts.current.as_ref());
    match (current, fitting.len()) {
        (Some(place), _) => Some(fitting.swap_remove(place)),
        (None, 1) => fitting.pop(),
        _ => None,
    }
}

/// The name of the context that a login makes: the one that is named, the one that was chosen, `default` for the first,
/// else the server's host.
pub(crate) fn name_for(contexts: &Contexts, wish: &Wish, choice: &Choice) -> String {
    let named = wish.context.clone().or_else(|| choice.context.clone());
    named.unwrap_or_else(|| {
        if contexts.contexts.is_empty() {
            return "default".to_owned();
        }
        let host = choice.server.split("://").last().unwrap_or_default();
        host.trim_matches(['[', ']']).replace(['[', ']', '/'], "")
    })
}

/// Whether two addresses are the same but for their writing.
fn same_server(left: &str, right: &str) -> bool {
    tidy(left).eq_ignore_ascii_case(&tidy(right))
}

fn tidy(server: &str) -> String {
    server.trim().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contexts() -> Contexts {
        let mut contexts = Contexts { current: Some("home".to_owned()), ..Contexts::default() };
        for (name, server) in [("home", "http://a:1"), ("bot", "http://a:1"), ("work", "https://b")] {
            let context = Context { server: server.to_owned(), ..Context::default() };
            contexts.contexts.insert(name.to_owned(), context);
        }
        contexts
    }

    fn chosen(server: Option<&str>, context: Option<&str>) -> (String, Option<String>) {
        let wish =
            Wish { server: server.map(str::to_owned), context: context.map(str::to_owned), ca_certificate: None };
        let choice = choose(&contexts(), &wish, false).unwrap();
        (choice.server, choice.context)
    }

    fn pair(server: &str, context: Option<&str>) -> (String, Option<String>) {
        (server.to_owned(), context.map(str::to_owned))
    }

    #[test]
    fn without_a_wish_it_is_the_current_one() {
        assert_eq!(chosen(None, None), pair("http://a:1", Some("home")));
        let nothing = choose(&Contexts::default(), &Wish::default(), false).unwrap();
        assert_eq!((nothing.server.as_str(), nothing.context), (DEFAULT_SERVER, None));
    }

    #[test]
    fn a_named_context_brings_its_server() {
        assert_eq!(chosen(None, Some("work")), pair("https://b", Some("work")));
        let wish = Wish { context: Some("gone".to_owned()), ..Wish::default() };
        assert_eq!(choose(&contexts(), &wish, false).unwrap_err().exit() as u8, 3);
        let choice = choose(&contexts(), &wish, true).unwrap();
        assert_eq!((choice.server.as_str(), choice.context), (DEFAULT_SERVER, None));
    }

    #[test]
    fn no_token_goes_to_another_server() {
        assert_eq!(chosen(Some("http://evil:1"), None), pair("http://evil:1", None));
        assert_eq!(chosen(Some("http://evil:1"), Some("home")), pair("http://evil:1", None));
        assert_eq!(chosen(Some("http://b"), Some("work")), pair("http://b", None));
    }

    #[test]
    fn a_server_finds_its_context() {
        assert_eq!(chosen(Some("http://A:1/"), None), pair("http://A:1", Some("home")));
        assert_eq!(chosen(Some("https://b"), None), pair("https://b", Some("work")));
        assert_eq!(chosen(Some("http://a:1"), Some("bot")), pair("http://a:1", Some("bot")));
    }

    #[test]
    fn a_login_names_its_context() {
        let name = |contexts: &Contexts, server: &str, context: Option<&str>| {
            let wish =
                Wish { server: Some(server.to_owned()), context: context.map(str::to_owned), ca_certificate: None };
            let choice = choose(contexts, &wish, true).unwrap();
            name_for(contexts, &wish, &choice)
        };
        assert_eq!(name(&Contexts::default(), "http://a:1", None), "default");
        assert_eq!(name(&contexts(), "http://a:1", None), "home");
        assert_eq!(name(&contexts(), "http://c.example:7420", None), "c.example:7420");
        assert_eq!(name(&contexts(), "http://[::1]:7420/", None), "::1:7420");
        assert_eq!(name(&contexts(), "http://a:1", Some("new")), "new");
    }
}
