//! Limits: what breaks them and where. The checks themselves are generated from the protos; this is what they stand on.
//!
//! Ids and texts are those of protovalidate, so that a client in any language tells its user the same.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;

use regex::Regex;

/// More violations than these are not told: a response's headers hold only so much.
pub const VIOLATIONS_MAX: usize = 20;

/// A message with limits.
pub trait Validate {
    /// Tells `walk` of everything that breaks a limit. Generated.
    fn check(&self, walk: &mut Walk);

    /// Fails with every limit that is broken, up to [`VIOLATIONS_MAX`].
    ///
    /// # Errors
    ///
    /// [`Violations`], of which there is at least one.
    fn validate(&self) -> Result<(), Violations> {
        let mut walk = Walk::default();
        self.check(&mut walk);
        if walk.found.is_empty() {
            return Ok(());
        }
        Err(Violations(walk.found))
    }
}

/// One broken limit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Violation {
    /// Path of the field in the message, such as `frames[0].send_message.content`.
    pub field: String,
    /// Id of the rule, such as `string.max_len`.
    pub rule: String,
    /// What is expected, for people.
    pub message: String,
}

impl Violation {
    /// A violation that no generated check knows, such as one that only the server can find.
    pub fn new(field: impl Into<String>, rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), rule: rule.into(), message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// The broken limits of a message, in the order of its fields; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// One by one.
    pub fn iter(&self) -> std::slice::Iter<'_, Violation> {
        self.0.iter()
    }

    /// All of them.
    #[must_use]
    pub fn into_vec(self) -> Vec<Violation> {
        self.0
    }
}

impl From<Violation> for Violations {
    fn from(violation: Violation) -> Self {
        Self(vec![violation])
    }
}

impl IntoIterator for Violations {
    type Item = Violation;
    type IntoIter = std::vec::IntoIter<Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Violations {
    type Item = &'a Violation;
    type IntoIter = std::slice::Iter<'a, Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{violation}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

/// A walk through a message: where it is and what it found. A message without fault costs no text.
#[derive(Debug, Default)]
pub struct Walk {
    path: Vec<Step>,
    found: Vec<Violation>,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    field: &'static str,
    index: Option<usize>,
}

impl Walk {
    /// A field of the current message breaks a rule.
    pub fn fail(&mut self, field: &'static str, rule: &str, message: &str) {
        self.path.push(Step { field, index: None });
        self.fail_here(rule, message);
        self.path.pop();
    }

    /// The current place itself breaks a rule.
    pub fn fail_here(&mut self, rule: &str, message: &str) {
        if !self.is_full() {
            self.found.push(Violation::new(self.place(), rule, message));
        }
    }

    /// Whether more will not be told.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.found.len() >= VIOLATIONS_MAX
    }

    /// Checks the message within a field.
    pub fn within(&mut self, field: &'static str, message: &impl Validate) {
        self.path.push(Step { field, index: None });
        message.check(self);
        self.path.pop();
    }

    /// Steps into an item of a list.
    pub fn enter_item(&mut self, field: &'static str, index: usize) {
        let index = Some(index);
        self.path.push(Step { field, index });
    }

    /// Steps out of the item again.
    pub fn leave(&mut self) {
        self.path.pop();
    }

    fn place(&self) -> String {
        let steps = self.path.iter().map(|step| match step.index {
            Some(index) => format!("{}[{index}]", step.field),
            None => step.field.to_owned(),
        });
        steps.collect::<Vec<_>>().join(".")
    }
}

/// Whether no item of a list is there twice.
pub(crate) fn all_unique<T: Eq + Hash>(items: &[T]) -> bool {
    let mut seen = HashSet::with_capacity(items.len());
    items.iter().all(|item| seen.insert(item))
}

/// A pattern of the protos. The generator compiled each once, so none can fail here.
pub(crate) fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|error| unreachable!("{error}"))
}

#[cfg(test)]
mod tests;
