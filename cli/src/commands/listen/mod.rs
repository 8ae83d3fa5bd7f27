//! `listen`: follows what happens and hands each event on: as a line, to a program, or to a URL.
//!
//! An event counts as had only when it was handed on, so a listener that is killed loses nothing. `resume` keeps the
//! positions, `follow` is the loop, `print` and `work` are the two ways out. This file reads the command line.

mod event;
mod exec;
mod filter;
mod follow;
mod forward;
mod print;
mod resume;
mod work;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use guildhall::{ChannelId, Client, Cursor, GatewayBuilder, GuildId};

use self::exec::Exec;
use self::filter::{Filter, KINDS, Scope};
use self::follow::{Listener, Sink};
use self::forward::Forward;
use self::print::Printer;
use self::resume::Resume;
use self::work::{Handler, Work};
use super::connection::News;
use super::stop::Stop;
use crate::app::App;
use crate::fault::Result;

const LISTEN_HELP: &str = "\
Each event is one JSON object a line: `event` is its kind, `resume_token` its position, the rest is the Event of the
protos. Without --guild or --channel everything that you may read is heard, guilds that you join later too. The command
waits for a server that is not there and survives its restarts: what happened meanwhile is read from the server's log.

--resume-file keeps the position. A listener that is started again goes on where it was. On stdout, one that was killed
may write the line it was writing again; with --output it does not: the file is cut back to what was noted, so every
event is in it exactly once.

--exec runs a shell command for each event, in order, with the event on stdin and in GUILDHALL_EVENT,
GUILDHALL_GUILD_ID, GUILDHALL_CHANNEL_ID, GUILDHALL_MESSAGE_ID, GUILDHALL_AUTHOR, GUILDHALL_AUTHOR_ID, GUILDHALL_CONTENT,
GUILDHALL_RESUME_TOKEN and GUILDHALL_REPLY_NONCE; GUILDHALL_SERVER and GUILDHALL_TOKEN are set, so that `guildhall send
--reply TEXT` answers. An event is done when the command exits with 0. Otherwise it is run again up to 3 times (--retries)
after 1, 2, 4 s and so on up to 30 s, then told on stderr and passed over. After a crash the last event is run again: its
reply nonce is the same, so an answer is stored once. --jobs N runs N commands at a time, those of one channel still one
after the other.

--forward-to posts the event as JSON, with `x-guildhall-event`, `x-guildhall-delivery` (the resume token: the same for a
repetition) and, with --secret-file, `x-guildhall-signature: sha256=` and the HMAC-SHA256 of the body in hex. It is done
when the answer is 2xx. No answer, 408, 429 and 5xx are tried again without end (or --retries times); any other answer is
told on stderr and passed over.

With --exec and --forward-to your own events are left out, or a bot would answer itself; --own lets them in.

SIGTERM ends the command with exit code 0, Ctrl-C with 130, both after the event in work.";

/// Follow what happens.
#[derive(Args, Debug)]
#[command(after_long_help = LISTEN_HELP)]
pub(crate) struct Listen {
    /// Hear this guild, by id or name; may be repeated
    #[arg(long = "guild", value_name = "GUILD")]
    guilds: Vec<String>,
    /// Hear this channel, by id, GUILD/NAME or #NAME; may be repeated
    #[arg(long = "channel", value_name = "CHANNEL")]
    channels: Vec<String>,
    /// Only these kinds, separated by commas; all durable ones unless given
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(KINDS))]
    events: Vec<String>,
    /// Begin after this resume token; may be repeated for further streams
    #[arg(long, value_name = "TOKEN")]
    since: Vec<Cursor>,
    /// Keep the position in this file and go on from there
    #[arg(long, value_name = "FILE")]
    resume_file: Option<PathBuf>,
    /// Add to this file instead of stdout, each event exactly once
    #[arg(long, value_name = "FILE", requires = "resume_file")]
    output: Option<PathBuf>,
    /// What a line is
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The texts of messages alone: --format content
    #[arg(long, conflicts_with = "format")]
    content: bool,
    /// Run this shell command for each event
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["output", "format", "content"])]
    exec: Option<String>,
    /// Post each event to this URL
    #[arg(long, value_name = "URL", conflicts_with_all = ["exec", "output", "format", "content"])]
    forward_to: Option<reqwest::Url>,
    /// File with the secret that --forward-to signs with
    #[arg(long, value_name = "FILE", requires = "forward_to")]
    secret_file: Option<PathBuf>,
    /// How many events are in work at the same time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// How often a failing event is tried again
    #[arg(long, value_name = "N")]
    retries: Option<u32>,
    /// Hand on your own events too
    #[arg(long)]
    own: bool,
    /// End after this many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

/// What a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// An event as JSON
    #[default]
    Json,
    /// An event for people
    Text,
    /// The text of a new message
    Content,
}

impl Listen {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let client = app.client()?;
        let resume = match &self.resume_file {
            Some(path) => Some(Arc::new(Resume::open(path)?)),
            None => None,
        };
        let sink = self.sink(&client, resume.as_deref())?;
        let mut stop = Stop::new()?;
        let scope = tokio::select! {
            scope = self.scope(app, &client) => scope?,
            verdict = stop.requested() => return verdict,
        };
        let builder = self.gateway(&client, &scope, resume.clone());
        let (gateway, events) = builder.connect().await?;
        let filter = Filter::new(scope, &self.events, self.own || !sink.is_work());
        let news = News::new(&gateway, true);
        let listener = Listener { app, filter, resume, sink, news, rest: self.count };
        Box::pin(listener.run(gateway, events, stop)).await
    }

    fn format(&self) -> Format {
        if self.content { Format::Content } else { self.format }
    }

    fn sink(&self, client: &Client, resume: Option<&Resume>) -> Result<Sink> {
        let jobs = usize::from(self.jobs);
        if let Some(command) = &self.exec {
            let exec = Exec::new(command.clone(), client);
            let handler = Handler::Exec(exec);
            return Ok(Sink::Work(Work::new(handler, jobs, self.retries)));
        }
        if let Some(url) = &self.forward_to {
            let handler = Handler::Forward(Forward::new(url.clone(), self.secret_file.as_deref())?);
            return Ok(Sink::Work(Work::new(handler, jobs, self.retries)));
        }
        let file = self.output.as_deref().zip(resume);
        Ok(Sink::Print(Printer::open(self.format(), file)?))
    }

    async fn scope(&self, app: &App, client: &Client) -> Result<Scope> {
        let mut scope = Scope::default();
        for guild in &self.guilds {
            scope.guilds.insert(app.guild_id_at_last(client, guild).await?);
        }
        for channel in &self.channels {
            scope.channels.insert(app.channel_id_at_last(client, channel).await?);
        }
        Ok(scope)
    }

    fn gateway(&self, client: &Client, scope: &Scope, resume: Option<Arc<Resume>>) -> GatewayBuilder {
        let mut builder = client.gateway();
        if scope.is_everything() {
            builder = builder.subscribe_all();
        }
        for guild in &scope.guilds {
            builder = builder.subscribe_guild(GuildId(*guild));
            if self.events.iter().any(|kind| kind == "presence") {
                builder = builder.watch_presence_guild(GuildId(*guild));
            }
        }
        for channel in &scope.channels {
            builder = builder.subscribe(ChannelId(*channel));
        }
        for cursor in &self.since {
            builder = builder.subscribe_from(*cursor);
        }
        match resume {
            Some(resume) => builder.cursors(resume),
            None => builder,
        }
    }
}
