//! Rules for strings and bytes. Lengths of strings count characters, unless the rule's name says bytes.

use anyhow::{Result, bail};
use prost_reflect::{DynamicMessage, Value};

use super::options::{entries, flag, integer, list, text};
use super::regexes;
use super::texts::{Check, Test, membership};

const UUID: &str = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";

/// Checks of a string.
pub(crate) fn string_checks(rules: &DynamicMessage) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for (rule, value) in entries(rules)? {
        match rule.as_str() {
            "len" | "min_len" | "max_len" => checks.push(length(&rule, &value, "v.chars().count()", "characters")?),
            "len_bytes" | "min_bytes" | "max_bytes" => checks.push(length(&rule, &value, "v.len()", "bytes")?),
            "const" => checks.push(contents(&rule, &text(&value)?, "must equal")),
            "prefix" => checks.push(contents(&rule, &text(&value)?, "does not have prefix")),
            "suffix" => checks.push(contents(&rule, &text(&value)?, "does not have suffix")),
            "contains" => checks.push(contents(&rule, &text(&value)?, "does not contain substring")),
            "not_contains" => checks.push(contents(&rule, &text(&value)?, "contains substring")),
            "pattern" => checks.push(pattern(&text(&value)?)?),
            "in" | "not_in" => checks.push(one_of(&rule, &list(&value, text)?)),
            "uuid" if flag(&value)? => checks.extend(uuid()),
            "uuid" | "example" => {}
            other => bail!("rule string.{other} is not supported"),
        }
    }
    Ok(checks)
}

/// Checks of bytes.
pub(crate) fn bytes_checks(rules: &DynamicMessage) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for (rule, value) in entries(rules)? {
        match rule.as_str() {
            "len" | "min_len" | "max_len" => {
                let mut check = length(&rule, &value, "v.len()", "bytes")?;
                check.id = format!("bytes.{rule}");
                checks.push(check);
            }
            "example" => {}
            other => bail!("rule bytes.{other} is not supported"),
        }
    }
    Ok(checks)
}

fn length(rule: &str, value: &Value, measure: &str, unit: &str) -> Result<Check> {
    let limit = integer(value)?;
    let (words, fails_when) = match rule.split('_').next() {
        Some("min") => ("must be at least", "<"),
        Some("max") => ("must be at most", ">"),
        _ => ("must be", "!="),
    };
    Ok(Check::new(
        format!("string.{rule}"),
        limit,
        format!("{words} {limit} {unit}"),
        format!("{measure} {fails_when} {limit}"),
    ))
}

fn contents(rule: &str, wanted: &str, words: &str) -> Check {
    let fails = match rule {
        "prefix" => format!("!v.starts_with({wanted:?})"),
        "suffix" => format!("!v.ends_with({wanted:?})"),
        "contains" => format!("!v.contains({wanted:?})"),
        "not_contains" => format!("v.contains({wanted:?})"),
        _ => format!("v.as_str() != {wanted:?}"),
    };
    Check::new(format!("string.{rule}"), wanted, format!("{words} `{wanted}`"), fails)
}

fn one_of(rule: &str, values: &[String]) -> Check {
    let literals: Vec<_> = values.iter().map(|value| format!("{value:?}")).collect();
    membership("string", rule, values, &literals, "&v.as_str()")
}

fn pattern(pattern: &str) -> Result<Check> {
    Ok(Check {
        id: "string.pattern".to_owned(),
        limit: pattern.to_owned(),
        message: format!("does not match regex pattern `{pattern}`"),
        test: Test::Matches(regexes::from_re2(pattern)?),
    })
}

/// An empty value has an id and a message of its own.
fn uuid() -> [Check; 2] {
    [
        Check::new("string.uuid_empty", true, "value is empty, which is not a valid UUID", "v.is_empty()".to_owned()),
        Check {
            id: "string.uuid".to_owned(),
            limit: true.to_string(),
            message: "must be a valid UUID".to_owned(),
            test: Test::Matches(format!("^$|{UUID}")),
        },
    ]
}
