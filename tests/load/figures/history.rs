//! What a page of history costs in a channel of a million messages, and in one of ten thousand. The channels are filled
//! by the bare writer, with the server stopped; the pages are asked for one by one, in turn of both servers.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use guildhall_proto::v1::{self, list_messages_request::Anchor};
use prost::Message as _;
use rand::RngExt as _;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::baseline::rows::Rows;
use crate::child::Child;
use crate::connection::{Connection, Listener};
use crate::figure::{Figure, Pair, Spec, Target};
use crate::lab::Lab;
use crate::noise::median;

const LIST: &str = "/guildhall.v1.HistoryService/ListMessages";
const PAGE: usize = 50;
/// Messages of the large channel, in full and in short.
const LARGE: (usize, usize) = (1_000_000, 50_000);
const SMALL: usize = 10_000;
/// Pages of each kind, of each server, in one round.
const PAGES: usize = 1_000;
/// How long a page may take before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Two servers, one with a long history and one with a short one.
pub(crate) struct History {
    large: Archive,
    small: Archive,
}

/// A server with a filled channel, and a connection to it.
struct Archive {
    messages: usize,
    channel: u64,
    token: String,
    connection: Rc<Connection>,
    page: Rc<Page>,
    _running: JoinSet<()>,
    _server: Child,
}

/// The answer that is waited for.
#[derive(Default)]
struct Page {
    ended: Cell<bool>,
    answer: RefCell<Vec<u8>>,
    changed: Notify,
}

impl Listener for Page {
    fn message(&self, _: &Connection, _: usize, message: &[u8]) {
        *self.answer.borrow_mut() = message.to_vec();
    }

    fn ended(&self, _: usize) {
        self.ended.set(true);
        self.changed.notify_one();
    }
}

impl Figure for History {
    const SPECS: &'static [Spec] = &[
        Spec {
            figure: "history page of 50, newest, at 10^6 messages",
            unit: "us",
            against: "at 10^4",
            target: Target::RatioAtMost(2.5),
        },
        Spec {
            figure: "history page of 50, random, at 10^6 messages",
            unit: "us",
            against: "at 10^4",
            target: Target::RatioAtMost(4.0),
        },
    ];

    async fn prepare(lab: &Lab) -> Result<Self> {
        let large = lab.or_quick(LARGE.0, LARGE.1);
        Ok(Self { large: Archive::fill(lab, large).await?, small: Archive::fill(lab, SMALL).await? })
    }

    async fn round(&mut self, _: &Lab) -> Result<Vec<Pair>> {
        let (mut newest, mut random) = (Times::default(), Times::default());
        for _ in 0..PAGES {
            newest.large.push(self.large.page(None).await?);
            newest.small.push(self.small.page(None).await?);
            random.large.push(self.large.random_page().await?);
            random.small.push(self.small.random_page().await?);
        }
        Ok(vec![newest.pair(), random.pair()])
    }
}

#[derive(Default)]
struct Times {
    large: Vec<f64>,
    small: Vec<f64>,
}

impl Times {
    fn pair(&self) -> Pair {
        Pair { ours: median(&self.large), other: median(&self.small) }
    }
}

impl Archive {
    async fn fill(lab: &Lab, messages: usize) -> Result<Self> {
        let data = lab.copy_of_template()?;
        Rows::of_channel(&data, lab.world.channel)?.write_count(messages)?;
        let server = lab.server(&data).await?;
        let (connection, incoming) = Connection::open(server.addr(), None).await?;
        let page = Rc::new(Page::default());
        let mut running = JoinSet::new();
        let (heard, listener) = (Rc::clone(&connection), Rc::clone(&page));
        running.spawn_local(async move {
            // A broken connection shows as a page that does not come.
            let _ = incoming.run(heard, listener).await;
        });
        let (channel, token) = (lab.world.channel, lab.world.owner.clone());
        Ok(Self { messages, channel, token, connection, page, _running: running, _server: server })
    }

    async fn random_page(&self) -> Result<f64> {
        let before = rand::rng().random_range(PAGE + 1..=self.messages);
        self.page(Some(Anchor::Before(before as u64))).await
    }

    /// Asks for a page; returns how long it took, in microseconds.
    async fn page(&self, anchor: Option<Anchor>) -> Result<f64> {
        let request = v1::ListMessagesRequest { channel_id: self.channel, anchor, page_size: PAGE as i32 };
        let request = request.encode_to_vec();
        self.page.ended.set(false);
        let begun = Instant::now();
        self.connection.call(LIST, Some(&self.token), &request, true);
        self.connection.flush();
        while !self.page.ended.get() {
            tokio::time::timeout(PATIENCE, self.page.changed.notified()).await.context("no page came")?;
        }
        let micros = begun.elapsed().as_secs_f64() * 1e6;
        let answer = v1::ListMessagesResponse::decode(&*self.page.answer.take())?;
        anyhow::ensure!(answer.messages.len() == PAGE, "a page has {} messages", answer.messages.len());
        Ok(micros)
    }
}
