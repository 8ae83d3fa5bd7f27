//! Accounts, login sessions and bots.

use guildhall_proto::ids::{LoginSessionId, UserId};
use guildhall_proto::v1::{self, auth_service_client::AuthServiceClient};

use crate::client::{Call, Client, Rpc, rpc};
use crate::error::Result;
use crate::model::{LoginSession, User, required};
use crate::token::Token;

/// Accounts, login sessions and bots; from [`Client::auth`].
#[derive(Clone, Debug)]
pub struct Auth(pub(super) Client);

/// An account with a token of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Login {
    /// The account.
    pub user: User,
    /// The token of the new login session.
    pub token: Token,
}

/// A bot that was just made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewBot {
    /// The bot.
    pub bot: User,
    /// Its token. It cannot be read again.
    pub token: Token,
}

impl Auth {
    /// Makes an account and logs it in. The user name has 2 to 32 characters of `a-z0-9._-`, the password 8 to 128.
    pub fn register(&self, username: impl Into<String>, password: impl Into<String>) -> Call<v1::RegisterRequest> {
        self.0.call(v1::RegisterRequest { username: username.into(), password: password.into(), ..Default::default() })
    }

    /// Logs in: makes a token for this device.
    pub fn login(&self, username: impl Into<String>, password: impl Into<String>) -> Call<v1::LoginRequest> {
        self.0.call(v1::LoginRequest { username: username.into(), password: password.into(), ..Default::default() })
    }

    /// Ends the login session of the client's token.
    pub fn logout(&self) -> Call<v1::LogoutRequest> {
        self.0.call(v1::LogoutRequest {})
    }

    /// The caller's login sessions, newest first.
    pub fn sessions(&self) -> Call<v1::ListSessionsRequest> {
        self.0.call(v1::ListSessionsRequest {})
    }

    /// Ends one login session of the caller.
    pub fn revoke_session(&self, id: LoginSessionId) -> Call<v1::RevokeSessionRequest> {
        let session_id = id.0;
        self.0.call(v1::RevokeSessionRequest { session_id })
    }

    /// Ends all login sessions of the caller but the one that this client uses.
    pub fn revoke_other_sessions(&self) -> Call<v1::RevokeOtherSessionsRequest> {
        self.0.call(v1::RevokeOtherSessionsRequest {})
    }

    /// Changes the caller's password, to another one of 8 to 128 characters. All other login sessions end.
    pub fn change_password(&self, old: impl Into<String>, new: impl Into<String>) -> Call<v1::ChangePasswordRequest> {
        self.0.call(v1::ChangePasswordRequest { old_password: old.into(), new_password: new.into() })
    }

    /// Deletes the caller's account and its bots, for ever.
    pub fn delete_account(&self, password: impl Into<String>) -> Call<v1::DeleteAccountRequest> {
        self.0.call(v1::DeleteAccountRequest { password: password.into(), delete_messages: false })
    }

    /// Makes a bot that belongs to the caller.
    pub fn create_bot(&self, username: impl Into<String>) -> Call<v1::CreateBotRequest> {
        self.0.call(v1::CreateBotRequest { username: username.into(), ..Default::default() })
    }

    /// Makes a new token for a bot of the caller; the old ones stay valid for ten minutes.
    pub fn rotate_bot_token(&self, id: UserId) -> Call<v1::RotateBotTokenRequest> {
        let bot_id = id.0;
        self.0.call(v1::RotateBotTokenRequest { bot_id })
    }
}

/// Bots.
impl Auth {
    /// The caller's bots, newest first.
    pub fn bots(&self) -> Call<v1::ListBotsRequest> {
        self.0.call(v1::ListBotsRequest {})
    }

    /// Ends all tokens of a bot of the caller at once.
    pub fn revoke_bot_tokens(&self, id: UserId) -> Call<v1::RevokeBotTokensRequest> {
        let bot_id = id.0;
        self.0.call(v1::RevokeBotTokensRequest { bot_id })
    }

    /// Deletes a bot of the caller.
    pub fn delete_bot(&self, id: UserId) -> Call<v1::DeleteBotRequest> {
        let bot_id = id.0;
        self.0.call(v1::DeleteBotRequest { bot_id, delete_messages: false })
    }
}

impl Call<v1::DeleteAccountRequest> {
    /// Has what the account and its bots wrote erased, in the background. Without it, it stays.
    pub fn delete_messages(mut self, delete: bool) -> Self {
        self.request.delete_messages = delete;
        self
    }
}

impl Call<v1::DeleteBotRequest> {
    /// Has what the bot wrote erased, in the background. Without it, it stays.
    pub fn delete_messages(mut self, delete: bool) -> Self {
        self.request.delete_messages = delete;
        self
    }
}

impl Call<v1::RegisterRequest> {
    /// The name to show, up to 64 characters.
    pub fn display_name(mut self, name: impl Into<String>) -> Self {
        self.request.display_name = name.into();
        self
    }

    /// The one-time code that a fresh server prints: the account becomes the administrator.
    pub fn setup_code(mut self, code: impl Into<String>) -> Self {
        self.request.setup_code = code.into();
        self
    }

    /// An invite: the account joins its guild.
    pub fn invite_code(mut self, code: impl Into<String>) -> Self {
        self.request.invite_code = code.into();
        self
    }

    /// What the device calls itself, up to 64 characters.
    pub fn device(mut self, device: impl Into<String>) -> Self {
        self.request.device = device.into();
        self
    }
}

impl Call<v1::LoginRequest> {
    /// What the device calls itself, up to 64 characters.
    pub fn device(mut self, device: impl Into<String>) -> Self {
        self.request.device = device.into();
        self
    }
}

impl Call<v1::CreateBotRequest> {
    /// The name to show, up to 64 characters.
    pub fn display_name(mut self, name: impl Into<String>) -> Self {
        self.request.display_name = name.into();
        self
    }
}

impl Rpc for v1::RegisterRequest {
    type Answer = Login;
    rpc!("AuthService" "Register", AuthServiceClient::register -> RegisterResponse, repeatable: false);

    fn answer(&self, response: v1::RegisterResponse) -> Result<Login> {
        let user = required(response.user, "user")?.into();
        let token = response.token.into();
        Ok(Login { user, token })
    }
}

impl Rpc for v1::LoginRequest {
    type Answer = Login;
    rpc!("AuthService" "Login", AuthServiceClient::login -> LoginResponse, repeatable: false);

    fn answer(&self, response: v1::LoginResponse) -> Result<Login> {
        let user = required(response.user, "user")?.into();
        let token = response.token.into();
        Ok(Login { user, token })
    }
}

impl Rpc for v1::LogoutRequest {
    type Answer = ();
    rpc!("AuthService" "Logout", AuthServiceClient::logout -> LogoutResponse, repeatable: false);

    fn answer(&self, _: v1::LogoutResponse) -> Result<()> {
        Ok(())
    }
}

impl Rpc for v1::ListSessionsRequest {
    type Answer = Vec<LoginSession>;
    rpc!("AuthService" "ListSessions", AuthServiceClient::list_sessions -> ListSessionsResponse, repeatable: true);

    fn answer(&self, response: v1::ListSessionsResponse) -> Result<Self::Answer> {
        Ok(response.sessions.into_iter().map(Into::into).collect())
    }
}

impl Rpc for v1::RevokeSessionRequest {
    type Answer = ();
    rpc!("AuthService" "RevokeSession", AuthServiceClient::revoke_session -> RevokeSessionResponse, repeatable: false);

    fn answer(&self, _: v1::RevokeSessionResponse) -> Result<()> {
        Ok(())
    }
}

impl Rpc for v1::CreateBotRequest {
    type Answer = NewBot;
    rpc!("AuthService" "CreateBot", AuthServiceClient::create_bot -> CreateBotResponse, repeatable: false);

    fn answer(&self, response: v1::CreateBotResponse) -> Result<NewBot> {
        let bot = required(response.bot, "bot")?.into();
        let token = response.token.into();
        Ok(NewBot { bot, token })
    }
}

impl Rpc for v1::RotateBotTokenRequest {
    type Answer = Token;
    rpc!("AuthService" "RotateBotToken", AuthServiceClient::rotate_bot_token -> RotateBotTokenResponse, repeatable: false);

    fn answer(&self, response: v1::RotateBotTokenResponse) -> Result<Token> {
        Ok(response.token.into())
    }
}

impl Rpc for v1::RevokeOtherSessionsRequest {
    type Answer = ();
    rpc!("AuthService" "RevokeOtherSessions", AuthServiceClient::revoke_other_sessions -> RevokeOtherSessionsResponse, repeatable: false);

    fn answer(&self, _: v1::RevokeOtherSessionsResponse) -> Result<()> {
        Ok(())
    }
}

impl Rpc for v1::ChangePasswordRequest {
    type Answer = ();
    rpc!("AuthService" "ChangePassword", AuthServiceClient::change_password -> ChangePasswordResponse, repeatable: false);

    fn answer(&self, _: v1::ChangePasswordResponse) -> Result<()> {
        Ok(())
    }
}

impl Rpc for v1::DeleteAccountRequest {
    type Answer = ();
    rpc!("AuthService" "DeleteAccount", AuthServiceClient::delete_account -> DeleteAccountResponse, repeatable: false);

    fn answer(&self, _: v1::DeleteAccountResponse) -> Result<()> {
        Ok(())
    }
}

impl Rpc for v1::RevokeBotTokensRequest {
    type Answer = ();
    rpc!("AuthService" "RevokeBotTokens", AuthServiceClient::revoke_bot_tokens -> RevokeBotTokensResponse, repeatable: false);

    fn answer(&self, _: v1::RevokeBotTokensResponse) -> Result<()> {
        Ok(())
    }
}

impl Rpc for v1::DeleteBotRequest {
    type Answer = ();
    rpc!("AuthService" "DeleteBot", AuthServiceClient::delete_bot -> DeleteBotResponse, repeatable: false);

    fn answer(&self, _: v1::DeleteBotResponse) -> Result<()> {
        Ok(())
    }
}

impl Rpc for v1::ListBotsRequest {
    type Answer = Vec<User>;
    rpc!("AuthService" "ListBots", AuthServiceClient::list_bots -> ListBotsResponse, repeatable: true);

    fn answer(&self, response: v1::ListBotsResponse) -> Result<Vec<User>> {
        Ok(response.bots.into_iter().map(Into::into).collect())
    }
}
