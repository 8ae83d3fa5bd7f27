//! Rows about tokens.

use guildhall_proto::token::{Kind, Token};
use guildhall_proto::v1;
use prost::Message;

use super::raw::Raw;
use super::scene::Scene;
use super::table::{Row, row};
use super::words;

const INVALID: &str = "by call: UNAUTHENTICATED TOKEN_INVALID; by session: UNAUTHENTICATED TOKEN_INVALID";

pub(super) fn rows() -> Vec<Row> {
    type Make = fn(&str) -> Option<Vec<u8>>;
    let bearer = |token: &str| Some(format!("Bearer {token}").into_bytes());
    let tokens: [(&str, Make); 10] = [
        ("no token", |_| None),
        ("an empty token", |_| Some(b"Bearer ".to_vec())),
        ("a truncated token", |token| Some(format!("Bearer {}", &token[..token.len() - 1]).into_bytes())),
        ("a token with one letter changed", |token| Some(format!("Bearer {}", slip(token)).into_bytes())),
        ("a person's token as a bot's", |token| Some(format!("Bearer {}", token.replace("ghu_", "ghb_")).into_bytes())),
        ("a token of another kind of server", |_| Some(b"Bearer eyJhbGciOiJub25lIn0.e30.".to_vec())),
        ("a token in another scheme", |token| Some(format!("Basic {token}").into_bytes())),
        ("a token twice", |token| Some(format!("Bearer {token} {token}").into_bytes())),
        ("a token of bytes that are no text", |_| Some(b"Bearer ghu_\xFF\xFE".to_vec())),
        ("a token of 6,000 letters", |_| Some(format!("Bearer ghu_{}", "a".repeat(6_000)).into_bytes())),
    ];
    let mut rows: Vec<_> = tokens
        .into_iter()
        .map(|(input, make)| row(input, INVALID, async move |scene| both(&scene, make(&scene.ann.user.token)).await))
        .collect();
    rows.push(row("a token that was never issued", INVALID, async move |scene| {
        both(&scene, bearer(Token::generate(Kind::Person, &[7; 32]).reveal())).await
    }));
    rows.push(row("a token that was revoked while connected", REVOKED, revoked));
    rows.push(row("a token that was logged out", "UNAUTHENTICATED TOKEN_EXPIRED", async |scene| {
        let login = scene.deployment.login(&scene.ann.user).await;
        let wire = scene.deployment.wire(&login).await;
        wire.auth().logout(v1::LogoutRequest {}).await.unwrap();
        words::of_call(wire.users().get_me(v1::GetMeRequest {}).await, |_| "answered".to_owned())
    }));
    rows.push(row("a bot that makes a bot", "PERMISSION_DENIED MISSING_PERMISSION PERSON", bot_of_a_bot));
    rows
}

/// The token with a letter in its middle changed.
fn slip(token: &str) -> String {
    let (before, rest) = token.split_at(20);
    let letter = if rest.starts_with('x') { 'y' } else { 'x' };
    format!("{before}{letter}{}", &rest[1..])
}

async fn both(scene: &Scene, authorization: Option<Vec<u8>>) -> String {
    let mut raw = Raw::connect(&scene.deployment.url(0), authorization.as_deref()).await;
    let request = v1::GetMeRequest {}.encode_to_vec();
    let by_call = raw.call("UserService/GetMe", request, |_| "answered".to_owned()).await;
    let by_session = raw.session().await.err().unwrap_or_else(|| "opened".to_owned());
    format!("by call: {by_call}; by session: {by_session}")
}

const REVOKED: &str = "Goodbye AUTH_EXPIRED, STOP; then UNAUTHENTICATED TOKEN_EXPIRED; the other device goes on";

async fn revoked(scene: std::sync::Arc<Scene>) -> String {
    let device = scene.deployment.login(&scene.ann.user).await;
    let wire = scene.deployment.wire(&device).await;
    let mut session = wire.watching(&[scene.watched]).await.unwrap();
    let mut other = scene.ann.wire.watching(&[]).await.unwrap();
    let sessions = device.client.auth().sessions().await.unwrap();
    let session_id = sessions.iter().find(|session| session.current).unwrap().id.get();
    scene.ann.wire.auth().revoke_session(v1::RevokeSessionRequest { session_id }).await.unwrap();
    let goodbye = words::of_goodbye(&session.goodbye().await.unwrap());
    let then = words::of_call(wire.users().get_me(v1::GetMeRequest {}).await, |_| "answered".to_owned());
    other.heartbeat(Vec::new()).await.unwrap();
    format!("{goodbye}; then {then}; the other device goes on")
}

async fn bot_of_a_bot(scene: std::sync::Arc<Scene>) -> String {
    let request = |name: &str| v1::CreateBotRequest { username: name.to_owned(), display_name: String::new() };
    let bot = scene.ann.wire.auth().create_bot(request("anns-bot")).await.unwrap().into_inner();
    let mut user = scene.ann.user.clone();
    user.token = bot.token;
    let wire = scene.deployment.wire(&user).await;
    words::of_call(wire.auth().create_bot(request("bots-bot")).await, |_| "made".to_owned())
}
