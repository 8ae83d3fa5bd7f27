//! What is shown: data on stdout, everything else on stderr. No command writes to either by itself.

mod plain;
mod record;

use std::io::{self, IsTerminal as _, Write as _};

use anstream::ColorChoice;

pub(crate) use plain::{printable, printable_lines};
pub(crate) use record::{Record, pool};

use crate::fault::{Fault, Result};

/// Where and how results are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// One JSON object a line instead of text for people.
    pub(crate) json: bool,
    /// No remarks on stderr.
    pub(crate) quiet: bool,
}

impl Output {
    /// Shows one thing: its fields under each other, or one object.
    pub(crate) fn show(self, record: &Record, fields: &[&str]) -> Result<()> {
        if self.json {
            return line(&record.json()?);
        }
        let rows: Vec<_> = fields
            .iter()
            .map(|path| vec![plain::label(path), record.text(path)])
            .filter(|row| !row[1].is_empty())
            .collect();
        line_block(&plain::align(&rows))
    }

    /// Shows many things: a table with a head, or one object a line.
    pub(crate) fn list(self, records: &[Record], columns: &[&str]) -> Result<()> {
        let head: Vec<_> = columns.iter().map(|path| plain::label(path).to_uppercase()).collect();
        let head: Vec<_> = head.iter().map(String::as_str).collect();
        let row = |record: &Record| columns.iter().map(|path| record.text(path)).collect();
        self.table(records, &head, records.iter().map(row))
    }

    /// Shows many things whose columns are more than their fields; as JSON they are what they are.
    pub(crate) fn table(
        self,
        records: &[Record],
        head: &[&str],
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> Result<()> {
        if self.json {
            return records.iter().try_for_each(|record| line(&record.json()?));
        }
        let mut all = vec![head.iter().map(|&label| label.to_owned()).collect()];
        all.extend(rows.into_iter().map(|row| row.iter().map(|cell| printable(cell)).collect::<Vec<_>>()));
        line_block(&plain::align(&all))
    }

    /// Tells people what happened, on stderr. Programs that asked for JSON are not told.
    pub(crate) fn note(self, text: impl AsRef<str>) {
        if !self.quiet && !self.json {
            remark(text.as_ref());
        }
    }

    /// Tells of something that should not be missed, however quiet.
    pub(crate) fn warn(self, text: impl AsRef<str>) {
        let text = text.as_ref();
        if self.json {
            remark(&serde_json::json!({"warning": text}).to_string());
            return;
        }
        remark(&format!("warning: {}", printable(text)));
    }

    /// Tells why the command failed.
    pub(crate) fn fail(self, fault: &Fault) {
        if fault.is_silent() {
            return;
        }
        if self.json {
            remark(&fault.json().to_string());
            return;
        }
        let mut stderr = anstream::stderr().lock();
        let text = printable(&fault.to_string());
        // Nobody is left to be told that stderr is closed.
        let _ = writeln!(stderr, "\u{1b}[1;31merror:\u{1b}[0m {text}");
    }
}

/// Writes one line of data, at once.
pub(crate) fn line(text: &str) -> Result<()> {
    let mut bytes = Vec::with_capacity(text.len() + 1);
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(b'\n');
    write(&bytes)
}

/// Writes data as it is, at once.
pub(crate) fn write(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    Ok(stdout.flush()?)
}

fn line_block(lines: &[String]) -> Result<()> {
    lines.iter().try_for_each(|text| line(text))
}

fn remark(text: &str) {
    // Nobody is left to be told that stderr is closed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether a person looks at the data.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// When to colour.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set; always if CLICOLOR_FORCE is.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Makes it so for the whole process.
    pub(crate) fn apply(self) {
        let choice = match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        };
        choice.write_global();
    }
}
