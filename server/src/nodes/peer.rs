//! One other node, and the calls to it over one connection.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, timeout};
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint},
};

use super::{
    REQUEST_BYTES_MAX,
    generated::{self as wire, node_service_client::NodeServiceClient},
    patience::Patience,
    wire as read,
};
use crate::{
    sequencer::{Answer, Unanswered},
    store::Node,
};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_millis(500);
/// How long a node may take to answer a Push: its frames may be sends, and those wait for a disk.
const PUSH: Duration = Duration::from_secs(10);
/// How long a node may take to say what it reaches.
const REACH: Duration = Duration::from_secs(1);
/// How long a node that failed is not asked to commit.
const AVOID: Duration = Duration::from_secs(3);
/// How often a silent node is asked whether it lives, and how long it may think about it.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(5));

/// Another node.
pub(super) struct Peer {
    id: u64,
    address: String,
    client: NodeServiceClient<Channel>,
    proof: MetadataValue<Ascii>,
    avoid_until: Mutex<Option<Instant>>,
    patience: Mutex<Patience>,
}

impl Peer {
    /// Connects when it is first asked something. `None`: its address is none.
    pub(super) fn new(node: &Node, proof: MetadataValue<Ascii>) -> Option<Self> {
        let endpoint = match Endpoint::from_shared(format!("http://{}", node.address)) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                tracing::warn!(address = node.address, %error, "a node has an address that cannot be used");
                return None;
            }
        };
        let channel = endpoint
            .connect_timeout(CONNECT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEPALIVE.0)
            .keep_alive_timeout(KEEPALIVE.1)
            .keep_alive_while_idle(true)
            .connect_lazy();
        let client = NodeServiceClient::new(channel).max_decoding_message_size(REQUEST_BYTES_MAX);
        Some(Self {
            id: node.id,
            address: node.address.clone(),
            client,
            proof,
            avoid_until: Mutex::default(),
            patience: Mutex::default(),
        })
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Whether this is that node, where it is.
    pub(super) fn is(&self, node: &Node) -> bool {
        self.id == node.id && self.address == node.address
    }

    /// Whether it failed lately.
    pub(super) fn is_avoided(&self) -> bool {
        self.avoid_until.lock().is_some_and(|until| Instant::now() < until)
    }

    /// Has it commit sends. If it fails, it is avoided for a while.
    pub(super) async fn commit(&self, request: wire::CommitRequest) -> Result<Vec<Answer>, Unanswered> {
        let mut client = self.client.clone();
        let (begun, within) = (Instant::now(), self.patience.lock().now());
        let answered: Result<_, read::Unreadable> =
            match timeout(within, client.commit(self.request(request, within))).await {
                Ok(Ok(response)) => response.into_inner().outcomes.into_iter().map(read::answer).collect(),
                Ok(Err(status)) if !is_late(&status) => return Err(self.failed(&status)),
                // Whichever end noticed it first.
                Ok(Err(_)) | Err(_) => {
                    self.patience.lock().was_in_vain();
                    return Err(self.failed(&Status::deadline_exceeded("no answer")));
                }
            };
        self.patience.lock().answered(begun.elapsed());
        answered.map_err(|unreadable| self.failed(&Status::data_loss(unreadable.to_string())))
    }

    /// Hands over the frames of a Push. `None`: no answer.
    pub(super) async fn push(&self, request: wire::PushRequest) -> Option<wire::PushResponse> {
        let mut client = self.client.clone();
        match timeout(PUSH, client.push(self.request(request, PUSH))).await {
            Ok(Ok(response)) => Some(response.into_inner()),
            Ok(Err(status)) => {
                tracing::warn!(node = %self.name(), code = ?status.code(), why = status.message(), "push not answered");
                None
            }
            Err(_) => {
                tracing::warn!(node = %self.name(), "push not answered in time");
                None
            }
        }
    }

    /// Whether it says that the database answers it.
    pub(super) async fn reaches_database(&self) -> bool {
        let mut client = self.client.clone();
        let asked = timeout(REACH, client.reach(self.request(wire::ReachRequest {}, REACH))).await;
        matches!(asked, Ok(Ok(response)) if response.get_ref().database)
    }

    fn request<T>(&self, message: T, within: Duration) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(within);
        request.metadata_mut().insert("authorization", self.proof.clone());
        request
    }

    fn failed(&self, status: &Status) -> Unanswered {
        *self.avoid_until.lock() = Some(Instant::now() + AVOID);
        tracing::warn!(
            node = %self.name(),
            address = self.address,
            code = ?status.code(),
            why = status.message(),
            "sends were not taken; this node is avoided for some seconds"
        );
        Unanswered
    }

    fn name(&self) -> String {
        format!("{:016x}", self.id)
    }
}

/// The end of the time that a call had, as this end or the other one says it.
fn is_late(status: &Status) -> bool {
    matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded)
}
