//! What comes in by stdin or by a person's hands. Nobody is asked anything unless a terminal is there.

use std::io::{self, IsTerminal as _, Read as _, Write as _};

use crate::fault::{Fault, Result};

/// A token on the first line of stdin. What follows stays for others to read.
pub(crate) fn token() -> Result<String> {
    first_line("a token")
}

/// A password: from the first line of stdin if asked for, else from the terminal, twice if it is new.
pub(crate) fn password(from_stdin: bool, is_new: bool) -> Result<String> {
    if from_stdin {
        return first_line("a password");
    }
    if !io::stdin().is_terminal() {
        let fault = Fault::usage("no terminal to ask for the password");
        return Err(fault.remedy("pass it with --password-stdin"));
    }
    let password = rpassword::prompt_password("Password: ")?;
    if is_new && rpassword::prompt_password("Again: ")? != password {
        return Err(Fault::usage("the two passwords are not the same"));
    }
    Ok(password)
}

/// A new password beside the old one: from the next line of stdin if asked for, else from the terminal, twice.
pub(crate) fn new_password(from_stdin: bool) -> Result<String> {
    if from_stdin {
        return first_line("the old password and, in the next line, the new one");
    }
    let password = rpassword::prompt_password("New password: ")?;
    if rpassword::prompt_password("Again: ")? != password {
        return Err(Fault::usage("the two passwords are not the same"));
    }
    Ok(password)
}

/// Asks whether to do something that cannot be undone; without a terminal only the flag counts.
pub(crate) fn confirm(what: &str, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Fault::usage(format!("{what} cannot be undone")).remedy("pass --yes"));
    }
    let mut stderr = io::stderr().lock();
    write!(stderr, "{what} cannot be undone. Go on? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Fault::local("not confirmed, nothing was done"))
}

/// A text that was given, or the whole of stdin without its last line break.
pub(crate) fn text(given: Option<String>) -> Result<String> {
    if let Some(text) = given {
        return Ok(text);
    }
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes).map_err(|_| Fault::usage("stdin is not UTF-8"))?;
    Ok(without_line_break(&text).to_owned())
}

/// All of stdin, as it is.
pub(crate) fn all() -> Result<String> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

fn first_line(what: &str) -> Result<String> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let line = without_line_break(&line);
    if line.is_empty() {
        return Err(Fault::usage(format!("stdin does not begin with {what}")));
    }
    Ok(line.to_owned())
}

fn without_line_break(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_line_break_goes() {
        assert_eq!(without_line_break("a\nb\n\n"), "a\nb\n");
        assert_eq!(without_line_break("a\r\n"), "a");
        assert_eq!(without_line_break("a"), "a");
    }
}
