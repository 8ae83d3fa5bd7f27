//! Settings as text: the commented template, and what is in force.

use std::fmt::Write as _;

use super::{KEYS, Loaded, Settings};

/// A settings file with every key, its words, what it takes and its default, all commented out.
pub fn template() -> String {
    let mut text = String::from(
        "# Settings of a Guildhall server. A flag (--data-dir) wins over the environment (GUILDHALL_DATA_DIR),\n\
         # that over this file, and that over the default. `guildhall-server config check` checks this file,\n\
         # `guildhall-server config show --origin` tells what is in force and why.\n",
    );
    let defaults = Settings::default();
    for key in KEYS {
        text.push('\n');
        for line in key.doc {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# {}", line.trim());
        }
        let _ = writeln!(text, "# Takes: {}", key.values);
        let _ = match (key.literal)(&defaults) {
            Some(literal) => writeln!(text, "#{} = {literal}", key.name),
            None => writeln!(text, "#{} = \"\"", key.name),
        };
    }
    text
}

/// What is in force, as TOML; with `origin`, where each value came from.
pub fn show(loaded: &Loaded, origin: bool) -> String {
    let mut text = String::new();
    for (key, source) in KEYS.iter().zip(&loaded.sources) {
        let line = match (key.literal)(&loaded.settings) {
            Some(literal) => format!("{} = {literal}", key.name),
            None => format!("# {} is not set", key.name),
        };
        let _ = match origin {
            true => writeln!(text, "{line:<48} # {source}"),
            false => writeln!(text, "{line}"),
        };
    }
    text
}
