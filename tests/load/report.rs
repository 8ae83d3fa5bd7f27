//! The table on the terminal, and the same as JSON.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};

use crate::figure::{Row, Target};
use crate::lab;
use crate::noise::Summary;

const HEAD: [&str; 8] = ["figure", "ours", "other", "ratio", "min..max", "target", "met", "against"];

/// Prints the table.
pub(crate) fn print(rows: &[Row], noise: &Summary) {
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(rows.iter().map(line));
    let widths: Vec<usize> =
        (0..HEAD.len()).map(|column| lines.iter().map(|line| line[column].len()).max().unwrap_or_default()).collect();
    println!();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    for (figure, failure) in rows.iter().filter_map(|row| Some((row.spec.figure, row.failure.as_ref()?))) {
        println!("\nnot measured: {figure}: {failure}");
    }
    println!(
        "\nnoise: a fixed spin took {:.1} ms [{:.1}..{:.1}]; others used {:.2} cores, {:.2} in the worst round",
        noise.spin_median_ms, noise.spin_min_ms, noise.spin_max_ms, noise.others_median_cores, noise.others_max_cores
    );
}

/// Writes everything that was measured to the next free number.
pub(crate) fn write(rows: &[Row], noise: &Summary, quick: bool) -> Result<PathBuf> {
    let directory = lab::directory()?;
    let taken = |number: &u32| directory.join(format!("{number}.json")).exists();
    let number = (1..).find(|number| !taken(number)).unwrap_or(1);
    let path = directory.join(format!("{number}.json"));
    let report = json!({
        "cores": std::thread::available_parallelism()?.get(),
        "quick": quick,
        "noise": noise,
        "figures": rows.iter().map(value).collect::<Vec<_>>(),
    });
    fs::write(&path, serde_json::to_vec_pretty(&report)?)?;
    Ok(path)
}

fn value(row: &Row) -> Value {
    let (least, greatest) = row.spread();
    json!({
        "row": row,
        "ours": row.ours(),
        "other": row.other(),
        "ratio": row.ratio(),
        "ratio_min": least,
        "ratio_max": greatest,
        "met": row.met(),
    })
}

fn line(row: &Row) -> [String; HEAD.len()] {
    let (least, greatest) = row.spread();
    let target = match row.spec.target {
        Target::RatioAtLeast(least) => format!(">= {least}"),
        Target::RatioAtMost(most) => format!("<= {most}"),
        Target::OursAtMost(most) => format!("<= {most} {}", row.spec.unit),
        Target::AddedAtMost(most) => format!("<= {most} {} more", row.spec.unit),
        Target::None => String::new(),
    };
    let met = match row.met() {
        _ if row.failure.is_some() => "NOT MEASURED",
        Some(true) => "yes",
        Some(false) => "NO",
        None => "",
    };
    [
        row.spec.figure.to_owned(),
        format!("{} {}", number(row.ours()), row.spec.unit),
        number(row.other()),
        format!("{:.2}", row.ratio()),
        format!("{least:.2}..{greatest:.2}"),
        target,
        met.to_owned(),
        row.spec.against.to_owned(),
    ]
}

/// A number with three digits that matter, thousands apart.
fn number(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{:.2}M", v / 1e6),
        v if v >= 1e4 => format!("{:.1}k", v / 1e3),
        v if v >= 100.0 => format!("{v:.0}"),
        v => format!("{v:.2}"),
    }
}
