//! Login sessions: whose token it is, which there are, and how they end; the password that leads to them.

use std::sync::Arc;

use guildhall_proto::{
    ids::{LoginSessionId, UserId},
    v1,
};
use secrecy::SecretString;

use super::{
    Caller, Chat, Revoked, accounts,
    commit::Batch,
    error::{Error, Missing, Result},
    events,
    passwords::{self, Verdict},
    tokens::{self, Digest, Fingerprint},
    validate,
};
use crate::store::{Commit, TokenKind, TokenRow, Write};

impl Chat {
    /// Who bears this token.
    pub async fn authenticate(&self, token: &str) -> Result<Caller> {
        self.resolve(tokens::digest(token)?).await
    }

    /// Who bears the token of this SHA-256: for a call that came by another node, which had the token itself.
    pub async fn authenticate_digest(&self, token: [u8; 32]) -> Result<Caller> {
        self.resolve(token).await
    }

    /// The same caller anew: fails once the token has ended. For those who keep a caller for long; they ask after they
    /// have begun to listen for ended tokens, and now and then, which also keeps the token of a person alive.
    pub async fn revalidate(&self, caller: &Caller) -> Result<Caller> {
        self.resolve(caller.token.0).await
    }

    async fn resolve(&self, digest: Digest) -> Result<Caller> {
        let now_ms = self.clock.now_ms();
        let known = self.tokens.find(&digest, now_ms).await?;
        self.tokens.touch(&digest, known, now_ms).await;
        let bot = known.kind == TokenKind::Bot;
        Ok(Caller {
            user: known.user,
            session: known.session,
            bot,
            admin: known.admin,
            author: self.people.author(known.user).await?,
            peer: None,
            // A person's token lives on while it is used.
            expire_ms: known.expire_ms.filter(|_| bot),
            token: Fingerprint(digest),
        })
    }

    /// Sets who is told when tokens end. To be called once, before the first call is served.
    pub fn on_revoked(&self, hook: Box<dyn Fn(&Revoked) + Send + Sync>) {
        self.tokens.set_hook(hook);
    }

    /// Ends the caller's own login session.
    pub async fn logout(&self, caller: &Caller, request: v1::LogoutRequest) -> Result<v1::LogoutResponse> {
        validate(&request)?;
        self.end_login(caller, caller.session).await?;
        Ok(v1::LogoutResponse {})
    }

    /// The caller's login sessions, newest first.
    pub async fn list_sessions(
        &self,
        caller: &Caller,
        request: v1::ListSessionsRequest,
    ) -> Result<v1::ListSessionsResponse> {
        validate(&request)?;
        let now_ms = self.clock.now_ms();
        let tokens = self.metadata().tokens(caller.user).await?;
        let live = tokens.iter().filter(|token| accounts::live(token, now_ms));
        let sessions = live.map(|token| events::login_session(token, token.id == caller.session)).collect();
        Ok(v1::ListSessionsResponse { sessions })
    }

    /// Ends one of the caller's login sessions.
    pub async fn revoke_session(
        &self,
        caller: &Caller,
        request: v1::RevokeSessionRequest,
    ) -> Result<v1::RevokeSessionResponse> {
        validate(&request)?;
        self.end_login(caller, LoginSessionId(request.session_id)).await?;
        Ok(v1::RevokeSessionResponse {})
    }

    /// Ends all of the caller's login sessions but the one that calls.
    pub async fn revoke_other_sessions(
        &self,
        caller: &Caller,
        request: v1::RevokeOtherSessionsRequest,
    ) -> Result<v1::RevokeOtherSessionsResponse> {
        validate(&request)?;
        self.end_tokens(caller.user, Some(caller.session), Vec::new()).await?;
        Ok(v1::RevokeOtherSessionsResponse {})
    }

    /// Changes the caller's password; all other login sessions end with it.
    pub async fn change_password(
        &self,
        caller: &Caller,
        request: v1::ChangePasswordRequest,
    ) -> Result<v1::ChangePasswordResponse> {
        validate(&request)?;
        if caller.bot {
            return Err(Error::Permission("PERSON"));
        }
        if passwords::is_same(&request.old_password, &request.new_password) {
            let why = "must be another one than the old password";
            return Err(Error::field("new_password", "change_password.new_password", why));
        }
        let old = self.right_password(caller, request.old_password).await?;
        let new = self.passwords.hash(SecretString::from(request.new_password)).await?;
        let change = vec![Write::SetPassword { user: caller.user, old, new }];
        self.end_tokens(caller.user, Some(caller.session), change).await?;
        Ok(v1::ChangePasswordResponse {})
    }

    /// The hash of the caller's password, if this is the password.
    pub(super) async fn right_password(&self, caller: &Caller, password: String) -> Result<String> {
        let hash = self.profile(caller.user).await?.password_hash;
        match self.passwords.verify(SecretString::from(password), hash.clone()).await? {
            Verdict::Wrong => Err(Error::PasswordWrong),
            Verdict::Right | Verdict::Outdated => hash.ok_or(Error::PasswordWrong),
        }
    }

    /// Ends all login sessions of a user but one, together with a change that is their reason.
    pub(super) async fn end_tokens(
        &self,
        user: UserId,
        except: Option<LoginSessionId>,
        reason: Vec<Write>,
    ) -> Result<()> {
        let writes = reason.into_iter().chain([Write::EndTokens { user, except }]).collect();
        let known = Arc::clone(&self.tokens);
        let batch = Batch { writes, ..Batch::default() };
        match self.commits.write(batch, Vec::new(), move || known.end_all(user, except)).await? {
            Commit::Done(_) => Ok(()),
            Commit::Moved(_) | Commit::Taken(_) => Err(Error::Conflict),
        }
    }

    async fn end_login(&self, caller: &Caller, id: LoginSessionId) -> Result<()> {
        let tokens = self.metadata().tokens(caller.user).await?;
        let token = tokens.into_iter().find(|token| token.id == id);
        self.end_token(token.ok_or(Error::NotFound(Missing::LoginSession))?).await
    }

    async fn end_token(&self, token: TokenRow) -> Result<()> {
        let batch = Batch { writes: vec![accounts::delete(&token)], ..Batch::default() };
        let known = Arc::clone(&self.tokens);
        match self.commits.write(batch, Vec::new(), move || known.end(&token)).await? {
            Commit::Done(_) => Ok(()),
            Commit::Moved(_) | Commit::Taken(_) => Err(Error::Conflict),
        }
    }
}
