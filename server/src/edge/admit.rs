//! Whether a call may begin: there is such a method, the server is not going down, and there is room. What does not may
//! at once be told so; nothing waits in a queue. Streams are not counted here: a permit of this layer ends with the
//! response's head, so sessions hold their own.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use guildhall_proto::Failure;
use guildhall_proto::v1::ErrorReason;
use http::HeaderMap;
use tokio::sync::Semaphore;

use super::answer;
use super::methods::{Method, Methods};
use super::ready::Readiness;

/// When a call that found no room should come again.
const RETRY_OVERLOADED: Duration = Duration::from_millis(500);
/// When a call should come again to a server that is going down: by then another one, or this one again, is there.
const RETRY_DRAINING: Duration = Duration::from_secs(2);
/// The longest that a call without a stream may take, whatever deadline its client gave.
const CALL_MAX: Duration = Duration::from_secs(60);

/// What calls are measured against.
pub(super) struct Admission {
    methods: Methods,
    /// One permit for each call in flight. Full: OVERLOADED at once.
    calls: Semaphore,
    readiness: Readiness,
}

impl Admission {
    pub(super) fn new(methods: Methods, calls_max: usize, readiness: Readiness) -> Self {
        Self { methods, calls: Semaphore::new(calls_max), readiness }
    }

    /// The method of a path.
    pub(super) fn method(&self, path: &str) -> Option<Method> {
        self.methods.get(path)
    }
}

/// Lets a call through, or tells why not.
pub(super) async fn admit(State(admission): State<Arc<Admission>>, request: Request, next: Next) -> Response {
    let Some(method) = admission.method(request.uri().path()) else {
        return answer::method_not_found(request).await;
    };
    if method.health {
        return next.run(request).await;
    }
    if admission.readiness.is_draining() {
        let failure = Failure::new(ErrorReason::Draining, "the server is going down");
        return answer::refuse_unread(request, failure.retry_after(RETRY_DRAINING)).await;
    }
    if method.streams {
        return next.run(request).await;
    }
    let Ok(_permit) = admission.calls.try_acquire() else {
        let failure = Failure::new(ErrorReason::Overloaded, "too many calls at once");
        return answer::refuse_unread(request, failure.retry_after(RETRY_OVERLOADED)).await;
    };
    let within = deadline(request.headers()).map_or(CALL_MAX, |asked| asked.min(CALL_MAX));
    match tokio::time::timeout(within, next.run(request)).await {
        Ok(response) => response,
        Err(_) => answer::refuse(Failure::new(ErrorReason::DeadlineExceeded, "the deadline of the call passed")),
    }
}

/// The time that the client gives the call: at most eight digits and a unit. A malformed one is none.
fn deadline(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(n * 3600)),
        "M" => Some(Duration::from_secs(n * 60)),
        "S" => Some(Duration::from_secs(n)),
        "m" => Some(Duration::from_millis(n)),
        "u" => Some(Duration::from_micros(n)),
        "n" => Some(Duration::from_nanos(n)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_read_as_grpc_writes_it() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().expect("a value"));
            deadline(&headers)
        };
        assert_eq!(read("5S"), Some(Duration::from_secs(5)));
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(read("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for bad in ["", "S", "5", "5s", "-5S", "123456789S", "5.0S"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
