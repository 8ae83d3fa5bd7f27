//! A Cassandra node for the tests of this process: started when the first one asks, gone when the process is, however it
//! ends. With `TEST_CQL` (`host:port,...`) those nodes are used instead.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::super::{Layout, Level, Options, Replication, migrate};

const VERSION: &str = "5.0.9";
const PATIENCE: Duration = Duration::from_secs(180);
/// Small, so that every longer case crosses their borders.
pub(super) const BUCKET_ROWS: u32 = 200;

/// A node, and the keyspace that this process has made there.
pub(super) struct Node {
    pub(super) addresses: Vec<String>,
    keyspace: String,
    /// Of a node of our own.
    own: Option<Own>,
}

struct Own {
    directory: PathBuf,
    shell: Child,
    /// The shell ends the node when this closes; the system closes it when the process ends.
    alive: Option<ChildStdin>,
}

impl Drop for Own {
    fn drop(&mut self) {
        self.alive = None;
        let _ = self.shell.wait();
    }
}

impl Node {
    /// The node of this process.
    pub(super) fn get() -> &'static Self {
        static NODE: OnceLock<Node> = OnceLock::new();
        NODE.get_or_init(|| {
            let start = || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(Self::start(Sync::Batch))
            };
            std::thread::spawn(start).join().unwrap()
        })
    }

    /// One more, which acknowledges as is said.
    pub(super) async fn start(sync: Sync) -> Self {
        let keyspace = format!("t_{}_{:x}", std::process::id(), rand::random::<u32>());
        let given = std::env::var("TEST_CQL").ok().filter(|_| matches!(sync, Sync::Batch));
        let node = match given {
            Some(nodes) => Self { addresses: nodes.split(',').map(Into::into).collect(), keyspace, own: None },
            None => {
                let (address, own) = own(sync);
                Self { addresses: vec![address], keyspace, own: Some(own) }
            }
        };
        let layout = Self::layout();
        let until = Instant::now() + PATIENCE;
        while let Err(error) = migrate(&node.options(), &layout).await {
            assert!(Instant::now() < until, "Cassandra does not start: {error:?}\n{}", node.log());
            sleep(Duration::from_millis(100)).await;
        }
        node
    }

    /// How to make the keyspace.
    pub(super) fn layout() -> Layout {
        Layout { replication: Replication::Simple(1), bucket_rows: BUCKET_ROWS }
    }

    /// How to open the keyspace.
    pub(super) fn options(&self) -> Options {
        Options {
            nodes: self.addresses.clone(),
            keyspace: self.keyspace.clone(),
            login: None,
            consistency: Level::Quorum,
            datacenter: None,
            accept_weak_durability: false,
        }
    }

    fn log(&self) -> String {
        let own = self.own.as_ref();
        own.and_then(|own| fs::read_to_string(own.directory.join("out.log")).ok()).unwrap_or_default()
    }
}

/// When a node writes its log to the disk.
#[derive(Clone, Copy)]
pub(super) enum Sync {
    /// Before it acknowledges.
    Batch,
    /// Now and then.
    Periodic,
}

fn own(sync: Sync) -> (String, Own) {
    let lib = jars();
    let directory = tempfile::Builder::new().prefix("guildhall-cql-").tempdir().unwrap().keep();
    let (native, storage) = (free_port(), free_port());
    fs::write(directory.join("cassandra.yaml"), settings(&directory, native, storage, sync)).unwrap();
    fs::write(directory.join("logback.xml"), LOGBACK).unwrap();
    let mut shell = spawn(&directory, &lib).unwrap();
    let alive = shell.stdin.take();
    (format!("127.0.0.1:{native}"), Own { directory, shell, alive })
}

/// The jars, fetched once.
fn jars() -> PathBuf {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../target/services/cassandra-{VERSION}"));
    let lib = home.join("lib");
    if !lib.join("jamm-0.4.0.jar").exists() {
        fs::create_dir_all(&home).unwrap();
        fs::write(home.join("pom.xml"), POM.replace("VERSION", VERSION)).unwrap();
        let fetch = ["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"];
        let fetched = Command::new("mvn").args(fetch).current_dir(&home).status().expect("Maven (`mvn`)");
        assert!(fetched.success(), "Maven could not fetch Cassandra");
    }
    lib.canonicalize().unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn spawn(directory: &Path, lib: &Path) -> io::Result<Child> {
    // The shell outlives this process by a moment: it ends the node, then removes its directory.
    let script = "trap '' INT TERM HUP; java \"$@\" >out.log 2>&1 & cat >/dev/null; kill -9 $!; wait; rm -rf \"$PWD\"";
    let mut command = Command::new("sh");
    command.current_dir(directory).args(["-c", script, "sh"]).stdin(Stdio::piped());
    command.args(["-Xms256m", "-Xmx256m", "-Xss384k", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"]);
    command.arg(format!("-javaagent:{}/jamm-0.4.0.jar", lib.display()));
    command.args(EXPORTS.split_whitespace().flat_map(|name| ["--add-exports".into(), format!("{name}=ALL-UNNAMED")]));
    command.args(OPENS.split_whitespace().flat_map(|name| ["--add-opens".into(), format!("{name}=ALL-UNNAMED")]));
    command.args(FLAGS.split_whitespace());
    let home = directory.display();
    command.arg(format!("-Dcassandra.config=file://{home}/cassandra.yaml"));
    command.arg(format!("-Dcassandra.storagedir={home}"));
    command.arg(format!("-Dlogback.configurationFile={home}/logback.xml"));
    command.arg("-cp").arg(format!("{}/*", lib.display())).arg("org.apache.cassandra.service.CassandraDaemon");
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

fn settings(directory: &Path, native: u16, storage: u16, sync: Sync) -> String {
    let home = directory.display();
    let sync = match sync {
        Sync::Batch => "commitlog_sync: batch",
        Sync::Periodic => "commitlog_sync: periodic\ncommitlog_sync_period: 10000ms",
    };
    format!(
        "cluster_name: it
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
dynamic_snitch: false
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: {storage}
native_transport_port: {native}
seed_provider: [{{class_name: org.apache.cassandra.locator.SimpleSeedProvider, parameters: [{{seeds: \"127.0.0.1:{storage}\"}}]}}]
data_file_directories: [{home}/data]
commitlog_directory: {home}/commitlog
hints_directory: {home}/hints
saved_caches_directory: {home}/saved
cdc_raw_directory: {home}/cdc
{sync}
commitlog_segment_size: 8MiB
commitlog_total_space: 64MiB
memtable_heap_space: 64MiB
memtable_offheap_space: 64MiB
file_cache_size: 16MiB
networking_cache_size: 16MiB
key_cache_size: 1MiB
row_cache_size: 0MiB
concurrent_reads: 32
concurrent_writes: 32
concurrent_compactors: 1
auto_snapshot: false
paxos_variant: v2
"
    )
}

const POM: &str = "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>
<groupId>it</groupId><artifactId>it</artifactId><version>1</version><dependencies><dependency>
<groupId>org.apache.cassandra</groupId><artifactId>cassandra-all</artifactId><version>VERSION</version>
</dependency></dependencies></project>";

const LOGBACK: &str = "<configuration><appender name=\"F\" class=\"ch.qos.logback.core.FileAppender\">
<file>cassandra.log</file><encoder><pattern>%d %p %logger{20} %m%n</pattern></encoder></appender>
<root level=\"INFO\"><appender-ref ref=\"F\"/></root></configuration>";

const EXPORTS: &str = "java.base/jdk.internal.misc java.management.rmi/com.sun.jmx.remote.internal.rmi
    java.rmi/sun.rmi.registry java.rmi/sun.rmi.server java.sql/java.sql java.base/java.lang.ref jdk.unsupported/sun.misc
    jdk.compiler/com.sun.tools.javac.file jdk.attach/sun.tools.attach";

const OPENS: &str = "java.base/java.lang.module java.base/jdk.internal.loader java.base/jdk.internal.ref
    java.base/jdk.internal.reflect java.base/jdk.internal.math java.base/jdk.internal.module
    java.base/jdk.internal.util.jar jdk.management/com.sun.management.internal java.base/sun.nio.ch java.base/java.io
    java.base/java.lang.reflect jdk.compiler/com.sun.tools.javac java.base/java.lang java.base/java.util";

const FLAGS: &str = "-XX:TieredStopAtLevel=1 -Djdk.attach.allowAttachSelf=true -Djava.net.preferIPv4Stack=true
    -Dio.netty.tryReflectionSetAccessible=true -Dio.netty.allocator.maxOrder=11 -Dcassandra-foreground=yes
    -Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.ring_delay_ms=100
    -Dcassandra.superuser_setup_delay_ms=0";
