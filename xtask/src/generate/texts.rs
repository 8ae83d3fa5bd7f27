//! How a single check is described, and the words that all rules share. The texts are those of protovalidate, so that
//! every language tells a user the same.

use std::fmt::Display;

/// One thing that a value must fulfil.
#[derive(Debug)]
pub(crate) struct Check {
    /// The official id, such as `string.max_len`.
    pub(crate) id: String,
    /// The limit, as shown in the snapshot.
    pub(crate) limit: String,
    /// What is told when it is not fulfilled.
    pub(crate) message: String,
    /// How it is tested.
    pub(crate) test: Test,
}

/// A test of a value that stands behind the reference `v`.
#[derive(Debug)]
pub(crate) enum Test {
    /// A Rust expression that is true when the value is bad.
    Fails(String),
    /// A regular expression, in Rust's dialect, that a good value matches.
    Matches(String),
}

impl Check {
    /// A check by a Rust expression that is true when the value is bad.
    pub(crate) fn new(id: impl Into<String>, limit: impl Display, message: impl Into<String>, fails: String) -> Self {
        Self { id: id.into(), limit: limit.to_string(), message: message.into(), test: Test::Fails(fails) }
    }
}

/// A list as the messages show it.
pub(crate) fn listed<T: Display>(items: &[T]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    format!("[{}]", items.join(", "))
}

/// Checks `const`, `in` and `not_in`, which every scalar has. `literals` are the limits as Rust expressions; `subject`
/// is a reference of the same type as they have.
pub(crate) fn membership<T: Display>(
    kind: &str,
    rule: &str,
    values: &[T],
    literals: &[String],
    subject: &str,
) -> Check {
    let array = format!("[{}]", literals.join(", "));
    let (wanted, not) = if rule == "in" { ("must be in list", "!") } else { ("must not be in list", "") };
    Check::new(
        format!("{kind}.{rule}"),
        listed(values),
        format!("{wanted} {}", listed(values)),
        format!("{not}{array}.contains({subject})"),
    )
}
