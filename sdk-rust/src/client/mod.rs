//! The client: a cheap handle through which everything is reached. It decides nothing itself; the calls lie in `api`,
//! the live session in `gateway`.

mod builder;
mod call;
mod transport;

use std::env;
use std::sync::Arc;
use std::time::Duration;

pub use builder::ClientBuilder;
pub use call::{Call, Rpc};
pub use transport::{Authorization, Grpc};

pub(crate) use call::rpc;
pub(crate) use transport::DECODE_BYTES_MAX;

use crate::error::{Error, Result};
use crate::token::Token;
use transport::Transport;

/// A client of one server. Clones share one connection, which is made with the first call.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Clone, Debug)]
struct Inner {
    transport: Arc<Transport>,
    token: Option<Token>,
    authorization: Authorization,
    timeout: Duration,
    retries: usize,
    limited_max: Duration,
}

impl Client {
    /// Begins to make a client for `http://host:port` (plain HTTP/2) or `https://host:port` (TLS).
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(url.into())
    }

    /// A client for the server that `GUILDHALL_SERVER` names, with the token of `GUILDHALL_TOKEN` if that is set.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::Kind::Config) if `GUILDHALL_SERVER` is not set, or what [`ClientBuilder::build`] finds.
    pub fn from_env() -> Result<Self> {
        let server = env::var("GUILDHALL_SERVER").map_err(|_| {
            Error::config("GUILDHALL_SERVER is not set; it names the server, such as http://localhost:7420")
        })?;
        let mut builder = Self::builder(server);
        if let Ok(token) = env::var("GUILDHALL_TOKEN") {
            builder = builder.token(token);
        }
        builder.build()
    }

    /// The same client with another token, such as one that a login just made. It shares the connection.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::Kind::Config) if the token holds characters that cannot be sent.
    pub fn with_token(&self, token: impl Into<Token>) -> Result<Self> {
        let token = token.into();
        let mut inner = Inner::clone(&self.inner);
        inner.authorization = Authorization::bearer(&token)?;
        inner.token = Some(token);
        let inner = Arc::new(inner);
        Ok(Self { inner })
    }

    /// The address of the server, as it was given.
    #[must_use]
    pub fn url(&self) -> &str {
        self.inner.transport.url()
    }

    /// The token that the client shows.
    #[must_use]
    pub fn token(&self) -> Option<&Token> {
        self.inner.token.as_ref()
    }

    /// The connection under the calls, for generated stubs or for calls by name:
    /// `MessageServiceClient::new(client.grpc())`. It adds the token; it neither validates nor repeats.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    #[must_use]
    pub fn grpc(&self) -> Grpc {
        let channel = self.inner.transport.unary();
        Grpc::new(channel, self.inner.authorization.clone())
    }

    /// Makes any call of the contract out of its raw request.
    pub fn call<R: Rpc>(&self, request: R) -> Call<R> {
        Call::new(self.clone(), request)
    }

    /// How long a call may take, all its tries together.
    pub(crate) fn timeout(&self) -> Duration {
        self.inner.timeout
    }

    /// How long a call may wait for rate limits, all its waits together.
    pub(crate) fn limited_max(&self) -> Duration {
        self.inner.limited_max
    }

    /// How often a call that may be repeated is repeated.
    pub(crate) fn retries(&self) -> usize {
        self.inner.retries
    }

    /// Opens a connection of its own, for the gateway: what a stream does not read would hold up the calls beside it.
    pub(crate) async fn connect(&self) -> Result<Grpc> {
        let channel = self.inner.transport.connect().await?;
        Ok(Grpc::new(channel, self.inner.authorization.clone()))
    }
}
