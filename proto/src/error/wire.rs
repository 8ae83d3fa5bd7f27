//! Failures on the wire: `google.rpc.Status` and its details.

use std::time::Duration;

use prost::Message;
use prost_types::Any;
use tonic::{Code, Status};
use tonic_types::pb::{BadRequest, ErrorInfo, QuotaFailure, RequestInfo, RetryInfo, bad_request, quota_failure};

use super::{Failure, name_of, reason_from_name};
use crate::v1::ErrorReason;
use crate::validate::Violation;

/// The domain of every `ErrorInfo` of ours.
pub const DOMAIN: &str = "guildhall.v1";

impl Failure {
    /// Reads what a call failed with. A status without details of ours becomes a failure without reason.
    #[must_use]
    pub fn from_status(status: &Status) -> Self {
        let details = tonic_types::Status::decode(status.details()).unwrap_or_default();
        let mut failure = Self::without_reason(status.code(), status.message());
        failure.read_details(&details.details);
        failure
    }

    /// Reads what a gateway command failed with.
    #[must_use]
    pub fn from_rpc_status(status: &tonic_types::Status) -> Self {
        let mut failure = Self::without_reason(Code::from(status.code), &status.message);
        failure.read_details(&status.details);
        failure
    }

    fn without_reason(code: Code, message: &str) -> Self {
        let reason = ErrorReason::Unspecified;
        Self { code, ..Self::new(reason, message) }
    }

    fn read_details(&mut self, details: &[Any]) {
        if let Some(info) = find::<ErrorInfo>(details).filter(|info| info.domain == DOMAIN) {
            self.reason = reason_from_name(&info.reason);
            self.metadata = info.metadata;
        }
        if let Some(bad) = find::<BadRequest>(details) {
            self.violations = bad.field_violations.into_iter().map(from_wire).collect();
        }
        if let Some(delay) = find::<RetryInfo>(details).and_then(|info| info.retry_delay) {
            self.retry_after = Duration::try_from(delay).ok();
        }
        if let Some(quota) = find::<QuotaFailure>(details) {
            self.quota = quota.violations.into_iter().next().map(|first| first.subject);
        }
        if let Some(info) = find::<RequestInfo>(details) {
            self.request_id = Some(info.request_id);
        }
    }

    fn details(&self) -> Vec<Any> {
        let mut details = vec![pack(&ErrorInfo {
            reason: name_of(self.reason).to_owned(),
            domain: DOMAIN.to_owned(),
            metadata: self.metadata.clone(),
        })];
        if !self.violations.is_empty() {
            let field_violations = self.violations.iter().cloned().map(to_wire).collect();
            details.push(pack(&BadRequest { field_violations }));
        }
        if let Some(delay) = self.retry_after {
            let retry_delay = prost_types::Duration::try_from(delay).ok();
            details.push(pack(&RetryInfo { retry_delay }));
        }
        if let Some(subject) = &self.quota {
            let violation = quota_failure::Violation {
                subject: subject.clone(),
                description: self.message.clone(),
                ..Default::default()
            };
            let violations = vec![violation];
            details.push(pack(&QuotaFailure { violations }));
        }
        if let Some(id) = &self.request_id {
            details.push(pack(&RequestInfo { request_id: id.clone(), ..Default::default() }));
        }
        details
    }
}

impl From<Failure> for tonic_types::Status {
    fn from(failure: Failure) -> Self {
        Self { code: failure.code.into(), details: failure.details(), message: failure.message }
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let code = failure.code;
        let status = tonic_types::Status::from(failure);
        let encoded = status.encode_to_vec().into();
        Self::with_details(code, status.message, encoded)
    }
}

impl From<&Status> for Failure {
    fn from(status: &Status) -> Self {
        Self::from_status(status)
    }
}

/// The messages of `google.rpc` have no type URL of their own in Rust.
pub(super) trait Detail: Message + Default {
    const TYPE_URL: &'static str;
}

macro_rules! details {
    ($($name:ident),*) => {
        $(impl Detail for $name {
            const TYPE_URL: &'static str = concat!("type.googleapis.com/google.rpc.", stringify!($name));
        })*
    };
}

details!(ErrorInfo, BadRequest, RetryInfo, QuotaFailure, RequestInfo);

pub(super) fn pack<T: Detail>(detail: &T) -> Any {
    Any { type_url: T::TYPE_URL.to_owned(), value: detail.encode_to_vec() }
}

fn find<T: Detail>(details: &[Any]) -> Option<T> {
    let found = details.iter().find(|any| any.type_url == T::TYPE_URL)?;
    T::decode(found.value.as_slice()).ok()
}

/// The rule's id travels as the violation's reason.
fn to_wire(violation: Violation) -> bad_request::FieldViolation {
    bad_request::FieldViolation {
        field: violation.field,
        description: violation.message,
        reason: violation.rule,
        localized_message: None,
    }
}

fn from_wire(violation: bad_request::FieldViolation) -> Violation {
    Violation::new(violation.field, violation.reason, violation.description)
}
