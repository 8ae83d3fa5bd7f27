//! From RE2, in which the protos write their patterns, to the dialect of the crate `regex`. They differ in the short
//! classes: `\s`, `\d` and `\w` are ASCII in RE2 and Unicode in Rust.

use anyhow::{Context, Result, bail};

/// The same pattern in Rust's dialect.
pub(crate) fn from_re2(pattern: &str) -> Result<String> {
    let mut out = String::with_capacity(pattern.len());
    let mut in_class = false;
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => {
                let escaped = chars.next().context("pattern ends with a backslash")?;
                out.push_str(&escape(escaped, in_class)?);
                continue;
            }
            // Within a class these stand for themselves in RE2 and have a meaning in Rust.
            '[' | '&' | '~' if in_class => out.push('\\'),
            '[' => in_class = true,
            ']' => in_class = false,
            _ => {}
        }
        out.push(char);
    }
    regex::Regex::new(&out).with_context(|| format!("pattern `{pattern}`"))?;
    Ok(out)
}

fn escape(escaped: char, in_class: bool) -> Result<String> {
    let class = match escaped.to_ascii_lowercase() {
        's' => r"\t\n\x0C\r ",
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        'b' if !in_class => return Ok(format!(r"(?-u:\{escaped})")),
        _ => return Ok(format!(r"\{escaped}")),
    };
    match (escaped.is_ascii_uppercase(), in_class) {
        (false, true) => Ok(class.to_owned()),
        (false, false) => Ok(format!("[{class}]")),
        (true, false) => Ok(format!("[^{class}]")),
        (true, true) => bail!(r"\{escaped} within brackets is not supported"),
    }
}

#[cfg(test)]
mod tests {
    use super::from_re2;

    #[test]
    fn short_classes_are_ascii() {
        assert_eq!(from_re2(r"^[^\s]\d+\S$").unwrap(), "^[^\\t\\n\\x0C\\r ][0-9]+[^\\t\\n\\x0C\\r ]$");
        assert!(from_re2(r"[\S]").is_err());
        assert_eq!(from_re2("[[&]").unwrap(), r"[\[\&]");
        assert_eq!(from_re2(r"\[\x00\]").unwrap(), r"\[\x00\]");
    }
}
