//! What a command stands on: the options, the output, and a server to call that waits for it, but not for ever.

use std::time::{Duration, Instant};

use guildhall::{Client, ClientBuilder, Rpc};

use crate::args::Globals;
use crate::contexts::{Choice, Contexts, choose, token_of};
use crate::fault::{Exit, Fault, Result};
use crate::input;
use crate::output::Output;

/// Between two tries to reach a server that is not there.
const RETRY: Duration = Duration::from_millis(200);
/// The calls' own back-off ends by the time limit, not by a count.
const RETRIES: usize = 10_000;
const USER_AGENT: &str = concat!("guildhall-cli/", env!("CARGO_PKG_VERSION"));

/// The options and what is made of them.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) globals: Globals,
    pub(crate) out: Output,
}

/// Where a token comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// Stdin.
    Stdin,
    /// `GUILDHALL_TOKEN`.
    Environment,
    /// The context's keyring entry or file.
    Context,
}

impl TokenSource {
    /// In words.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stdin => "stdin",
            Self::Environment => "environment",
            Self::Context => "context",
        }
    }
}

impl App {
    pub(crate) fn new(globals: Globals) -> Self {
        let (json, quiet) = (globals.json, globals.quiet);
        let out = Output { json, quiet };
        Self { globals, out }
    }

    /// Which server, and whose token.
    pub(crate) fn choice(&self) -> Result<Choice> {
        choose(&Contexts::load()?, &self.globals.wish(), false)
    }

    /// The token to show at this choice, and where it is from.
    pub(crate) fn token(&self, choice: &Choice) -> Result<Option<(String, TokenSource)>> {
        if self.globals.token_stdin {
            return Ok(Some((input::token()?, TokenSource::Stdin)));
        }
        if let Ok(token) = std::env::var("GUILDHALL_TOKEN")
            && !token.is_empty()
        {
            return Ok(Some((token, TokenSource::Environment)));
        }
        let Some(name) = &choice.context else {
            return Ok(None);
        };
        let token = token_of(name, Contexts::load()?.get(name)?)?;
        Ok(token.map(|token| (token, TokenSource::Context)))
    }

    /// A client that shows the token. It does not connect yet.
    pub(crate) fn client(&self) -> Result<Client> {
        let choice = self.choice()?;
        let (token, _) = self.token(&choice)?.ok_or_else(|| Fault::not_logged_in(&choice.server))?;
        Ok(self.builder(&choice)?.token(token).build()?)
    }

    /// A client without a token.
    pub(crate) fn stranger(&self, choice: &Choice) -> Result<Client> {
        Ok(self.builder(choice)?.build()?)
    }

    /// The server, within reach, with the token.
    pub(crate) async fn server(&self) -> Result<Server> {
        self.reach(self.client()?).await
    }

    /// Waits until the server of a client can be reached.
    pub(crate) async fn reach(&self, client: Client) -> Result<Server> {
        wait_for(client.url(), self.globals.patience()).await?;
        Ok(Server { client })
    }

    /// The id of a channel, waiting for the server as long as it takes: for what is meant to survive its absence.
    pub(crate) async fn channel_id_at_last(&self, client: &Client, channel: &str) -> Result<u64> {
        self.at_last(client, async |server| server.channel_id(channel).await).await
    }

    /// The id of a guild, waiting likewise.
    pub(crate) async fn guild_id_at_last(&self, client: &Client, guild: &str) -> Result<u64> {
        self.at_last(client, async |server| server.guild_id(guild).await).await
    }

    async fn at_last<T>(&self, client: &Client, ask: impl AsyncFn(&Server) -> Result<T>) -> Result<T> {
        let server = Server { client: client.clone() };
        let mut told = false;
        loop {
            match ask(&server).await {
                Err(fault) if fault.exit() == Exit::Unavailable || fault.exit() == Exit::RateLimited => {
                    if !told {
                        self.out.note(format!("waiting for {}: {}", client.url(), fault.message()));
                        told = true;
                    }
                    tokio::time::sleep(fault.retry_after().unwrap_or(RETRY)).await;
                }
                outcome => return outcome,
            }
        }
    }

    fn builder(&self, choice: &Choice) -> Result<ClientBuilder> {
        let mut builder =
            Client::builder(&choice.server).user_agent(USER_AGENT).timeout(self.globals.patience()).retries(RETRIES);
        if let Some(path) = &choice.ca_certificate {
            let pem = std::fs::read(path).map_err(|error| Fault::file(path, &error))?;
            builder = builder.ca_certificate(pem);
        }
        Ok(builder)
    }
}

/// A server that was within reach a moment ago.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) client: Client,
}

impl Server {
    /// Makes one call.
    pub(crate) async fn call<R: Rpc>(&self, request: R) -> Result<R::Response> {
        Ok(Box::pin(self.client.call(request).raw()).await?)
    }
}

/// Takes a part of an answer that is always there.
pub(crate) fn part<T>(part: Option<T>) -> Result<T> {
    part.ok_or_else(|| Fault::local("the server's answer is incomplete"))
}

/// Knocks until somebody opens. A call that was never sent can be made later without doing anything twice, so this is
/// the one wait that is safe for every command.
async fn wait_for(url: &str, patience: Duration) -> Result<()> {
    let start = Instant::now();
    loop {
        let rest = patience.saturating_sub(start.elapsed());
        let error = match tokio::time::timeout(rest, knock(url)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer".to_owned(),
        };
        if start.elapsed() + RETRY >= patience {
            let seconds = patience.as_secs();
            return Err(Fault::unavailable(format!("{url}: {error} (waited {seconds} s)")));
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Opens a TCP connection and closes it again.
pub(crate) async fn knock(url: &str) -> std::io::Result<()> {
    let Some((host, port)) = address(url) else {
        return Err(std::io::Error::other("not an address with http:// or https://"));
    };
    tokio::net::TcpStream::connect((host.as_str(), port)).await.map(drop)
}

fn address(url: &str) -> Option<(String, u16)> {
    let url = reqwest::Url::parse(url).ok()?;
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    Some((host, url.port_or_known_default()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let cases = [
            ("http://127.0.0.1:7420", Some(("127.0.0.1", 7420))),
            ("http://[::1]:7420/", Some(("::1", 7420))),
            ("https://chat.example.org", Some(("chat.example.org", 443))),
            ("nonsense", None),
        ];
        for (url, expected) in cases {
            let expected = expected.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(address(url), expected, "{url}");
        }
    }

    #[tokio::test]
    async fn nobody_at_home_is_unavailable() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        wait_for(&url, Duration::from_secs(5)).await.unwrap();
        drop(listener);
        let fault = wait_for(&url, Duration::from_millis(1)).await.unwrap_err();
        assert_eq!(fault.exit() as u8, 7);
    }
}
