//! `send`: one message, or one for each line of stdin.

mod lines;
mod progress;
mod stdin;

use clap::Args;
use guildhall::Nonce;
use guildhall_proto::v1;

use crate::app::App;
use crate::fault::{Fault, Result};
use crate::input;
use crate::output::{Record, line};
use lines::Lines;

const CHANNEL_ID: &str = "GUILDHALL_CHANNEL_ID";

const LINES_HELP: &str = "\
With --lines each line of stdin is one message, sent as it is without its line break. Blank lines cannot be messages:
they are skipped and counted. What is sent while the server cannot be reached waits and is sent in order when it is
back, however long that takes; the command ends when every line is acknowledged or refused. Refused lines are told on
stderr with their numbers, and the exit code is that of the first one.

With --nonce UUID the nonce of each line is made of the UUID and the line's number: the same command can be run again
with the same input after it was killed, and no line is stored twice.

Inside `guildhall listen --exec`, --reply answers the event at hand: channel, message and nonce come from the
environment, so the answer is stored once even if the program is run again for the same event.";

/// Send a message, or many.
#[derive(Args, Debug)]
#[command(after_long_help = LINES_HELP)]
pub(crate) struct Send {
    /// Id, GUILD/NAME or #NAME of the channel; GUILDHALL_CHANNEL_ID unless given
    channel: Option<String>,
    /// The text; stdin unless given
    text: Option<String>,
    /// One message for each line of stdin
    #[arg(long, conflicts_with_all = ["text", "reply_to", "reply"])]
    lines: bool,
    /// A UUID: the same one again stores nothing twice
    #[arg(long, value_name = "UUID")]
    nonce: Option<Nonce>,
    /// Id of the message to answer
    #[arg(long, value_name = "MESSAGE")]
    reply_to: Option<u64>,
    /// Answer the event that `guildhall listen --exec` runs this for: `guildhall send --reply TEXT`
    #[arg(long, conflicts_with_all = ["nonce", "reply_to"])]
    reply: bool,
}

impl Send {
    /// Whether it sends lines, and so has something to finish when it is interrupted.
    pub(crate) fn is_lines(&self) -> bool {
        self.lines
    }

    pub(crate) async fn run(mut self, app: &App) -> Result<()> {
        let channel = if self.reply { self.answer_event()? } else { self.channel.clone() };
        let channel = channel.or_else(|| std::env::var(CHANNEL_ID).ok());
        let Some(channel) = channel else {
            return Err(Fault::usage("send where?").remedy("name a channel: id, GUILD/NAME or #NAME"));
        };
        if self.lines {
            let base = self.nonce;
            return Box::pin(Lines { channel, base }.run(app)).await;
        }
        self.one(app, &channel).await
    }

    /// Takes message and nonce from the environment, and the only argument as the text: the channel is the event's.
    fn answer_event(&mut self) -> Result<Option<String>> {
        if self.text.is_none() {
            self.text = self.channel.take();
        }
        self.nonce = Some(event_variable("GUILDHALL_REPLY_NONCE")?.parse()?);
        self.reply_to = event_variable("GUILDHALL_MESSAGE_ID")?.parse().ok();
        Ok(Some(event_variable(CHANNEL_ID)?))
    }

    async fn one(self, app: &App, channel: &str) -> Result<()> {
        let client = app.client()?;
        let content = input::text(self.text)?;
        let server = app.reach(client).await?;
        let channel_id = server.channel_id(channel).await?;
        let nonce = self.nonce.unwrap_or_else(Nonce::random);
        let request = v1::SendMessageRequest {
            channel_id,
            content,
            nonce: nonce.to_string(),
            reply_to: self.reply_to.unwrap_or(0),
        };
        let sent = match server.call(request).await {
            Err(fault) if self.reply && is_settled(&fault) => {
                app.out.note(format!("not sent: {fault}"));
                return Ok(());
            }
            outcome => outcome?,
        };
        if app.out.json {
            return line(&Record::new("SendMessageResponse", &sent)?.json()?);
        }
        if sent.duplicate {
            app.out.note("it was stored before");
        }
        line(&sent.message_id.to_string())
    }
}

fn event_variable(name: &str) -> Result<String> {
    std::env::var(name).map_err(|_| {
        let fault = Fault::usage(format!("--reply without {name}"));
        fault.remedy("it works inside `guildhall listen --exec`, for events of messages")
    })
}

/// An answer that an earlier run gave with another text, or that nobody waits for any more, needs no further try.
fn is_settled(fault: &Fault) -> bool {
    matches!(fault.reason(), Some("NONCE_CONFLICT" | "MESSAGE_NOT_FOUND"))
}
