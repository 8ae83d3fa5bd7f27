//! Bot accounts and their tokens.

use std::sync::Arc;

use guildhall_proto::{
    ids::UserId,
    token::Token,
    v1::{self, event::Payload},
};

use super::{
    Caller, Chat, accounts,
    commit::Batch,
    error::{Error, Missing, Result},
    events, validate,
};
use crate::{
    limits,
    store::{TokenKind, UserRow, Write},
};

/// How long the old tokens of a bot go on after it got a new one.
const OVERLAP_MS: u64 = 10 * 60 * 1_000;

impl Chat {
    /// Makes a bot that belongs to the caller. Bots have no bots.
    pub async fn create_bot(&self, caller: &Caller, request: v1::CreateBotRequest) -> Result<v1::CreateBotResponse> {
        validate(&request)?;
        if caller.bot {
            return Err(Error::Permission("PERSON"));
        }
        self.count(caller, limits::BOT).await?;
        let (bot, token) = self.new_bot(caller.user, &request).await?;
        Ok(v1::CreateBotResponse { bot: Some(events::user(&bot)), token: token.reveal().to_owned() })
    }

    pub(super) async fn new_bot(&self, owner: UserId, request: &v1::CreateBotRequest) -> Result<(UserRow, Token)> {
        let plan = || {
            let row = UserRow {
                id: UserId(self.new_id()),
                username: request.username.clone(),
                display_name: accounts::shown_name(&request.display_name, &request.username),
                avatar_url: String::new(),
                custom_status: String::new(),
                password_hash: None,
                bot_owner: Some(owner),
                admin: false,
                create_ms: self.clock.now_ms(),
                delete_ms: None,
            };
            let (token_row, token) = self.new_token(row.id, TokenKind::Bot, "");
            let writes = vec![Write::InsertUser(row.clone()), Write::InsertToken(token_row)];
            let made = Payload::BotCreated(v1::BotCreated { bot: Some(events::user(&row)) });
            let events = vec![events::new_event(owner, owner, row.create_ms, made)];
            (Batch { expected: None, writes, events }, (row, token))
        };
        self.create(plan, || {}).await
    }

    /// Makes a new token for a bot of the caller; the old ones go on for ten minutes.
    pub async fn rotate_bot_token(
        &self,
        caller: &Caller,
        request: v1::RotateBotTokenRequest,
    ) -> Result<v1::RotateBotTokenResponse> {
        validate(&request)?;
        let bot = self.my_bot(caller, request.bot_id).await?;
        let token = self.rotate(bot.id).await?;
        Ok(v1::RotateBotTokenResponse { token: token.reveal().to_owned() })
    }

    /// The caller's bots, newest first.
    pub async fn list_bots(&self, caller: &Caller, request: v1::ListBotsRequest) -> Result<v1::ListBotsResponse> {
        validate(&request)?;
        let bots = self.metadata().bots_of(caller.user).await?;
        Ok(v1::ListBotsResponse { bots: bots.iter().map(events::user).collect() })
    }

    /// Ends all tokens of a bot of the caller at once.
    pub async fn revoke_bot_tokens(
        &self,
        caller: &Caller,
        request: v1::RevokeBotTokensRequest,
    ) -> Result<v1::RevokeBotTokensResponse> {
        validate(&request)?;
        let bot = self.my_bot(caller, request.bot_id).await?;
        let there = Write::RequireUser { user: bot.id, password_hash: None };
        self.end_tokens(bot.id, None, vec![there]).await?;
        Ok(v1::RevokeBotTokensResponse {})
    }

    pub(super) async fn my_bot(&self, caller: &Caller, id: u64) -> Result<UserRow> {
        let bot = self.metadata().user(UserId(id)).await?;
        let mine = |bot: &UserRow| bot.bot_owner == Some(caller.user) && bot.delete_ms.is_none();
        bot.filter(mine).ok_or(Error::NotFound(Missing::Bot))
    }

    pub(super) async fn rotate(&self, bot: UserId) -> Result<Token> {
        let surplus = self.surplus_tokens(bot).await?;
        let expire_ms = self.clock.now_ms() + OVERLAP_MS;
        let plan = || {
            let (row, token) = self.new_token(bot, TokenKind::Bot, "");
            let mut writes = vec![Write::RequireUser { user: bot, password_hash: None }];
            writes.extend(surplus.iter().map(accounts::delete));
            writes.extend([Write::ExpireTokens { user: bot, expire_ms }, Write::InsertToken(row)]);
            (Batch { writes, ..Batch::default() }, token)
        };
        let (tokens, ended) = (Arc::clone(&self.tokens), surplus.clone());
        let after = move || {
            ended.iter().for_each(|token| tokens.end(token));
            tokens.expire(bot, expire_ms);
        };
        self.create(plan, after).await
    }
}
