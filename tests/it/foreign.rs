//! Clients that are not ours: Python with grpcio, and JavaScript with connect-web, each with stubs that were generated out of
//! the exported contract. They run as programs of their own and print what they saw; what that has to be is written here.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use guildhall_tests::binaries::{WEB_BRIDGE, binary};
use guildhall_tests::process::Process;
use guildhall_tests::{Deployment, eventually};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::process::Command;

/// Where the packages of other languages are, if not where `cargo xtask test` installs them.
const TOOLS: &str = "GUILDHALL_TOOLS";
const WITHIN: Duration = Duration::from_secs(120);
const TEXT: &str = "grüß dich, 世界 🦀";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace")
}

/// A file among the installed packages.
fn tool(path: &str) -> PathBuf {
    let tools = std::env::var_os(TOOLS).map_or_else(|| workspace().join("target/tools"), PathBuf::from);
    let tool = tools.join(path);
    assert!(tool.exists(), "{} is missing: `cargo xtask test` installs it", tool.display());
    tool
}

/// Runs a program to its end; it has to end well. What it printed.
async fn run(command: &mut Command) -> String {
    let output = tokio::time::timeout(WITHIN, command.stdin(Stdio::null()).kill_on_drop(true).output()).await;
    let output = output.unwrap_or_else(|_| panic!("no end: {command:?}")).expect("the program can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?} failed: {}\n{printed}\n{said}", output.status);
    printed
}

/// The contract and all that it imports, as `cargo xtask gen --export` gives it to strangers, and the files in it.
async fn export(dir: &Path) -> (PathBuf, Vec<String>) {
    let protos = dir.join("protos");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace()).args(["xtask", "gen", "--export"]).arg(&protos);
    run(&mut command).await;
    let mut files = Vec::new();
    find(&protos, &protos, &mut files);
    (protos, files)
}

fn find(root: &Path, dir: &Path, files: &mut Vec<String>) {
    for entry in dir.read_dir().unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => find(root, &path, files),
            false => files.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()),
        }
    }
}

/// The protocol compiler, which grpcio-tools brings along.
fn protoc(protos: &Path) -> Command {
    let mut command = Command::new(tool("py/bin/python"));
    command.args(["-m", "grpc_tools.protoc", "-I"]).arg(protos);
    command
}

/// What a client printed, a line each; it has to have come to its end.
fn steps(printed: &str) -> Vec<Value> {
    let mut steps: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(steps.pop(), Some(json!({ "step": "end" })), "{printed}");
    for step in &mut steps {
        // It is another one each time; that it is there is what matters.
        if let Some(id) = step.get_mut("request_id").filter(|id| id.is_string()) {
            *id = json!(!id.as_str().unwrap().is_empty());
        }
    }
    steps
}

#[track_caller]
fn assert_steps(printed: &str, expected: &[Value]) {
    let steps = steps(printed);
    for (step, expected) in steps.iter().zip(expected) {
        assert_eq!(step, expected);
    }
    assert_eq!(steps.len(), expected.len(), "{printed}");
}

/// What both clients see of calls, with the words of their language for codes.
fn calls(invalid: &str, not_found: &str, unauthenticated: &str) -> Vec<Value> {
    let refused = |step: &str, status: &str, reason: &str| json!({ "step": step, "status": status, "reason": reason, "domain": "guildhall.v1", "request_id": true });
    let mut empty = refused("empty", invalid, "VALIDATION_FAILED");
    empty["fields"] = json!([["content", "string.min_len"], ["content", "string.pattern"]]);
    vec![
        json!({ "step": "me", "username": "ann" }),
        json!({ "step": "send", "first": false, "again": true, "same": true }),
        json!({ "step": "history", "content": TEXT, "nonce": true }),
        empty,
        refused("unknown channel", not_found, "CHANNEL_NOT_FOUND"),
        refused("no token", unauthenticated, "TOKEN_INVALID"),
    ]
}

#[tokio::test]
async fn python_with_grpcio() {
    let deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let (protos, files) = export(deployment.scratch()).await;
    let stubs = deployment.scratch().join("python");
    std::fs::create_dir(&stubs).unwrap();
    let mut generate = protoc(&protos);
    for option in ["python_out", "pyi_out", "grpc_python_out"] {
        generate.arg(format!("--{option}={}", stubs.display()));
    }
    run(generate.args(&files)).await;
    let mut client = Command::new(tool("py/bin/python"));
    client.env("PYTHONPATH", &stubs).arg(workspace().join("tests/foreign/python/client.py"));
    client.arg(deployment.url(0).replace("http://", "")).args([ann.token, guild.channel.to_string()]);
    let printed = run(&mut client).await;
    let mut expected = calls("INVALID_ARGUMENT", "NOT_FOUND", "UNAUTHENTICATED");
    // Beside grpcio's words for codes stand the numbers of `google.rpc.Status`, and a message for people.
    for (place, code) in [(3, 3), (4, 5), (5, 16)] {
        expected[place]["code"] = json!(code);
        expected[place]["message"] = json!(true);
    }
    expected.extend(python_session());
    assert_steps(&printed, &expected);
}

fn python_session() -> Vec<Value> {
    vec![
        json!({ "step": "first frame", "kind": "hello", "heartbeat": 30, "max_frame_bytes": 65536 }),
        json!({ "step": "ready", "username": "ann", "guilds": 1 }),
        json!({ "step": "subscribed", "channel": true, "kind": "STREAM_KIND_CHANNEL" }),
        json!({ "step": "event", "outcome": "send_message", "request_id": 3, "content": TEXT, "next_seq": true, "epoch": true }),
        json!({ "step": "refused", "outcome": "error", "request_id": 4, "error": {
            "code": 3, "reason": "VALIDATION_FAILED", "domain": "guildhall.v1", "message": true,
            "fields": [["content", "string.max_len"], ["nonce", "string.uuid"]],
        } }),
        json!({ "step": "goodbye", "reason": "GOODBYE_REASON_CLOSED", "end": true }),
        json!({ "step": "push", "same": true, "outcomes": [
            [1, "subscriptions_updated"], [2, "send_message"], [3, "error"], [4, "send_message"],
        ], "error": {
            "code": 3, "reason": "VALIDATION_FAILED", "domain": "guildhall.v1", "message": true,
            "fields": [["content", "string.min_len"], ["content", "string.pattern"]],
        } }),
        json!({ "step": "listened", "contents": ["one", "two"] }),
    ]
}

#[tokio::test]
async fn javascript_with_connect_web() {
    let deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let client = javascript(deployment.scratch()).await;
    let mut expected = calls("InvalidArgument", "NotFound", "Unauthenticated");
    expected.extend(javascript_session());

    let bridge = Bridge::start(&deployment).await;
    // The server's own port, and the bridge as a program of its own before it, which knows no contract.
    for url in [deployment.url(0), bridge.url.clone()] {
        let mut node = Command::new("node");
        node.arg(&client).args([url, ann.token.clone(), guild.channel.to_string()]);
        assert_steps(&run(&mut node).await, &expected);
    }
}

/// The script beside its stubs, and beside the packages that both import.
async fn javascript(scratch: &Path) -> PathBuf {
    let (protos, files) = export(scratch).await;
    let dir = scratch.join("node");
    let stubs = dir.join("gen");
    std::fs::create_dir_all(&stubs).unwrap();
    std::os::unix::fs::symlink(tool("js/node_modules"), dir.join("node_modules")).unwrap();
    std::fs::write(dir.join("package.json"), r#"{ "private": true, "type": "module" }"#).unwrap();
    let plugin = tool("js/node_modules/.bin/protoc-gen-es");
    let mut generate = protoc(&protos);
    generate.arg(format!("--plugin=protoc-gen-es={}", plugin.display()));
    generate.arg(format!("--es_out={}", stubs.display())).arg("--es_opt=target=js,import_extension=js");
    run(generate.args(&files)).await;
    let script = dir.join("client.mjs");
    std::fs::copy(workspace().join("tests/foreign/node/client.mjs"), &script).unwrap();
    script
}

fn javascript_session() -> Vec<Value> {
    let sent = "sendMessage";
    vec![
        json!({ "step": "first frame", "kind": "hello", "max_frame_bytes": 65536 }),
        json!({ "step": "ready", "kind": "ready", "username": "ann" }),
        json!({ "step": "subscribed", "outcome": "subscriptionsUpdated" }),
        json!({ "step": "push", "same": true, "outcomes": [[2, sent], [3, sent], [4, sent], [5, "error"], [6, sent]],
            "reason": "VALIDATION_FAILED", "fields": [["content", "string.max_len"], ["nonce", "string.uuid"]] }),
        json!({ "step": "listened", "in_order": true, "contents": ["number 2", "number 3", "number 4", "number 6"] }),
        json!({ "step": "a foreign push", "status": "NotFound", "reason": "GATEWAY_SESSION_NOT_FOUND",
            "domain": "guildhall.v1", "request_id": true }),
        json!({ "step": "goodbye", "outcome": "done", "kind": "goodbye", "reason": 2 }),
    ]
}

/// `guildhall-web-bridge` before a deployment.
struct Bridge {
    url: String,
    _process: Process,
}

impl Bridge {
    async fn start(deployment: &Deployment) -> Self {
        let port = guildhall_tests::ports::free_port();
        let address = format!("127.0.0.1:{port}");
        let mut command = std::process::Command::new(binary(WEB_BRIDGE));
        guildhall_tests::deployment::clear_environment(&mut command);
        command.args(["--upstream", &deployment.url(0), "--listen", &address]);
        let log = deployment.scratch().join("bridge.log");
        let process = Process::start(command, Stdio::null(), &log).expect("the bridge can be started");
        eventually("the bridge listens", async || TcpStream::connect(&address).await.ok()).await;
        Self { url: format!("http://{address}"), _process: process }
    }
}
