//! Bad input: a table of inputs, each with its exact outcome, and beside every one a healthy session of somebody else that
//! must not notice. Outcomes are in words (see `words`): code, reason, and each field with the rule that it breaks.

mod accounts;
mod clock;
mod connections;
mod content;
mod cursors;
mod disk;
mod frames;
mod guilds;
mod http2;
mod ids;
mod machine;
mod messages;
mod neighbour;
mod nonces;
mod pages;
mod races;
mod raw;
mod scene;
mod sessions;
mod stalled;
mod table;
mod tale;
mod tokens;
mod words;

use std::io::Write;

use guildhall_tests::Deployment;

use scene::Scene;
use table::{Report, Row};

/// Fewer rows than that: somebody has lost some.
const ROWS_MIN: usize = 190;
const MACHINE_ROWS_MIN: usize = 11;

#[tokio::test]
async fn every_bad_input_has_its_outcome_and_harms_nobody() {
    let (requests, connections) = tokio::join!(requests(), connections());
    judge("bad input", &requests.and(connections), ROWS_MIN);
}

/// What a server finds on a machine that is its own; for the embedded deployment.
pub(super) async fn of_the_machine() {
    let (scene, mut neighbour) = Scene::begin(Deployment::embedded()).await;
    let rows = [machine::rows(), disk::rows(), clock::rows()].into_iter().flatten().collect();
    judge("bad machines", &table::in_turn(scene, &mut neighbour, rows).await, MACHINE_ROWS_MIN);
}

fn judge(what: &str, report: &Report, rows_min: usize) {
    let Report { rows, marks, slowest, failures } = report;
    let line = format!(
        "{what}: {rows} rows, {} not as stated; the neighbours spoke {marks} times beside it and heard themselves within \
         {} ms",
        failures.len(),
        slowest.as_millis(),
    );
    // Not by `println`, which shows it only if the test fails.
    let _ = writeln!(std::io::stdout(), "{line}");
    assert!(failures.is_empty(), "{line}\n{}", failures.join("\n"));
    assert!(*rows >= rows_min, "{line}");
}

/// What is asked of a server, one after the other.
async fn requests() -> Report {
    let (scene, mut neighbour) = Scene::begin(Deployment::builder()).await;
    table::in_turn(scene, &mut neighbour, request_rows()).await
}

/// What takes its time, all at once.
async fn connections() -> Report {
    let (scene, mut neighbour) = Scene::begin(Deployment::builder()).await;
    let mut rows = connections::rows();
    rows.push(sessions::late());
    table::together(scene, &mut neighbour, rows).await
}

fn request_rows() -> Vec<Row> {
    let groups = [
        content::rows(),
        nonces::rows(),
        messages::rows(),
        ids::rows(),
        pages::rows(),
        cursors::rows(),
        frames::rows(),
        sessions::rows(),
        tokens::rows(),
        accounts::rows(),
        guilds::rows(),
        races::rows(),
    ];
    groups.into_iter().flatten().collect()
}
