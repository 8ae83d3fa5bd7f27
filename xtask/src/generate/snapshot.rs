//! The rules as a list, one per line. It is checked in: `buf breaking` does not see a limit that got tighter, a reviewer
//! of this file does.

use std::fmt::Write as _;

use super::rules::{Ignore, Model, Rules};

const HEADER: &str = "\
# The rules of what clients send, made by `cargo xtask gen` from the protos.
# A line that changes here changes what is accepted: a tighter limit breaks clients.
";

/// The whole file.
pub(crate) fn emit(model: &Model) -> String {
    let mut out = HEADER.to_owned();
    for message in &model.messages {
        let name = message.descriptor.full_name();
        for oneof in &message.required_oneofs {
            let _ = writeln!(out, "{name}.{} oneof.required = true", oneof.name());
        }
        for (field, rules) in &message.fields {
            lines(field.full_name(), rules, &mut out);
        }
    }
    out
}

fn lines(name: &str, rules: &Rules, out: &mut String) {
    if rules.required {
        let _ = writeln!(out, "{name} required = true");
    }
    match rules.ignore {
        Ignore::Never => {}
        Ignore::IfZero => drop(writeln!(out, "{name} ignore = IGNORE_IF_ZERO_VALUE")),
        Ignore::Always => drop(writeln!(out, "{name} ignore = IGNORE_ALWAYS")),
    }
    for check in &rules.checks {
        let _ = writeln!(out, "{name} {} = {}", check.id, check.limit);
    }
    if let Some(items) = &rules.items {
        lines(&format!("{name}[]"), items, out);
    }
}
