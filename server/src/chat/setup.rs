//! The first start: the code that makes the administrator, and the demo of `--dev`.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use guildhall_proto::{
    ids::{ChannelId, GuildId, UserId},
    token::Token,
    v1,
};
use secrecy::SecretString;

use super::{
    Chat,
    commit::{Batch, Decision, Plan},
    error::{Error, Missing, Result},
    guilds::FIRST_CHANNEL,
    tokens,
    views::{GuildHandle, View},
};
use crate::store::{UserRow, Write};

/// Random bytes of the setup code and of the demo's password.
const SECRET_BYTES: usize = 18;
const DEMO_USER: &str = "demo";
const DEMO_BOT: &str = "echo";
const DEMO_GUILD: &str = "Guildhall";

/// What `--dev` shows.
pub struct Demo {
    /// The guild.
    pub guild_id: GuildId,
    /// Its channel `general`.
    pub channel_id: ChannelId,
    /// The user name of its owner.
    pub username: &'static str,
    /// The owner's password; `None` if the account was there before: it is shown once.
    pub password: Option<SecretString>,
    /// The user name of the bot.
    pub bot_username: &'static str,
    /// A fresh token of the bot.
    pub bot_token: SecretString,
}

impl Chat {
    /// Makes a new code for the first administrator, to be printed; `None`: there is an administrator already. Codes
    /// of earlier starts end.
    pub async fn ensure_setup_code(&self) -> Result<Option<String>> {
        if self.metadata().has_admin().await? {
            return Ok(None);
        }
        let code = format!("ghs_{}", secret());
        let write = Write::SetSetupCode(tokens::sha256(&code));
        self.create(|| (Batch { writes: vec![write.clone()], ..Batch::default() }, ()), || {}).await?;
        Ok(Some(code))
    }

    /// Sees to it that the demo is there: an owner, a guild with a channel, a bot in it. What is there stays; the bot
    /// gets a fresh token each time.
    pub async fn seed_demo(&self) -> Result<Demo> {
        let (owner, password) = self.demo_owner().await?;
        let (guild, channel_id) = self.demo_guild(&owner).await?;
        let (bot, token) = self.demo_bot(owner.id).await?;
        let decide = |view: &View| {
            if view.is_member(bot.id) {
                return Ok(Decision::Nothing(()));
            }
            let join = self.join(view, &bot, None)?;
            Plan::new(join.permit, ()).writes(join.writes).events(join.events).decided()
        };
        self.change(&guild, decide).await?;
        Ok(Demo {
            guild_id: guild.id(),
            channel_id,
            username: DEMO_USER,
            password,
            bot_username: DEMO_BOT,
            bot_token: token.reveal().to_owned().into(),
        })
    }

    async fn demo_owner(&self) -> Result<(UserRow, Option<SecretString>)> {
        if let Some(row) = self.metadata().user_by_name(DEMO_USER).await? {
            return Ok((row, None));
        }
        let password = SecretString::from(secret());
        let password_hash = self.passwords.hash(password.clone()).await?;
        let plan = || {
            let row = UserRow {
                id: UserId(self.new_id()),
                username: DEMO_USER.into(),
                display_name: "Demo".into(),
                avatar_url: String::new(),
                custom_status: String::new(),
                password_hash: Some(password_hash.clone()),
                bot_owner: None,
                admin: false,
                create_ms: self.clock.now_ms(),
                delete_ms: None,
            };
            (Batch { writes: vec![Write::InsertUser(row.clone())], ..Batch::default() }, row)
        };
        Ok((self.create(plan, || {}).await?, Some(password)))
    }

    async fn demo_guild(&self, owner: &UserRow) -> Result<(Arc<GuildHandle>, ChannelId)> {
        for handle in self.guilds_of(owner.id).await? {
            let channel = handle.look(|view| {
                let ours = view.guild().owner == owner.id && view.guild().name == DEMO_GUILD;
                let mut channels = view.channels().into_iter().filter(|_| ours);
                channels.find(|channel| channel.name == FIRST_CHANNEL).map(|channel| channel.id)
            });
            if let Some(channel) = channel {
                return Ok((handle, channel));
            }
        }
        let request = v1::CreateGuildRequest { name: DEMO_GUILD.into(), icon_url: String::new() };
        let (guild, channel) = self.found_guild(owner, &request).await?;
        let handle = self.guilds.get(guild.id).await?.ok_or(Error::NotFound(Missing::Guild))?;
        Ok((handle, channel))
    }

    async fn demo_bot(&self, owner: UserId) -> Result<(UserRow, Token)> {
        match self.metadata().user_by_name(DEMO_BOT).await? {
            Some(row) if row.bot_owner == Some(owner) => {
                let token = self.rotate(row.id).await?;
                Ok((row, token))
            }
            Some(_) => Err(Error::UsernameTaken),
            None => {
                let request = v1::CreateBotRequest { username: DEMO_BOT.into(), display_name: "Echo".into() };
                self.new_bot(owner, &request).await
            }
        }
    }
}

fn secret() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; SECRET_BYTES]>())
}
