//! The id of a call, and its line in the log: method, outcome, time. Never a token, never content.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;
use tonic::Code;
use tracing::Instrument;
use uuid::Uuid;

use super::admit::Admission;
use super::answer;
use crate::metrics::METRICS;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken from a client.
const ID_BYTES_MAX: usize = 64;

/// The id of a call, in the request's extensions: the client's own, if it is a sane one, or a random one.
#[derive(Clone, Debug)]
pub struct RequestId(pub Arc<str>);

/// Names the call, runs it in a span of that name, writes what became of it, and sends the name back.
pub(super) async fn trace(State(admission): State<Arc<Admission>>, mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let method = request.uri().path().to_owned();
    let span = tracing::info_span!("call", id = &*id.0, method);
    // What is not there is one method, whatever it was called: names that strangers make up are without end.
    let path = admission.method(&method).map_or("unknown", |_| method.as_str());
    let meter = METRICS.rpcs.meter(path);
    let begun = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    if answer::code(response.headers()) != Code::Ok {
        answer::complete(response.headers_mut(), &id.0);
    }
    let (code, took) = (answer::code(response.headers()), begun.elapsed());
    meter.tell(code as usize, took.as_secs_f64());
    span.in_scope(|| log(code, took.as_millis()));
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

/// Faults of the server are warnings; mistakes of callers are worth a line only to those who look for them.
fn log(code: Code, ms: u128) {
    match code {
        Code::Internal | Code::Unknown | Code::DataLoss | Code::Unavailable => {
            tracing::warn!(?code, ms, "call failed");
        }
        _ => tracing::debug!(?code, ms, "call answered"),
    }
}

impl RequestId {
    fn of(headers: &HeaderMap) -> Self {
        let sane = |id: &&str| {
            (1..=ID_BYTES_MAX).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
        Self(match given.filter(sane) {
            Some(id) => id.into(),
            None => Uuid::new_v4().simple().to_string().into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sane_id_is_taken() {
        let id = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_str(text).expect("a value"));
            RequestId::of(&headers).0
        };
        assert_eq!(&*id("abc-1.2_3"), "abc-1.2_3");
        for bad in ["", "a b", "x\"y", &"a".repeat(65)] {
            assert_eq!(id(bad).len(), 32, "{bad}");
        }
    }
}
