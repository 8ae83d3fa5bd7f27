//! `history`: what was written, oldest first.

use clap::Args;
use guildhall_proto::v1;
use guildhall_proto::v1::list_messages_request::Anchor;

use crate::app::{App, Server};
use crate::fault::Result;
use crate::output::{Record, is_terminal, line, printable, printable_lines};

/// The largest page that the server gives.
const PAGE: usize = 100;

/// Read what was written.
#[derive(Args, Debug)]
pub(crate) struct History {
    /// Id, GUILD/NAME or #NAME of the channel
    channel: String,
    /// The messages just before this id
    #[arg(long, value_name = "MESSAGE", group = "anchor")]
    before: Option<u64>,
    /// The messages just after this id; 0 = from the beginning
    #[arg(long, value_name = "MESSAGE", group = "anchor")]
    after: Option<u64>,
    /// The messages on both sides of this id, and itself
    #[arg(long, value_name = "MESSAGE", group = "anchor")]
    around: Option<u64>,
    /// How many
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Everything from the beginning, or from --after on
    #[arg(long, conflicts_with_all = ["before", "around", "limit"])]
    all: bool,
    /// The texts alone, each with a line break after it
    #[arg(long, conflicts_with = "json")]
    content: bool,
}

impl History {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let server = app.server().await?;
        let channel_id = server.channel_id(&self.channel).await?;
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if self.all || self.after.is_some() {
            let limit = if self.all { usize::MAX } else { limit };
            return self.forwards(app, &server, channel_id, limit).await;
        }
        if let Some(around) = self.around {
            let (messages, _) = page(&server, channel_id, Some(Anchor::Around(around)), limit).await?;
            return self.show(app, &messages);
        }
        self.show(app, &backwards(&server, channel_id, self.before, limit).await?)
    }

    /// Page by page, shown as they come.
    async fn forwards(&self, app: &App, server: &Server, channel_id: u64, limit: usize) -> Result<()> {
        let mut after = self.after.unwrap_or(0);
        let mut rest = limit;
        while rest > 0 {
            let (messages, more) = page(server, channel_id, Some(Anchor::After(after)), rest).await?;
            rest -= messages.len().min(rest);
            after = messages.last().map_or(after, |message| message.id);
            self.show(app, &messages)?;
            if !more.after || messages.is_empty() {
                break;
            }
        }
        Ok(())
    }

    fn show(&self, app: &App, messages: &[v1::Message]) -> Result<()> {
        for message in messages {
            if app.out.json {
                line(&Record::new("Message", message)?.json()?)?;
            } else if self.content {
                line(&content_line(message))?;
            } else {
                line(&text_line(message))?;
            }
        }
        Ok(())
    }
}

struct More {
    before: bool,
    after: bool,
}

/// The newest `limit` messages before an id, oldest first.
async fn backwards(server: &Server, channel_id: u64, before: Option<u64>, limit: usize) -> Result<Vec<v1::Message>> {
    let mut pages = Vec::new();
    let mut rest = limit;
    let mut before = before;
    while rest > 0 {
        let (messages, more) = page(server, channel_id, before.map(Anchor::Before), rest).await?;
        rest -= messages.len().min(rest);
        before = messages.first().map(|message| message.id).or(before);
        let is_last = messages.is_empty() || !more.before;
        pages.push(messages);
        if is_last {
            break;
        }
    }
    Ok(pages.into_iter().rev().flatten().collect())
}

async fn page(
    server: &Server,
    channel_id: u64,
    anchor: Option<Anchor>,
    size: usize,
) -> Result<(Vec<v1::Message>, More)> {
    let page_size = i32::try_from(size.min(PAGE)).unwrap_or(0);
    let request = v1::ListMessagesRequest { channel_id, page_size, anchor };
    let page = server.call(request).await?;
    let more = More { before: page.has_more_before, after: page.has_more_after };
    Ok((page.messages, more))
}

/// The text alone: byte for byte for programs, without orders for terminals.
pub(crate) fn content_line(message: &v1::Message) -> String {
    if is_terminal() {
        return printable_lines(&message.content);
    }
    message.content.clone()
}

/// A message for people: id, time, author and text, further lines indented.
pub(crate) fn text_line(message: &v1::Message) -> String {
    let author = message.author.as_ref().map_or("?", |author| author.username.as_str());
    let time = message.create_time.map_or_else(String::new, |time| time.to_string());
    let edited = if message.edit_time.is_some() { " (edited)" } else { "" };
    let text = printable_lines(&message.content).replace('\n', "\n    ");
    format!("{}  {time}  {}: {text}{edited}", message.id, printable(author))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_entry_for_people() {
        let message = v1::Message {
            id: 7,
            content: "one\ntwo\u{1b}[2J".to_owned(),
            author: Some(v1::Author { username: "ada".to_owned(), ..v1::Author::default() }),
            create_time: Some(prost_types::Timestamp { seconds: 1_800_000_000, nanos: 0 }),
            ..v1::Message::default()
        };
        assert_eq!(text_line(&message), "7  2027-01-15T08:00:00Z  ada: one\n    two\\u{1b}[2J");
        assert_eq!(content_line(&message), message.content);
    }
}
