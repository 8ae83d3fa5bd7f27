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
    match server.demo() {
        Some(demo) => dev(&mut text, &url, demo),
        None => next(&mut text, &url),
    }
    text
}

// Writing to a String cannot fail, here and below.
fn setup(text: &mut String, url: &str, code: &str) {
    let _ = write!(
        text,
        "\nThis server has no administrator yet. This makes one; the code works once, until the next start:\n\
         \n    guildhall register admin --setup-code {code} --server {url}\n"
    );
}

fn next(text: &mut String, url: &str) {
    let _ = write!(
        text,
        "\nThen, or with an account from before:\n\
         \n    guildhall login admin --server {url}\
         \n    guildhall guild create Guildhall\
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
        let _ = write!(
            text,
            "\nIt belongs to `{owner}`, whose password is {password} (shown this once).\n"
        );
    }
}
