//! Answers every message with its own words: once, also when it is killed and started again.
//!
//! `GUILDHALL_SERVER=http://localhost:7420 GUILDHALL_TOKEN=ghb_... cargo run -p guildhall --example echo_bot`

use guildhall::{Client, Event, FileCursors};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cursors = FileCursors::open("echo_bot.cursors")?;
    let (gateway, mut events) = Client::from_env()?.gateway().subscribe_all().cursors(cursors).connect().await?;
    while let Some(event) = events.next().await {
        let Event::MessageCreated(message) = event else { continue };
        if !message.author.bot && !message.is_deleted() {
            message.reply(&gateway, &message.content).await?;
        }
    }
    Ok(gateway.ready().await?)
}
