//! Who calls. Open methods pass; for all others the token becomes a `chat::Caller` in the request's extensions, and a
//! service that finds none there refuses.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::admit::Admission;
use super::answer;
use crate::chat::{self, Chat};
use crate::error;
use crate::limits::Peer;

/// Whom to ask.
#[derive(Clone)]
pub(super) struct Auth {
    chat: Arc<Chat>,
    admission: Arc<Admission>,
}

impl Auth {
    pub(super) fn new(chat: Arc<Chat>, admission: Arc<Admission>) -> Self {
        Self { chat, admission }
    }

    fn is_open(&self, path: &str) -> bool {
        self.admission.method(path).is_some_and(|method| method.open)
    }
}

/// Lets a call through as its caller, or answers UNAUTHENTICATED.
pub(super) async fn authenticate(State(auth): State<Auth>, mut request: Request, next: Next) -> Response {
    if auth.is_open(request.uri().path()) {
        return next.run(request).await;
    }
    // A missing token and a malformed one are one answer, and it is the chat's to give.
    let token = bearer(request.headers()).unwrap_or_default();
    match auth.chat.authenticate(token).await {
        Ok(mut caller) => {
            caller.peer = request.extensions().get::<Peer>().copied();
            request.extensions_mut().insert::<chat::Caller>(caller);
            next.run(request).await
        }
        Err(error) => answer::refuse_unread(request, error::status(error)).await,
    }
}

/// The token of `authorization: Bearer <token>`; the scheme is written in any case.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, text.parse().expect("a value"));
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(read("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(read("bearer  abc ").as_deref(), Some("abc"));
        for bad in ["abc", "Basic abc", "Bearer", ""] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
