//! The services of a full run: nobody else uses them, so they may be killed. `cargo xtask services --private` owns them.

use std::path::PathBuf;
use std::process::Command;

use crate::eventually::eventually;

/// The program that owns them; set only where nothing else runs over them.
const OWNER: &str = "GUILDHALL_TEST_XTASK";

/// A way to do things to them. Their names are `postgres`, `redis`, and `cassandra3-1` to `cassandra3-3`.
#[derive(Clone, Debug)]
pub struct Services(PathBuf);

impl Services {
    /// If this run has such services.
    pub fn that_may_die() -> Option<Self> {
        std::env::var_os(OWNER).map(PathBuf::from).map(Self)
    }

    /// All of them run and answer again, whatever was done to them.
    pub async fn heal(&self) {
        for name in ["postgres", "redis", "cassandra3-1", "cassandra3-2", "cassandra3-3"] {
            self.resume(name);
            self.start(name).await;
        }
    }

    /// SIGKILL.
    pub fn kill(&self, name: &str) {
        self.must("kill", name);
    }

    /// Ends one in order.
    pub fn end(&self, name: &str) {
        self.must("end", name);
    }

    /// SIGSTOP.
    pub fn pause(&self, name: &str) {
        self.must("pause", name);
    }

    /// SIGCONT.
    pub fn resume(&self, name: &str) {
        self.must("go-on", name);
    }

    /// Starts one again over what it has on its disk, unless it runs, and waits until it answers.
    pub async fn start(&self, name: &str) {
        // Postgres refuses while a child of the killed one is not gone yet.
        eventually("the service is there again", async || {
            self.try_to("start", name).await?;
            self.try_to("await", name).await
        })
        .await;
    }

    async fn try_to(&self, fault: &'static str, name: &str) -> Option<()> {
        let (this, name) = (self.clone(), name.to_owned());
        tokio::task::spawn_blocking(move || this.inflict(fault, &name)).await.ok()?.ok()
    }

    fn must(&self, fault: &str, name: &str) {
        if let Err(error) = self.inflict(fault, name) {
            panic!("{fault} {name}: {error}");
        }
    }

    fn inflict(&self, fault: &str, name: &str) -> Result<(), String> {
        let output = Command::new(&self.0).args(["services", "--private", "fault", fault, name]).output();
        let output = output.map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}
