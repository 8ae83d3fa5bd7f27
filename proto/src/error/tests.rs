//! Tests of failures on their way over the wire.

use std::collections::HashMap;
use std::time::Duration;

use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::pb::ErrorInfo;

use super::reasons::REASON_PREFIX;
use super::wire::pack;
use super::*;

fn full() -> Failure {
    let mut failure = Failure::new(ErrorReason::RateLimited, "slow down ✋")
        .retry_after(Duration::from_millis(1_500))
        .with(PERMISSION_KEY, "SEND_MESSAGES")
        .quota("channel.sends")
        .request_id("req-1");
    failure.violations = vec![Violation::new("frames[0].content", "string.max_len", "must be at most 2000 characters")];
    failure
}

#[test]
fn a_failure_survives_trailers() {
    let status = Status::from(full());
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.message(), "slow down ✋");
    assert_eq!(Failure::from_status(&status), full());
}

#[test]
fn a_failure_survives_a_frame() {
    let status = tonic_types::Status::from(full());
    let encoded = status.encode_to_vec();
    let decoded = tonic_types::Status::decode(encoded.as_slice()).unwrap();
    assert_eq!(Failure::from_rpc_status(&decoded), full());
}

#[test]
fn others_can_read_it() {
    use tonic_types::StatusExt as _;

    let status = Status::from(full());
    let info = status.get_details_error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("RATE_LIMITED", "guildhall.v1"));
    let bad = status.get_details_bad_request().unwrap();
    assert_eq!(bad.field_violations[0].field, "frames[0].content");
    assert_eq!(bad.field_violations[0].description, "must be at most 2000 characters");
    assert_eq!(bad.field_violations[0].reason, "string.max_len");
    let retry = status.get_details_retry_info().unwrap();
    assert_eq!(retry.retry_delay, Some(Duration::from_millis(1_500)));
    let quota = status.get_details_quota_failure().unwrap();
    assert_eq!(quota.violations[0].subject, "channel.sends");
    assert_eq!(status.get_details_request_info().unwrap().request_id, "req-1");
}

#[test]
fn a_foreign_status_has_no_reason() {
    let failure = Failure::from_status(&Status::unavailable("connection refused"));
    assert_eq!((failure.code, failure.reason), (Code::Unavailable, ErrorReason::Unspecified));
    assert!(failure.is_retryable());
    assert!(!Failure::from_status(&Status::internal("?")).is_retryable());

    let broken = Status::with_details(Code::Internal, "?", vec![0xFF, 0xFF].into());
    assert_eq!(Failure::from_status(&broken).reason, ErrorReason::Unspecified);
}

#[test]
fn another_domain_has_no_reason() {
    use tonic_types::{ErrorDetails, StatusExt as _};

    let details = ErrorDetails::with_error_info("RATE_LIMITED", "example.com", HashMap::new());
    let status = Status::with_error_details(Code::Internal, "?", details);
    assert_eq!(Failure::from_status(&status).reason, ErrorReason::Unspecified);
}

#[test]
fn a_reason_of_the_future_keeps_its_code() {
    let mut status = tonic_types::Status::from(Failure::new(ErrorReason::Draining, "bye"));
    status.details[0] =
        pack(&ErrorInfo { reason: "NOT_INVENTED_YET".to_owned(), domain: DOMAIN.to_owned(), metadata: HashMap::new() });
    let failure = Failure::from_rpc_status(&status);
    assert_eq!((failure.code, failure.reason), (Code::Unavailable, ErrorReason::Unspecified));
}

/// The comment of each reason begins with its code: the table must say the same.
#[test]
fn codes_are_those_of_the_protos() {
    let proto = include_str!("../../guildhall/v1/error.proto");
    let mut code = String::new();
    let mut reasons = 0;
    for line in proto.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("// ") {
            let word = comment.split('.').next().unwrap_or_default();
            if word.len() > 3 && word.chars().all(|char| char.is_ascii_uppercase() || char == '_') {
                code = word.to_owned();
            }
        } else if let Some((name, _)) = line.split_once(" = ").filter(|_| line.starts_with(REASON_PREFIX)) {
            let reason = ErrorReason::from_str_name(name).unwrap();
            assert_eq!(reason_from_name(name_of(reason)), reason);
            if reason != ErrorReason::Unspecified {
                assert_eq!(upper_snake(code_of(reason)), code, "{name}");
            }
            reasons += 1;
            code.clear();
        }
    }
    assert!(reasons > 30, "only {reasons} reasons found");
}

fn upper_snake(code: Code) -> String {
    let name = format!("{code:?}");
    let mut out = String::new();
    for char in name.chars() {
        if char.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(char.to_ascii_uppercase());
    }
    out
}
