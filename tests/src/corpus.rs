//! Texts that people wrote, in three languages: the corpora of Debian's `fortunes` packages.

use std::fs;
use std::path::Path;

use guildhall_proto::{Validate, v1};

const ENGLISH: [&str; 4] = ["computers", "wisdom", "science", "songs-poems"];
const GERMAN: [&str; 4] = ["de/gedichte", "de/sprichworte", "de/murphy", "de/zitate"];
const CHINESE: [&str; 3] = ["tang300", "song100", "chinese"];
const DIRECTORY: &str = "/usr/share/games/fortunes";

/// Lines of each language that can be messages: not blank, and not too long. Up to `max_each` of each.
///
/// # Panics
/// If the texts are not installed: without them nothing is known of how real text fares.
pub fn lines(max_each: usize) -> Vec<String> {
    let languages = [&ENGLISH[..], &GERMAN[..], &CHINESE[..]];
    languages.iter().flat_map(|files| of_language(files, max_each)).collect()
}

fn of_language(files: &[&str], max: usize) -> Vec<String> {
    let mut lines = Vec::with_capacity(max);
    for file in files {
        let path = Path::new(DIRECTORY).join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!(
                "{}: {error}; install Debian's packages fortunes, fortunes-de and fortunes-zh, as `cargo xtask test` does",
                path.display()
            )
        });
        lines.extend(text.split('\n').filter(|line| can_be_sent(line)).map(str::to_owned));
    }
    assert!(lines.len() >= max, "{files:?} hold {} lines only", lines.len());
    lines.truncate(max);
    lines
}

fn can_be_sent(line: &str) -> bool {
    let request = v1::SendMessageRequest { channel_id: 1, content: line.to_owned(), ..Default::default() };
    let violations = request.validate().map_or_else(guildhall_proto::Violations::into_vec, |()| Vec::new());
    // What looks blank is blank to the CLI, whatever white space it is made of.
    !line.trim().is_empty() && violations.iter().all(|violation| violation.field != "content")
}
