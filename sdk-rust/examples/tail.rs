//! Shows what is said in a channel: the last messages, then the new ones as they come.
//!
//! `GUILDHALL_SERVER=http://localhost:7420 GUILDHALL_TOKEN=... cargo run -p guildhall --example tail -- CHANNEL_ID`

use anyhow::Context;
use guildhall::{ChannelId, Client, Event, Message};

/// How many old messages are shown.
const PAGE: u32 = 20;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let id = std::env::args().nth(1).context("usage: tail CHANNEL_ID")?;
    let channel: ChannelId = id.parse().context("a channel's id is a number")?;
    let client = Client::from_env()?;

    let page = client.channel(channel).history().page_size(PAGE).await?;
    page.messages.iter().for_each(show);

    // From where the page ends: nothing is missed in between, and nothing comes twice.
    let cursor = page.cursor.context("the server told no position")?;
    let (gateway, mut events) = client.gateway().subscribe_from(cursor).connect().await?;
    while let Some(event) = events.next().await {
        match event {
            Event::MessageCreated(message) => show(&message),
            Event::MessageUpdated(message) => println!("  edited: {}", message.content),
            Event::MessageDeleted(deleted) => println!("  deleted: {}", deleted.message_id),
            Event::Gap(gap) => eprintln!("something is missing: {:?}", gap.reason),
            _ => {}
        }
    }
    gateway.ready().await.context("the gateway has ended")
}

fn show(message: &Message) {
    let author = &message.author.display_name;
    println!("{} {author}: {}", message.create_time, message.content);
}
