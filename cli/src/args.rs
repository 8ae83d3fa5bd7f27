//! The command line: what is common to all commands, and the list of them. Each command's own arguments stand beside it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    account, block, bot, call, channel, context, explain, guild, history, invite, listen, member, message,
};
use crate::commands::{moderation, overwrite, profile, role, send, shell};
use crate::contexts::Wish;
use crate::output::Color;

const EXIT_CODES: &str = "\
Data go to stdout, everything else to stderr. With --json each line is one object, named as in the protos, with 64-bit
numbers as strings; errors are one object on stderr: {\"error\":{\"code\",\"reason\",\"message\",\"violations\",
\"retry_after_ms\",\"request_id\"}}.

Exit codes:
  0  done                    5  not allowed
  1  failed                  6  rate limited, try later
  2  wrong command line      7  server not reachable
  3  not found               8  conflict
  4  not logged in         130  interrupted

Environment:
  GUILDHALL_SERVER   address of the server, as --server
  GUILDHALL_CONTEXT  context, as --context
  GUILDHALL_TOKEN    token to show instead of the stored one, such as a bot's
  GUILDHALL_KEYRING  `off` keeps tokens in files only their owner can read
  NO_COLOR           no colour";

/// Guildhall from a shell: chat, administer, run bots
#[derive(Debug, Parser)]
#[command(name = "guildhall", version, about, after_long_help = EXIT_CODES, infer_subcommands = false)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Globals {
    /// Address of the server, such as http://127.0.0.1:7420 or, with TLS, https://HOST
    #[arg(long, global = true, value_name = "URL", env = "GUILDHALL_SERVER", hide_env_values = true)]
    pub(crate) server: Option<String>,
    /// Server and account by name, as `guildhall context list` shows them
    #[arg(long, global = true, value_name = "NAME", env = "GUILDHALL_CONTEXT", hide_env_values = true)]
    pub(crate) context: Option<String>,
    /// Read the token from the first line of stdin
    #[arg(long, global = true)]
    pub(crate) token_stdin: bool,
    /// PEM file of a certificate authority to trust instead of the public ones
    #[arg(long, global = true, value_name = "FILE", env = "GUILDHALL_CA_CERTIFICATE", hide_env_values = true)]
    pub(crate) ca_certificate: Option<PathBuf>,
    /// How long to try before giving up with exit code 7
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) wait: u64,
    /// One JSON object a line, errors included
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No remarks on stderr, only errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// When to colour
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t, hide_possible_values = true)]
    pub(crate) color: Color,
}

impl Globals {
    /// What they ask for.
    pub(crate) fn wish(&self) -> Wish {
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Wish {
            server: filled(&self.server),
            context: filled(&self.context),
            ca_certificate: self.ca_certificate.clone(),
        }
    }

    /// How long to try.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.wait)
    }
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an account and log in
    Register(account::Register),
    /// Log in and remember the token
    Login(account::Login),
    /// End the login and forget the token
    Logout(account::Logout),
    /// Show server, account and where the token comes from
    Status,
    /// Servers and accounts by name
    #[command(subcommand)]
    Context(context::Context),
    /// Make, list, change, hand over, leave and delete guilds
    #[command(subcommand)]
    Guild(guild::Guild),
    /// Make, list, change, order and delete channels
    #[command(subcommand)]
    Channel(channel::Channel),
    /// List, show, rename and remove members
    #[command(subcommand)]
    Member(member::Member),
    /// Make, list, accept and revoke invites
    #[command(subcommand)]
    Invite(invite::Invite),
    /// Make, list, change, order and delete roles; give and take them
    #[command(subcommand)]
    Role(role::Role),
    /// What a role or a member has more or less in one channel
    #[command(subcommand)]
    Overwrite(overwrite::Overwrite),
    /// Why somebody may or may not do something, step by step
    Explain(explain::Explain),
    /// Let a member only look on for a time
    Timeout(moderation::Timeout),
    /// Ban, unban and list who is banned
    #[command(subcommand)]
    Ban(moderation::Ban),
    /// Who did what to a guild, and why
    Audit(moderation::Audit),
    /// Send a message, or many
    Send(send::Send),
    /// Replace the text of a message
    Edit(message::Edit),
    /// Delete messages
    Delete(message::Delete),
    /// Read what was written
    History(history::History),
    /// Follow what happens; run a program or call a URL for each event
    Listen(listen::Listen),
    /// Change your account, list and end its logins, delete it
    #[command(subcommand)]
    Account(profile::Account),
    /// Block users, list and end blocks
    #[command(subcommand)]
    Block(block::Block),
    /// Make, list and delete bots, and their tokens; add them to guilds
    #[command(subcommand)]
    Bot(bot::Bot),
    /// Call any method of the contract with JSON
    Call(call::Call),
    /// Print completions for a shell
    Completions(shell::Completions),
    /// Print the manual
    Man(shell::Man),
    /// Check configuration, server, token, versions and clock
    Doctor,
}

impl Command {
    /// Whether it has something to finish when the user presses Ctrl-C.
    pub(crate) fn handles_signals(&self) -> bool {
        match self {
            Self::Listen(_) => true,
            Self::Send(send) => send.is_lines(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
