//! Steps of a long task, run to the end even when one fails, with one table at the end that tells of all.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::interrupt;

/// How a step ended, unless it failed.
pub(crate) enum Outcome {
    /// As it should.
    Passed,
    /// There was nothing to do yet, for this reason. That is no gap in the gate.
    NothingToDo(&'static str),
}

enum Ending {
    Passed(&'static str),
    Failed,
    Skipped(&'static str),
}

/// The steps so far.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(&'static str, Ending, Duration)>,
}

impl Steps {
    /// Runs a step. What it prints is seen as it comes.
    pub(crate) fn run(&mut self, name: &'static str, step: impl FnOnce() -> Result<Outcome>) {
        if interrupt::came() {
            self.skip(name, "interrupted");
            return;
        }
        println!("\n== {name}");
        let start = Instant::now();
        let ending = match step() {
            Ok(Outcome::Passed) => Ending::Passed(""),
            Ok(Outcome::NothingToDo(reason)) => {
                println!("nothing to do: {reason}");
                Ending::Passed(reason)
            }
            Err(error) => {
                println!("failed: {error:#}");
                Ending::Failed
            }
        };
        let time = start.elapsed();
        println!("-- {name}: {:.1} s", time.as_secs_f64());
        self.done.push((name, ending, time));
    }

    /// Notes a step that cannot be run. The task fails by it: what was not checked is not known to be right.
    pub(crate) fn skip(&mut self, name: &'static str, reason: &'static str) {
        println!("\n== {name}\nskipped: {reason}");
        let ending = Ending::Skipped(reason);
        self.done.push((name, ending, Duration::ZERO));
    }

    /// Whether there was a step of this name that did not pass.
    pub(crate) fn failed(&self, name: &str) -> bool {
        let step = self.done.iter().find(|(done, ..)| *done == name);
        step.is_some_and(|(_, ending, _)| !matches!(ending, Ending::Passed(_)))
    }

    /// Prints the table and the sum, which is the last line.
    pub(crate) fn finish(self) -> ExitCode {
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        println!("\n{:<24} {:<8} {:>8}", "step", "result", "seconds");
        for (name, ending, time) in &self.done {
            let (result, note) = match ending {
                Ending::Passed(note) => ("passed", *note),
                Ending::Failed => ("failed", ""),
                Ending::Skipped(note) => ("skipped", *note),
            };
            match ending {
                Ending::Passed(_) => passed += 1,
                Ending::Failed => failed += 1,
                Ending::Skipped(_) => skipped += 1,
            }
            let line = format!("{name:<24} {result:<8} {:>8.1}  {note}", time.as_secs_f64());
            println!("{}", line.trim_end());
        }
        println!("{passed} passed, {failed} failed, {skipped} skipped");
        if failed + skipped == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
