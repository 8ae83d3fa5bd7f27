//! CORS for gRPC-web: which pages may call, and what they may read of the answer.

use std::str::FromStr;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Uri};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser may remember the answer to a preflight: two hours, the most that Chromium keeps.
const PREFLIGHT_AGE: Duration = Duration::from_secs(7200);

/// An exact web origin, such as `https://chat.example.org`: scheme, host and port, no path and no pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// Why a text is not an origin.
#[derive(Debug, PartialEq, Eq)]
pub struct OriginError(String);

impl std::fmt::Display for OriginError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = &self.0;
        write!(
            f,
            "`{text}` is not an exact origin; write scheme://host or scheme://host:port, such as https://chat.example.org"
        )
    }
}

impl std::error::Error for OriginError {}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || OriginError(text.to_owned());
        // A browser sends exactly this form, so anything else would silently never match.
        let (_, rest) = text.split_once("://").ok_or_else(error)?;
        let uri: Uri = text.parse().map_err(|_| error())?;
        let plain = !rest.contains(['/', '?', '#', '@', '*']) && text == text.to_ascii_lowercase();
        match (plain, uri.scheme_str(), uri.host()) {
            (true, Some("http" | "https"), Some(_)) => HeaderValue::from_str(text).map(Self).map_err(|_| error()),
            _ => Err(error()),
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Made from a str, so it is one.
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// The CORS layer for gRPC-web calls from pages of exactly these origins; with none, only pages of the same origin
/// can call. Credentials are not allowed: the token travels in `authorization`, never in a cookie.
pub fn cors(origins: &[Origin]) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.iter().map(|origin| origin.0.clone())))
        .allow_methods([Method::POST])
        .allow_headers([
            CONTENT_TYPE,
            AUTHORIZATION,
            HeaderName::from_static("x-grpc-web"),
            HeaderName::from_static("x-user-agent"),
            HeaderName::from_static("grpc-timeout"),
            HeaderName::from_static("x-request-id"),
        ])
        .expose_headers([
            HeaderName::from_static("grpc-status"),
            HeaderName::from_static("grpc-message"),
            HeaderName::from_static("grpc-status-details-bin"),
            HeaderName::from_static("x-request-id"),
        ])
        .max_age(PREFLIGHT_AGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_exact() {
        for good in ["http://localhost:5173", "https://chat.example.org", "http://[::1]:80"] {
            assert_eq!(good.parse::<Origin>().map(|o| o.to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "*",
            "",
            "null",
            "chat.example.org",
            "https://*.example.org",
            "https://example.org/",
            "https://Example.org",
            "ftp://example.org",
            "https://user@example.org",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }
}
