//! What a server prints when it has started: where it is, and commands that work when pasted.

use std::fmt::Write as _;

use secrecy::ExposeSecret as _;

use super::Server;
use crate::chat::Demo;

/// The text for stdout. It holds secrets that are shown this once, so it is for the terminal and never for the log.
pub(super) fn text(server: &Server) -> String {
    let url = server.url();
    let mut text = format!("Guildhall listens on {url}\n");
    if let Some(code) = server.setup_code() {
        setup(&mut text, &url, code);
    }
    if let Some(demo) = server.demo() {
        dev(&mut text, &url, demo);
    }
    if server.setup_code().is_none() && server.demo().is_none() {
        back(&mut text, &url);
    }
    text
}

// Writing to a String cannot fail, here and below.
fn setup(text: &mut String, url: &str, code: &str) {
    let _ = write!(
        text,
        "\nThere is no administrator yet. The first command makes one; its code works once, and until the next start:\n\
         \n    guildhall register admin --setup-code {code} --server {url}\
         \n    guildhall guild create Guildhall\
         \n    guildhall send Guildhall/general hello\
         \n    guildhall listen --channel Guildhall/general\n"
    );
}

fn back(text: &mut String, url: &str) {
    let _ = write!(
        text,
        "\nWith an account:\n\
         \n    guildhall login NAME --server {url}\
         \n    guildhall guild list\
         \n    guildhall listen\n"
    );
}

fn dev(text: &mut String, url: &str, demo: &Demo) {
    let channel = demo.channel_id;
    let bot = demo.bot_username;
    let token = demo.bot_token.expose_secret();
    let _ = write!(
        text,
        "\nFor development there is a guild with a channel, and a bot `{bot}` in it:\n\
         \n    export GUILDHALL_SERVER={url} GUILDHALL_TOKEN={token}\
         \n    guildhall send {channel} hello\
         \n    guildhall history {channel}\
         \n    guildhall listen --channel {channel}\n"
    );
    if let Some(password) = &demo.password {
        let (owner, password) = (demo.username, password.expose_secret());
        let _ = write!(text, "\nIt belongs to `{owner}`, whose password is {password} (shown this once).\n");
    }
}
