//! `edit` and `delete`: what can be done to a message that was sent.

use clap::Args;
use guildhall_proto::v1;

use crate::app::{App, part};
use crate::fault::{Fault, Result};
use crate::input;
use crate::output::Record;

const FIELDS: [&str; 6] = ["id", "channel_id", "author.username", "content", "create_time", "edit_time"];

/// Replace the text of a message.
#[derive(Args, Debug)]
pub(crate) struct Edit {
    /// Id, GUILD/NAME or #NAME of the channel
    channel: String,
    /// Id of the message within the channel
    message: u64,
    /// The new text; stdin unless given
    text: Option<String>,
}

impl Edit {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let client = app.client()?;
        let content = input::text(self.text)?;
        let server = app.reach(client).await?;
        let channel_id = server.channel_id(&self.channel).await?;
        let request = v1::EditMessageRequest { channel_id, message_id: self.message, content };
        let message = part(server.call(request).await?.message)?;
        app.out.show(&Record::new("Message", &message)?, &FIELDS)
    }
}

/// Delete messages.
#[derive(Args, Debug)]
pub(crate) struct Delete {
    /// Id, GUILD/NAME or #NAME of the channel
    channel: String,
    /// Ids of up to 100 messages within the channel; several go in one step, whether or not they are there
    #[arg(required = true, num_args = 1..=100)]
    messages: Vec<u64>,
    /// Why, for the audit log; with several messages
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

impl Delete {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        if self.messages.len() == 1 && !self.reason.is_empty() {
            return Err(Fault::usage("--reason goes with several messages"));
        }
        let server = app.server().await?;
        let channel_id = server.channel_id(&self.channel).await?;
        if let [message_id] = self.messages[..] {
            server.call(v1::DeleteMessageRequest { channel_id, message_id }).await?;
            app.out.note(format!("deleted message {message_id}"));
            return Ok(());
        }
        let request = v1::BulkDeleteMessagesRequest { channel_id, message_ids: self.messages, reason: self.reason };
        let response = server.call(request).await?;
        app.out.show(&Record::new("BulkDeleteMessagesResponse", &response)?, &["deleted"])
    }
}
