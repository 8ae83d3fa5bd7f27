//! From flags, environment and file to `Settings`, with where each value came from. All problems are found in one go.

use std::io::ErrorKind;
use std::path::PathBuf;

use clap::{Arg, ArgMatches};

use super::{FILE_NAME, KEYS, Key, Settings, Values, file};

/// How the environment's names begin.
pub(super) const PREFIX: &str = "GUILDHALL_";
/// Flag and variable that name the settings file.
const FILE_FLAG: &str = "config";
const FILE_VARIABLE: &str = "GUILDHALL_CONFIG";
/// Variables of the other programs of the house: one shell often has them all.
const FOREIGN: [&str; 7] = [
    FILE_VARIABLE,
    "GUILDHALL_TOKEN",
    "GUILDHALL_KEYRING",
    "GUILDHALL_SERVER",
    "GUILDHALL_CONTEXT",
    "GUILDHALL_CA_CERTIFICATE",
    "GUILDHALL_SETUP_CODE",
];
const FOREIGN_PREFIX: [&str; 3] = ["GUILDHALL_BRIDGE_", "GUILDHALL_EVENT_", "GUILDHALL_MIGRATE_"];

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// Nobody set it, and `dev` has its own default.
    Dev,
    /// The settings file, at this line.
    File(PathBuf, usize),
    /// This variable.
    Variable(String),
    /// This flag.
    Flag(String),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Dev => f.write_str("default with dev"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}

/// Settings, and where they came from.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Where each key's value came from, in the order of [`KEYS`].
    pub sources: Vec<Source>,
    /// What is odd, but no reason not to run.
    pub warnings: Vec<String>,
}

/// What is wrong with the settings; never empty.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Error(pub Vec<String>);

/// The flags: one for each key, and the file's.
pub fn flags() -> Vec<Arg> {
    let file = Arg::new(FILE_FLAG).long(FILE_FLAG).value_name("FILE").help(format!(
        "Settings file [default: {FILE_NAME} in the data directory, if there is one] [env: {FILE_VARIABLE}]"
    ));
    std::iter::once(file).chain(KEYS.iter().filter(|key| key.is_flag()).map(flag)).collect()
}

fn flag(key: &Key) -> Arg {
    let defaults = Settings::default();
    let default = match (key.literal)(&defaults) {
        Some(literal) if literal != "[]" => format!(" [default: {}]", literal.trim_matches('"')),
        _ => String::new(),
    };
    let range = match key.values {
        Values::Number { .. } => format!(" [{}]", key.values),
        _ => String::new(),
    };
    let arg = Arg::new(key.name).long(key.flag()).help(format!(
        "{}{range}{default} [env: {}]",
        key.summary(),
        key.variable()
    ));
    match key.values {
        Values::Switch => {
            arg.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("true|false")
        }
        Values::Text(form) | Values::List(form) => arg.value_name(form),
        Values::Secret => arg,
        Values::Choice(all) => arg.value_name(all.join("|")),
        Values::Number { .. } => arg.value_name("N"),
    }
}

/// Loads the settings. `environment` is that of the process, or what a test says.
///
/// # Errors
/// With everything that is wrong.
pub fn load(flags: &ArgMatches, environment: impl IntoIterator<Item = (String, String)>) -> Result<Loaded, Error> {
    let variables = ours(environment);
    let mut loader = Loader::default();
    loader.variables(&variables);
    loader.flags(flags);
    let named = flags.get_one::<String>(FILE_FLAG).cloned().or_else(|| {
        let named = variables.iter().find(|(name, _)| name == FILE_VARIABLE);
        named.map(|(_, value)| value.clone())
    });
    // Last, because its place depends on the data directory; what was set already stays as it is.
    loader.file(named.map(PathBuf::from));
    loader.finish()
}

/// The place of the settings file by flags and environment alone: for one who is about to write it.
///
/// # Errors
/// With everything that is wrong.
pub fn file_place(
    flags: &ArgMatches,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<PathBuf, Error> {
    let mut loader = Loader::default();
    loader.variables(&ours(environment));
    loader.flags(flags);
    let loaded = loader.finish()?;
    Ok(loaded.settings.data_dir.join(FILE_NAME))
}

fn ours(environment: impl IntoIterator<Item = (String, String)>) -> Vec<(String, String)> {
    let all = environment.into_iter();
    all.filter(|(name, _)| name.starts_with(PREFIX)).collect()
}

struct Loader {
    settings: Settings,
    sources: Vec<Source>,
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Default for Loader {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            sources: vec![Source::Default; KEYS.len()],
            problems: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

impl Loader {
    fn set(&mut self, key: &Key, value: &str, source: Source) {
        if let Err(why) = (key.set)(&mut self.settings, value) {
            // Flags and variables name the key themselves.
            self.problems.push(match source {
                Source::File(..) => format!("{source}: {}: {why}", key.name),
                _ => format!("{source}: {why}"),
            });
        }
        *self.source(key.name) = source;
    }

    fn source(&mut self, name: &str) -> &mut Source {
        let place = KEYS.iter().position(|key| key.name == name);
        // Every name that comes in here is one of KEYS.
        &mut self.sources[place.unwrap_or_default()]
    }

    fn flags(&mut self, flags: &ArgMatches) {
        for key in KEYS.iter().filter(|key| key.is_flag()) {
            if let Some(value) = flags.get_one::<String>(key.name) {
                self.set(key, value, Source::Flag(key.flag()));
            }
        }
    }

    fn variables(&mut self, variables: &[(String, String)]) {
        for (name, value) in variables {
            if let Some(key) = KEYS.iter().find(|key| key.variable() == *name) {
                self.set(key, value, Source::Variable(name.clone()));
            } else if !is_foreign(name) {
                let hint = suggestion(name, PREFIX, KEYS.iter().map(Key::variable));
                self.warnings.push(format!("unknown variable `{name}`{hint}"));
            }
        }
    }

    fn file(&mut self, named: Option<PathBuf>) {
        let must_exist = named.is_some();
        let path = named.unwrap_or_else(|| self.settings.data_dir.join(FILE_NAME));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            // That the data directory is none is told better by the one who needs it.
            Err(error) if !must_exist && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return;
            }
            Err(error) => {
                self.problems.push(format!("{}: {error}", path.display()));
                return;
            }
        };
        for entry in file::read(&path, &text, &mut self.problems) {
            let source = Source::File(path.clone(), entry.line);
            let Some(key) = KEYS.iter().find(|key| key.name == entry.name) else {
                let hint = suggestion(&entry.name, "", KEYS.iter().map(|key| key.name.to_owned()));
                self.problems.push(format!("{source}: unknown key `{}`{hint}", entry.name));
                continue;
            };
            match self.source(key.name) {
                Source::Default => self.set(key, &entry.value, source),
                // Set by something that wins; still, a broken line in the file is told.
                _ => {
                    if let Err(why) = (key.set)(&mut Settings::default(), &entry.value) {
                        self.problems.push(format!("{source}: {}: {why}", key.name));
                    }
                }
            }
        }
    }

    fn finish(mut self) -> Result<Loaded, Error> {
        if self.settings.dev {
            self.dev_default("registration", "open");
            self.dev_default("reflection", "true");
        }
        if self.problems.is_empty() {
            self.problems = self.settings.contradictions();
        }
        match self.problems.is_empty() {
            true => Ok(Loaded { settings: self.settings, sources: self.sources, warnings: self.warnings }),
            false => Err(Error(self.problems)),
        }
    }

    fn dev_default(&mut self, name: &str, value: &str) {
        let unset = *self.source(name) == Source::Default;
        if let Some(key) = KEYS.iter().find(|key| key.name == name && unset) {
            self.set(key, value, Source::Dev);
        }
    }
}

fn is_foreign(name: &str) -> bool {
    FOREIGN.contains(&name) || FOREIGN_PREFIX.iter().any(|prefix| name.starts_with(prefix))
}

/// ", did you mean ...?", if something is near. All begin with `prefix`, so that is no likeness.
fn suggestion(name: &str, prefix: &str, known: impl Iterator<Item = String>) -> String {
    let tail = |text: &str| text.strip_prefix(prefix).unwrap_or(text).to_owned();
    let near = known
        .map(|known| (strsim::jaro_winkler(&tail(name), &tail(&known)), known))
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match near {
        Some((score, known)) if score > 0.8 => format!(", did you mean `{known}`?"),
        _ => String::new(),
    }
}
