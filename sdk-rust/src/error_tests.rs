//! Tests of errors: what becomes of each kind of failure.

use super::*;

#[test]
fn a_servers_refusal_keeps_everything() {
    let failure = Failure::new(ErrorReason::RateLimited, "slow down")
        .retry_after(Duration::from_secs(3))
        .request_id("r-1")
        .with("bucket", "send");
    let error = Error::from(Status::from(failure));
    assert_eq!(error.kind(), Kind::Api(ErrorReason::RateLimited));
    assert_eq!(error.reason(), Some(ErrorReason::RateLimited));
    assert_eq!(error.code(), Some(Code::ResourceExhausted));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
    assert_eq!(error.request_id(), Some("r-1"));
    assert_eq!(error.metadata()["bucket"], "send");
    assert!(error.is_retryable());
    assert!(!error.outcome_unknown());
}

#[test]
fn a_lost_upstream_is_not_an_answer() {
    let error = Error::from(Status::unavailable("bad gateway"));
    assert_eq!(error.kind(), Kind::Transport);
    assert_eq!(error.reason(), None);
    assert!(error.is_retryable());
    assert!(error.outcome_unknown());
}

#[test]
fn a_stranger_answers_without_a_reason() {
    let error = Error::from(Status::not_found("no such page"));
    assert_eq!(error.kind(), Kind::Api(ErrorReason::Unspecified));
    assert_eq!(error.code(), Some(Code::NotFound));
    assert!(!error.is_retryable());
}

#[test]
fn limits_are_told_like_the_server_tells_them() {
    let violation = Violation::new("content", "string.max_len", "at most 2000 characters");
    let local = Error::from(Violations::from(violation.clone()));
    let failure = Failure::from(Violations::from(violation));
    let remote = Error::from(Status::from(failure));
    assert_eq!(local.kind(), Kind::Validation);
    assert_eq!(remote.kind(), Kind::Api(ErrorReason::ValidationFailed));
    assert_eq!(local.violations(), remote.violations());
    assert_eq!(local.reason(), remote.reason());
    assert_eq!(local.to_string(), remote.to_string());
}
