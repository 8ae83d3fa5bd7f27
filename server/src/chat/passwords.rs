//! Password hashes: argon2id, off the async threads, two at a time, with a bounded queue. The same text is the same
//! password however a keyboard composes its letters: what is hashed is its form NFC.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use icu_normalizer::ComposingNormalizerBorrowed;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use super::error::{Error, Result};

/// Memory of one hash in KiB, passes and lanes, as OWASP recommends.
const COST: (u32, u32, u32) = (19_456, 2, 1);
/// Hashes at the same time: each takes 19 MiB and a core for some 25 ms.
const RUNNING_MAX: usize = 2;
/// Callers that wait for those; beyond it they are told to come back.
const WAITING_MAX: usize = 32;
/// What they are told to wait: the queue is empty by then.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What is checked when there is no hash, so that an unknown user takes the same time as a wrong password.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash("nobody's").unwrap_or_default());

/// What came of checking a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is another one, or there is none.
    Wrong,
    /// It is the password.
    Right,
    /// It is, and was hashed at another cost than today: it is to be hashed again while it is known.
    Outdated,
}

/// Hashes and checks passwords.
#[derive(Clone)]
pub(super) struct Passwords {
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Passwords {
    pub(super) fn new() -> Self {
        // Made now, so that the first unknown user does not take twice as long.
        LazyLock::force(&NOBODY);
        let admitted = Arc::new(Semaphore::new(RUNNING_MAX + WAITING_MAX));
        Self { admitted, running: Arc::new(Semaphore::new(RUNNING_MAX)) }
    }

    /// The hash of a password, as a PHC string.
    pub(super) async fn hash(&self, password: SecretString) -> Result<String> {
        self.run(move || hash(password.expose_secret())).await?
    }

    /// Whether it is the password. Without a hash it never is, and takes as long to say.
    pub(super) async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<Verdict> {
        self.run(move || verify(password.expose_secret(), hash.as_deref())).await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let overloaded = |_| Error::Overloaded { retry_after: RETRY_AFTER };
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(overloaded)?;
        let closed = |_| Error::Internal("the semaphore of passwords is closed".into());
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(closed)?;
        let task = tokio::task::spawn_blocking(move || {
            // Both end with the work, not with the caller's patience: work that nobody waits for still takes a core.
            let _permits = (admitted, running);
            work()
        });
        task.await.map_err(|error| Error::Internal(format!("password task: {error}")))
    }
}

fn argon2() -> Argon2<'static> {
    let (memory_kib, passes, lanes) = COST;
    let params = Params::new(memory_kib, passes, lanes, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Whether two texts are the same password.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    normal(one) == normal(other)
}

fn normal(password: &str) -> std::borrow::Cow<'_, str> {
    const { ComposingNormalizerBorrowed::new_nfc() }.normalize(password)
}

fn hash(password: &str) -> Result<String> {
    let hash = argon2().hash_password(normal(password).as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| Error::Internal(format!("password hash: {error}")))
}

fn verify(password: &str, hash: Option<&str>) -> Verdict {
    let Ok(parsed) = PasswordHash::new(hash.unwrap_or(&NOBODY)) else { return Verdict::Wrong };
    // The cost is that of the hash itself, so older hashes go on working when the cost is raised.
    let right = argon2().verify_password(normal(password).as_bytes(), &parsed).is_ok();
    match hash {
        Some(_) if right && cost(&parsed) == PasswordHash::new(&NOBODY).ok().as_ref().and_then(cost) => Verdict::Right,
        Some(_) if right => Verdict::Outdated,
        _ => Verdict::Wrong,
    }
}

/// How a hash was made.
fn cost(hash: &PasswordHash) -> Option<(String, Option<u32>, String)> {
    Some((hash.algorithm.to_string(), hash.version, hash.params.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_its_cost() {
        let hash = hash("correct horse").expect("hashed");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(verify("correct horse", Some(&hash)), Verdict::Right);
        assert_eq!(verify("correct horsf", Some(&hash)), Verdict::Wrong);
        assert_eq!(verify("correct horse", Some("not a hash")), Verdict::Wrong);
    }

    #[test]
    fn a_letter_is_itself_however_it_is_composed() {
        let (composed, decomposed) = ("caf\u{e9} au lait", "cafe\u{301} au lait");
        assert!(is_same(composed, decomposed) && !is_same(composed, "cafe au lait"));
        let hash = hash(decomposed).expect("hashed");
        assert_eq!(verify(composed, Some(&hash)), Verdict::Right);
    }

    #[test]
    fn a_hash_of_another_cost_is_outdated() {
        let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).expect("a cost"));
        let cheap = cheap.hash_password(b"correct horse").expect("hashed").to_string();
        assert_eq!(verify("correct horse", Some(&cheap)), Verdict::Outdated);
        assert_eq!(verify("correct horsf", Some(&cheap)), Verdict::Wrong);
    }

    #[test]
    fn nobody_costs_the_same_and_is_never_right() {
        let cost =
            |hash: &str| PasswordHash::new(hash).map(|hash| (hash.algorithm, hash.version, hash.params.to_string()));
        let somebody = hash("somebody's").expect("hashed");
        assert_eq!(cost(&NOBODY).expect("parses"), cost(&somebody).expect("parses"));
        assert_eq!(verify("nobody's", None), Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_full_queue_refuses() {
        let passwords = Passwords::new();
        let all = u32::try_from(RUNNING_MAX + WAITING_MAX).expect("small");
        let _taken = passwords.admitted.clone().try_acquire_many_owned(all).expect("free");
        let refused = passwords.verify("x".into(), None).await;
        assert!(matches!(refused, Err(Error::Overloaded { .. })));
    }
}
