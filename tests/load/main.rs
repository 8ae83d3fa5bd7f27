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
mod site;
mod tally;
mod wire;
mod world;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::baseline::Baseline;
use crate::figure::Row;
use crate::lab::Lab;
use crate::noise::Noise;
use crate::site::Site;

/// As the server: otherwise the allocator would be measured.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Measures the server against baselines and prints a table.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    /// Rounds of each figure; the table shows their median [default: 5, of a cluster 3]
    #[arg(long)]
    rounds: Option<usize>,
    /// One short round of each figure: to see that everything works
    #[arg(long)]
    quick: bool,
    /// Three nodes over Postgres, Redis and Cassandra, which `cargo xtask bench --cluster` starts
    #[arg(long)]
    cluster: bool,
    /// Only these figures
    #[arg(long, value_delimiter = ',')]
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
    let all: &[&str] = if arguments.cluster { &figures::cluster::NAMES } else { &figures::NAMES };
    let unknown = arguments.only.iter().find(|only| !all.contains(&only.as_str()));
    ensure!(unknown.is_none(), "there is no figure {unknown:?}; there are {}", all.join(", "));
    let is_wanted = |name: &&str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name);
    let names: Vec<&str> = all.iter().copied().filter(is_wanted).collect();
    let rounds = if arguments.quick { 1 } else { arguments.rounds.unwrap_or(if arguments.cluster { 3 } else { 5 }) };
    ensure!(rounds > 0, "at least one round is to be measured");
    let (mut rows, mut noise) = (Vec::new(), Noise::default());
    if arguments.cluster {
        let site = Site::new(arguments.quick)?;
        for name in names {
            eprintln!("{name}");
            rows.extend(figures::cluster::measure(name, &site, rounds, &mut noise).await?);
        }
        println!("\nothers are also the engines: Postgres, Redis, Cassandra and their bare writers");
    } else {
        rows = embedded(&names, arguments.server, arguments.quick, (rounds, &mut noise)).await?;
    }
    let summary = noise.summary();
    report::print(&rows, &summary);
    if arguments.quick {
        println!(
            "quick: one short round with fewer sessions than the table says; good to see that it works, and no more"
        );
    }
    println!("written to {}", report::write(&rows, &summary, arguments.quick)?.display());
    let missing = rows.iter().filter(|row| row.failure.is_some()).count();
    ensure!(missing == 0, "{missing} rows could not be measured");
    Ok(())
}

/// The figures of one process.
async fn embedded(
    names: &[&str],
    server: Option<PathBuf>,
    quick: bool,
    (rounds, noise): (usize, &mut Noise),
) -> Result<Vec<Row>> {
    let binary = match server {
        Some(binary) => binary,
        None => lab::build_server()?,
    };
    let members = names.iter().map(|name| figures::members(name, quick)).max().unwrap_or_default();
    eprintln!("making {members} accounts");
    let lab = Lab::new(binary, members, quick).await?;
    let mut rows = Vec::new();
    for name in names {
        eprintln!("{name}");
        rows.extend(figures::measure(name, &lab, rounds, noise).await?);
    }
    Ok(rows)
}

/// Children inherit it: 10,000 connections are as many open files on either side.
fn raise_open_files() -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(())
}
