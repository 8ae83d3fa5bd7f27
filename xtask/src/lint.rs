//! `cargo xtask lint`: everything that is known about the code without running it.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;

use crate::generate::{Gen, stage_dependencies};
use crate::steps::{Outcome, Steps};
use crate::tools;
use crate::workspace::{cargo, command, read, run, target};

const PROTOS: &str = "proto/guildhall";

/// What to compare with.
#[derive(Args, Debug)]
pub(crate) struct Lint {
    /// The commit whose protos clients rely on; by default the last one before the changes at hand
    #[arg(long, value_name = "REF", env = "GUILDHALL_BASE")]
    base: Option<String>,
}

impl Lint {
    /// Runs all checks and prints the table.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let mut steps = Steps::default();
        self.steps(&mut steps);
        Ok(steps.finish())
    }

    /// The checks, as steps of a longer task.
    pub(crate) fn steps(&self, steps: &mut Steps) {
        steps.run("format", || plain(cargo().args(["fmt", "--all", "--check"])));
        steps.run("clippy", || plain(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])));
        steps.run("generated code", || Gen::checking().run().map(passed));
        steps.run("proto format", proto_format);
        steps.run("proto lint", proto_lint);
        steps.run("proto breaking", || self.proto_breaking());
        steps.run("documentation", || {
            let mut doc = cargo();
            doc.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
            plain(&mut doc)
        });
        steps.run("dependencies", dependencies);
    }

    fn proto_breaking(&self) -> Result<Outcome> {
        let base = match &self.base {
            Some(base) => base.clone(),
            None => default_base()?,
        };
        if !has_protos(&base) {
            // Only the first landing may pass without a comparison.
            ensure!(!history_has_protos()?, "`{base}` has no protos but the history does; name the commit with --base");
            return Ok(Outcome::NothingToDo("no protos have landed yet"));
        }
        let against = check_out(&base)?;
        println!("comparing with {base}");
        plain(command(tools::buf()?).args(["breaking", "--against"]).arg(against))
    }
}

fn plain(command: &mut std::process::Command) -> Result<Outcome> {
    run(command).map(passed)
}

fn passed((): ()) -> Outcome {
    Outcome::Passed
}

fn proto_format() -> Result<Outcome> {
    plain(command(tools::buf()?).args(["format", "--diff", "--exit-code", "--path", PROTOS]))
}

fn proto_lint() -> Result<Outcome> {
    stage_dependencies()?;
    plain(command(tools::buf()?).arg("lint"))
}

fn dependencies() -> Result<Outcome> {
    plain(command(tools::cargo_deny()?).args(["check", "bans", "licenses", "sources"]))
}

/// The commit before the protos at hand: HEAD if they are changed in the working copy, else the one before HEAD.
fn default_base() -> Result<String> {
    let changed = read(command("git").args(["status", "--porcelain", "--", PROTOS]))?;
    Ok(if changed.is_empty() { "HEAD~1" } else { "HEAD" }.to_owned())
}

fn has_protos(commit: &str) -> bool {
    let tree = read(command("git").args(["ls-tree", commit, "--", PROTOS]));
    tree.is_ok_and(|tree| !tree.is_empty())
}

/// Whether any commit but the newest has protos.
fn history_has_protos() -> Result<bool> {
    let shallow = read(command("git").args(["rev-parse", "--is-shallow-repository"]))?;
    ensure!(
        shallow.trim() == "false",
        "this clone has no history to compare with; fetch it, or name a commit with --base"
    );
    if read(command("git").args(["rev-parse", "--verify", "--quiet", "HEAD~1"])).is_err() {
        return Ok(false);
    }
    let commits = read(command("git").args(["log", "--format=%H", "HEAD~1", "--", PROTOS]))?;
    Ok(!commits.is_empty())
}

/// The protos of a commit, with the dependencies that are not checked in.
fn check_out(commit: &str) -> Result<PathBuf> {
    let dir = target().join("proto-base");
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(dir.join("target"))?;
    let archive = target().join("proto-base.tar");
    let mut git = command("git");
    git.args(["archive", "--output"]).arg(&archive);
    run(git.args([commit, "proto", "buf.yaml"]))?;
    run(command("tar").arg("-xf").arg(&archive).arg("-C").arg(&dir))?;
    let staged = stage_dependencies()?;
    run(command("cp").arg("-r").arg(&staged).arg(dir.join("target")))?;
    Ok(dir)
}
