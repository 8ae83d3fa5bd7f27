//! Channels.

use guildhall_proto::{
    ids::GuildId,
    v1::{self, ChannelKind, event::Payload},
};

use super::{Bench, assert_error};
use crate::chat::{Caller, Error, error::Missing};

fn create(guild: GuildId, name: &str, kind: ChannelKind) -> v1::CreateChannelRequest {
    v1::CreateChannelRequest { guild_id: guild.get(), name: name.into(), kind: kind.into(), ..Default::default() }
}

impl Bench {
    async fn channel(&self, caller: &Caller, request: v1::CreateChannelRequest) -> v1::Channel {
        self.chat.create_channel(caller, request).await.expect("made").channel.expect("a channel")
    }

    async fn channels(&self, caller: &Caller, guild: GuildId) -> Vec<v1::Channel> {
        let request = v1::ListChannelsRequest { guild_id: guild.get() };
        self.chat.list_channels(caller, request).await.expect("listed").channels
    }

    async fn names(&self, caller: &Caller, guild: GuildId) -> Vec<String> {
        let channels = self.channels(caller, guild).await;
        assert!(channels.iter().zip(0..).all(|(channel, place)| channel.position == place), "{channels:?}");
        channels.into_iter().map(|channel| channel.name).collect()
    }
}

#[tokio::test]
async fn channels_find_their_places() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, _) = bench.guild(&ann).await;
    let bob = bench.member("bob", &ann, guild.id()).await;
    bench.channel(&ann, create(guild.id(), "last", ChannelKind::Voice)).await;
    let first = v1::CreateChannelRequest { position: Some(0), ..create(guild.id(), "first", ChannelKind::Text) };
    let first = bench.channel(&ann, first).await;
    let far = v1::CreateChannelRequest { position: Some(1_000), ..create(guild.id(), "far", ChannelKind::Text) };
    assert_eq!(bench.channel(&ann, far).await.position, 3);
    assert_eq!(bench.names(&bob, guild.id()).await, ["first", "general", "last", "far"]);

    let request = v1::DeleteChannelRequest { channel_id: first.id };
    assert_error!(bench.chat.delete_channel(&bob, request).await, Error::Permission("MANAGE_CHANNELS"));
    bench.chat.delete_channel(&ann, request).await.expect("deleted");
    assert_error!(bench.chat.delete_channel(&ann, request).await, Error::NotFound(Missing::Channel));
    assert_eq!(bench.names(&bob, guild.id()).await, ["general", "last", "far"]);
    assert_error!(
        bench.chat.create_channel(&ann, create(guild.id(), "Caps", ChannelKind::Text)).await,
        Error::Invalid(_)
    );
}

#[tokio::test]
async fn the_store_has_the_same_picture() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, _) = bench.guild(&ann).await;
    let category = bench.channel(&ann, create(guild.id(), "cat", ChannelKind::Category)).await;
    let child = v1::CreateChannelRequest {
        parent_id: category.id,
        position: Some(0),
        ..create(guild.id(), "child", ChannelKind::Text)
    };
    bench.channel(&ann, child).await;
    bench.chat.delete_channel(&ann, v1::DeleteChannelRequest { channel_id: category.id }).await.expect("deleted");
    let snapshot = bench.chat.store.metadata.guild(guild.id()).await.expect("read").expect("there");
    assert_eq!(snapshot.position, guild.position());
    guild.look(|view| assert_eq!(snapshot.channels.iter().collect::<Vec<_>>(), view.channels()));
}

#[tokio::test]
async fn a_parent_is_a_category_of_the_same_guild() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, general) = bench.guild(&ann).await;
    let (other, _) = bench.guild(&ann).await;
    let foreign = bench.channel(&ann, create(other.id(), "cat", ChannelKind::Category)).await;
    let category = bench.channel(&ann, create(guild.id(), "cat", ChannelKind::Category)).await;
    let below = |kind, parent_id| v1::CreateChannelRequest { parent_id, ..create(guild.id(), "x", kind) };
    for (kind, parent) in [
        (ChannelKind::Text, foreign.id),
        (ChannelKind::Text, general.get()),
        (ChannelKind::Text, 1),
        (ChannelKind::Category, category.id),
    ] {
        let Error::Invalid(violations) = super::error(bench.chat.create_channel(&ann, below(kind, parent)).await)
        else {
            panic!("{kind:?} below {parent}")
        };
        assert_eq!(violations.iter().next().map(|violation| violation.field.as_str()), Some("parent_id"));
    }
    let child = bench.channel(&ann, below(ChannelKind::Text, category.id)).await;
    assert_eq!(child.parent_id, category.id);

    let heard = bench.listen(guild.id());
    bench.chat.delete_channel(&ann, v1::DeleteChannelRequest { channel_id: category.id }).await.expect("deleted");
    assert!(matches!(heard.take().as_slice(), [Payload::ChannelUpdated(_), Payload::ChannelDeleted(_)]));
    let child = bench.chat.get_channel(&ann, v1::GetChannelRequest { channel_id: child.id }).await.expect("there");
    assert_eq!(child.channel.expect("a channel").parent_id, 0);
}

#[tokio::test]
async fn a_channel_changes() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, general) = bench.guild(&ann).await;
    let heard = bench.listen(guild.id());
    let request =
        v1::UpdateChannelRequest { channel_id: general.get(), topic: Some("about".into()), ..Default::default() };
    let changed = bench.chat.update_channel(&ann, request.clone()).await.expect("changed").channel.expect("a channel");
    assert_eq!((changed.name.as_str(), changed.topic.as_str()), ("general", "about"));
    bench.chat.update_channel(&ann, request).await.expect("the same");
    assert_eq!(heard.take().len(), 1);
    let stranger = bench.person("bob").await;
    let hidden = v1::UpdateChannelRequest { channel_id: general.get(), ..Default::default() };
    assert_error!(bench.chat.update_channel(&stranger, hidden).await, Error::NotFound(Missing::Channel));
}

#[tokio::test]
async fn an_order_names_every_channel() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, general) = bench.guild(&ann).await;
    let (_, foreign) = bench.guild(&ann).await;
    let second = bench.channel(&ann, create(guild.id(), "second", ChannelKind::Text)).await;
    let reorder = |channel_ids: Vec<u64>| {
        bench.chat.reorder_channels(&ann, v1::ReorderChannelsRequest { guild_id: guild.id().get(), channel_ids })
    };
    let (general, foreign) = (general.get(), foreign.get());
    for bad in [vec![general], vec![general, foreign], vec![general, second.id, foreign], vec![general, general]] {
        assert_error!(reorder(bad).await, Error::Invalid(_));
    }
    let channels = reorder(vec![second.id, general]).await.expect("ordered").channels;
    assert_eq!(channels.iter().map(|channel| channel.id).collect::<Vec<_>>(), [second.id, general]);
    assert_eq!(bench.names(&ann, guild.id()).await, ["second", "general"]);
}
