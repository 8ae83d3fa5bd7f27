//! What a move came to, for people: a line for each kind of thing, with what was counted at both ends.

use std::fmt::Write as _;

use crate::store::archive::Summary;

/// The text for stdout.
pub(in crate::app) fn report(summary: &Summary) -> String {
    let mut text = format!("{:<28} {:>12} {:>12}  {}\n", "", "source", "target", "content");
    for line in &summary.lines {
        let content = if line.is_equal() { "equal" } else { "DIFFERENT" };
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "{:<28} {:>12} {:>12}  {content}", line.name, line.source, line.target);
    }
    let _ = writeln!(text, "{} streams were compared", summary.streams);
    for stream in &summary.different {
        let _ = writeln!(text, "different: {stream}");
    }
    if summary.is_equal() {
        text.push_str("everything was moved\n");
    }
    text
}
