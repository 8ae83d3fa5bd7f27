//! Rows about what a server finds on its machine when it starts: it says in one line why it does not run and in another
//! what to do, ends with 1, and leaves the data as they are.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use guildhall_tests::Deployment;
use guildhall_tests::process::Process;

use super::scene::Scene;
use super::table::{Row, row};

const WITHIN: Duration = Duration::from_secs(20);

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("a second server on the same data", IN_USE, async |scene| starts(&scene.deployment, 0).await),
        row("a second server on the same port", PORT, same_port),
        row("a database of a newer version", NEWER, newer),
        row("a database that is none", DAMAGED, async |_| {
            let deployment = with_data().await;
            std::fs::write(deployment.data_dir().join("guildhall.db"), [0xFF; 8192]).unwrap();
            starts(&deployment, 0).await
        }),
        row("a file in the place of the data directory", NO_DIRECTORY, async |_| {
            let deployment = Deployment::embedded().prepare().await;
            std::fs::write(deployment.data_dir(), "not a directory").unwrap();
            starts(&deployment, 0).await
        }),
    ]
}

const IN_USE: &str = "ends with 1: error: the data directory DIR is in use by another process | \
                      stop the other server, or choose another --data-dir";
const PORT: &str = "ends with 1: error: cannot listen on PORT: Address already in use (os error 98) | \
                    another program listens there; stop it, or choose another --listen";
const NEWER: &str = "ends with 1: error: the data in DIR was written by a newer version (schema 9999); \
                     start that version; afterwards all is there";
const DAMAGED: &str = "ends with 1: error: the database in DIR is damaged: error returned from database: (code: 26) \
                       file is not a database | restore a backup; keep the damaged files until then";
const NO_DIRECTORY: &str = "ends with 1: error: cannot use the data directory DIR: File exists (os error 17) | \
                            choose another --data-dir";

/// A deployment that ran once, has one message, and was stopped.
async fn with_data() -> Deployment {
    let mut deployment = Deployment::embedded().start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    ann.client.messages().send(guild.channel, "kept").await.unwrap();
    deployment.terminate().await;
    deployment
}

/// Starts a server of this deployment that is to end at once, and tells how it ended.
pub(super) async fn starts(deployment: &Deployment, port: u16) -> String {
    let log = deployment.scratch().join("start.log");
    let mut process = Process::start(deployment.command(port), Stdio::null(), &log).unwrap();
    let exit = process.exit(WITHIN).await;
    let tail = process.tail();
    let lines: Vec<_> = tail.lines().skip_while(|line| !line.starts_with("error:")).collect();
    let code = exit.status.code().unwrap_or(-1);
    format!("ends with {code}: {}", lines.join(" | ")).replace(&deployment.data_dir().display().to_string(), "DIR")
}

async fn same_port(scene: Arc<Scene>) -> String {
    let url = scene.deployment.url(0);
    let address = url.strip_prefix("http://").unwrap();
    let port = address.rsplit(':').next().unwrap().parse().unwrap();
    starts(&Deployment::embedded().prepare().await, port).await.replace(address, "PORT")
}

async fn newer(_: Arc<Scene>) -> String {
    let mut deployment = with_data().await;
    let file = deployment.data_dir().join("guildhall.db");
    let alter = |sql: &str| rusqlite::Connection::open(&file).unwrap().execute(sql, ()).unwrap();
    alter(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'from the future', 1, x'00', 0)",
    );
    let outcome = starts(&deployment, 0).await;
    alter("DELETE FROM _sqlx_migrations WHERE version = 9999");
    deployment.restart().await;
    let ann = deployment.user("ann").await;
    let guilds = ann.client.guilds().list().await.unwrap();
    let channels = ann.client.channels().list(guilds[0].id).await.unwrap();
    let page = ann.client.history().messages(channels[0].id).await.unwrap();
    let kept = page.messages.len() == 1 && page.messages[0].content == "kept";
    format!("{outcome}; afterwards {}", if kept { "all is there" } else { "something is missing" })
}
