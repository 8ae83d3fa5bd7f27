//! Promise 10: one set of rules, both ends. Each row breaks one rule; the SDK, which does not even connect, the server's
//! call and the server's frame name the same field and the same rule.

use guildhall::{Client, Kind, Rpc};
use guildhall_proto::v1::{self, client_frame::Command};
use guildhall_proto::{Failure, Validate, Violation};
use guildhall_tests::Deployment;
use guildhall_tests::wire::Session;

/// The three ends at which a rule is kept.
struct Ends {
    /// An SDK whose server does not exist: what it refuses, it refuses by itself.
    offline: Client,
    online: Client,
    session: Session,
    rows: usize,
}

type Rule<'a> = (&'a str, &'a str);

impl Ends {
    async fn new(deployment: &Deployment) -> Self {
        let ann = deployment.user("ann").await;
        let offline = Client::builder("http://127.0.0.1:1").token(ann.token.as_str()).build().unwrap();
        let session = deployment.wire(&ann).await.watching(&[]).await.unwrap();
        Self { offline, online: ann.client, session, rows: 0 }
    }

    /// A request that both the SDK and the server refuse.
    async fn call<R: Rpc>(&mut self, request: R, rule: Rule<'_>) {
        self.rows += 1;
        let error = self.offline.call(request.clone()).await.err().unwrap_or_else(|| panic!("sent: {request:?}"));
        assert_eq!(error.kind(), Kind::Validation, "{request:?}");
        assert_eq!(rules(error.violations()), [rule], "the SDK, of {request:?}");
        // The generated stub beneath the SDK: nothing is checked on this side.
        let answer = request.clone().send(self.online.grpc()).await;
        let status = answer.err().unwrap_or_else(|| panic!("answered: {request:?}"));
        assert_refused(&Failure::from_status(&status), rule);
    }

    /// A command that both the SDK's checks and the server refuse.
    async fn frame(&mut self, command: Command, rule: Rule<'_>) {
        self.rows += 1;
        assert_eq!(rules(&own_check(&command)), [rule], "this side, of {command:?}");
        let outcome = self.session.call(command).await.unwrap();
        assert_refused(&outcome.unwrap_err(), rule);
    }
}

fn own_check(command: &Command) -> Vec<Violation> {
    let checked = match command {
        Command::Heartbeat(command) => command.validate(),
        Command::UpdateSubscriptions(command) => command.validate(),
        Command::UpdatePresence(command) => command.validate(),
        Command::StartTyping(command) => command.validate(),
        Command::StopTyping(command) => command.validate(),
        Command::SendMessage(command) => command.validate(),
        Command::EditMessage(command) => command.validate(),
        Command::DeleteMessage(command) => command.validate(),
        other => panic!("no row has {other:?}"),
    };
    checked.unwrap_err().into_vec()
}

fn rules(violations: &[Violation]) -> Vec<Rule<'_>> {
    violations.iter().map(|violation| (violation.field.as_str(), violation.rule.as_str())).collect()
}

#[track_caller]
fn assert_refused(failure: &Failure, rule: Rule<'_>) {
    assert_eq!(failure.reason, v1::ErrorReason::ValidationFailed, "{failure:?}");
    assert_eq!(failure.code, tonic::Code::InvalidArgument);
    assert_eq!(rules(&failure.violations), [rule], "the server");
}

fn letters(count: usize) -> String {
    "ü".repeat(count)
}

fn send(content: &str, nonce: &str) -> v1::SendMessageRequest {
    v1::SendMessageRequest { channel_id: 1, content: content.to_owned(), nonce: nonce.to_owned(), reply_to: 0 }
}

fn nonce() -> String {
    guildhall_tests::wire::nonce()
}

#[tokio::test]
async fn messages() {
    let deployment = Deployment::start().await;
    let mut ends = Ends::new(&deployment).await;
    let edit = |content: String| v1::EditMessageRequest { channel_id: 1, message_id: 1, content };
    let sends = [
        (send("", &nonce()), vec![("content", "string.min_len"), ("content", "string.pattern")]),
        (send(" \t\n", &nonce()), vec![("content", "string.pattern")]),
        (send("a\0b", &nonce()), vec![("content", "string.pattern")]),
        (send(&letters(2_001), &nonce()), vec![("content", "string.max_len")]),
        (send("x", "no uuid"), vec![("nonce", "string.uuid")]),
        (send("x", &nonce()[..35]), vec![("nonce", "string.uuid")]),
        (v1::SendMessageRequest { channel_id: 0, ..send("x", &nonce()) }, vec![("channel_id", "fixed64.gt")]),
    ];
    for (request, expected) in sends {
        let error = ends.offline.call(request.clone()).await.unwrap_err();
        assert_eq!(rules(error.violations()), expected, "{request:?}");
        let status = request.clone().send(ends.online.grpc()).await.unwrap_err();
        assert_eq!(rules(&Failure::from_status(&status).violations), expected, "{request:?}");
        let outcome = ends.session.call(Command::SendMessage(request.clone())).await.unwrap();
        assert_eq!(rules(&outcome.unwrap_err().violations), expected, "{request:?}");
    }
    for (request, rule) in [
        (edit(letters(2_001)), ("content", "string.max_len")),
        (edit(" ".to_owned()), ("content", "string.pattern")),
        (v1::EditMessageRequest { message_id: 0, ..edit("x".to_owned()) }, ("message_id", "uint64.gt")),
    ] {
        ends.call(request.clone(), rule).await;
        ends.frame(Command::EditMessage(request), rule).await;
    }
    let delete = v1::DeleteMessageRequest { channel_id: 0, message_id: 1 };
    ends.call(delete, ("channel_id", "fixed64.gt")).await;
    ends.frame(Command::DeleteMessage(delete), ("channel_id", "fixed64.gt")).await;
    // The limit itself is allowed, in characters and not in bytes: what is missing then is only the channel.
    let failure = ends.session.call(Command::SendMessage(send(&letters(2_000), &nonce()))).await.unwrap().unwrap_err();
    assert_eq!(failure.reason, v1::ErrorReason::ChannelNotFound);
}

#[tokio::test]
async fn accounts_and_profiles() {
    let deployment = Deployment::start().await;
    let mut ends = Ends::new(&deployment).await;
    let register = |username: &str, password: String| v1::RegisterRequest {
        username: username.to_owned(),
        password,
        ..Default::default()
    };
    let good = || "long enough".to_owned();
    for username in ["", "a", "UPPER", "with space", "ä", &"a".repeat(33)] {
        ends.call(register(username, good()), ("username", "string.pattern")).await;
    }
    ends.call(register("name", letters(7)), ("password", "string.min_len")).await;
    ends.call(register("name", letters(129)), ("password", "string.max_len")).await;
    let device = v1::RegisterRequest { device: letters(65), ..register("name", good()) };
    ends.call(device, ("device", "string.max_len")).await;
    let login = v1::LoginRequest { username: "x".to_owned(), password: String::new(), device: String::new() };
    ends.call(login, ("password", "string.min_len")).await;
    ends.call(v1::RevokeSessionRequest { session_id: 0 }, ("session_id", "fixed64.gt")).await;
    let bot = v1::CreateBotRequest { username: "Bot".to_owned(), display_name: String::new() };
    ends.call(bot, ("username", "string.pattern")).await;
    ends.call(v1::RotateBotTokenRequest { bot_id: 0 }, ("bot_id", "fixed64.gt")).await;
    let me = v1::UpdateMeRequest::default;
    let status = v1::UpdateMeRequest { custom_status: Some(letters(129)), ..me() };
    ends.call(status, ("custom_status", "string.max_len")).await;
    let avatar = v1::UpdateMeRequest { avatar_url: Some("javascript:alert(1)".to_owned()), ..me() };
    ends.call(avatar, ("avatar_url", "string.pattern")).await;
    ends.call(v1::BatchGetUsersRequest { user_ids: Vec::new() }, ("user_ids", "repeated.min_items")).await;
    ends.call(v1::BatchGetUsersRequest { user_ids: (1..=101).collect() }, ("user_ids", "repeated.max_items")).await;
    println!("{} rows", ends.rows);
}

#[tokio::test]
async fn guilds_and_channels() {
    let deployment = Deployment::start().await;
    let mut ends = Ends::new(&deployment).await;
    let guild = |name: String| v1::CreateGuildRequest { name, icon_url: String::new() };
    ends.call(guild(letters(1)), ("name", "string.min_len")).await;
    ends.call(guild(letters(101)), ("name", "string.max_len")).await;
    ends.call(v1::GetGuildRequest { guild_id: 0 }, ("guild_id", "fixed64.gt")).await;
    let update = v1::UpdateGuildRequest { guild_id: 1, name: Some(letters(1)), icon_url: None };
    ends.call(update, ("name", "string.min_len")).await;
    let members = v1::ListMembersRequest { guild_id: 1, page_size: -1, page_token: String::new() };
    ends.call(members, ("page_size", "int32.gte")).await;
    let invite = v1::CreateInviteRequest { guild_id: 1, max_uses: 10_001, expire_seconds: 0 };
    ends.call(invite, ("max_uses", "uint32.lte")).await;
    let invite = v1::CreateInviteRequest { guild_id: 1, max_uses: 0, expire_seconds: 2_592_001 };
    ends.call(invite, ("expire_seconds", "uint32.lte")).await;
    ends.call(v1::AcceptInviteRequest { code: String::new() }, ("code", "string.min_len")).await;
    let channel = |name: &str, kind: i32| v1::CreateChannelRequest {
        guild_id: 1,
        name: name.to_owned(),
        kind,
        ..Default::default()
    };
    for name in ["", "General", "with space", "under_score", &"a".repeat(101)] {
        ends.call(channel(name, 1), ("name", "string.pattern")).await;
    }
    ends.call(channel("name", 0), ("kind", "enum.not_in")).await;
    ends.call(channel("name", 99), ("kind", "enum.defined_only")).await;
    let reorder = |channel_ids: Vec<u64>| v1::ReorderChannelsRequest { guild_id: 1, channel_ids };
    ends.call(reorder(Vec::new()), ("channel_ids", "repeated.min_items")).await;
    ends.call(reorder(vec![1, 2, 1]), ("channel_ids", "repeated.unique")).await;
    println!("{} rows", ends.rows);
}

#[tokio::test]
async fn history() {
    let deployment = Deployment::start().await;
    let mut ends = Ends::new(&deployment).await;
    let page = v1::ListMessagesRequest { channel_id: 1, page_size: -1, anchor: None };
    ends.call(page, ("page_size", "int32.gte")).await;
    ends.call(v1::GetMessageRequest { channel_id: 1, message_id: 0 }, ("message_id", "uint64.gt")).await;
    ends.call(v1::ListChangesRequest { cursor: None, page_size: 0 }, ("cursor", "required")).await;
    let cursor = |stream: Option<v1::Stream>| Some(v1::Cursor { stream, epoch: 0, seq: 0 });
    let changes = |cursor: Option<v1::Cursor>| v1::ListChangesRequest { cursor, page_size: 0 };
    ends.call(changes(cursor(None)), ("cursor.stream", "required")).await;
    let stream = Some(v1::Stream { kind: 1, id: 0 });
    ends.call(changes(cursor(stream)), ("cursor.stream.id", "fixed64.gt")).await;
    println!("{} rows", ends.rows);
}

#[tokio::test]
async fn frames() {
    let deployment = Deployment::start().await;
    let mut ends = Ends::new(&deployment).await;
    let start = Command::StartTyping(v1::StartTyping { channel_id: 0 });
    ends.frame(start, ("channel_id", "fixed64.gt")).await;
    let stop = Command::StopTyping(v1::StopTyping { channel_id: 0 });
    ends.frame(stop, ("channel_id", "fixed64.gt")).await;
    let presence = |status: i32, custom: Option<String>| {
        Command::UpdatePresence(v1::UpdatePresence { status, custom_status: custom })
    };
    ends.frame(presence(0, None), ("status", "enum.not_in")).await;
    ends.frame(presence(5, None), ("status", "enum.not_in")).await;
    ends.frame(presence(17, None), ("status", "enum.defined_only")).await;
    ends.frame(presence(1, Some(letters(129))), ("custom_status", "string.max_len")).await;
    let update = v1::UpdateSubscriptions::default;
    let frame = Command::UpdateSubscriptions;
    let many = v1::UpdateSubscriptions { remove_channels: (1..=501).collect(), ..update() };
    ends.frame(frame(many), ("remove_channels", "repeated.max_items")).await;
    let many = v1::UpdateSubscriptions { add_guilds: (1..=201).collect(), ..update() };
    ends.frame(frame(many), ("add_guilds", "repeated.max_items")).await;
    let none = v1::ChannelSubscription { channel_id: 0, cursor: None };
    let none = v1::UpdateSubscriptions { add_channels: vec![none], ..update() };
    ends.frame(frame(none), ("add_channels[0].channel_id", "fixed64.gt")).await;
    let cursor = |id: u64| v1::Cursor { stream: Some(v1::Stream { kind: 1, id }), epoch: 0, seq: 0 };
    let zero = Command::Heartbeat(v1::Heartbeat { cursors: vec![cursor(1), cursor(0)] });
    ends.frame(zero, ("cursors[1].stream.id", "fixed64.gt")).await;
    let many = Command::Heartbeat(v1::Heartbeat { cursors: (1..=1_001).map(cursor).collect() });
    ends.frame(many, ("cursors", "repeated.max_items")).await;
    println!("{} rows", ends.rows);
}
