//! What the operating system knows of this process, looked up when somebody asks. Zero where there is no `/proc`.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// See the file.
pub(super) struct Process {
    memory_bytes: Gauge,
    files: Gauge,
}

impl Process {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let memory = "Memory that the process holds, in bytes";
        Self {
            memory_bytes: super::gauge(registry, "process_resident_memory_bytes", memory),
            files: super::gauge(registry, "process_open_fds", "Files and sockets that the process has open"),
        }
    }

    pub(super) fn look(&self) {
        self.memory_bytes.set(memory_bytes().unwrap_or_default());
        let files = std::fs::read_dir("/proc/self/fd").map(Iterator::count).unwrap_or_default();
        self.files.set(i64::try_from(files).unwrap_or(i64::MAX));
    }
}

fn memory_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
