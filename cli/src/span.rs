//! Lengths of time as people write them: `90`, `90s`, `10m`, `2h`, `7d`.

use std::time::Duration;

/// Reads a length of time; without a unit they are seconds.
///
/// # Errors
///
/// What was expected, for the command line.
pub(crate) fn read(text: &str) -> Result<Duration, String> {
    let refuse = || "must be a number with s, m, h or d after it, such as 10m".to_owned();
    let (digits, unit_seconds) = match text.chars().last() {
        Some('s') => (&text[..text.len() - 1], 1),
        Some('m') => (&text[..text.len() - 1], 60),
        Some('h') => (&text[..text.len() - 1], 3_600),
        Some('d') => (&text[..text.len() - 1], 86_400),
        _ => (text, 1),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refuse());
    }
    let count: u64 = digits.parse().map_err(|_| refuse())?;
    let seconds = count.checked_mul(unit_seconds).ok_or_else(refuse)?;
    Ok(Duration::from_secs(seconds))
}

/// Whole seconds for the wire. What does not fit is beyond every limit, and refused as such.
pub(crate) fn seconds(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read() {
        let cases = [("0", 0), ("90", 90), ("90s", 90), ("10m", 600), ("2h", 7_200), ("7d", 604_800)];
        for (text, seconds) in cases {
            assert_eq!(read(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "m", "-1", "+1", "1.5h", "1w", "10 m", "18446744073709551615d", "é"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
