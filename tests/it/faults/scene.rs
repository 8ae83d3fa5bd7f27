//! Those who are there: somebody who writes and reads at each node, and one who comes to whichever node answers, as through
//! a load balancer.

use std::time::Duration;

use guildhall::{ChannelId, ChannelKind, Client};
use guildhall_tests::deployment::{Kind, Services};
use guildhall_tests::proxy::Proxy;
use guildhall_tests::{Deployment, Guild, User, eventually};

use super::happen;
use super::play::Play;
use super::scenario::Fault;
use super::table::Row;

/// Soon enough to notice a node that hangs while it does.
const HEARTBEAT_SECONDS: u32 = 2;

/// A deployment and its people, through one fault after the other.
pub(super) struct Scene {
    pub(super) deployment: Deployment,
    pub(super) services: Option<Services>,
    /// At the node of their number.
    pub(super) people: Vec<User>,
    pub(super) roamer: User,
    guild: Guild,
}

impl Scene {
    pub(super) async fn start(kind: Kind, services: Option<Services>) -> Self {
        if let Some(services) = &services {
            services.heal().await;
        }
        let builder = Deployment::builder().set("heartbeat_seconds", HEARTBEAT_SECONDS);
        let builder = if kind == Kind::Embedded { builder } else { builder.with_network() };
        let deployment = builder.start().await;
        let mut people = deployment.users("user", kind.nodes()).await;
        for (number, user) in people.iter_mut().enumerate() {
            user.client = client(&deployment.url(number), user);
        }
        let roamer = deployment.user("roamer").await;
        let guild = deployment.guild(&people[0], &people[1..].iter().chain([&roamer]).collect::<Vec<_>>()).await;
        Self { deployment, services, people, roamer, guild }
    }

    /// One fault, from quiet to quiet, in a channel of its own.
    pub(super) async fn endure(self, fault: Fault) -> (Self, Row) {
        let channel = self.new_channel().await;
        let mut play = Play::begin(self, channel, fault).await;
        happen::happen(&mut play, fault).await;
        play.end().await
    }

    /// The nodes by number.
    pub(super) fn nodes(&self) -> Vec<usize> {
        (0..self.people.len()).collect()
    }

    /// Those people are asked to do once and without trying again, at their node.
    pub(super) fn once(&self, node: usize) -> Client {
        let user = &self.people[node];
        let client = Client::builder(self.deployment.url(node)).token(&*user.token).retries(0);
        client.timeout(Duration::from_secs(20)).build().expect("a client")
    }

    pub(super) fn guild(&self) -> Guild {
        self.guild
    }

    /// What a load balancer would do; the first connection goes to this node.
    pub(super) async fn balancer(&self, first: usize) -> Proxy {
        let mut addresses = self.deployment.urls();
        addresses.rotate_left(first);
        Proxy::balance(addresses.into_iter().map(|url| url.replace("http://", ""))).await
    }

    async fn new_channel(&self) -> ChannelId {
        let created = eventually("a channel can be made", async || {
            self.people[0].client.channels().create(self.guild.id, "faults", ChannelKind::Text).await.ok()
        });
        created.await.id
    }
}

pub(super) fn client(url: &str, user: &User) -> Client {
    Client::builder(url).token(&*user.token).build().expect("a client")
}
