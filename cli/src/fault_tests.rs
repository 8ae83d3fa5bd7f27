//! Tests of failures: exit codes and JSON are promises.

use super::*;

#[test]
fn each_class_of_failure_has_its_exit_code() {
    use ErrorReason as R;
    let table = [
        (R::ValidationFailed, 2),
        (R::MethodNotFound, 2),
        (R::ChannelNotFound, 3),
        (R::TokenExpired, 4),
        (R::CredentialsInvalid, 4),
        (R::MissingPermission, 5),
        (R::RegistrationClosed, 5),
        (R::RateLimited, 6),
        (R::Overloaded, 6),
        (R::LimitReached, 1),
        (R::Draining, 7),
        (R::StorageFull, 7),
        (R::DeadlineExceeded, 7),
        (R::UsernameTaken, 8),
        (R::NonceConflict, 8),
        (R::OwnerCannotLeave, 8),
        (R::Conflict, 8),
        (R::Internal, 1),
    ];
    for (reason, exit) in table {
        let fault = Fault::from_failure(Failure::new(reason, "x"));
        assert_eq!(fault.exit() as u8, exit, "{reason:?}");
    }
}

#[test]
fn the_json_has_every_key_always() {
    let keys = ["code", "message", "reason", "request_id", "retry_after_ms", "violations"];
    for fault in [Fault::local("x"), Fault::from_failure(Failure::new(ErrorReason::RateLimited, "y"))] {
        let json = fault.json();
        let mut found: Vec<_> = json["error"].as_object().unwrap().keys().cloned().collect();
        found.sort();
        assert_eq!(found, keys);
    }
    let failure = Failure::new(ErrorReason::RateLimited, "slow").retry_after(Duration::from_millis(1500));
    let json = Fault::from_failure(failure.request_id("r1")).json();
    assert_eq!(json["error"]["code"], "RESOURCE_EXHAUSTED");
    assert_eq!(json["error"]["reason"], "RATE_LIMITED");
    assert_eq!(json["error"]["retry_after_ms"], 1500);
    assert_eq!(json["error"]["request_id"], "r1");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let fault = Fault::from(io::Error::from(io::ErrorKind::BrokenPipe));
    assert!(fault.is_silent());
    assert_eq!(fault.exit() as u8, 0);
}
