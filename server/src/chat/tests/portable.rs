//! Out of one store and into another one; and lines that make no sense.

use std::io::Cursor;

use guildhall_proto::{
    ids::{ChannelId, GuildId},
    v1,
};

use super::Bench;
use crate::chat::portable::{Error, Outcome, export, import};
use crate::store::{Change, Record, Store};

impl Bench {
    fn store(&self) -> Store {
        self.chat.store.clone()
    }
}

/// A guild with edits and deletions, and somebody who is not a member any more; and its lines.
async fn exported(bench: &Bench) -> (GuildId, ChannelId, String) {
    let ann = bench.person("ann").await;
    let (guild, channel) = bench.guild(&ann).await;
    let bob = bench.member("bob", &ann, guild.id()).await;
    let (id, channel_id) = (guild.id(), channel.get());
    let bobs = bench.say(&bob, channel, "from bob").await;
    let anns = bench.say(&ann, channel, "from ann").await;
    bench.say(&ann, channel, "gone soon").await;
    let edit = v1::EditMessageRequest { channel_id, message_id: anns, content: "edited".into() };
    bench.chat.edit_message(&ann, edit).await.unwrap();
    let delete = v1::DeleteMessageRequest { channel_id, message_id: 3 };
    bench.chat.delete_message(&ann, delete).await.unwrap();
    assert_eq!((bobs, anns), (1, 2));
    let leave = v1::RemoveMemberRequest { guild_id: id.get(), user_id: bob.user.get(), reason: String::new() };
    bench.chat.remove_member(&ann, leave).await.unwrap();
    let mut out = Vec::new();
    export(&bench.store(), id, &mut out).await.unwrap();
    (id, channel, String::from_utf8(out).unwrap())
}

async fn read(bench: &Bench, lines: &str) -> Result<Outcome, Error> {
    import(&bench.store(), &bench.clock, &mut Cursor::new(lines.as_bytes().to_vec())).await
}

/// Without what is the new guild's own.
fn story(records: Vec<Record>) -> Vec<String> {
    let tell = |mut record: Record| {
        record.guild_seq = 0;
        if let Change::Created(row) | Change::Edited(row) = &mut record.change {
            row.guild_seq = 0;
        }
        format!("{record:?}")
    };
    records.into_iter().map(tell).collect()
}

#[tokio::test]
async fn a_guild_goes_to_another_server() {
    let (here, there) = (Bench::open().await, Bench::open().await);
    let (guild, channel, lines) = exported(&here).await;
    assert!(!lines.contains("argon2"), "no password leaves");
    // Somebody else of that name.
    let namesake = there.person("ann").await;
    let outcome = read(&there, &lines).await.unwrap();
    let expected = Outcome { guild, channels: 1, members: 1, entries: 5, placeholders: 2 };
    assert_eq!(outcome, expected);
    let old = here.store().log.read(channel, 0, 100).await.unwrap();
    let new = there.store().log.read(channel, 0, 100).await.unwrap();
    let head = there.store().metadata.guild(guild).await.unwrap().unwrap().position.seq;
    assert!(new.iter().all(|record| record.guild_seq <= head), "its rights are known here");
    assert_eq!(story(new), story(old));
    let picture = there.store().metadata.guild(guild).await.unwrap().unwrap();
    assert_ne!(picture.guild.owner, namesake.user);
    let owner = there.store().metadata.user(picture.guild.owner).await.unwrap().unwrap();
    assert_eq!((owner.username.as_str(), owner.password_hash), ("ann-2", None));
    assert!(there.store().metadata.guilds_of(namesake.user).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_taken_gets_new_ids_and_users_stay_who_they_are() {
    let here = Bench::open().await;
    let (guild, channel, lines) = exported(&here).await;
    let outcome = read(&here, &lines).await.unwrap();
    assert_ne!(outcome.guild, guild);
    assert_eq!(outcome.placeholders, 0);
    let store = here.store();
    let old = store.metadata.guild(guild).await.unwrap().unwrap();
    let new = store.metadata.guild(outcome.guild).await.unwrap().unwrap();
    assert_eq!(old.guild.owner, new.guild.owner);
    assert_ne!(new.channels[0].id, channel);
    let copied = here.store().log.read(new.channels[0].id, 0, 100).await.unwrap();
    assert_eq!(story(copied), story(here.store().log.read(channel, 0, 100).await.unwrap()));
}

#[tokio::test]
async fn a_file_that_makes_no_sense_is_refused_with_its_line() {
    let (here, there) = (Bench::open().await, Bench::open().await);
    let (guild, _, lines) = exported(&here).await;
    let all: Vec<&str> = lines.lines().collect();
    let count = all.len();
    let first_entry = all.iter().position(|line| line.contains("\"entry\"")).unwrap();
    let first_event = all.iter().position(|line| line.contains("\"event\"")).unwrap();
    let with = |at: usize, line: &str| {
        let mut lines: Vec<String> = all.iter().map(ToString::to_string).collect();
        lines[at] = line.to_owned();
        lines.join("\n")
    };
    let without = |at: usize| [&all[..at], &all[at + 1..]].concat().join("\n");
    let later = all[first_entry].replace("\"seq\":1", "\"seq\":7");
    let cases = [
        (String::new(), 1, "ends without"),
        (all[1..].join("\n"), 1, "no guild"),
        (with(0, "{"), 1, "no JSON"),
        (with(0, &all[0].replace("\"version\":1", "\"version\":9")), 1, "version 9"),
        (with(1, "[]"), 2, "no JSON object"),
        (with(1, "{\"kind\":\"riddle\"}"), 2, "riddle"),
        (with(first_entry, &later), first_entry + 1, "entry 7"),
        (without(first_entry), first_entry + 1, "entry 2"),
        (all[..count - 1].join("\n"), count, "ends without"),
        (without(2), first_entry, "no line of a channel"),
        (without(first_event), count - 1, "lines, where"),
    ];
    for (text, line, word) in cases {
        let refused = read(&there, &text).await.unwrap_err();
        let Error::Line { number, reason } = &refused else { panic!("{word}: {refused}") };
        assert!(reason.contains(word), "{word}: {refused}");
        assert_eq!(*number, line as u64, "{word}: {refused}");
        assert!(there.store().metadata.guild(guild).await.unwrap().is_none(), "{word}: no guild is left behind");
    }
    read(&there, &lines).await.unwrap();
}

#[tokio::test]
async fn a_guild_that_is_not_there_is_told() {
    let here = Bench::open().await;
    let missing = export(&here.store(), GuildId(7), &mut Vec::new()).await.unwrap_err();
    assert_eq!(missing.to_string(), "there is no guild 7");
}
