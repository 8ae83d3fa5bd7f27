//! Rows about accounts and passwords.

use std::time::{Duration, Instant};

use guildhall_proto::v1;
use guildhall_tests::deployment::PASSWORD;
use tonic::Status;

use super::scene::Scene;
use super::table::{Row, row};
use super::words;

/// One hash of a password takes some 25 ms; no machine does it in this time.
const HASH_MIN: Duration = Duration::from_millis(5);
/// Logins of each kind; the quickest of them is looked at, which a busy machine does not disturb.
const TRIES: usize = 5;

pub(super) fn rows() -> Vec<Row> {
    let name = "INVALID_ARGUMENT VALIDATION_FAILED username/string.pattern";
    let password = |rule| format!("INVALID_ARGUMENT VALIDATION_FAILED password/string.{rule}");
    vec![
        row("a wrong password and an unknown user", SAME, wrong_and_unknown),
        register("a name that is taken", "ALREADY_EXISTS USERNAME_TAKEN", |request| {
            request.username = "ann".to_owned()
        }),
        register("a name in capitals", name, |request| request.username = "Ann".to_owned()),
        register("a name of letters that look alike", name, |request| request.username = "аnn".to_owned()),
        register("a password of 7 characters", password("min_len"), |request| request.password = "ü".repeat(7)),
        register("a password of 129 characters", password("max_len"), |request| request.password = "a".repeat(129)),
        register("an invite that does not exist", "NOT_FOUND INVITE_NOT_FOUND", |request| {
            request.invite_code = "guess".to_owned();
        }),
        row("a new password by a wrong one", "PERMISSION_DENIED PASSWORD_WRONG", async |scene| {
            new_password(&scene, "not the password", "long enough").await
        }),
        row(
            "the old password as the new one",
            "INVALID_ARGUMENT VALIDATION_FAILED new_password/change_password.new_password",
            async |scene| new_password(&scene, PASSWORD, PASSWORD).await,
        ),
        row(
            "a new password of 7 characters",
            "INVALID_ARGUMENT VALIDATION_FAILED new_password/string.min_len",
            async |scene| new_password(&scene, PASSWORD, "7 chars").await,
        ),
        row("an account that is to go by a wrong password", "PERMISSION_DENIED PASSWORD_WRONG", async |scene| {
            delete_account(&scene, "not the password").await
        }),
        row("an account that is to go and owns a guild", "FAILED_PRECONDITION OWNS_GUILDS", async |scene| {
            delete_account(&scene, PASSWORD).await
        }),
        block("a block of oneself", "INVALID_ARGUMENT VALIDATION_FAILED user_id/block_user.user_id", |scene| {
            scene.ann.user.id.get()
        }),
        block("a block of nobody", "INVALID_ARGUMENT VALIDATION_FAILED user_id/fixed64.gt", |_| 0),
        block("a block of a stranger to the server", "NOT_FOUND USER_NOT_FOUND", |_| u64::MAX),
        row("a name for two at once", "one account, ALREADY_EXISTS USERNAME_TAKEN", two_at_once),
    ]
}

fn request(username: &str) -> v1::RegisterRequest {
    v1::RegisterRequest { username: username.to_owned(), password: "long enough".to_owned(), ..Default::default() }
}

fn register(input: &str, outcome: impl Into<String>, change: fn(&mut v1::RegisterRequest)) -> Row {
    row(input, outcome, async move |scene| {
        let mut request = request("somebody");
        change(&mut request);
        words::of_call(scene.ann.wire.auth().register(request).await, |_| "an account".to_owned())
    })
}

async fn new_password(scene: &Scene, old: &str, new: &str) -> String {
    let request = v1::ChangePasswordRequest { old_password: old.to_owned(), new_password: new.to_owned() };
    words::of_call(scene.ann.wire.auth().change_password(request).await, |_| "changed".to_owned())
}

async fn delete_account(scene: &Scene, password: &str) -> String {
    let request = v1::DeleteAccountRequest { password: password.to_owned(), delete_messages: true };
    words::of_call(scene.ann.wire.auth().delete_account(request).await, |_| "deleted".to_owned())
}

fn block(input: &str, outcome: &str, whom: fn(&Scene) -> u64) -> Row {
    row(input, outcome, async move |scene| {
        let request = v1::BlockUserRequest { user_id: whom(&scene) };
        words::of_call(scene.ann.wire.users().block_user(request).await, |_| "blocked".to_owned())
    })
}

async fn two_at_once(scene: std::sync::Arc<Scene>) -> String {
    let (mut one, mut other) = (scene.ann.wire.auth(), scene.bob.wire.auth());
    let (one, other) = tokio::join!(one.register(request("twin")), other.register(request("twin")));
    let mut words = [one, other].map(|answer| words::of_call(answer, |_| "one account".to_owned()));
    words.sort_unstable_by_key(|word| word != "one account");
    words.join(", ")
}

const SAME: &str = "UNAUTHENTICATED CREDENTIALS_INVALID, the same in every byte, each after a hash's time";

async fn wrong_and_unknown(scene: std::sync::Arc<Scene>) -> String {
    let (mut quickest_wrong, mut quickest_unknown) = (Duration::MAX, Duration::MAX);
    for _ in 0..TRIES {
        let (wrong, time) = login(&scene, "ann").await;
        quickest_wrong = quickest_wrong.min(time);
        let (unknown, time) = login(&scene, "nobody").await;
        quickest_unknown = quickest_unknown.min(time);
        if traits(&wrong) != traits(&unknown) {
            return format!("{:?}, but {:?}", traits(&wrong), traits(&unknown));
        }
        let said = words::of_status(&wrong);
        if said != "UNAUTHENTICATED CREDENTIALS_INVALID" {
            return said;
        }
    }
    if quickest_wrong.min(quickest_unknown) < HASH_MIN {
        return format!("a wrong password took {quickest_wrong:?}, an unknown user {quickest_unknown:?}");
    }
    SAME.to_owned()
}

async fn login(scene: &Scene, username: &str) -> (Status, Duration) {
    let request = v1::LoginRequest {
        username: username.to_owned(),
        password: "wrong password".to_owned(),
        device: String::new(),
    };
    let start = Instant::now();
    let status = scene.ann.wire.auth().login(request).await.expect_err("a wrong password");
    (status, start.elapsed())
}

/// Everything that a caller gets to see, except what is another one in each call anyway: the request's id and the date.
fn traits(status: &Status) -> (String, Vec<u8>, Vec<String>) {
    use prost::Message;
    let mut details = tonic_types::Status::decode(status.details()).unwrap();
    details.details.retain(|detail| !detail.type_url.ends_with("RequestInfo"));
    let keys = status.metadata().keys().map(|key| format!("{key:?}")).collect();
    (format!("{} {}", status.code(), status.message()), details.encode_to_vec(), keys)
}
