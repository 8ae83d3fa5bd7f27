//! The house's rules that a machine can check: who may know whom, which library is known where, and what no file holds.
//!
//! The picture itself is in ARCHITECTURE.md. To let a room know another one is a decision: it is made here, in `ROOMS`,
//! and explained there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room of the server, and the rooms that it may know. Arrows point down only: a room stands above all it knows.
const ROOMS: &[(&str, &[&str])] = &[
    ("testing", &["app", "config", "chat", "limits"]),
    (
        "app",
        &[
            "edge", "rpc", "session", "config", "chat", "fanout", "nodes", "limits", "store", "breaker", "metrics",
            "clock",
        ],
    ),
    ("edge", &["config", "error", "chat", "nodes", "limits", "metrics", "clock"]),
    ("rpc", &["session", "error", "chat", "nodes", "sequencer", "limits"]),
    ("session", &["error", "chat", "fanout", "store", "metrics", "clock"]),
    ("error", &["chat", "sequencer"]),
    ("config", &["chat", "limits"]),
    ("chat", &["sequencer", "fanout", "limits", "store", "clock"]),
    // It is the sequencer's router, which is why it stands above it. It is a client of gRPC as `rpc` is a server of it.
    ("nodes", &["sequencer", "store"]),
    ("sequencer", &["store", "metrics", "clock"]),
    ("fanout", &["limits", "store", "breaker", "metrics"]),
    // Whoever shares its buckets between nodes knows it; it knows nobody.
    ("limits", &[]),
    ("store", &["breaker", "metrics"]),
    ("breaker", &["metrics"]),
    // Whoever counts knows it; it knows nobody.
    ("metrics", &[]),
    ("clock", &[]),
];

/// Libraries that only some rooms know, by the paths that those rooms' files begin with.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("tonic", &["edge/", "rpc/", "error.rs", "app/", "nodes/"]),
    ("tonic_health", &["edge/"]),
    ("tonic_reflection", &["edge/"]),
    ("tonic_prost", &["rpc/"]),
    ("axum", &["edge/"]),
    ("hyper", &["edge/"]),
    ("hyper_util", &["edge/"]),
    ("rustls", &["edge/"]),
    ("tokio_rustls", &["edge/"]),
    ("sqlx", &["store/sqlite/", "store/postgres/", "store/testing_postgres.rs"]),
    ("fred", &["fanout/relay/redis/"]),
    ("prometheus_client", &["metrics/"]),
    ("scylla", &["store/cassandra/"]),
    ("clap", &["config/", "app/"]),
    ("toml", &["config/"]),
    ("anyhow", &["main.rs"]),
];

/// What no line of code holds, in any crate, and why.
const FORBIDDEN: &[(&str, &str)] = &[
    ("unbounded_channel", "every queue is bounded"),
    ("unbounded::<", "every queue is bounded"),
    ("todo!(", "unfinished"),
    ("unimplemented!(", "unfinished"),
    ("dbg!(", "left over"),
];

/// Versions below which a known attack works.
const FLOORS: &[(&str, &str)] = &[
    ("h2", "0.4.20"),
    ("rustls", "0.23.46"),
    ("rustls-webpki", "0.103.16"),
    ("anyhow", "1.0.103"),
    ("tonic", "0.14.9"),
];

const CRATES: &[&str] = &["proto", "server", "sdk-rust", "cli", "web-bridge", "tests", "xtask"];
const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// A source file: its path from the root it was found under, and its text.
struct File {
    path: String,
    text: String,
}

impl File {
    /// Its code: no comments, no tests at its end.
    fn code(&self) -> String {
        let end = self.text.find("#[cfg(test)]\nmod tests {");
        let text = &self.text[..end.unwrap_or(self.text.len())];
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        code.map(|line| format!("{line}\n")).collect()
    }

    fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        self.path.contains("/tests/") || name == "tests.rs" || name.ends_with("_tests.rs")
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All hand-written Rust files below a directory.
fn files(under: &Path) -> Vec<File> {
    let mut found = Vec::new();
    let mut open = vec![under.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() && name != "generated" && name != "target" && name != "node_modules" {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let short = path.strip_prefix(under).expect("a path below");
                found.push(File {
                    path: short.to_string_lossy().into_owned(),
                    text: fs::read_to_string(&path).expect("a readable file"),
                });
            }
        }
    }
    found
}

fn server_files() -> Vec<File> {
    let files = files(&root().join("server/src"));
    assert!(files.len() > 20, "the server's sources are not where this test looks");
    files.into_iter().filter(|file| !file.is_test()).collect()
}

fn all_files() -> impl Iterator<Item = File> {
    CRATES.iter().flat_map(|name| {
        files(&root().join(name)).into_iter().map(move |file| File { path: format!("{name}/{}", file.path), ..file })
    })
}

/// The room that a file of the server belongs to.
fn room(path: &str) -> &str {
    let first = path.split('/').next().unwrap_or_default();
    first.strip_suffix(".rs").unwrap_or(first)
}

/// The first names after each `crate::`, those in braces too.
fn known_rooms(code: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for (at, start) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + start.len()..];
        match rest.strip_prefix('{') {
            None => names.extend(first_word(rest)),
            Some(group) => names.extend(group_heads(group)),
        }
    }
    names
}

/// The first words of the entries of a `{...}` group, whose opening brace is gone.
fn group_heads(group: &str) -> Vec<&str> {
    let (mut heads, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                heads.extend(first_word(group[start..at].trim_start()));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                heads.extend(first_word(group[start..at].trim_start()));
                start = at + 1;
            }
            _ => {}
        }
    }
    heads
}

fn first_word(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    let word = &text[..end.unwrap_or(text.len())];
    (!word.is_empty()).then_some(word)
}

/// Whether the code names a library: as the head of a path, or brought in as a whole.
fn names_library(code: &str, library: &str) -> bool {
    code.match_indices(library).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + library.len()..];
        let whole = !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '.');
        whole && (after.starts_with("::") || (code[..at].ends_with("use ") && after.starts_with(';')))
    })
}

fn complain(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn arrows_point_down() {
    for (position, (name, knows)) in ROOMS.iter().enumerate() {
        for known in *knows {
            let below = ROOMS[position + 1..].iter().any(|(other, _)| other == known);
            assert!(below, "`{name}` stands above all it knows, so `{known}` must come after it");
        }
    }
}

#[test]
fn rooms_know_only_whom_they_may() {
    let mut found = Vec::new();
    for file in server_files() {
        let from = room(&file.path);
        if from == "lib" || from == "main" {
            continue;
        }
        let Some((_, may)) = ROOMS.iter().find(|(name, _)| *name == from) else {
            found.push(format!("{}: a room that is not in ROOMS", file.path));
            continue;
        };
        let code = file.code();
        for to in known_rooms(&code) {
            let is_room = ROOMS.iter().any(|(name, _)| *name == to);
            if is_room && to != from && !may.contains(&to) {
                found.push(format!("{}: `{from}` may not know `{to}`", file.path));
            }
        }
    }
    complain("imports that the house forbids", &found);
}

#[test]
fn libraries_are_known_where_they_belong() {
    let mut found = Vec::new();
    for file in server_files() {
        let code = file.code();
        for (library, places) in LIBRARIES {
            let allowed = places.iter().any(|place| file.path.starts_with(place));
            if !allowed && names_library(&code, library) {
                found.push(format!("{}: knows `{library}`", file.path));
            }
        }
    }
    complain("libraries outside of their rooms", &found);
}

/// The wall clock is read in `clock` alone. `tokio::time::Instant` is no clock but a stopwatch, which stands still when a
/// test says so; it may measure anywhere.
#[test]
fn time_is_read_in_the_clock() {
    let mut found = Vec::new();
    for file in server_files().into_iter().filter(|file| file.path != "clock.rs") {
        let code = file.code();
        let of_std = code.split("std::time::").skip(1).any(|rest| match rest.strip_prefix('{') {
            Some(group) => group_heads(group).iter().any(|name| is_clock(name)),
            None => first_word(rest).is_some_and(is_clock),
        });
        if of_std {
            found.push(file.path);
        }
    }
    complain("files that read the time by themselves", &found);
}

fn is_clock(name: &str) -> bool {
    ["Instant", "SystemTime", "UNIX_EPOCH"].contains(&name)
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let mut found = Vec::new();
    for file in all_files() {
        let lines = file.text.lines().count();
        if lines > FILE_LINES_MAX {
            found.push(format!("{}: {lines} lines", file.path));
        }
        if !file.text.starts_with("//!") {
            found.push(format!("{}: does not open with //!", file.path));
        }
    }
    complain("files that are too long or say nothing", &found);
}

#[test]
fn functions_are_short() {
    let mut found = Vec::new();
    for file in all_files() {
        let lines: Vec<_> = file.text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let indent = &line[..line.len() - line.trim_start().len()];
            let head = line.trim_start();
            let is_function = head.starts_with("fn ") || head.contains(" fn ") && !head.starts_with("//");
            if !is_function || head.ends_with([';', '}']) || head.contains('"') {
                continue;
            }
            let end = format!("{indent}}}");
            let length = lines[start..].iter().position(|line| *line == end).unwrap_or(0) + 1;
            if length > FUNCTION_LINES_MAX {
                found.push(format!("{}:{}: {length} lines", file.path, start + 1));
            }
        }
    }
    complain("functions that are too long", &found);
}

#[test]
fn nothing_forbidden_is_written() {
    let mut found = Vec::new();
    for file in all_files().filter(|file| !file.path.ends_with("tests/rooms.rs")) {
        let code = file.code();
        for (word, why) in FORBIDDEN {
            if code.contains(word) {
                found.push(format!("{}: `{word}`: {why}", file.path));
            }
        }
        let std_mutex = code.split("std::sync::").skip(1).any(|rest| match rest.strip_prefix('{') {
            Some(group) => group_heads(group).contains(&"Mutex"),
            None => first_word(rest) == Some("Mutex"),
        });
        if std_mutex {
            found.push(format!("{}: `std::sync::Mutex` poisons; use parking_lot's", file.path));
        }
    }
    complain("code that the house forbids", &found);
}

#[test]
fn known_attacks_are_below_the_floor() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock");
    let lock: toml::Table = lock.parse().expect("TOML");
    let packages = lock["package"].as_array().expect("packages");
    for (name, floor) in FLOORS {
        let of_name = packages.iter().filter(|package| package["name"].as_str() == Some(name));
        let versions: Vec<_> = of_name.filter_map(|package| package["version"].as_str()).collect();
        assert!(!versions.is_empty(), "{name} is not in Cargo.lock");
        for version in versions {
            assert!(numbers(version) >= numbers(floor), "{name} {version} is below {floor}");
        }
    }
}

fn numbers(version: &str) -> Vec<u64> {
    let plain = version.split(['-', '+']).next().unwrap_or_default();
    plain.split('.').map(|part| part.parse().expect("a number")).collect()
}

#[test]
fn the_test_itself_sees() {
    let code = "use crate::{chat::{Chat, x}, store};\nlet a = crate::edge::run(); guildhall_crate::nothing();";
    assert_eq!(known_rooms(code), BTreeSet::from(["chat", "edge", "store"]));
    assert!(names_library("use tonic::Status;", "tonic"));
    assert!(names_library("x: tonic::Status", "tonic"));
    assert!(!names_library("use tonic_types::Status; crate::tonic::x", "tonic"));
}
