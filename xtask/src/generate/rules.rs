//! The rules of all messages that a client may send, read from the descriptors. `checks` makes code of them and
//! `snapshot` a list.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor, Value,
};

use super::PACKAGE;
use super::options::{entries, extension, flag, integer};
use super::texts::Check;
use super::{checks, numbers, strings};

/// All messages that are checked, by name.
pub(crate) struct Model {
    pub(crate) messages: Vec<Message>,
}

/// A message and what its fields must fulfil.
pub(crate) struct Message {
    pub(crate) descriptor: MessageDescriptor,
    /// Oneofs of which one field must be set.
    pub(crate) required_oneofs: Vec<OneofDescriptor>,
    /// All fields, in the order of the file, those without rules too: what they contain may have some.
    pub(crate) fields: Vec<(FieldDescriptor, Rules)>,
}

/// What one field, or one item of a list, must fulfil.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    pub(crate) required: bool,
    pub(crate) ignore: Ignore,
    pub(crate) checks: Vec<Check>,
    pub(crate) items: Option<Box<Rules>>,
}

/// When rules do not apply, beyond fields that are not set.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) enum Ignore {
    #[default]
    Never,
    IfZero,
    Always,
}

impl Model {
    /// Reads the rules of every request, of every message that has rules, and of all that they contain.
    pub(crate) fn read(pool: &DescriptorPool) -> Result<Self> {
        let mut messages = BTreeMap::new();
        let mut open = roots(pool)?;
        while let Some(descriptor) = open.pop() {
            if messages.contains_key(descriptor.full_name()) {
                continue;
            }
            let message = Message::read(pool, descriptor)?;
            for (field, rules) in &message.fields {
                if let Kind::Message(inner) = field.kind()
                    && is_own(&inner)
                    && rules.ignore != Ignore::Always
                {
                    open.push(inner);
                }
            }
            messages.insert(message.descriptor.full_name().to_owned(), message);
        }
        Ok(Self { messages: messages.into_values().collect() })
    }
}

/// Whether a message is one of ours: only those are generated here and can be checked.
pub(crate) fn is_own(message: &MessageDescriptor) -> bool {
    message.package_name() == PACKAGE
}

fn roots(pool: &DescriptorPool) -> Result<Vec<MessageDescriptor>> {
    let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    let mut roots: Vec<_> = methods.map(|method| method.input()).filter(is_own).collect();
    for message in pool.all_messages().filter(is_own) {
        for field in message.fields() {
            if extension(pool, &field.options(), "buf.validate.field")?.is_some() {
                roots.push(message.clone());
            }
        }
    }
    Ok(roots)
}

impl Message {
    fn read(pool: &DescriptorPool, descriptor: MessageDescriptor) -> Result<Self> {
        let name = descriptor.full_name().to_owned();
        if extension(pool, &descriptor.options(), "buf.validate.message")?.is_some() {
            bail!("{name}: rules of whole messages are not supported");
        }
        let mut required_oneofs = Vec::new();
        for oneof in descriptor.oneofs() {
            if is_required(pool, &oneof).with_context(|| format!("{name}.{}", oneof.name()))? {
                required_oneofs.push(oneof);
            }
        }
        let mut fields: Vec<FieldDescriptor> = descriptor.fields().collect();
        // `fields()` is by number; violations are told in the order of the file.
        let order = descriptor.descriptor_proto().field.iter().map(|field| field.name().to_owned());
        let order: Vec<String> = order.collect();
        fields.sort_by_key(|field| order.iter().position(|name| name == field.name()));
        let mut read = Vec::new();
        for field in fields {
            let rules = field_rules(pool, &field).with_context(|| field.full_name().to_owned())?;
            read.push((field, rules));
        }
        Ok(Self { descriptor, required_oneofs, fields: read })
    }
}

fn is_required(pool: &DescriptorPool, oneof: &OneofDescriptor) -> Result<bool> {
    let Some(rules) = extension(pool, &oneof.options(), "buf.validate.oneof")? else {
        return Ok(false);
    };
    let mut required = false;
    for (rule, value) in entries(&rules)? {
        ensure!(rule == "required", "rule oneof.{rule} is not supported");
        required = flag(&value)?;
    }
    Ok(required)
}

fn field_rules(pool: &DescriptorPool, field: &FieldDescriptor) -> Result<Rules> {
    let Some(options) = extension(pool, &field.options(), "buf.validate.field")? else {
        return Ok(Rules::default());
    };
    ensure!(!field.is_map(), "rules of maps are not supported");
    let rules = Rules::read(&options, field, field.is_list())?;
    let in_oneof = field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic());
    ensure!(!(rules.required && in_oneof), "a required field within a oneof is not supported: require the oneof");
    let message = matches!(field.kind(), Kind::Message(_)) && !field.is_list();
    ensure!(!(message && rules.ignore == Ignore::IfZero), "IGNORE_IF_ZERO_VALUE of a message is not supported");
    ensure!(field.cardinality() != Cardinality::Required, "proto2 is not supported");
    Ok(rules)
}

impl Rules {
    /// Reads the rules of a field, or of a list's items when `list` is false.
    fn read(options: &DynamicMessage, field: &FieldDescriptor, list: bool) -> Result<Self> {
        let mut read = Self::default();
        for (name, value) in entries(options)? {
            match (name.as_str(), &value) {
                ("required", value) => read.required = flag(value)?,
                ("ignore", value) => read.ignore = ignore(integer(value)?)?,
                ("cel" | "cel_expression", _) => bail!("CEL is not supported"),
                ("repeated", Value::Message(rules)) if list => read.read_list(rules, field)?,
                (kind, Value::Message(rules)) if !list => read.checks = scalar(kind, rules, field)?,
                (other, _) => bail!("rules `{other}` do not fit this field"),
            }
        }
        Ok(read)
    }

    fn read_list(&mut self, rules: &DynamicMessage, field: &FieldDescriptor) -> Result<()> {
        for (rule, value) in entries(rules)? {
            match (rule.as_str(), &value) {
                ("min_items", value) => self.checks.push(items_check("min_items", integer(value)?)),
                ("max_items", value) => self.checks.push(items_check("max_items", integer(value)?)),
                ("unique", value) if flag(value)? => {
                    ensure!(!matches!(field.kind(), Kind::Message(_)), "messages cannot be `unique`");
                    let (message, fails) = ("repeated value must contain unique items", "!all_unique(v)");
                    self.checks.push(Check::new("repeated.unique", true, message, fails.to_owned()));
                }
                ("unique", _) => {}
                ("items", Value::Message(items)) => self.items = Some(Box::new(Self::read(items, field, false)?)),
                (other, _) => bail!("rule repeated.{other} is not supported"),
            }
        }
        Ok(())
    }
}

fn items_check(rule: &str, limit: i128) -> Check {
    let (words, fails_when) = match rule {
        "min_items" => ("must contain at least", "<"),
        _ => ("must contain no more than", ">"),
    };
    let message = format!("{words} {limit} item(s)");
    Check::new(format!("repeated.{rule}"), limit, message, format!("v.len() {fails_when} {limit}"))
}

fn scalar(kind: &str, rules: &DynamicMessage, field: &FieldDescriptor) -> Result<Vec<Check>> {
    let is = field.kind();
    let fits = match &is {
        Kind::Enum(_) => kind == "enum",
        Kind::Message(_) => false,
        // The debug form of a scalar kind is its name in the protos.
        scalar => kind == format!("{scalar:?}"),
    };
    ensure!(fits, "rules `{kind}` do not fit this field");
    match (kind, is) {
        ("string", _) => strings::string_checks(rules),
        ("bytes", _) => strings::bytes_checks(rules),
        ("bool", _) => numbers::bool_checks(rules),
        ("enum", Kind::Enum(descriptor)) => numbers::enum_checks(&checks::enum_path(&descriptor)?, rules),
        ("float" | "double", _) => bail!("rules of {kind} are not supported"),
        _ => numbers::integer_checks(kind, rules),
    }
}

fn ignore(number: i128) -> Result<Ignore> {
    Ok(match number {
        0 => Ignore::Never,
        1 => Ignore::IfZero,
        3 => Ignore::Always,
        other => bail!("ignore = {other} is not supported"),
    })
}
