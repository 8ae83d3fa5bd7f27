//! Tokens in memory: whose they are, until when, and that they ended. What ended is refused from that moment on.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use guildhall_proto::{
    ids::{LoginSessionId, UserId},
    token::{Kind, Token},
};
use sha2::{Digest as _, Sha256};

use super::{
    cache::Cache,
    error::{Error, Result, Unauthenticated},
};
use crate::store::{Metadata, TokenKind, TokenRow, UserRow, Write};

/// Tokens that are held, some 100 bytes each; beyond it those that were not used lately are looked up again.
const HELD_MAX: usize = 100_000;
/// Ended tokens that are remembered, so that their bearers learn that they ended. Forgotten ones are merely unknown.
const ENDED_MAX: usize = 10_000;
/// A person's token ends this long after its last use.
pub(super) const PERSON_LIFE_MS: u64 = 30 * 24 * 60 * 60 * 1_000;
/// Last uses are written down at most this often.
const TOUCH_EVERY_MS: u64 = 60 * 1_000;
/// How often a token is read again because others ended meanwhile.
const TRIES_MAX: usize = 8;

/// What makes a token known: its SHA-256.
pub(super) type Digest = [u8; 32];

/// The same within a `Caller`, which may end up in a log.
#[derive(Clone, Copy)]
pub(super) struct Fingerprint(pub(super) Digest);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}

/// What ended, for those who hold live sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// A login session ended now.
    Login(LoginSessionId),
    /// All login sessions of a user but one ended now.
    Logins {
        /// Whose.
        user: UserId,
        /// The one that goes on.
        except: Option<LoginSessionId>,
    },
    /// All tokens that a bot has at this moment end then.
    Bot {
        /// Which.
        user: UserId,
        /// Unix milliseconds.
        expire_ms: u64,
    },
}

type Hook = Box<dyn Fn(&Revoked) + Send + Sync>;

/// A token that is good.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) session: LoginSessionId,
    pub(super) user: UserId,
    pub(super) kind: TokenKind,
    pub(super) admin: bool,
    pub(super) expire_ms: Option<u64>,
    used_ms: u64,
}

impl Known {
    fn new(token: &TokenRow, user: &UserRow) -> Self {
        Self {
            session: token.id,
            user: user.id,
            kind: token.kind,
            admin: user.admin,
            expire_ms: token.expire_ms,
            used_ms: token.last_used_ms,
        }
    }

    fn ended(&self, now_ms: u64) -> bool {
        self.expire_ms.is_some_and(|end_ms| end_ms <= now_ms)
    }
}

/// The tokens of this node.
pub(super) struct Tokens {
    metadata: Arc<dyn Metadata>,
    held: Cache<Digest, Known>,
    ended: Cache<Digest, ()>,
    /// Whether it is heard when other nodes end tokens; if not, nothing that is held counts.
    trusted: AtomicBool,
    hook: OnceLock<Hook>,
}

impl Tokens {
    pub(super) fn new(metadata: Arc<dyn Metadata>) -> Self {
        let (held, ended) = (Cache::new(HELD_MAX), Cache::new(ENDED_MAX));
        Self { metadata, held, ended, trusted: AtomicBool::new(true), hook: OnceLock::new() }
    }

    /// Sets who is told when tokens end. Only the first one counts.
    pub(super) fn set_hook(&self, hook: Hook) {
        if self.hook.set(hook).is_err() {
            tracing::error!("the hook for ended tokens was set twice");
        }
    }

    /// Whose a token is.
    pub(super) async fn find(&self, digest: &Digest, now_ms: u64) -> Result<Known> {
        for _ in 0..TRIES_MAX {
            let trusted = self.trusted.load(Ordering::Acquire);
            if trusted && let Some(known) = self.held.get(digest) {
                return if known.ended(now_ms) { Err(expired()) } else { Ok(known) };
            }
            let mark = self.held.mark();
            let Some((token, user)) = self.metadata.token(digest).await? else {
                let remembered = self.ended.get(digest).is_some();
                return Err(if remembered { expired() } else { invalid() });
            };
            let known = Known::new(&token, &user);
            if known.ended(now_ms) {
                return Err(expired());
            }
            // Whatever was read before something ended may be that which ended.
            if self.held.fill(mark, *digest, known) || !trusted {
                return Ok(known);
            }
        }
        Err(Error::Conflict)
    }

    /// Writes down that a person's token is in use, now and then, which also moves its end. A storage that cannot take
    /// it does not keep anybody out. The tokens of bots have no moving end, and are left alone.
    pub(super) async fn touch(&self, digest: &Digest, known: Known, now_ms: u64) {
        if known.kind == TokenKind::Bot || now_ms < known.used_ms + TOUCH_EVERY_MS {
            return;
        }
        let expire_ms = Some(now_ms + PERSON_LIFE_MS);
        let claimed = self.held.update(digest, |held| {
            let first = held.used_ms == known.used_ms;
            (held.used_ms, held.expire_ms) = (now_ms, expire_ms);
            first
        });
        if claimed != Some(true) {
            return;
        }
        let write = Write::TouchToken { id: known.session, last_used_ms: now_ms, expire_ms };
        if let Err(error) = self.metadata.commit(None, vec![write], Vec::new()).await {
            tracing::warn!(session = %known.session, %error, "the use of a token was not written down");
        }
    }

    /// A login session has ended in the store.
    pub(super) fn end(&self, token: &TokenRow) {
        self.ended.replace(token.digest, ());
        self.held.retain(|_, known| known.session != token.id);
        self.tell(&Revoked::Login(token.id));
    }

    /// All login sessions of a user but one have ended in the store, which remembers them as ended.
    pub(super) fn end_all(&self, user: UserId, except: Option<LoginSessionId>) {
        self.held.retain(|_, known| known.user != user || Some(known.session) == except);
        self.tell(&Revoked::Logins { user, except });
    }

    /// Another node has ended a login session.
    pub(super) fn ended_elsewhere(&self, session: LoginSessionId) {
        let mut digests = Vec::new();
        self.held.retain(|digest, known| {
            let stays = known.session != session;
            if !stays {
                digests.push(*digest);
            }
            stays
        });
        digests.into_iter().for_each(|digest| self.ended.replace(digest, ()));
        self.tell(&Revoked::Login(session));
    }

    /// Whether it is heard when other nodes end tokens. What was held before counts for nothing.
    pub(super) fn trust(&self, trusted: bool) {
        if self.trusted.swap(trusted, Ordering::AcqRel) != trusted {
            self.held.retain(|_, _| false);
        }
    }

    /// The tokens of a bot have got another end in the store.
    pub(super) fn expire(&self, bot: UserId, expire_ms: u64) {
        self.held.retain(|_, known| known.user != bot);
        self.tell(&Revoked::Bot { user: bot, expire_ms });
    }

    fn tell(&self, revoked: &Revoked) {
        if let Some(hook) = self.hook.get() {
            hook(revoked);
        }
    }
}

/// What a token is known by, if it can be one.
pub(super) fn digest(text: &str) -> Result<Digest> {
    Token::check(text).map_err(|_| invalid())?;
    Ok(sha256(text))
}

/// A new token and what it is known by.
pub(super) fn generate(kind: TokenKind) -> (Token, Digest) {
    let kind = match kind {
        TokenKind::Person => Kind::Person,
        TokenKind::Bot => Kind::Bot,
    };
    let token = Token::generate(kind, &rand::random());
    let digest = sha256(token.reveal());
    (token, digest)
}

pub(super) fn sha256(text: &str) -> Digest {
    Sha256::digest(text.as_bytes()).into()
}

fn invalid() -> Error {
    Error::Unauthenticated(Unauthenticated::TokenInvalid)
}

fn expired() -> Error {
    Error::Unauthenticated(Unauthenticated::TokenExpired)
}
