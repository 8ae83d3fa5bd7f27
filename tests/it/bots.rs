//! Bots: started before the server, they survive its restarts and answer each message exactly once.

use std::collections::HashMap;
use std::process::Command;

use futures_util::TryStreamExt;
use guildhall::{Message, MessageId, PresenceStatus};
use guildhall_proto::v1::{self, ephemeral::Payload};
use guildhall_tests::binaries::{CLI, ECHO_BOT, binary};
use guildhall_tests::cli::Cli;
use guildhall_tests::process::Process;
use guildhall_tests::wire::Frame;
use guildhall_tests::{Deployment, Guild, User, eventually};

const ROUNDS: usize = 3;
const MESSAGES: usize = 8;

/// A guild of ann and a bot of hers. The bot has heard of it: its server runs, the bot does not yet.
async fn guild_with_bot(deployment: &Deployment, ann: &User, name: &str) -> (Guild, User) {
    let new = ann.client.auth().create_bot(name).await.unwrap();
    let token = new.token.expose().to_owned();
    let client = deployment.client(Some(&token));
    let bot = User { name: name.to_owned(), id: new.bot.id, token, client };
    let guild = deployment.guild(ann, &[&bot]).await;
    (guild, bot)
}

/// Ann writes while the server is killed and comes back; then every message has one answer.
async fn converse(
    deployment: &mut Deployment,
    ann: &User,
    guild: Guild,
    bot: &User,
    answer_to: impl Fn(&str) -> String,
) {
    deployment.restart().await;
    is_there(deployment, ann, guild, bot).await;
    let mut asked = HashMap::new();
    for round in 0..ROUNDS {
        for number in 0..MESSAGES {
            let content = format!("question {round}.{number}");
            let sent = ann.client.messages().send(guild.channel, &content).await.unwrap();
            asked.insert(sent.message_id, content);
        }
        if round > 0 {
            answered(ann, guild, bot, round * MESSAGES).await;
        }
        deployment.kill9();
        deployment.restart().await;
    }
    let answers = answered(ann, guild, bot, asked.len()).await;
    assert_eq!(answers.len(), asked.len(), "one answer each");
    let by_question: HashMap<MessageId, &str> =
        answers.iter().filter_map(|answer| Some((answer.reply_to?, answer.content.as_str()))).collect();
    for (id, content) in &asked {
        assert_eq!(by_question.get(id).copied(), Some(answer_to(content).as_str()), "the answer to {content}");
    }
}

/// Waits until the bot listens: without a cursor it hears what comes from then on.
async fn is_there(deployment: &Deployment, ann: &User, guild: Guild, bot: &User) {
    let add_presence_guilds = vec![guild.id.get()];
    let look = v1::UpdateSubscriptions { add_presence_guilds, ..Default::default() };
    let mut session = deployment.wire(ann).await.session().await.unwrap();
    session.identify(look).await.unwrap();
    let is_bot = |frame: &Frame| match frame {
        Frame::Ephemeral(v1::Ephemeral { payload: Some(Payload::Presence(presence)) }) => {
            (presence.user_id == bot.id.get() && presence.status() != PresenceStatus::Offline).then_some(())
        }
        _ => None,
    };
    session.wait("the bot", is_bot).await.unwrap();
}

/// Waits for so many answers and returns all that there are.
async fn answered(ann: &User, guild: Guild, bot: &User, count: usize) -> Vec<Message> {
    eventually(&format!("{count} answers"), async || {
        let messages = ann.client.history().messages(guild.channel).after(MessageId(0)).stream();
        let messages: Vec<Message> = messages.try_collect().await.ok()?;
        let answers: Vec<_> = messages.into_iter().filter(|message| message.author.id == bot.id).collect();
        (answers.len() >= count).then_some(answers)
    })
    .await
}

#[tokio::test]
async fn a_shell_command_answers_each_message_once() {
    let mut deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let (guild, bot) = guild_with_bot(&deployment, &ann, "shell-bot").await;
    deployment.kill9();
    let cli = Cli::new(&deployment, &bot);
    let answer = format!("{} send --reply \"you said: $GUILDHALL_CONTENT\"", binary(CLI).display());
    let positions = deployment.scratch().join("positions").display().to_string();
    let since = format!("channel:{}:0:0", guild.channel);
    let args =
        ["listen", "--events", "message_created", "--resume-file", &positions, "--since", &since, "--exec", &answer];
    let _listener = cli.start("shell-bot", args);
    converse(&mut deployment, &ann, guild, &bot, |question| format!("you said: {question}")).await;
}

#[tokio::test]
async fn the_echo_bot_of_the_sdk_answers_each_message_once() {
    let mut deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let (guild, bot) = guild_with_bot(&deployment, &ann, "echo-bot").await;
    deployment.kill9();
    let mut command = Command::new(binary(ECHO_BOT));
    Cli::new(&deployment, &bot).environment(&mut command);
    command.current_dir(deployment.scratch());
    let log = deployment.scratch().join("echo-bot.log");
    let _bot = Process::start(command, std::process::Stdio::null(), &log).unwrap();
    converse(&mut deployment, &ann, guild, &bot, str::to_owned).await;
}
