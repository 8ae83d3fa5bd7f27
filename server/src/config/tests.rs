//! Precedence, ranges, complaints and the template.

use std::path::Path;

use super::*;

fn try_load(args: &[&str], env: &[(&str, &str)]) -> Result<Loaded, Error> {
    let command = clap::Command::new("test").args(flags());
    let args = std::iter::once(&"test").chain(args);
    let matches = command.try_get_matches_from(args).expect("valid flags");
    let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    load(&matches, env)
}

fn problems(args: &[&str], env: &[(&str, &str)]) -> String {
    try_load(args, env).expect_err("a problem").to_string()
}

fn write(dir: &Path, text: &str) -> String {
    let file = dir.join(FILE_NAME);
    std::fs::write(&file, text).expect("a file");
    file.display().to_string()
}

#[test]
fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
    let dir = tempfile::tempdir().expect("a directory");
    write(dir.path(), "drain_seconds = 3\nheartbeat_seconds = 3\nmax_calls = 3\n");
    let data = dir.path().display().to_string();
    let loaded = try_load(
        &["--data-dir", &data, "--drain-seconds", "5"],
        &[("GUILDHALL_DRAIN_SECONDS", "4"), ("GUILDHALL_HEARTBEAT_SECONDS", "4")],
    )
    .expect("settings");
    assert_eq!(loaded.settings.drain_seconds, 5);
    assert_eq!(loaded.settings.heartbeat_seconds, 4);
    assert_eq!(loaded.settings.max_calls, 3);
    assert_eq!(loaded.settings.identify_timeout_seconds, 10);
    let shown = show(&loaded, true);
    let origin = |key: &str| {
        let line = shown.lines().find(|line| line.starts_with(key)).expect("a line");
        line.split_once('#').expect("an origin").1.trim().to_owned()
    };
    assert_eq!(origin("drain_seconds"), "--drain-seconds");
    assert_eq!(origin("heartbeat_seconds"), "GUILDHALL_HEARTBEAT_SECONDS");
    assert!(origin("max_calls").ends_with("guildhall.toml:3"));
    assert_eq!(origin("identify_timeout_seconds"), "default");
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_a_suggestion() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = write(dir.path(), "# mine\n\nlisen = \"127.0.0.1:1\"\n[server]\nx = 1\n");
    let text = problems(&["--config", &file], &[]);
    assert!(text.contains("guildhall.toml:3: unknown key `lisen`, did you mean `listen`?"), "{text}");
    assert!(text.contains("guildhall.toml:4: `server` is no text"), "{text}");
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = write(dir.path(), "dev = true\nlisten = 127.0.0.1\n");
    let text = problems(&["--config", &file], &[]);
    assert!(text.contains("guildhall.toml:2: "), "{text}");
    assert!(problems(&["--config", "/nonexistent/x.toml"], &[]).contains("/nonexistent/x.toml"));
}

#[test]
fn a_value_out_of_range_is_told_with_the_range() {
    for (flag, value, part) in [
        ("--drain-seconds", "0", "`0` is not in 1 to 300 seconds"),
        ("--drain-seconds", "soon", "`soon` is not in 1 to 300 seconds"),
        ("--listen", "7420", "is not an address and port"),
        ("--registration", "all", "`all` is not one of open | invite | closed"),
        ("--allowed-origins", "https://a.example,*", "`*` is not an exact origin"),
        ("--store", "mysql://x", "is not sqlite: or postgres://"),
    ] {
        let text = problems(&[flag, value], &[]);
        assert!(text.contains(part) && text.contains(flag), "{text}");
    }
}

#[test]
fn an_unknown_variable_is_a_warning() {
    let loaded =
        try_load(&[], &[("GUILDHALL_LISEN", "x"), ("GUILDHALL_QQQ", "x"), ("GUILDHALL_TOKEN", "x"), ("HOME", "/x")])
            .expect("settings");
    assert_eq!(
        loaded.warnings,
        ["unknown variable `GUILDHALL_LISEN`, did you mean `GUILDHALL_LISTEN`?", "unknown variable `GUILDHALL_QQQ`",]
    );
}

#[test]
fn dev_is_for_loopback_and_has_its_own_defaults() {
    let loaded = try_load(&["--dev"], &[]).expect("settings");
    assert_eq!(loaded.settings.registration, Registration::Open);
    assert!(loaded.settings.reflection);
    let loaded = try_load(&["--dev", "--registration", "closed", "--reflection=false"], &[]);
    let settings = loaded.expect("settings").settings;
    assert_eq!(settings.registration, Registration::Closed);
    assert!(!settings.reflection);
    let text = problems(&["--dev", "--listen", "0.0.0.0:7420"], &[]);
    assert!(text.contains("loopback only"), "{text}");
    assert!(try_load(&["--dev", "--listen", "[::1]:7420"], &[]).is_ok());
}

#[test]
fn a_certificate_wants_its_key() {
    assert!(problems(&["--tls-cert", "x.pem"], &[]).contains("go together"));
}

#[test]
fn the_template_is_a_valid_file_with_every_key() {
    let text = template();
    for key in KEYS {
        assert!(text.contains(&format!("\n#{} = ", key.name)), "{}", key.name);
        assert!(!key.summary().is_empty());
    }
    // With every key that has a default uncommented, it loads and changes nothing.
    let active: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') && !rest.ends_with("\"\"") => format!("{rest}\n"),
            _ => String::new(),
        })
        .collect();
    let dir = tempfile::tempdir().expect("a directory");
    let file = write(dir.path(), &active);
    let loaded = try_load(&["--config", &file], &[]).expect("settings");
    assert_eq!(loaded.settings, Settings::default());
}

#[test]
fn what_is_shown_can_be_loaded() {
    let loaded = try_load(&["--allowed-origins", "http://a.example, http://b.example:81"], &[]);
    let loaded = loaded.expect("settings");
    let dir = tempfile::tempdir().expect("a directory");
    let file = write(dir.path(), &show(&loaded, false));
    let again = try_load(&["--config", &file], &[]).expect("settings");
    assert_eq!(again.settings, loaded.settings);
}
