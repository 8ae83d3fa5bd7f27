//! Accounts: register and log in.

use std::sync::Arc;

use guildhall_proto::{
    ids::{LoginSessionId, UserId},
    token::Token,
    v1,
};
use secrecy::SecretString;

use super::{
    Chat, Registration,
    commit::{Batch, Plan},
    error::{Error, Missing, Result, Unauthenticated},
    events, invites,
    passwords::Verdict,
    tokens, validate,
    views::View,
};
use crate::{
    limits::Peer,
    store::{TokenKind, TokenRow, UserRow, Write},
};

/// Login sessions that a person has at the same time. A login beyond it ends those that were used longest ago.
const LOGINS_MAX: usize = 100;

impl Chat {
    /// Makes an account and logs it in. A correct setup code opens every door and makes the administrator. `from`: where
    /// the call came from, if it came by the edge.
    pub async fn register(&self, from: Option<Peer>, request: v1::RegisterRequest) -> Result<v1::RegisterResponse> {
        validate(&request)?;
        self.count_registration(from).await?;
        let invite = self.admitted(&request).await?;
        if self.metadata().user_by_name(&request.username).await?.is_some() {
            return Err(Error::UsernameTaken);
        }
        let password_hash = self.passwords.hash(SecretString::from(request.password.clone())).await?;
        let (row, token) = match invite {
            Some(code) => self.register_and_join(&request, &password_hash, &code).await?,
            None => {
                let plan = || {
                    let account = self.account(&request, &password_hash);
                    (Batch { writes: account.writes, ..Batch::default() }, (account.row, account.token))
                };
                self.create(plan, || {}).await?
            }
        };
        Ok(v1::RegisterResponse { user: Some(events::user(&row)), token: token.reveal().to_owned() })
    }

    /// Whether one may register, and the invite that is to be used.
    async fn admitted(&self, request: &v1::RegisterRequest) -> Result<Option<String>> {
        // Whether the code is right is decided where it is used up.
        let setup = !request.setup_code.is_empty();
        let invited = !request.invite_code.is_empty();
        match self.policy.registration {
            Registration::Closed if !setup => return Err(Error::RegistrationClosed),
            Registration::Invite if !setup && !invited => return Err(Error::RegistrationClosed),
            _ => {}
        }
        if !invited {
            return Ok(None);
        }
        let invite = self.metadata().invite(&request.invite_code).await?;
        let usable = invite.filter(|invite| invites::works(invite, self.clock.now_ms()));
        usable.map(|invite| Some(invite.code)).ok_or(Error::NotFound(Missing::Invite))
    }

    async fn register_and_join(
        &self,
        request: &v1::RegisterRequest,
        password_hash: &str,
        code: &str,
    ) -> Result<(UserRow, Token)> {
        let handle = self.invited_guild(code).await?;
        let decide = |view: &View| {
            let Account { row, token, writes } = self.account(request, password_hash);
            let join = self.join(view, &row, Some(code))?;
            Plan::new(join.permit, (row, token)).writes(writes).writes(join.writes).events(join.events).decided()
        };
        self.change(&handle, decide).await
    }

    fn account(&self, request: &v1::RegisterRequest, password_hash: &str) -> Account {
        let now_ms = self.clock.now_ms();
        let row = UserRow {
            id: UserId(self.new_id()),
            username: request.username.clone(),
            display_name: shown_name(&request.display_name, &request.username),
            avatar_url: String::new(),
            custom_status: String::new(),
            password_hash: Some(password_hash.to_owned()),
            bot_owner: None,
            admin: !request.setup_code.is_empty(),
            create_ms: now_ms,
            delete_ms: None,
        };
        let (token_row, token) = self.new_token(row.id, TokenKind::Person, &request.device);
        let setup = row.admin.then(|| Write::UseSetupCode(tokens::sha256(&request.setup_code)));
        let account = [Write::InsertUser(row.clone()), Write::InsertToken(token_row)];
        Account { row, token, writes: setup.into_iter().chain(account).collect() }
    }

    /// Makes a login session. Unknown users and wrong passwords are told in the same words after the same time.
    pub async fn login(&self, from: Option<Peer>, request: v1::LoginRequest) -> Result<v1::LoginResponse> {
        validate(&request)?;
        self.count_password(&request.username, from).await?;
        let found = self.metadata().user_by_name(&request.username).await?;
        let hash = found.as_ref().and_then(|user| user.password_hash.clone());
        let password = SecretString::from(request.password);
        let verdict = self.passwords.verify(password.clone(), hash).await;
        // One that found no room to be tried was not wrong.
        if !matches!(verdict, Ok(Verdict::Wrong)) {
            self.discount_password(&request.username, from);
        }
        let verdict = verdict?;
        let refused = || Error::Unauthenticated(Unauthenticated::Credentials);
        let user = found.filter(|_| verdict != Verdict::Wrong).ok_or_else(refused)?;
        let still = match (verdict, &user.password_hash) {
            (Verdict::Outdated, Some(old)) => {
                Write::SetPassword { user: user.id, old: old.clone(), new: self.passwords.hash(password).await? }
            }
            // A password that is changed meanwhile lets nobody in any more.
            (_, hash) => Write::RequireUser { user: user.id, password_hash: hash.clone() },
        };
        let surplus = self.surplus_tokens(user.id).await?;
        let plan = || {
            let (row, token) = self.new_token(user.id, TokenKind::Person, &request.device);
            let mut writes = vec![still.clone()];
            writes.extend(surplus.iter().map(delete));
            writes.push(Write::InsertToken(row));
            (Batch { writes, ..Batch::default() }, token)
        };
        let (tokens, ended) = (Arc::clone(&self.tokens), surplus.clone());
        let token = self.create(plan, move || ended.iter().for_each(|token| tokens.end(token))).await?;
        Ok(v1::LoginResponse { user: Some(events::user(&user)), token: token.reveal().to_owned() })
    }

    /// Tokens that make room for a new one: those that have ended by themselves, and the least used beyond the limit.
    pub(super) async fn surplus_tokens(&self, user: UserId) -> Result<Vec<TokenRow>> {
        let now_ms = self.clock.now_ms();
        let (mut live, mut surplus): (Vec<_>, Vec<_>) =
            self.metadata().tokens(user).await?.into_iter().partition(|token| live(token, now_ms));
        live.sort_unstable_by_key(|token| std::cmp::Reverse(token.last_used_ms));
        surplus.extend(live.into_iter().skip(LOGINS_MAX - 1));
        Ok(surplus)
    }

    /// A new token and its row. Persons' tokens end unless they are used, those of bots do not.
    pub(super) fn new_token(&self, user: UserId, kind: TokenKind, device: &str) -> (TokenRow, Token) {
        let (token, digest) = tokens::generate(kind);
        let now_ms = self.clock.now_ms();
        let row = TokenRow {
            id: LoginSessionId(self.new_id()),
            digest,
            user,
            kind,
            device: device.to_owned(),
            create_ms: now_ms,
            last_used_ms: now_ms,
            expire_ms: (kind == TokenKind::Person).then_some(now_ms + tokens::PERSON_LIFE_MS),
        };
        (row, token)
    }
}

/// A new account with what is to be written.
struct Account {
    row: UserRow,
    token: Token,
    writes: Vec<Write>,
}

/// Whether a token is good at this moment.
pub(super) fn live(token: &TokenRow, now_ms: u64) -> bool {
    token.expire_ms.is_none_or(|end_ms| end_ms > now_ms)
}

pub(super) fn delete(token: &TokenRow) -> Write {
    Write::DeleteToken { id: token.id, user: token.user }
}

/// The name to show is never empty.
pub(super) fn shown_name(wanted: &str, username: &str) -> String {
    if wanted.trim().is_empty() { username.to_owned() } else { wanted.to_owned() }
}
