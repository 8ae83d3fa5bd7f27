//! A panic in a handler becomes INTERNAL for its caller.

use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;
use guildhall_proto::Failure;
use guildhall_proto::v1::ErrorReason;

use super::answer;

/// Answers INTERNAL if what is inside panics. What the panic said may quote content, so it goes nowhere; the panic hook
/// of the process logs where it happened.
pub(super) async fn catch_panic(request: Request, next: Next) -> Response {
    // Safe to unwind: all that is shared with other calls sits behind locks that do not poison and hold whole values.
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => answer::refuse(Failure::new(
            ErrorReason::Internal,
            "the server made a mistake; the request id finds it in its log",
        )),
    }
}
