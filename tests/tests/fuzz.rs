//! Whatever bytes come in: what reads them answers, and never panics. Each target runs for a bounded while here; `cargo
//! bolero test` runs the same ones for as long as one likes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bolero::check;
use guildhall::{ChannelId, Cursor, Nonce, StreamKey};
use guildhall_proto::token::{Kind, Token};
use guildhall_proto::v1::{self, client_frame::Command};
use guildhall_proto::{Failure, Validate, Violations};
use prost::Message;

/// How often a target is tried, and how long at most.
const TRIES: usize = 200_000;
const WITHIN: Duration = Duration::from_secs(5);
/// More than a frame may hold is refused before it is read.
const BYTES_MAX: usize = 2_048;

/// Counts tries, and tells how many there were.
struct Tries(&'static str, AtomicUsize, Instant);

impl Tries {
    fn of(name: &'static str) -> Self {
        Self(name, AtomicUsize::new(0), Instant::now())
    }

    fn one(&self) {
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Tries {
    fn drop(&mut self) {
        println!("{}: {} tries in {:?}", self.0, self.1.load(Ordering::Relaxed), self.2.elapsed());
    }
}

/// Reads a message and checks it, as the server does. What can be read is written and read again as the same; what is
/// wrong is told with a field and a rule, and not more of it than an answer can hold.
fn read_and_check<M: Message + Default + PartialEq + Validate + std::fmt::Debug>(bytes: &[u8]) {
    let Ok(message) = M::decode(bytes) else { return };
    check_violations(message.validate());
    assert_eq!(M::decode(message.encode_to_vec().as_slice()), Ok(message));
}

fn check_violations(checked: Result<(), Violations>) {
    let Err(violations) = checked else { return };
    let failure = Failure::from(violations);
    assert!((1..=guildhall_proto::validate::VIOLATIONS_MAX).contains(&failure.violations.len()));
    assert!(failure.violations.iter().all(|violation| !violation.field.is_empty() && !violation.rule.is_empty()));
    // It survives the way to the client.
    assert_eq!(Failure::from_status(&tonic::Status::from(failure.clone())), failure);
}

/// Everything that a client can send.
fn read_all(bytes: &[u8]) {
    macro_rules! all {
        ($($message:ident)+) => {
            $(read_and_check::<v1::$message>(bytes);)+
        };
    }
    all! {
        SessionRequest ListenRequest PushRequest ClientFrame Identify Resume Heartbeat UpdateSubscriptions UpdatePresence
        StartTyping StopTyping SendMessageRequest EditMessageRequest DeleteMessageRequest ListMessagesRequest
        GetMessageRequest ListChangesRequest RegisterRequest LoginRequest RevokeSessionRequest CreateBotRequest
        RotateBotTokenRequest UpdateMeRequest BatchGetUsersRequest CreateGuildRequest GetGuildRequest UpdateGuildRequest
        DeleteGuildRequest ListMembersRequest RemoveMemberRequest LeaveGuildRequest CreateInviteRequest
        AcceptInviteRequest RevokeInviteRequest ListInvitesRequest CreateChannelRequest GetChannelRequest
        ListChannelsRequest UpdateChannelRequest DeleteChannelRequest ReorderChannelsRequest
    }
}

#[test]
fn requests_of_any_bytes() {
    let tries = Tries::of("requests of any bytes");
    check!().with_iterations(TRIES / 10).with_test_time(WITHIN).with_max_len(BYTES_MAX).for_each(|bytes: &[u8]| {
        tries.one();
        read_all(bytes);
    });
}

#[test]
fn frames_that_were_changed() {
    let seeds = seeds();
    let tries = Tries::of("frames that were changed");
    type Change = (u16, u8);
    check!().with_type::<(u8, [Change; 4], u8, u16)>().with_iterations(TRIES).with_test_time(WITHIN).for_each(
        |(seed, changes, count, length)| {
            tries.one();
            let mut bytes = seeds[usize::from(*seed) % seeds.len()].clone();
            for (place, value) in changes.iter().take(usize::from(count % 5)) {
                let place = usize::from(*place) % bytes.len();
                bytes[place] = *value;
            }
            // Most of them keep their length.
            if length % 4 == 0 {
                bytes.truncate(usize::from(*length) % bytes.len());
            }
            read_and_check::<v1::SessionRequest>(&bytes);
            read_and_check::<v1::PushRequest>(&bytes);
        },
    );
}

/// One frame of each kind, well formed.
fn seeds() -> Vec<Vec<u8>> {
    let channel_id = u64::MAX / 3;
    let (content, nonce) = ("grüß dich 🦀".to_owned(), "67e55044-10b1-426f-9247-bb680e5fe0c8".to_owned());
    let cursor = |seq| v1::Cursor { stream: Some(StreamKey::channel(ChannelId(seq)).into()), epoch: 7, seq };
    let subscription = v1::ChannelSubscription { channel_id, cursor: Some(cursor(9)) };
    let subscriptions = v1::UpdateSubscriptions {
        add_channels: vec![subscription],
        remove_channels: vec![1, 2, 3],
        add_guilds: vec![4],
        add_presence_users: vec![5, 6],
        ..Default::default()
    };
    let identify = v1::Identify { status: 2, subscriptions: Some(subscriptions.clone()) };
    let commands = [
        Command::Identify(identify),
        Command::Resume(v1::Resume { cursors: (1..20).map(cursor).collect(), ..Default::default() }),
        Command::Heartbeat(v1::Heartbeat { cursors: vec![cursor(1)] }),
        Command::UpdateSubscriptions(subscriptions),
        Command::UpdatePresence(v1::UpdatePresence { status: 3, custom_status: Some(content.clone()) }),
        Command::StartTyping(v1::StartTyping { channel_id }),
        Command::StopTyping(v1::StopTyping { channel_id }),
        Command::Close(v1::Close {}),
        Command::SendMessage(v1::SendMessageRequest { channel_id, content: content.clone(), nonce, reply_to: 3 }),
        Command::EditMessage(v1::EditMessageRequest { channel_id, message_id: 1, content }),
        Command::DeleteMessage(v1::DeleteMessageRequest { channel_id, message_id: 1 }),
    ];
    let request = |command| {
        let frame = Some(v1::ClientFrame { request_id: 1, command: Some(command) });
        v1::SessionRequest { frame }.encode_to_vec()
    };
    commands.map(request).to_vec()
}

#[test]
fn failures_of_any_bytes() {
    let tries = Tries::of("failures of any bytes");
    check!().with_iterations(TRIES / 4).with_test_time(WITHIN).with_max_len(BYTES_MAX).for_each(|bytes: &[u8]| {
        tries.one();
        let code = tonic::Code::from_bytes(b"3");
        let failure = Failure::from_status(&tonic::Status::with_details(code, "?", bytes.to_vec().into()));
        assert_eq!(failure.code, code);
        if let Ok(status) = tonic_types::Status::decode(bytes) {
            let _ = Failure::from_rpc_status(&status);
        }
    });
}

#[test]
fn texts_that_may_be_tokens_or_cursors() {
    let token = Token::generate(Kind::Person, &[0x5A; 32]);
    let tries = Tries::of("texts that may be tokens or cursors");
    check!().with_iterations(TRIES).with_test_time(WITHIN).with_max_len(128).for_each(|bytes: &[u8]| {
        tries.one();
        let text = String::from_utf8_lossy(bytes);
        // A checksum of 32 bits is not hit by chance.
        assert!(Token::check(&text).is_err());
        // The real one with something of it changed.
        let mut changed = token.reveal().as_bytes().to_vec();
        let place = bytes.first().map_or(0, |byte| usize::from(*byte) % changed.len());
        changed[place] = bytes.last().copied().unwrap_or_default();
        let changed = String::from_utf8_lossy(&changed);
        assert_eq!(Token::check(&changed).is_ok(), changed == token.reveal());
        for text in [text.to_string(), format!("channel:{text}"), format!("guild:1:2:{text}")] {
            if let Ok(cursor) = text.parse::<Cursor>() {
                assert_eq!(cursor.to_string().parse::<Cursor>().ok(), Some(cursor));
            }
        }
        if let Ok(nonce) = text.parse::<Nonce>() {
            assert_eq!(nonce.to_string(), text.to_lowercase());
        }
    });
}
