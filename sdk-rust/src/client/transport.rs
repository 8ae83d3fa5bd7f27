//! Connections: addresses, TLS, keepalive, and the token on every call. The only file that knows how bytes travel.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};

use crate::error::{Error, Result, with_causes};
use crate::token::Token;

/// A connection that shows the token: what generated stubs are made over.
pub type Grpc = InterceptedService<Channel, Authorization>;

/// The largest answer that is read. A page of 1,000 changes holds up to 8 MB of text.
pub(crate) const DECODE_BYTES_MAX: usize = 32 << 20;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// h2 ends a connection on which many small frames lie unread, and allows for the more of them the larger this window is.
/// A program that takes its events slowly must not lose its connection by it.
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;
/// A peer that vanished without a word is found after the two together.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the server is and how to get there.
#[derive(Debug)]
pub(super) struct Transport {
    url: String,
    endpoint: Endpoint,
    /// Made with the first call: it needs a runtime, and making a client does not.
    unary: OnceLock<Channel>,
}

impl Transport {
    pub(super) fn new(url: String, ca_certificate: Option<&[u8]>, user_agent: Option<&str>) -> Result<Self> {
        let bad = |error: tonic::transport::Error| Error::config(format!("{url}: {}", full(&error)));
        let ours = concat!("guildhall-rust/", env!("CARGO_PKG_VERSION"));
        let agent = user_agent.map_or_else(|| ours.to_owned(), |name| format!("{name} {ours}"));
        let mut endpoint = Endpoint::from_shared(url.clone())
            .and_then(|endpoint| endpoint.user_agent(agent))
            .map_err(bad)?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true);
        match endpoint.uri().scheme_str() {
            Some("http") if ca_certificate.is_none() => {}
            Some("http") => return Err(Error::config("a certificate authority without https")),
            Some("https") => endpoint = endpoint.tls_config(tls(ca_certificate)).map_err(bad)?,
            _ => {
                let text = format!("{url}: an address begins with http:// or https://");
                return Err(Error::config(text));
            }
        }
        Ok(Self { url, endpoint, unary: OnceLock::new() })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn unary(&self) -> Channel {
        self.unary.get_or_init(|| self.endpoint.connect_lazy()).clone()
    }

    pub(super) async fn connect(&self) -> Result<Channel> {
        let connected = self.endpoint.connect().await;
        connected.map_err(|error| Error::transport(Code::Unavailable, full(&error)))
    }
}

fn tls(ca_certificate: Option<&[u8]>) -> ClientTlsConfig {
    match ca_certificate {
        Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
        None => ClientTlsConfig::new().with_webpki_roots(),
    }
}

fn full(error: &tonic::transport::Error) -> String {
    with_causes(error, &error.to_string())
}

/// Shows the token with every call.
#[derive(Clone, Default)]
pub struct Authorization(Option<MetadataValue<Ascii>>);

impl Authorization {
    pub(super) fn bearer(token: &Token) -> Result<Self> {
        let mut value: MetadataValue<Ascii> = format!("Bearer {}", token.expose())
            .parse()
            .map_err(|_| Error::config("the token holds characters that cannot be sent"))?;
        value.set_sensitive(true);
        Ok(Self(Some(value)))
    }
}

impl Interceptor for Authorization {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            let value = value.clone();
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0.as_ref().map_or("none", |_| "<redacted>");
        write!(f, "Authorization({value})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn an_address_is_checked_before_it_is_called() {
        for url in ["", "localhost:7420", "ftp://host", "http://", "not an address"] {
            let error = Transport::new(url.to_owned(), None, None).unwrap_err();
            assert_eq!(error.kind(), Kind::Config, "{url}");
        }
        Transport::new("http://[::1]:7420".to_owned(), None, None).unwrap();
        Transport::new("https://chat.example.com".to_owned(), None, None).unwrap();
    }

    #[test]
    fn a_token_that_cannot_be_sent_is_refused() {
        let error = Authorization::bearer(&Token::new("a\nb")).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        let shown = format!("{:?}", Authorization::bearer(&Token::new("secret")).unwrap());
        assert!(!shown.contains("secret"), "{shown}");
    }
}
