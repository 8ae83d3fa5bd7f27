//! Answers that the edge gives itself: gRPC failures without a body, and what every failure has to have.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use guildhall_proto::Failure;
use guildhall_proto::v1::ErrorReason;
use http::HeaderMap;
use http_body_util::BodyExt as _;
use prost::Message;
use prost_types::Any;
use tonic::{Code, Status};
use tonic_types::pb::RequestInfo;

/// How much of a refused request is read, and for how long.
const UNREAD_BYTES_MAX: usize = 64 * 1024;
const UNREAD_WAIT: Duration = Duration::from_millis(200);
/// The type of the detail that carries the request's id.
const REQUEST_INFO: &str = "type.googleapis.com/google.rpc.RequestInfo";

/// A failed call, in the form that has no body (trailers only).
pub(super) fn refuse(failure: impl Into<Status>) -> Response {
    let status: Status = failure.into();
    status.into_http::<Body>()
}

/// A call that failed before anything read its body. What is left of a small request is read first: to answer before a
/// request has ended resets its stream, and some clients then lose the answer.
pub(super) async fn refuse_unread(request: Request, failure: impl Into<Status>) -> Response {
    let mut body = request.into_body();
    let _ = tokio::time::timeout(UNREAD_WAIT, async {
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, |data| data.len());
            if read > UNREAD_BYTES_MAX {
                break;
            }
        }
    })
    .await;
    refuse(failure)
}

/// There is no such method.
pub(super) async fn method_not_found(request: Request) -> Response {
    // The path is the caller's own; it tells nobody anything new.
    let path = request.uri().path();
    let shown = path.get(..path.len().min(200)).unwrap_or("/");
    let message = format!("no such method: {shown}");
    refuse_unread(request, Failure::new(ErrorReason::MethodNotFound, message)).await
}

/// How a call stands at its response's head. A call that goes on, or ends well, is `Ok`.
pub(super) fn code(headers: &HeaderMap) -> Code {
    match headers.get(Status::GRPC_STATUS) {
        Some(value) => Code::from_bytes(value.as_bytes()),
        None => Code::Ok,
    }
}

/// Sees to it that a failure has what the contract promises: a reason, and the request's id, by which the log is searched.
pub(super) fn complete(headers: &mut HeaderMap, request_id: &str) {
    let Some(mut status) = Status::from_header_map(headers) else {
        return;
    };
    if status.details().is_empty() {
        status = with_reason(status);
    }
    let mut details = tonic_types::Status::decode(status.details()).unwrap_or_default();
    let named = details.details.iter().any(|any| any.type_url == REQUEST_INFO);
    if !named {
        let info = RequestInfo { request_id: request_id.to_owned(), ..Default::default() };
        details.details.push(Any { type_url: REQUEST_INFO.to_owned(), value: info.encode_to_vec() });
    }
    let encoded = details.encode_to_vec().into();
    let status = Status::with_details(status.code(), status.message(), encoded);
    // It fails for a message that is no header value, and this one came out of a header.
    let _ = status.add_header(headers);
}

/// Failures of ours have details. One without comes from tonic, which found that the request is not what the method takes:
/// it cannot be read, is too large, or is compressed in an unknown way.
fn with_reason(status: Status) -> Status {
    let reason = match status.code() {
        Code::Internal | Code::OutOfRange => ErrorReason::ValidationFailed,
        Code::Unimplemented => ErrorReason::MethodNotFound,
        Code::Cancelled => ErrorReason::Cancelled,
        Code::DeadlineExceeded => ErrorReason::DeadlineExceeded,
        // The health service has answers of its own; they are not Guildhall's, and have no reason of it.
        _ => {
            let code = status.code();
            let plain =
                tonic_types::Status { code: code.into(), message: status.message().to_owned(), details: Vec::new() };
            return Status::with_details(code, status.message(), plain.encode_to_vec().into());
        }
    };
    Failure::new(reason, status.message()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_gets_the_id_once() {
        let failure = Failure::new(ErrorReason::Overloaded, "full");
        let mut headers = refuse(failure).into_parts().0.headers;
        complete(&mut headers, "r-1");
        complete(&mut headers, "r-2");
        let status = Status::from_header_map(&headers).expect("a status");
        let failure = Failure::from_status(&status);
        assert_eq!(failure.reason, ErrorReason::Overloaded);
        assert_eq!(failure.request_id.as_deref(), Some("r-1"));
        assert_eq!(code(&headers), Code::ResourceExhausted);
    }

    #[test]
    fn a_status_without_a_reason_gets_one() {
        for (status, code, reason) in [
            (Status::internal("x"), Code::InvalidArgument, ErrorReason::ValidationFailed),
            (Status::out_of_range("x"), Code::InvalidArgument, ErrorReason::ValidationFailed),
            (Status::unimplemented("x"), Code::Unimplemented, ErrorReason::MethodNotFound),
            (Status::not_found("x"), Code::NotFound, ErrorReason::Unspecified),
        ] {
            let mut headers = refuse(status).into_parts().0.headers;
            complete(&mut headers, "r-1");
            let status = Status::from_header_map(&headers).expect("a status");
            let failure = Failure::from_status(&status);
            assert_eq!((failure.code, failure.reason), (code, reason));
            assert_eq!(status.message(), "x");
            assert_eq!(failure.request_id.as_deref(), Some("r-1"));
        }
    }
}
