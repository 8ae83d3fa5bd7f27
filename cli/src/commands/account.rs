//! `register`, `login`, `logout`, `status`: who one is, and where that is remembered.

use clap::Args;
use guildhall_proto::v1;
use serde_json::json;

use crate::app::{App, Server, TokenSource, part};
use crate::contexts::{Choice, Context, Contexts, Place, choose, name_for};
use crate::fault::{Exit, Fault, Result};
use crate::input;
use crate::output::{Record, line};

/// What is shown of a user.
pub(crate) const USER_FIELDS: [&str; 5] = ["id", "username", "display_name", "bot", "create_time"];

/// Make an account.
#[derive(Args, Debug)]
pub(crate) struct Register {
    /// User name: 2 to 32 of a-z 0-9 . - _
    name: String,
    /// Name to show; the user name unless set
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    display_name: String,
    /// The one-time code that a fresh server prints; it makes the account the administrator
    #[arg(long, value_name = "CODE", env = "GUILDHALL_SETUP_CODE", hide_env_values = true)]
    setup_code: Option<String>,
    /// An invite to a guild; some servers want one
    #[arg(long, value_name = "CODE")]
    invite: Option<String>,
    /// Read the password from the first line of stdin
    #[arg(long)]
    password_stdin: bool,
}

impl Register {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        if app.globals.token_stdin {
            return Err(Fault::usage("a new account has no token yet: --token-stdin makes no sense here"));
        }
        let mut place = Remembered::new(app)?;
        let password = input::password(self.password_stdin, true)?;
        let server = place.server(app).await?;
        let request = v1::RegisterRequest {
            username: self.name,
            password,
            display_name: self.display_name,
            setup_code: self.setup_code.unwrap_or_default(),
            invite_code: self.invite.unwrap_or_default(),
            device: device(),
        };
        let response = server.call(request).await?;
        place.keep(app, &part(response.user)?, &response.token)
    }
}

/// Log in.
#[derive(Args, Debug)]
pub(crate) struct Login {
    /// User name; not needed with --token-stdin, which stores a token such as a bot's
    name: Option<String>,
    /// Read the password from the first line of stdin
    #[arg(long)]
    password_stdin: bool,
}

impl Login {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let mut place = Remembered::new(app)?;
        if app.globals.token_stdin {
            let token = input::token()?;
            let client = app.stranger(&place.choice)?.with_token(token.as_str())?;
            let server = app.reach(client).await?;
            let me = part(server.call(v1::GetMeRequest {}).await?.user)?;
            return place.keep(app, &me, &token);
        }
        let Some(username) = self.name else {
            return Err(Fault::usage("whose login?").remedy("name the user, or pass a token with --token-stdin"));
        };
        let password = input::password(self.password_stdin, false)?;
        let server = place.server(app).await?;
        let request = v1::LoginRequest { username, password, device: device() };
        let response = server.call(request).await?;
        place.keep(app, &part(response.user)?, &response.token)
    }
}

/// Where a login will be remembered.
struct Remembered {
    contexts: Contexts,
    choice: Choice,
    name: String,
}

impl Remembered {
    fn new(app: &App) -> Result<Self> {
        let contexts = Contexts::load()?;
        let wish = app.globals.wish();
        let choice = choose(&contexts, &wish, true)?;
        let name = name_for(&contexts, &wish, &choice);
        Ok(Self { contexts, choice, name })
    }

    async fn server(&self, app: &App) -> Result<Server> {
        app.reach(app.stranger(&self.choice)?).await
    }

    fn keep(&mut self, app: &App, user: &v1::User, token: &str) -> Result<()> {
        let ca_certificate = self.choice.ca_certificate.as_deref().map(std::path::absolute).transpose()?;
        let context = Context {
            server: self.choice.server.clone(),
            username: Some(user.username.clone()),
            token: None,
            ca_certificate,
        };
        if self.contexts.log_in(&self.name, context, token)? == Place::File {
            app.out.warn("no keyring: the token lies in a file that only you can read");
        }
        app.out.note(format!(
            "logged in to {} as {}; context `{}` is the current one",
            self.choice.server, user.username, self.name
        ));
        app.out.show(&Record::new("User", user)?, &USER_FIELDS)
    }
}

/// What this machine is called in the list of logins.
fn device() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = name.trim();
    let text = if name.is_empty() { "guildhall-cli".to_owned() } else { format!("guildhall-cli on {name}") };
    text.chars().take(64).collect()
}

/// End the login.
#[derive(Args, Debug)]
pub(crate) struct Logout {
    /// Only forget the token here; it stays valid
    #[arg(long)]
    local: bool,
}

impl Logout {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let choice = app.choice()?;
        let (token, source) = app.token(&choice)?.ok_or_else(|| Fault::not_logged_in(&choice.server))?;
        if !self.local {
            let server = app.reach(app.stranger(&choice)?.with_token(token)?).await;
            let ended = match server {
                Ok(server) => server.call(v1::LogoutRequest {}).await.map(drop),
                Err(fault) => Err(fault),
            };
            // A token that is not valid any more is as good as logged out.
            ended.or_else(|fault| if fault.exit() == Exit::Auth { Ok(()) } else { Err(unless_local(fault)) })?;
        }
        forget(source, &choice)?;
        app.out.note(format!("logged out of {}", choice.server));
        Ok(())
    }
}

/// Forgets a token, if a context remembers it.
pub(crate) fn forget(source: TokenSource, choice: &Choice) -> Result<()> {
    match (source, &choice.context) {
        (TokenSource::Context, Some(name)) => Contexts::load()?.log_out(name),
        _ => Ok(()),
    }
}

fn unless_local(fault: Fault) -> Fault {
    match fault.exit() {
        Exit::Unavailable => fault.remedy("`guildhall logout --local` forgets the token without the server"),
        _ => fault,
    }
}

/// `status`: which server, who, and by which token.
pub(crate) async fn status(app: &App) -> Result<()> {
    let choice = app.choice()?;
    let (token, source) = app.token(&choice)?.ok_or_else(|| Fault::not_logged_in(&choice.server))?;
    let server = app.reach(app.stranger(&choice)?.with_token(token)?).await?;
    let me = server.call(v1::GetMeRequest {}).await?;
    let user = Record::new("User", &part(me.user)?)?;
    let guilds = server.call(v1::ListMyGuildsRequest {}).await?.guilds.len();
    if app.out.json {
        let user: serde_json::Value = serde_json::from_str(&user.json()?).unwrap_or_default();
        let status = json!({
            "server": choice.server,
            "context": choice.context,
            "token_source": source.as_str(),
            "user": user,
            "admin": me.admin,
            "guilds": guilds,
        });
        return line(&status.to_string());
    }
    let context = choice.context.as_deref().unwrap_or("none");
    line(&format!("server   {}", choice.server))?;
    line(&format!("context  {context}"))?;
    line(&format!("token    from {}", source.as_str()))?;
    let admin = if me.admin { ", administrator" } else { "" };
    line(&format!("user     {} ({}){admin}", user.text("username"), user.text("id")))?;
    line(&format!("guilds   {guilds}"))
}
