//! How a client is made.

use std::sync::Arc;
use std::time::Duration;

use crate::client::transport::{Authorization, Transport};
use crate::client::{Client, Inner};
use crate::error::Result;
use crate::token::Token;

/// How long a call may take unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How often a call that may be repeated is repeated unless told otherwise.
const RETRIES: usize = 4;

/// Makes a [`Client`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct ClientBuilder {
    url: String,
    token: Option<Token>,
    ca_certificate: Option<Vec<u8>>,
    user_agent: Option<String>,
    timeout: Duration,
    retries: usize,
    limited_max: Duration,
}

impl ClientBuilder {
    pub(super) fn new(url: String) -> Self {
        Self {
            url,
            token: None,
            ca_certificate: None,
            user_agent: None,
            timeout: TIMEOUT,
            retries: RETRIES,
            limited_max: Duration::ZERO,
        }
    }

    /// The token to show. Without one only registering and logging in work.
    pub fn token(mut self, token: impl Into<Token>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// A certificate authority to trust instead of the public ones, in PEM. Only for `https`.
    pub fn ca_certificate(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.ca_certificate = Some(pem.as_ref().to_vec());
        self
    }

    /// What the program calls itself, such as `my-bot/1.2`.
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = Some(name.into());
        self
    }

    /// How long a call may take, all its tries together; 30 seconds unless set. It does not count the time that
    /// [`wait_when_limited`](Self::wait_when_limited) waits, and does not concern the gateway.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often a call that may safely be repeated is repeated when the server cannot be reached; 4 unless set.
    pub fn retries(mut self, retries: usize) -> Self {
        self.retries = retries;
        self
    }

    /// Has calls that meet a rate limit wait as long as the server says and try again, as long as that is no more than `max`
    /// for all waits of a call together. Unless set they fail at once, with
    /// [`RateLimited`](crate::ErrorReason::RateLimited) and [`retry_after`](crate::Error::retry_after).
    ///
    /// Sends through a [gateway](crate::Gateway) always wait: what is sent there is kept until it is settled.
    pub fn wait_when_limited(mut self, max: Duration) -> Self {
        self.limited_max = max;
        self
    }

    /// Makes the client. It connects with the first call.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::Kind::Config) if the address, the certificate or the token is malformed.
    pub fn build(self) -> Result<Client> {
        let transport = Transport::new(self.url, self.ca_certificate.as_deref(), self.user_agent.as_deref())?;
        let authorization = match &self.token {
            Some(token) => Authorization::bearer(token)?,
            None => Authorization::default(),
        };
        let inner = Inner {
            transport: Arc::new(transport),
            token: self.token,
            authorization,
            timeout: self.timeout,
            retries: self.retries,
            limited_max: self.limited_max,
        };
        let inner = Arc::new(inner);
        Ok(Client { inner })
    }
}
