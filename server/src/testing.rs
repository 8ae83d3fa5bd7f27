//! A server inside a test, by one call: the real one, on a free port of loopback, with a directory of its own.
//!
//! ```no_run
//! # async fn test() {
//! let server = guildhall_server::testing::TestServer::start().await;
//! // ... connect a client to `server.url()`, register, send ...
//! server.shutdown().await;
//! # }
//! ```

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use tempfile::TempDir;

use crate::chat::Registration;
use crate::limits::Mode;
use crate::{Server, Settings};

/// A server for tests. Dropped, it vanishes with its data.
pub struct TestServer {
    /// `None` only while it restarts.
    server: Option<Server>,
    settings: Settings,
    /// Dropped last: the directory goes when the server has.
    data: TempDir,
}

/// How a [`TestServer`] is to run.
pub struct Builder {
    settings: Settings,
}

impl TestServer {
    /// Starts one with open registration.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Starts one whose settings are to be changed first.
    pub fn builder() -> Builder {
        Builder {
            settings: Settings {
                listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                registration: Registration::Open,
                // A test is one peer, however many clients it plays.
                max_connections_per_ip: 0,
                // And does in a second what people do in a day.
                rate_limits: Mode::Off,
                drain_seconds: 5,
                ..Settings::default()
            },
        }
    }

    /// Its address, for `Client::builder`. It stays the same when the server restarts.
    pub fn url(&self) -> String {
        self.server().url()
    }

    /// Its directory.
    pub fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// The server itself.
    ///
    /// # Panics
    /// After a [`stop`](Self::stop).
    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("the server was stopped")
    }

    /// Ends it in order, as SIGTERM does; it can be started again.
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            self.settings.listen = server.local_addr();
            server.shutdown().await;
        }
    }

    /// Cuts every connection and ends it without a word to anybody; it can be started again.
    pub async fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            self.settings.listen = server.local_addr();
            server.kill().await;
        }
    }

    /// Starts it again on the same address and data. One that runs is left alone.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn resume(&mut self) {
        if self.server.is_none() {
            self.server = Some(start(self.settings.clone()).await);
        }
    }

    /// Ends it in order and starts it again.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.resume().await;
    }

    /// The settings for the next start.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Ends it in order, for good.
    pub async fn shutdown(mut self) {
        self.stop().await;
    }
}

impl Builder {
    /// Changes the settings. The data directory is chosen by [`start`](Self::start).
    #[must_use]
    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(self) -> TestServer {
        let data = tempfile::tempdir().expect("a directory for the test's server");
        let mut settings = self.settings;
        settings.data_dir = data.path().to_owned();
        TestServer { server: Some(start(settings.clone()).await), settings, data }
    }
}

async fn start(settings: Settings) -> Server {
    match Server::start(settings).await {
        Ok(server) => server,
        Err(error) => panic!("the test's server does not start: {}", error.explain()),
    }
}
