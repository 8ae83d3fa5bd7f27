//! The settings file: TOML, read with the line of every key, so that a complaint names its place.

use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

/// One line of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) value: String,
}

/// Reads the file's entries. What is not TOML, or not a plain value, is a problem.
pub(super) fn read(path: &Path, text: &str, problems: &mut Vec<String>) -> Vec<Entry> {
    let place = |span: Range<usize>| format!("{}:{}", path.display(), line_of(text, span.start));
    let table = match DeTable::parse(text) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            let span = error.span().unwrap_or_default();
            problems.push(format!("{}: {}", place(span), error.message()));
            return Vec::new();
        }
    };
    let mut entries = Vec::new();
    for (key, value) in &table {
        let name = key.get_ref().to_string();
        match plain(value.get_ref()) {
            Some(value) => entries.push(Entry { line: line_of(text, key.span().start), name, value }),
            None => problems.push(format!(
                "{}: `{name}` is no text, number, true, false or list of texts; there are no sections either",
                place(key.span())
            )),
        }
    }
    entries.sort_by_key(|entry| entry.line);
    entries
}

/// A value as the text that a flag would have.
fn plain(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        // As written, but for the separators that only TOML has.
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().replace('_', "")),
        DeValue::Boolean(switch) => Some(switch.to_string()),
        DeValue::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(|item| plain(item.get_ref())).collect();
            Some(items?.join(","))
        }
        _ => None,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    before.matches('\n').count() + 1
}
