//! Reading `buf.validate` options out of descriptors. Nothing is passed over in silence: what this generator does not
//! know is an error, because a rule that one side forgets is worse than none.

use anyhow::{Context, Result, bail, ensure};
use prost_reflect::{DescriptorPool, DynamicMessage, Value};

/// The value of an extension, if it is set.
pub(crate) fn extension(pool: &DescriptorPool, options: &DynamicMessage, name: &str) -> Result<Option<DynamicMessage>> {
    let descriptor =
        pool.get_extension_by_name(name).with_context(|| format!("extension {name} is not among the protos"))?;
    if !options.has_extension(&descriptor) {
        return Ok(None);
    }
    let value = options.get_extension(&descriptor).into_owned();
    match value {
        Value::Message(message) => Ok(Some(message)),
        other => bail!("{name} is not a message: {other:?}"),
    }
}

/// The set fields of an options message, by name.
pub(crate) fn entries(message: &DynamicMessage) -> Result<Vec<(String, Value)>> {
    ensure!(message.unknown_fields().next().is_none(), "rules are newer than this generator");
    ensure!(message.extensions().next().is_none(), "predefined rules are not supported");
    let fields = message.fields().map(|(field, value)| (field.name().to_owned(), value.clone()));
    Ok(fields.collect())
}

/// A flag.
pub(crate) fn flag(value: &Value) -> Result<bool> {
    value.as_bool().with_context(|| format!("not a bool: {value:?}"))
}

/// A text.
pub(crate) fn text(value: &Value) -> Result<String> {
    let text = value.as_str().with_context(|| format!("not a string: {value:?}"))?;
    Ok(text.to_owned())
}

/// A whole number of any width.
pub(crate) fn integer(value: &Value) -> Result<i128> {
    Ok(match value {
        Value::I32(number) | Value::EnumNumber(number) => (*number).into(),
        Value::I64(number) => (*number).into(),
        Value::U32(number) => (*number).into(),
        Value::U64(number) => (*number).into(),
        other => bail!("not a whole number: {other:?}"),
    })
}

/// A list, each of its items read by `item`.
pub(crate) fn list<T>(value: &Value, item: fn(&Value) -> Result<T>) -> Result<Vec<T>> {
    let items = value.as_list().with_context(|| format!("not a list: {value:?}"))?;
    items.iter().map(item).collect()
}
