//! Text for people: aligned columns, and nothing in them that a terminal would obey.

/// Pads all columns but the last to the same width.
pub(super) fn align(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width_of = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max();
    let widths: Vec<_> = (0..columns).map(|column| width_of(column).unwrap_or(0)).collect();
    rows.iter().map(|row| pad(row, &widths)).collect()
}

fn pad(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width_max) in row.iter().zip(widths) {
        line.push_str(cell);
        let missing = width_max - width(cell);
        line.extend(std::iter::repeat_n(' ', missing + 2));
    }
    line.truncate(line.trim_end().len());
    line
}

/// Columns on a terminal. East Asian wide characters take two.
fn width(text: &str) -> usize {
    text.chars().map(|char| if is_wide(char) { 2 } else { 1 }).sum()
}

/// The blocks of wide characters, roughly: enough for columns of names to stand straight.
fn is_wide(char: char) -> bool {
    matches!(char, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{1f300}'..='\u{1f64f}'
        | '\u{1f900}'..='\u{1f9ff}' | '\u{20000}'..='\u{3fffd}')
}

/// The head of a column: the field's name in words.
pub(super) fn label(path: &str) -> String {
    let name = path.rsplit('.').next().unwrap_or(path);
    name.replace('_', " ")
}

/// One line that a terminal shows and does not obey: control characters are written out.
pub(crate) fn printable(text: &str) -> String {
    escape(text, |_| false)
}

/// The same with its line breaks and tabs.
pub(crate) fn printable_lines(text: &str) -> String {
    escape(text, |char| matches!(char, '\n' | '\t'))
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() && !keep(char) {
            out.extend(char.escape_default());
        } else {
            out.push(char);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    #[test]
    fn columns_stand_under_each_other() {
        let rows = [row(&["ID", "NAME", "TOPIC"]), row(&["1", "général", ""]), row(&["22", "雑談", "x"])];
        assert_eq!(align(&rows), ["ID  NAME     TOPIC", "1   général", "22  雑談     x"]);
        assert!(align(&[]).is_empty());
    }

    #[test]
    fn a_terminal_is_not_given_orders() {
        assert_eq!(printable("a\u{1b}[2Jb\nc\u{9b}"), "a\\u{1b}[2Jb\\nc\\u{9b}");
        assert_eq!(printable_lines("a\n\tb\r"), "a\n\tb\\r");
        assert_eq!(printable("grüße 你好 ✋"), "grüße 你好 ✋");
    }

    #[test]
    fn labels_are_words() {
        assert_eq!(label("user.display_name"), "display name");
    }
}
