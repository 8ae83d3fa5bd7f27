//! Outcomes in words, so that they can be written into the table: code, reason, and each field with its rule.

use std::time::Duration;

use guildhall_proto::error::{PERMISSION_KEY, name_of};
use guildhall_proto::v1::{Goodbye, Resync};
use guildhall_proto::{Failure, Violation};
use tonic::{Code, Response, Status};

/// What came of a call: `done` tells of an answer what matters.
pub(super) fn of_call<T>(answer: Result<Response<T>, Status>, done: impl FnOnce(T) -> String) -> String {
    match answer {
        Ok(response) => done(response.into_inner()),
        Err(status) => of_status(&status),
    }
}

/// A refused call. It has to carry the id by which the server's log is searched.
pub(super) fn of_status(status: &Status) -> String {
    let failure = Failure::from_status(status);
    let nameless = if failure.request_id.is_none() { ", without a request id" } else { "" };
    format!("{}{nameless}", of_failure(&failure))
}

/// A refusal: `NOT_FOUND CHANNEL_NOT_FOUND`, or `INVALID_ARGUMENT VALIDATION_FAILED content/string.max_len`.
pub(super) fn of_failure(failure: &Failure) -> String {
    let mut words = vec![upper_snake(failure.code), name_of(failure.reason).to_owned()];
    words.extend(failure.violations.iter().map(|Violation { field, rule, .. }| format!("{field}/{rule}")));
    words.extend(failure.metadata.get(PERMISSION_KEY).cloned());
    words.extend(failure.quota.clone());
    words.extend(failure.retry_after.map(|_| "(retry)".to_owned()));
    words.join(" ")
}

/// The end of a session: why, and what its client does next.
pub(super) fn of_goodbye(goodbye: &Goodbye) -> String {
    let reason = goodbye.reason().as_str_name().replace("GOODBYE_REASON_", "");
    let next = goodbye.next().as_str_name().replace("NEXT_ACTION_", "");
    format!("Goodbye {reason}, {next}")
}

/// A stream that cannot go on.
pub(super) fn of_resync(resync: &Resync) -> String {
    let told = if resync.cursor.is_some() { "" } else { ", nowhere" };
    format!("Resync {}{told}", resync.reason().as_str_name().replace("RESYNC_REASON_", ""))
}

/// How long something took that the server takes its time for: never less, and on a busy machine a little more.
pub(super) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match [0, 5, 10, 30].into_iter().find(|from| (*from..=from + 3).contains(&seconds)) {
        Some(from) => format!("in {from} to {} s", from + 3),
        None => format!("after {seconds} s"),
    }
}

fn upper_snake(code: Code) -> String {
    let name = format!("{code:?}");
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.push(letter.to_ascii_uppercase());
    }
    words
}
