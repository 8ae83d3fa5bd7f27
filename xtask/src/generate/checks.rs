//! Rust code out of rules: one `impl Validate` per message, which calls those of the messages within.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Result, ensure};
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor};

use super::PACKAGE;
use super::rules::{Ignore, Message, Model, Rules, is_own};
use super::texts::{Check, Test};

const HEADER: &str = "\
use std::sync::LazyLock;

use regex::Regex;

use crate::v1;
use crate::validate::{Validate, Walk, all_unique, pattern};

";

/// The whole file.
pub(crate) fn emit(model: &Model) -> Result<String> {
    let mut patterns = Patterns::default();
    let mut impls = String::new();
    for message in &model.messages {
        let body = message_body(message, &mut patterns)?;
        let walk = if body.is_empty() { "_walk" } else { "walk" };
        let path = message_path(&message.descriptor)?;
        write!(impls, "impl Validate for {path} {{ fn check(&self, {walk}: &mut Walk) {{ {body} }} }}\n\n")?;
    }
    Ok(format!("{HEADER}{}\n{impls}", patterns.emit()))
}

/// Regular expressions, each compiled once.
#[derive(Default)]
struct Patterns(BTreeMap<String, usize>);

impl Patterns {
    fn name(&mut self, pattern: &str) -> String {
        let next = self.0.len();
        let number = *self.0.entry(pattern.to_owned()).or_insert(next);
        format!("PATTERN_{number}")
    }

    fn emit(&self) -> String {
        let mut by_number: Vec<_> = self.0.iter().map(|(pattern, number)| (number, pattern)).collect();
        by_number.sort();
        by_number.iter().fold(String::new(), |mut out, (number, text)| {
            let _ = writeln!(out, "static PATTERN_{number}: LazyLock<Regex> = LazyLock::new(|| pattern({text:?}));");
            out
        })
    }
}

fn message_body(message: &Message, patterns: &mut Patterns) -> Result<String> {
    let mut body = String::new();
    // As in protovalidate: oneofs first, then the fields.
    for oneof in &message.required_oneofs {
        let (field, name) = (ident(oneof.name()), oneof.name());
        write!(
            body,
            "if self.{field}.is_none() {{ walk.fail({name:?}, \"required\", \"exactly one field is required in oneof\"); }}"
        )?;
    }
    let mut done: Vec<OneofDescriptor> = Vec::new();
    for (field, rules) in &message.fields {
        match field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
            None => body.push_str(&plain_field(field, rules, patterns)),
            Some(oneof) if done.contains(&oneof) => {}
            Some(oneof) => {
                body.push_str(&oneof_fields(message, &oneof, patterns)?);
                done.push(oneof);
            }
        }
    }
    Ok(body)
}

/// One `match` over the fields of a oneof.
fn oneof_fields(message: &Message, oneof: &OneofDescriptor, patterns: &mut Patterns) -> Result<String> {
    let path = format!("{}::{}", module_path(&message.descriptor)?, upper_camel(oneof.name()));
    let mut arms = String::new();
    for (field, rules) in &message.fields {
        if field.containing_oneof().as_ref() != Some(oneof) {
            continue;
        }
        let body = value_body(field, rules, patterns);
        if !body.is_empty() {
            write!(arms, "Some({path}::{}(v)) => {{ {body} }}", upper_camel(field.name()))?;
        }
    }
    if arms.is_empty() {
        return Ok(arms);
    }
    Ok(format!("match &self.{} {{ {arms} _ => {{}} }}", ident(oneof.name())))
}

/// A field outside of oneofs. Fields that track presence are checked when set, others always.
fn plain_field(field: &FieldDescriptor, rules: &Rules, patterns: &mut Patterns) -> String {
    let body = value_body(field, rules, patterns);
    let (name, member) = (field.name(), ident(field.name()));
    let missing = format!("walk.fail({name:?}, \"required\", \"value is required\");");
    let required = rules.required && rules.ignore != Ignore::Always;
    match (field.supports_presence(), required) {
        (_, false) if body.is_empty() => String::new(),
        (true, false) => format!("if let Some(v) = &self.{member} {{ {body} }}"),
        (true, true) => {
            format!("match &self.{member} {{ Some(v) => {{ let _ = v; {body} }} None => {{ {missing} }} }}")
        }
        (false, false) => format!("{{ let v = &self.{member}; {body} }}"),
        (false, true) => {
            let zero = zero(field, field.is_list());
            format!("{{ let v = &self.{member}; if {zero} {{ {missing} }} else {{ {body} }} }}")
        }
    }
}

/// Checks of the set value of a field, which stands behind the reference `v`.
fn value_body(field: &FieldDescriptor, rules: &Rules, patterns: &mut Patterns) -> String {
    if rules.ignore == Ignore::Always {
        return String::new();
    }
    let name = field.name();
    let mut body = tests(&rules.checks, &format!("walk.fail({name:?}, "), patterns);
    if field.is_list() {
        let empty = Rules::default();
        let items = item_body(field, rules.items.as_deref().unwrap_or(&empty), patterns);
        if !items.is_empty() {
            let _ = write!(
                body,
                "for (index, v) in v.iter().enumerate() {{
                    if walk.is_full() {{ break; }}
                    walk.enter_item({name:?}, index); {items} walk.leave();
                }}"
            );
        }
    } else if has_impl(field) {
        let _ = write!(body, "walk.within({name:?}, v);");
    }
    guard(field, rules, field.is_list(), body)
}

fn item_body(field: &FieldDescriptor, rules: &Rules, patterns: &mut Patterns) -> String {
    if rules.ignore == Ignore::Always {
        return String::new();
    }
    let mut body = tests(&rules.checks, "walk.fail_here(", patterns);
    if has_impl(field) {
        body.push_str("v.check(walk);");
    }
    guard(field, rules, false, body)
}

fn guard(field: &FieldDescriptor, rules: &Rules, list: bool, body: String) -> String {
    if rules.ignore == Ignore::IfZero && !body.is_empty() {
        return format!("if !({}) {{ {body} }}", zero(field, list));
    }
    body
}

fn tests(checks: &[Check], fail: &str, patterns: &mut Patterns) -> String {
    checks.iter().fold(String::new(), |mut out, check| {
        let fails = match &check.test {
            Test::Fails(expression) => expression.clone(),
            Test::Matches(pattern) => format!("!{}.is_match(v)", patterns.name(pattern)),
        };
        let _ = write!(out, "if {fails} {{ {fail}{:?}, {:?}); }}", check.id, check.message);
        out
    })
}

fn has_impl(field: &FieldDescriptor) -> bool {
    matches!(field.kind(), Kind::Message(message) if is_own(&message))
}

fn zero(field: &FieldDescriptor, list: bool) -> &'static str {
    match field.kind() {
        _ if list => "v.is_empty()",
        Kind::String | Kind::Bytes => "v.is_empty()",
        Kind::Bool => "!*v",
        Kind::Float | Kind::Double => "*v == 0.0",
        _ => "*v == 0",
    }
}

/// The Rust type of an enum of ours.
pub(crate) fn enum_path(descriptor: &EnumDescriptor) -> Result<String> {
    ensure!(descriptor.package_name() == PACKAGE, "enums of other packages are not supported");
    Ok(match descriptor.parent_message() {
        Some(parent) => format!("{}::{}", module_path(&parent)?, descriptor.name()),
        None => format!("v1::{}", descriptor.name()),
    })
}

/// The Rust type of a message of ours.
pub(crate) fn message_path(descriptor: &MessageDescriptor) -> Result<String> {
    ensure!(is_own(descriptor), "{} is not a message of {PACKAGE}", descriptor.full_name());
    Ok(match descriptor.parent_message() {
        Some(parent) => format!("{}::{}", module_path(&parent)?, descriptor.name()),
        None => format!("v1::{}", descriptor.name()),
    })
}

/// The Rust module of what is declared within a message.
fn module_path(descriptor: &MessageDescriptor) -> Result<String> {
    let path = message_path(descriptor)?;
    let parent = path.rsplit_once("::").map_or("v1", |(parent, _)| parent).to_owned();
    Ok(format!("{parent}::{}", ident(&snake(descriptor.name()))))
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for char in name.chars() {
        if char.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(char.to_ascii_lowercase());
    }
    out
}

fn upper_camel(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    words.collect()
}

/// A field's name in Rust.
pub(crate) fn ident(name: &str) -> String {
    const KEYWORDS: [&str; 16] = [
        "as", "async", "const", "dyn", "enum", "fn", "for", "if", "in", "loop", "match", "mod", "move", "ref", "type",
        "use",
    ];
    if KEYWORDS.contains(&name) { format!("r#{name}") } else { name.to_owned() }
}
