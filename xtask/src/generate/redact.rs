//! Messages with a field that is `debug_redact`: a password or a token. Their `Debug` says that there is one, not what
//! it is, so that no log line gives it away.

use std::fmt::Write as _;

use anyhow::Result;
use prost_reflect::{DescriptorPool, FieldDescriptor, MessageDescriptor, Value};

use super::checks::{ident, message_path};
use super::rules::is_own;

/// The messages that want a `Debug` of their own.
pub(crate) struct Redacted(Vec<(String, MessageDescriptor)>);

impl Redacted {
    /// Looks at every message of ours.
    pub(crate) fn find(pool: &DescriptorPool) -> Result<Self> {
        let mut found = Vec::new();
        for message in pool.all_messages().filter(is_own) {
            if message.fields().any(|field| is_redacted(&field)) {
                found.push((message_path(&message)?, message));
            }
        }
        found.sort_by(|(left, _), (right, _)| left.cmp(right));
        Ok(Self(found))
    }

    /// Their names in the protos.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.0.iter().map(|(_, message)| format!(".{}", message.full_name())).collect()
    }

    /// One `impl Debug` for each.
    pub(crate) fn emit(&self) -> String {
        let mut out = "use std::fmt;\n\nuse crate::v1;\n\n".to_owned();
        for (path, message) in &self.0 {
            let _ = write!(
                out,
                "impl fmt::Debug for {path} {{
                    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {{
                        f.debug_struct({:?}){}.finish()
                    }}
                }}\n\n",
                message.name(),
                message.fields().map(|field| shown(&field)).collect::<String>(),
            );
        }
        out
    }
}

fn shown(field: &FieldDescriptor) -> String {
    let name = field.name();
    if is_redacted(field) {
        return format!(".field({name:?}, &format_args!(\"<redacted>\"))");
    }
    format!(".field({name:?}, &self.{})", ident(name))
}

fn is_redacted(field: &FieldDescriptor) -> bool {
    let options = field.options();
    options.get_field_by_name("debug_redact").is_some_and(|value| *value == Value::Bool(true))
}
