//! The benchmarks: each figure is ours against a baseline as thin as it can be, in one run and in turn, because ratios
//! hold where absolute figures do not. The whole path of the product is measured (authenticated, permission checked,
//! durable, numbered), in its release build, over loopback.
//!
//! What is not in here: decisions whether a figure is good enough. The table says what was to be reached and what was.

mod audience;
mod baseline;
mod child;
mod connection;
mod crowd;
mod figure;
mod figures;
mod frames;
mod lab;
mod noise;
mod report;
mod side;
mod tally;
mod wire;
mod world;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::baseline::Baseline;
use crate::lab::Lab;
use crate::noise::Noise;

/// As the server: otherwise the allocator would be measured.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Measures the server against baselines and prints a table.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    /// Rounds of each figure; the table shows their median
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// One short round of each figure: to see that everything works
    #[arg(long)]
    quick: bool,
    /// Only these figures
    #[arg(long, value_delimiter = ',', value_parser = figures::NAMES)]
    only: Vec<String>,
    /// A server to measure instead of the one that is built
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    #[command(subcommand)]
    baseline: Option<Baseline>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    raise_open_files()?;
    match arguments.baseline {
        Some(baseline) => baseline.run(),
        None => {
            // One thread: the load generator is to take as little as it can of the cores that it shares.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            tokio::task::LocalSet::new().block_on(&runtime, run(arguments))
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    let names: Vec<&str> = figures::NAMES
        .into_iter()
        .filter(|name| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name))
        .collect();
    let rounds = if arguments.quick { 1 } else { arguments.rounds };
    ensure!(rounds > 0, "at least one round is to be measured");
    let binary = match arguments.server {
        Some(binary) => binary,
        None => lab::build_server()?,
    };
    let members = names.iter().map(|name| figures::members(name, arguments.quick)).max().unwrap_or_default();
    eprintln!("making {members} accounts");
    let lab = Lab::new(binary, members, arguments.quick).await?;
    let (mut rows, mut noise) = (Vec::new(), Noise::default());
    for name in names {
        eprintln!("{name}");
        rows.extend(figures::measure(name, &lab, rounds, &mut noise).await?);
    }
    let summary = noise.summary();
    report::print(&rows, &summary);
    if arguments.quick {
        println!(
            "quick: one short round with fewer sessions than the table says; good to see that it works, and no more"
        );
    }
    println!("written to {}", report::write(&rows, &summary, arguments.quick)?.display());
    Ok(())
}

/// Children inherit it: 10,000 connections are as many open files on either side.
fn raise_open_files() -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(())
}
