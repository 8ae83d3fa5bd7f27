//! A URL for each event: one POST, signed, so that the receiver knows who speaks.

use std::path::Path;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Client, StatusCode, Url, redirect};
use sha2::Sha256;

use super::event::Happening;
use super::work::Attempt;
use crate::fault::{Fault, Result};

/// A receiver that takes longer is asked again.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where to post, and the secret to sign with.
#[derive(Debug)]
pub(super) struct Forward {
    client: Client,
    url: Url,
    secret: Option<Vec<u8>>,
}

impl Forward {
    pub(super) fn new(url: Url, secret_file: Option<&Path>) -> Result<Self> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Fault::usage(format!("{url}: not http:// or https://")));
        }
        let secret = secret_file.map(read_secret).transpose()?;
        // A redirection would turn the POST into a GET, or take the event to somebody else.
        let client = Client::builder().timeout(TIMEOUT).redirect(redirect::Policy::none()).build();
        let client = client.map_err(|error| Fault::local(error.to_string()))?;
        Ok(Self { client, url, secret })
    }

    /// Posts once.
    pub(super) async fn post(&self, happening: &Happening) -> Attempt {
        let body = match happening.json() {
            Ok(body) => body,
            Err(fault) => return Attempt::Refused(fault.to_string()),
        };
        let mut request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("x-guildhall-event", happening.name);
        if let Some(cursor) = &happening.cursor {
            request = request.header("x-guildhall-delivery", cursor.to_string());
        }
        if let Some(secret) = &self.secret {
            request = request.header("x-guildhall-signature", signature(secret, body.as_bytes()));
        }
        match request.body(body).send().await {
            Ok(response) => judge(response.status()),
            Err(error) => Attempt::Failed(plain(error)),
        }
    }
}

fn judge(status: StatusCode) -> Attempt {
    let text = format!("the receiver answered {status}");
    match status {
        _ if status.is_success() => Attempt::Done,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Attempt::Failed(text),
        _ if status.is_server_error() => Attempt::Failed(text),
        _ => Attempt::Refused(text),
    }
}

/// An error with its cause, without the URL: that may hold a secret.
fn plain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(below) = source {
        text = format!("{text}: {below}");
        source = below.source();
    }
    text
}

/// The secret without the line break that editors put behind it.
fn read_secret(path: &Path) -> Result<Vec<u8>> {
    let mut secret = std::fs::read(path).map_err(|error| Fault::file(path, &error))?;
    while secret.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        secret.pop();
    }
    if secret.is_empty() {
        return Err(Fault::usage(format!("{}: an empty secret", path.display())));
    }
    Ok(secret)
}

fn signature(secret: &[u8], body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap_or_else(|_| unreachable!("keys of any length fit"));
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_rfc_4231() {
        assert_eq!(
            signature(b"Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let failed = |code| matches!(judge(StatusCode::from_u16(code).unwrap()), Attempt::Failed(_));
        for code in [408, 429, 500, 502, 503] {
            assert!(failed(code), "{code}");
        }
        for code in [301, 400, 401, 404, 410] {
            assert!(matches!(judge(StatusCode::from_u16(code).unwrap()), Attempt::Refused(_)), "{code}");
        }
        assert_eq!(judge(StatusCode::NO_CONTENT), Attempt::Done);
    }

    #[test]
    fn a_secret_has_no_line_break() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, "abc \r\n\n").unwrap();
        assert_eq!(read_secret(&path).unwrap(), b"abc ");
        std::fs::write(&path, "\n").unwrap();
        assert!(read_secret(&path).is_err());
    }
}
