//! The commands, one file for each noun: read the arguments, call the server, show the answer.

pub(crate) mod account;
pub(crate) mod block;
pub(crate) mod bot;
pub(crate) mod call;
pub(crate) mod channel;
mod connection;
pub(crate) mod context;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod guild;
pub(crate) mod history;
pub(crate) mod invite;
pub(crate) mod listen;
pub(crate) mod member;
pub(crate) mod message;
pub(crate) mod moderation;
pub(crate) mod overwrite;
pub(crate) mod profile;
pub(crate) mod role;
pub(crate) mod send;
pub(crate) mod shell;
mod stop;

use crate::app::App;
use crate::args::Command;
use crate::fault::Result;

/// Runs one command.
pub(crate) async fn run(app: &App, command: Command) -> Result<()> {
    match command {
        Command::Register(it) => it.run(app).await,
        Command::Login(it) => it.run(app).await,
        Command::Logout(it) => it.run(app).await,
        Command::Status => account::status(app).await,
        Command::Context(it) => it.run(app),
        Command::Guild(it) => it.run(app).await,
        Command::Channel(it) => it.run(app).await,
        Command::Member(it) => it.run(app).await,
        Command::Invite(it) => it.run(app).await,
        Command::Role(it) => it.run(app).await,
        Command::Overwrite(it) => it.run(app).await,
        Command::Explain(it) => it.run(app).await,
        Command::Timeout(it) => it.run(app).await,
        Command::Ban(it) => it.run(app).await,
        Command::Audit(it) => it.run(app).await,
        Command::Send(it) => it.run(app).await,
        Command::Edit(it) => it.run(app).await,
        Command::Delete(it) => it.run(app).await,
        Command::History(it) => it.run(app).await,
        Command::Listen(it) => it.run(app).await,
        Command::Account(it) => it.run(app).await,
        Command::Block(it) => it.run(app).await,
        Command::Bot(it) => it.run(app).await,
        Command::Call(it) => it.run(app).await,
        Command::Completions(it) => it.run(),
        Command::Man(it) => it.run(),
        Command::Doctor => doctor::run(app).await,
    }
}
