//! Events as lines: on stdout, or in a file that is cut back to what was noted when the listener starts again.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::Format;
use super::event::Happening;
use super::resume::Resume;
use crate::fault::{Fault, Result};
use crate::output::line;

/// Writes lines.
#[derive(Debug)]
pub(super) struct Printer {
    format: Format,
    file: Option<OutputFile>,
}

/// A file that has each event exactly once: its length is noted together with the positions.
#[derive(Debug)]
struct OutputFile {
    path: PathBuf,
    file: BufWriter<File>,
    length: u64,
}

impl Printer {
    /// To a file with its resume file, else to stdout.
    pub(super) fn open(format: Format, file: Option<(&Path, &Resume)>) -> Result<Self> {
        let file = match file {
            Some((path, resume)) => Some(OutputFile::open(path, resume.output())?),
            None => None,
        };
        Ok(Self { format, file })
    }

    /// Writes an event; whether there was something to write.
    pub(super) fn print(&mut self, happening: &Happening) -> Result<bool> {
        let Some(text) = happening.line(self.format)? else {
            return Ok(false);
        };
        match &mut self.file {
            None => line(&text)?,
            Some(file) => file.add(&text)?,
        }
        Ok(true)
    }

    /// Whether a position is to be noted with every event: a line on stdout cannot be taken back, one in a file can.
    pub(super) fn is_noted_at_once(&self) -> bool {
        self.file.is_none()
    }

    /// Brings everything onto the disk and tells how long the file is then; `None` for stdout.
    pub(super) fn sync(&mut self) -> Result<Option<u64>> {
        match &mut self.file {
            None => Ok(None),
            Some(file) => file.sync().map(Some),
        }
    }
}

impl OutputFile {
    fn open(path: &Path, noted: Option<u64>) -> Result<Self> {
        let failed = |error| Fault::file(path, &error);
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(false).open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let noted = noted.unwrap_or(length);
        if length < noted {
            let fault = Fault::local(format!("{}: shorter than when it was last written", path.display()));
            return Err(fault.remedy("remove the resume file to begin anew, from now on"));
        }
        // What is beyond was written and not noted: the server tells it again.
        file.set_len(noted).map_err(failed)?;
        file.seek(SeekFrom::Start(noted)).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file), length: noted })
    }

    fn add(&mut self, text: &str) -> Result<()> {
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.write_all(b"\n"));
        written.map_err(|error| Fault::file(&self.path, &error))?;
        self.length += text.len() as u64 + 1;
        Ok(())
    }

    fn sync(&mut self) -> Result<u64> {
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_data());
        synced.map_err(|error| Fault::file(&self.path, &error))?;
        Ok(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_noted_is_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let mut file = OutputFile::open(&path, None).unwrap();
        file.add("one").unwrap();
        let noted = file.sync().unwrap();
        file.add("two").unwrap();
        file.sync().unwrap();
        drop(file);
        let mut file = OutputFile::open(&path, Some(noted)).unwrap();
        file.add("TWO").unwrap();
        file.sync().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\nTWO\n");
    }

    #[test]
    fn a_file_that_lost_something_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        std::fs::write(&path, "one\n").unwrap();
        assert!(OutputFile::open(&path, Some(5)).is_err());
        let file = OutputFile::open(&path, None).unwrap();
        assert_eq!(file.length, 4);
    }
}
