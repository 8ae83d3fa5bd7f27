//! `completions` and `man`: made from the command line itself, so they cannot be out of date.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::args::Cli;
use crate::fault::{Fault, Result};
use crate::output::write;

/// Print completions.
#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Result<()> {
        let mut bytes = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "guildhall", &mut bytes);
        write(&bytes)
    }
}

/// Print the manual.
#[derive(Args, Debug)]
pub(crate) struct Man {
    /// Write one page for each command into this directory instead
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(self) -> Result<()> {
        if let Some(dir) = self.dir {
            std::fs::create_dir_all(&dir).map_err(|error| Fault::file(&dir, &error))?;
            let written = clap_mangen::generate_to(Cli::command(), &dir);
            return written.map_err(|error| Fault::file(&dir, &error));
        }
        let mut bytes = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut bytes)?;
        write(&bytes)
    }
}
