//! What became of each fault, line by line.

use std::any::Any;
use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use guildhall_tests::checker::{Anomaly, Counts};
use guildhall_tests::deployment::Kind;

use super::scenario::Fault;

/// A file that the lines are added to as well, for whoever shows them when all is over.
const VARIABLE: &str = "GUILDHALL_TEST_TABLE";

/// How one went.
pub(super) struct Row {
    pub(super) counts: Counts,
    pub(super) anomalies: Vec<Anomaly>,
    /// From the end of the fault until at every node a new message was acknowledged, read, and shown to all.
    pub(super) recovered: Duration,
}

/// The lines so far.
pub(super) struct Table {
    kind: Kind,
    file: Option<File>,
    failed: Vec<String>,
}

impl Table {
    pub(super) fn new(kind: Kind) -> Self {
        let open = |path| File::options().create(true).append(true).open(path).expect("the file of the table");
        let mut table = Self { kind, file: std::env::var_os(VARIABLE).map(open), failed: Vec::new() };
        table.line(&format!(
            "{:<44} {:>12} {:>5} {:>6} {:>13} {:>18}",
            "fault", "acknowledged", "lost", "twice", "out of order", "seconds to recover"
        ));
        table
    }

    pub(super) fn add(&mut self, fault: Fault, row: &Row) {
        let (mut lost, mut twice, mut order) = (0, 0, 0);
        for anomaly in &row.anomalies {
            match anomaly {
                Anomaly::Lost { .. } | Anomaly::Unobserved { .. } => lost += 1,
                Anomaly::Duplicate { .. } | Anomaly::Phantom { .. } => twice += 1,
                Anomaly::Skipped { .. } | Anomaly::OutOfOrder { .. } | Anomaly::Altered { .. } => order += 1,
            }
        }
        let (name, seconds) = (self.name(fault), row.recovered.as_secs_f64());
        let acknowledged = row.counts.acknowledged;
        self.line(&format!("{name:<44} {acknowledged:>12} {lost:>5} {twice:>6} {order:>13} {seconds:>18.1}"));
        if !row.anomalies.is_empty() {
            let first: Vec<String> = row.anomalies.iter().take(10).map(ToString::to_string).collect();
            self.fail_with(format!("{name}: {}\n{}", row.counts, first.join("\n")));
        }
    }

    pub(super) fn fail(&mut self, fault: Fault, why: Box<dyn Any + Send>) {
        let name = self.name(fault);
        let why = match why.downcast::<String>() {
            Ok(why) => *why,
            Err(other) => other.downcast::<&str>().map_or_else(|_| "it panicked".to_owned(), |why| (*why).to_owned()),
        };
        let first = why.lines().next().unwrap_or_default();
        self.line(&format!("{name:<44} FAILED: {first}"));
        self.fail_with(format!("{name}: {why}"));
    }

    /// Told at once, with the logs of that moment, and again at the end.
    fn fail_with(&mut self, what: String) {
        println!("{what}");
        self.failed.push(what);
    }

    /// # Panics
    /// If any went wrong.
    pub(super) fn finish(self) {
        assert!(self.failed.is_empty(), "{} faults went wrong:\n{}", self.failed.len(), self.failed.join("\n\n"));
    }

    fn name(&self, fault: Fault) -> String {
        format!("{:?}, {fault:?}", self.kind)
    }

    fn line(&mut self, line: &str) {
        println!("{line}");
        if let Some(file) = &mut self.file {
            writeln!(file, "{line}").expect("the table can be written");
        }
    }
}
