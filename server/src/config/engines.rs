//! Addresses of engines: which engine, where, and with whose password. A password is never shown again.

use std::fmt;

use super::value::Setting;

/// Which engine stores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StoreUrl {
    /// SQLite, in the data directory: one process alone.
    #[default]
    Sqlite,
    /// Postgres: any number of nodes.
    Postgres(Address),
}

/// Where the logs of channels lie, if not in the store: `cassandra://[user:password@]host[:port][,host...]/keyspace`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessagesUrl {
    /// Contact points, `host:port`; the other nodes are found through them.
    pub nodes: Vec<String>,
    /// The keyspace.
    pub keyspace: String,
    /// User and password, if the cluster wants them.
    pub login: Option<(String, Secret)>,
    address: Address,
}

/// The bus between nodes: `redis://`, `rediss://` (TLS), `redis-cluster://`, `redis-sentinel://` and their TLS twins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayUrl(pub Address);

/// The address of a service as its driver reads it. Shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(String);

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// What a secret must have at least: 128 bits in hexadecimal.
const SECRET_CHARS_MIN: usize = 32;
const CASSANDRA_PORT: u16 = 9042;
const RELAY_SCHEMES: &[&str] =
    &["redis", "rediss", "redis-cluster", "rediss-cluster", "redis-sentinel", "rediss-sentinel"];

impl Address {
    /// With its password, for the driver.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn parse(text: &str, schemes: &[&str], form: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is not {form}", shown(text));
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        if !schemes.contains(&scheme) || host.is_empty() || text.contains(char::is_whitespace) {
            return Err(wrong());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Secret {
    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}

impl fmt::Display for MessagesUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.address, f)
    }
}

/// An address without its password.
fn shown(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@').map(|(login, host)| (login.split(':').next().unwrap_or_default(), host)) {
        Some((user, host)) => format!("{scheme}://{user}:***@{host}{path}"),
        None => text.to_owned(),
    }
}

impl Setting for StoreUrl {
    fn read(text: &str) -> Result<Self, String> {
        if text == "sqlite:" {
            return Ok(Self::Sqlite);
        }
        let form = "sqlite: or postgres://[user[:password]@]host[:port]/database";
        Address::parse(text, &["postgres", "postgresql"], form).map(Self::Postgres)
    }

    fn literal(&self) -> Option<String> {
        match self {
            Self::Sqlite => super::value::quoted("sqlite:"),
            Self::Postgres(address) => super::value::quoted(&address.to_string()),
        }
    }
}

impl Setting for Option<MessagesUrl> {
    fn read(text: &str) -> Result<Self, String> {
        let form = "cassandra://[user:password@]host[:port][,host...]/keyspace";
        let address = Address::parse(text, &["cassandra"], form)?;
        let wrong = || format!("`{address}` is not {form}");
        let rest = text.split_once("://").map(|(_, rest)| rest).ok_or_else(wrong)?;
        let (authority, keyspace) = rest.split_once('/').ok_or_else(wrong)?;
        let plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if keyspace.is_empty() || keyspace.len() > 48 || !plain(keyspace) {
            return Err(format!("`{keyspace}` is not a keyspace: 1 to 48 letters, digits and underscores"));
        }
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => {
                let (user, password) = login.split_once(':').ok_or_else(wrong)?;
                (Some((user.to_owned(), Secret(password.to_owned()))), hosts)
            }
            None => (None, authority),
        };
        let nodes = hosts.split(',').map(|host| match host.rsplit_once(':') {
            _ if host.is_empty() => Err(wrong()),
            Some((name, port)) if !name.is_empty() && port.parse::<u16>().is_ok() => Ok(host.to_owned()),
            Some(_) => Err(wrong()),
            None => Ok(format!("{host}:{CASSANDRA_PORT}")),
        });
        let nodes = nodes.collect::<Result<_, _>>()?;
        Ok(Some(MessagesUrl { nodes, keyspace: keyspace.to_owned(), login, address: address.clone() }))
    }

    fn literal(&self) -> Option<String> {
        self.as_ref().and_then(|url| super::value::quoted(&url.to_string()))
    }
}

impl Setting for Option<RelayUrl> {
    fn read(text: &str) -> Result<Self, String> {
        let form = "redis://[user:password@]host[:port], or with rediss, redis-cluster, redis-sentinel";
        Ok(Some(RelayUrl(Address::parse(text, RELAY_SCHEMES, form)?)))
    }

    fn literal(&self) -> Option<String> {
        self.as_ref().and_then(|url| super::value::quoted(&url.0.to_string()))
    }
}

impl Setting for Option<Secret> {
    fn read(text: &str) -> Result<Self, String> {
        if text.len() < SECRET_CHARS_MIN {
            return Err(format!("it has fewer than {SECRET_CHARS_MIN} characters"));
        }
        Ok(Some(Secret(text.to_owned())))
    }

    fn literal(&self) -> Option<String> {
        self.as_ref().and_then(|_| super::value::quoted("***"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_passwords() {
        let store = StoreUrl::read("postgres://app:se:cr@t@db:5432/chat?sslmode=require").unwrap();
        assert_eq!(store.literal().unwrap(), "\"postgres://app:***@db:5432/chat?sslmode=require\"");
        assert!(!format!("{store:?}").contains("cr"));
        let messages = Option::<MessagesUrl>::read("cassandra://u:pw@a,b:9043/chat_1").unwrap().unwrap();
        assert_eq!((messages.nodes.join(" "), messages.keyspace.as_str()), ("a:9042 b:9043".into(), "chat_1"));
        assert!(!format!("{messages:?} {messages}").contains("pw"));
        for url in ["redis://127.0.0.1:6379", "rediss-cluster://:pw@a:1?node=b:2", "redis-sentinel://a:1?x=y"] {
            assert!(!Option::<RelayUrl>::read(url).unwrap().literal().unwrap().contains("pw"), "{url}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_showing_passwords() {
        for text in ["", "sqlite", "mysql://a/b", "postgres://", "postgres:///db", "postgres://a b/c"] {
            StoreUrl::read(text).expect_err(text);
        }
        for text in ["cassandra://a", "cassandra://a/", "cassandra://a/b-c", "cassandra://a,/k", "cassandra://a:x/k"] {
            Option::<MessagesUrl>::read(text).expect_err(text);
        }
        for text in ["http://u:hunter2@a", "redis:a"] {
            let why = Option::<RelayUrl>::read(text).expect_err(text);
            assert!(!why.contains("hunter2"), "{why}");
        }
        assert!(Option::<Secret>::read("short").is_err());
    }
}
