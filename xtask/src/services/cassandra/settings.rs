//! What Cassandra is told: little memory, no waiting for a network that is a loopback, and nothing acknowledged that is not
//! on disk.

use std::path::Path;

/// One node of some.
pub(super) struct Node<'a> {
    pub(super) dir: &'a Path,
    pub(super) number: u8,
    pub(super) nodes: u8,
    pub(super) storage: u16,
    pub(super) native: u16,
}

/// Where the ring is cut in three. With tokens of their own all three can start together.
const TOKENS: [&str; 3] = ["-9223372036854775808", "-3074457345618258603", "3074457345618258602"];

pub(super) const LOGBACK: &str = "<configuration><appender name=\"F\" class=\"ch.qos.logback.core.FileAppender\">\
     <file>cassandra.log</file><encoder><pattern>%d %p %logger{20} %m%n</pattern></encoder></appender>\
     <root level=\"INFO\"><appender-ref ref=\"F\"/></root></configuration>\n";

pub(super) const EXPORTS: [&str; 9] = [
    "java.base/jdk.internal.misc",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "java.base/java.lang.ref",
    "jdk.unsupported/sun.misc",
    "jdk.compiler/com.sun.tools.javac.file",
    "jdk.attach/sun.tools.attach",
];

pub(super) const OPENS: [&str; 14] = [
    "java.base/java.lang.module",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.util.jar",
    "jdk.management/com.sun.management.internal",
    "java.base/sun.nio.ch",
    "java.base/java.io",
    "java.base/java.lang.reflect",
    "jdk.compiler/com.sun.tools.javac",
    "java.base/java.lang",
    "java.base/java.util",
];

pub(super) const PROPERTIES: [&str; 8] = [
    "jdk.attach.allowAttachSelf=true",
    "java.net.preferIPv4Stack=true",
    "io.netty.tryReflectionSetAccessible=true",
    "io.netty.allocator.maxOrder=11",
    "cassandra-foreground=yes",
    "cassandra.skip_wait_for_gossip_to_settle=0",
    "cassandra.ring_delay_ms=100",
    "cassandra.superuser_setup_delay_ms=0",
];

/// What Maven is to fetch.
pub(super) fn pom(version: &str) -> String {
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>guildhall</groupId><artifactId>services</artifactId><version>1</version><dependencies><dependency>\
         <groupId>org.apache.cassandra</groupId><artifactId>cassandra-all</artifactId><version>{version}</version>\
         </dependency></dependencies></project>\n"
    )
}

/// The settings of a node.
pub(super) fn yaml(node: &Node<'_>) -> String {
    let Node { number, nodes, storage, native, .. } = *node;
    let dir = node.dir.display();
    let seeds: Vec<_> = (1..=nodes).map(|number| format!("127.0.0.{number}:{storage}")).collect();
    let seeds = seeds.join(",");
    let token = match nodes {
        1 => String::new(),
        _ => format!("initial_token: {}\nauto_bootstrap: false\n", TOKENS[usize::from(number - 1)]),
    };
    format!(
        "cluster_name: guildhall
num_tokens: 1
{token}partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
dynamic_snitch: false
listen_address: 127.0.0.{number}
rpc_address: 127.0.0.{number}
storage_port: {storage}
native_transport_port: {native}
seed_provider: [{{class_name: org.apache.cassandra.locator.SimpleSeedProvider, parameters: [{{seeds: \"{seeds}\"}}]}}]
data_file_directories: [{dir}/data]
commitlog_directory: {dir}/commitlog
hints_directory: {dir}/hints
saved_caches_directory: {dir}/saved
cdc_raw_directory: {dir}/cdc
# The default acknowledges from memory: a killed process then loses what it has acknowledged.
commitlog_sync: batch
commitlog_segment_size: 8MiB
commitlog_total_space: 64MiB
memtable_heap_space: 64MiB
memtable_offheap_space: 64MiB
file_cache_size: 16MiB
networking_cache_size: 16MiB
key_cache_size: 1MiB
row_cache_size: 0MiB
concurrent_reads: 32
# Each writer waits for its write to be on disk.
concurrent_writes: 32
concurrent_compactors: 1
auto_snapshot: false
paxos_variant: v2
"
    )
}
