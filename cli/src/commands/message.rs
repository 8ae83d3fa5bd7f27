//! `edit` and `delete`: what can be done to a message that was sent.

use clap::Args;
use guildhall_proto::v1;

use crate::app::{App, part};
use crate::fault::Result;
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

/// Delete a message.
#[derive(Args, Debug)]
pub(crate) struct Delete {
    /// Id, GUILD/NAME or #NAME of the channel
    channel: String,
    /// Id of the message within the channel
    message: u64,
}

impl Delete {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let server = app.server().await?;
        let channel_id = server.channel_id(&self.channel).await?;
        let request = v1::DeleteMessageRequest { channel_id, message_id: self.message };
        server.call(request).await?;
        app.out.note(format!("deleted message {}", self.message));
        Ok(())
    }
}
