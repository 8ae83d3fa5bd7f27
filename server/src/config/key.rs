//! A key: its name, its words, what it takes, and how it gets into `Settings` and out again.

use super::Settings;

/// One thing that can be set.
pub struct Key {
    /// Its name in the file. The flag has dashes for underscores, the variable is upper case with a prefix.
    pub name: &'static str,
    /// What it is for, line by line, as in the documentation of the field.
    pub doc: &'static [&'static str],
    /// What it takes.
    pub values: Values,
    pub(super) set: fn(&mut Settings, &str) -> Result<(), String>,
    /// The value as TOML; `None` = not set.
    pub(super) literal: fn(&Settings) -> Option<String>,
}

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// A text of this form.
    Text(&'static str),
    /// Texts of this form; separated by commas where there are no lists.
    List(&'static str),
    /// One of these.
    Choice(&'static [&'static str]),
    /// A text that is neither shown nor taken as a flag.
    Secret,
    /// `true` or `false`.
    Switch,
    /// A whole number.
    Number {
        /// The smallest.
        min: u64,
        /// The greatest.
        max: u64,
        /// Of what.
        unit: &'static str,
    },
}

impl Key {
    /// The environment's name of the key.
    pub fn variable(&self) -> String {
        format!("{}{}", super::load::PREFIX, self.name.to_ascii_uppercase())
    }

    /// The command line's name of the key, without dashes in front.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// Whether the command line takes it.
    pub fn is_flag(&self) -> bool {
        !matches!(self.values, Values::Secret)
    }

    /// What it is for, in one line.
    pub fn summary(&self) -> String {
        let lines: Vec<_> = self.doc.iter().map(|line| line.trim()).collect();
        lines.join(" ")
    }
}

impl std::fmt::Display for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(form) => f.write_str(form),
            Self::List(form) => write!(f, "list of {form}"),
            Self::Choice(all) => f.write_str(&all.join(" | ")),
            Self::Secret => f.write_str("a secret text"),
            Self::Switch => f.write_str("true | false"),
            Self::Number { min, max, unit } => write!(f, "{min} to {max} {unit}"),
        }
    }
}

/// Reads a value and checks what can be checked without knowing the key.
pub(super) fn read<T: super::value::Setting>(text: &str, values: &Values) -> Result<T, String> {
    if let Values::Number { min, max, .. } = values {
        let fits = text.parse().is_ok_and(|n: u64| (*min..=*max).contains(&n));
        if !fits {
            return Err(format!("`{text}` is not in {values}"));
        }
    }
    T::read(text).map_err(|why| match values {
        Values::Secret => why,
        Values::Choice(_) | Values::Switch => format!("`{text}` is not one of {values}"),
        _ if why.is_empty() => format!("`{text}` is not {values}"),
        _ => why,
    })
}

/// Makes `Settings`, its defaults and the list of keys out of one list.
macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr, $values:expr;)+) => {
        /// How a server is to run.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Settings {
            $($(#[doc = $doc])+ pub $name: $type,)+
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        /// Every key, in the order of the file.
        pub const KEYS: &[Key] = &[$(Key {
            name: stringify!($name),
            doc: &[$($doc),+],
            values: $values,
            set: |settings, text| {
                settings.$name = key::read(text, &$values)?;
                Ok(())
            },
            literal: |settings| value::Setting::literal(&settings.$name),
        },)+];
    };
}

pub(super) use settings;
