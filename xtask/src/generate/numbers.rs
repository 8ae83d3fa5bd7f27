//! Rules for whole numbers, enums and bools.

use anyhow::{Result, bail};
use prost_reflect::DynamicMessage;

use super::options::{entries, flag, integer, list};
use super::texts::{Check, membership};

/// Checks of a whole number; `kind` is the name of its type in the protos.
pub(crate) fn integer_checks(kind: &str, rules: &DynamicMessage) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    let mut range = Range::default();
    for (rule, value) in entries(rules)? {
        match rule.as_str() {
            "const" => checks.push(equals(kind, integer(&value)?)),
            "gt" => range.lower = Some((Bound::Open, integer(&value)?)),
            "gte" => range.lower = Some((Bound::Closed, integer(&value)?)),
            "lt" => range.upper = Some((Bound::Open, integer(&value)?)),
            "lte" => range.upper = Some((Bound::Closed, integer(&value)?)),
            "in" | "not_in" => checks.push(one_of(kind, &rule, &list(&value, integer)?)),
            "example" => {}
            other => bail!("rule {kind}.{other} is not supported"),
        }
    }
    checks.extend(range.check(kind));
    Ok(checks)
}

/// Checks of an enum; `path` is its Rust type.
pub(crate) fn enum_checks(path: &str, rules: &DynamicMessage) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for (rule, value) in entries(rules)? {
        match rule.as_str() {
            "const" => checks.push(equals("enum", integer(&value)?)),
            "defined_only" if flag(&value)? => checks.push(Check::new(
                "enum.defined_only",
                true,
                "value must be one of the defined enum values",
                format!("{path}::try_from(*v).is_err()"),
            )),
            "in" | "not_in" => checks.push(one_of("enum", &rule, &list(&value, integer)?)),
            "defined_only" | "example" => {}
            other => bail!("rule enum.{other} is not supported"),
        }
    }
    Ok(checks)
}

/// Checks of a bool.
pub(crate) fn bool_checks(rules: &DynamicMessage) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for (rule, value) in entries(rules)? {
        match rule.as_str() {
            "const" => {
                let wanted = flag(&value)?;
                let message = format!("must equal {wanted}");
                checks.push(Check::new("bool.const", wanted, message, format!("*v != {wanted}")));
            }
            "example" => {}
            other => bail!("rule bool.{other} is not supported"),
        }
    }
    Ok(checks)
}

fn equals(kind: &str, wanted: i128) -> Check {
    let message = format!("must equal {wanted}");
    Check::new(format!("{kind}.const"), wanted, message, format!("*v != {wanted}"))
}

fn one_of(kind: &str, rule: &str, values: &[i128]) -> Check {
    let literals: Vec<_> = values.iter().map(ToString::to_string).collect();
    membership(kind, rule, values, &literals, "v")
}

#[derive(Clone, Copy, PartialEq)]
enum Bound {
    Open,
    Closed,
}

/// The bounds of a number. Both together are one rule, with one id and one message.
#[derive(Default)]
struct Range {
    lower: Option<(Bound, i128)>,
    upper: Option<(Bound, i128)>,
}

/// One bound as it appears in ids, messages and tests.
struct Side {
    id: &'static str,
    words: String,
    fails: String,
    limit: i128,
}

impl Range {
    fn check(&self, kind: &str) -> Option<Check> {
        let lower = self.lower.map(|(bound, limit)| match bound {
            Bound::Open => side("gt", "greater than", "<=", limit),
            Bound::Closed => side("gte", "greater than or equal to", "<", limit),
        });
        let upper = self.upper.map(|(bound, limit)| match bound {
            Bound::Open => side("lt", "less than", ">=", limit),
            Bound::Closed => side("lte", "less than or equal to", ">", limit),
        });
        match (lower, upper) {
            (Some(lower), Some(upper)) => Some(both(kind, &lower, &upper)),
            (Some(one), None) | (None, Some(one)) => {
                Some(Check::new(format!("{kind}.{}", one.id), one.limit, format!("must be {}", one.words), one.fails))
            }
            (None, None) => None,
        }
    }
}

fn side(id: &'static str, words: &str, fails_when: &str, limit: i128) -> Side {
    Side { id, words: format!("{words} {limit}"), fails: format!("*v {fails_when} {limit}"), limit }
}

/// Bounds that cross leave out what lies between them.
fn both(kind: &str, lower: &Side, upper: &Side) -> Check {
    let crossed = upper.limit < lower.limit;
    let (suffix, word, operator) = if crossed { ("_exclusive", "or", "&&") } else { ("", "and", "||") };
    Check::new(
        format!("{kind}.{}_{}{suffix}", lower.id, upper.id),
        format!("{}, {}", lower.limit, upper.limit),
        format!("must be {} {word} {}", lower.words, upper.words),
        format!("{} {operator} {}", lower.fails, upper.fails),
    )
}
