//! The table: each row is an input and its exact outcome, in words. Beside every row the neighbour goes on chatting.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join_all};

use super::neighbour::Neighbour;
use super::scene::Scene;

/// Longer than any row is to take.
const ROW_MAX: Duration = Duration::from_secs(100);

type Act = Box<dyn FnOnce(Arc<Scene>) -> LocalBoxFuture<'static, String>>;

/// One input and what has to come of it.
pub(super) struct Row {
    input: String,
    outcome: String,
    leaves: Option<usize>,
    act: Act,
}

/// An input, its outcome, and how it is put in. The outcome of `act` has to be the same, word for word; and it leaves
/// nothing in the channel that the neighbour watches.
pub(super) fn row<F>(input: impl Into<String>, outcome: impl Into<String>, act: F) -> Row
where
    F: AsyncFnOnce(Arc<Scene>) -> String + 'static,
{
    let act: Act = Box::new(|scene| async move { act(scene).await }.boxed_local());
    Row { input: input.into(), outcome: outcome.into(), leaves: Some(0), act }
}

impl Row {
    /// It leaves exactly so many events in the channel that the neighbour watches.
    pub(super) fn leaves(self, events: usize) -> Self {
        Self { leaves: Some(events), ..self }
    }

    /// It is about others who write as well.
    pub(super) fn leaves_some(self) -> Self {
        Self { leaves: None, ..self }
    }
}

/// What came of a table.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) rows: usize,
    pub(super) marks: u64,
    pub(super) slowest: Duration,
    pub(super) failures: Vec<String>,
}

impl Report {
    fn beside(self, neighbour: &Neighbour) -> Self {
        Self { marks: neighbour.marks, slowest: neighbour.slowest, ..self }
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        self.rows += other.rows;
        self.marks += other.marks;
        self.slowest = self.slowest.max(other.slowest);
        self.failures.extend(other.failures);
        self
    }
}

/// Runs rows one after the other; the neighbour speaks before and after each.
pub(super) async fn in_turn(scene: Arc<Scene>, neighbour: &mut Neighbour, rows: Vec<Row>) -> Report {
    let mut report = Report::default();
    for row in rows {
        let (input, leaves) = (row.input.clone(), row.leaves);
        let (failure, seen) = neighbour.beside(run(Arc::clone(&scene), row)).await;
        report.rows += 1;
        report.failures.extend(failure);
        match seen {
            Ok(seen) if leaves.is_none_or(|events| events == seen) => {}
            Ok(seen) => report.failures.push(format!("{input}: it left {seen} events, not {leaves:?}")),
            Err(error) => {
                report.failures.push(format!("{input}: the neighbour noticed: {error:#}"));
                break;
            }
        }
    }
    report.beside(neighbour)
}

/// Runs rows all at the same time; the neighbour speaks all the while.
pub(super) async fn together(scene: Arc<Scene>, neighbour: &mut Neighbour, rows: Vec<Row>) -> Report {
    let count = rows.len();
    let rows = join_all(rows.into_iter().map(|row| run(Arc::clone(&scene), row)));
    let (failures, seen) = neighbour.beside(rows).await;
    let mut failures: Vec<_> = failures.into_iter().flatten().collect();
    failures.extend(seen.err().map(|error| format!("the neighbour noticed: {error:#}")));
    Report { rows: count, failures, ..Report::default() }.beside(neighbour)
}

/// What is wrong with what came of a row.
async fn run(scene: Arc<Scene>, row: Row) -> Option<String> {
    let start = Instant::now();
    let act = AssertUnwindSafe((row.act)(scene)).catch_unwind();
    let got = match tokio::time::timeout(ROW_MAX, act).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => format!("a panic: {}", said(panic.as_ref())),
        Err(_) => "no end".to_owned(),
    };
    println!("{:>6} ms  {}: {got}", start.elapsed().as_millis(), row.input);
    (got != row.outcome).then(|| format!("{}:\n  stated: {}\n  came:   {got}", row.input, row.outcome))
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("nothing")
}
