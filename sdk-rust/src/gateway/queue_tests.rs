//! Tests of the send queue: order, repetition, and an honest end.

use std::sync::Arc;
use std::time::Duration;

use guildhall_proto::v1::ErrorReason;
use tokio::sync::Semaphore;

use super::*;
use crate::error::Kind;
use crate::gateway::entry::FAULTS_MAX;

struct Rig {
    queue: SendQueue,
    slots: Arc<Semaphore>,
    request_id: u64,
}

impl Rig {
    fn new(kept: bool) -> Self {
        Self { queue: SendQueue::new(kept), slots: Arc::new(Semaphore::new(100)), request_id: 0 }
    }

    fn push(&mut self, channel: u64, content: &str) -> oneshot::Receiver<Result<Sent>> {
        let slot = Arc::clone(&self.slots).try_acquire_owned().unwrap();
        self.queue.push(request(channel, content), slot).unwrap()
    }

    /// What goes out now, with its request ids.
    fn take(&mut self) -> Vec<(u64, String)> {
        let mut taken = Vec::new();
        while let Some(request) = self.queue.take_next(Instant::now(), self.request_id + 1) {
            self.request_id += 1;
            taken.push((self.request_id, request.content));
        }
        taken.sort_by(|a, b| a.1.cmp(&b.1));
        taken
    }

    fn accept(&mut self, id: u64) {
        let response = SendMessageResponse { message_id: id, ..Default::default() };
        assert!(self.queue.answer(id, Ok(response)));
    }

    fn refuse(&mut self, id: u64, reason: ErrorReason) {
        assert!(self.queue.answer(id, Err(Failure::new(reason, "no"))));
    }
}

fn request(channel: u64, content: &str) -> SendMessageRequest {
    SendMessageRequest {
        channel_id: channel,
        content: content.to_owned(),
        nonce: format!("nonce of {content}"),
        reply_to: 0,
    }
}

fn contents(taken: &[(u64, String)]) -> Vec<&str> {
    taken.iter().map(|(_, content)| content.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn one_send_of_a_channel_at_a_time_others_beside_it() {
    let mut rig = Rig::new(false);
    let _answers = ["a1", "a2", "b1"].map(|text| rig.push(u64::from(text.as_bytes()[0]), text));
    let taken = rig.take();
    assert_eq!(contents(&taken), ["a1", "b1"]);
    assert_eq!(rig.queue.in_flight(), 2);
    rig.accept(taken[0].0);
    assert_eq!(contents(&rig.take()), ["a2"]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_passes_lets_nobody_overtake() {
    let mut rig = Rig::new(false);
    let first = rig.push(1, "first");
    let _second = rig.push(1, "second");
    for _ in 0..20 {
        let taken = rig.take();
        assert_eq!(contents(&taken), ["first"]);
        rig.refuse(taken[0].0, ErrorReason::Overloaded);
        let due = rig.queue.next_due().unwrap();
        tokio::time::advance(due - Instant::now()).await;
    }
    let taken = rig.take();
    rig.accept(taken[0].0);
    assert_eq!(first.await.unwrap().unwrap().nonce, "nonce of first");
    assert_eq!(contents(&rig.take()), ["second"]);
}

#[tokio::test(start_paused = true)]
async fn the_servers_delay_is_kept() {
    let mut rig = Rig::new(false);
    let _answer = rig.push(1, "x");
    let id = rig.take()[0].0;
    let asked = Duration::from_secs(7);
    let failure = Failure::new(ErrorReason::RateLimited, "slow down").retry_after(asked);
    assert!(rig.queue.answer(id, Err(failure)));
    tokio::time::advance(asked - Duration::from_millis(1)).await;
    assert!(rig.take().is_empty());
    tokio::time::advance(Duration::from_millis(300)).await;
    assert_eq!(contents(&rig.take()), ["x"]);
}

#[tokio::test(start_paused = true)]
async fn any_other_refusal_is_final_and_the_next_goes_on() {
    let mut rig = Rig::new(false);
    let first = rig.push(1, "first");
    let _second = rig.push(1, "second");
    let id = rig.take()[0].0;
    rig.refuse(id, ErrorReason::ChannelNotFound);
    let error = first.await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::ChannelNotFound));
    assert!(!error.outcome_unknown());
    assert_eq!(contents(&rig.take()), ["second"]);
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_repeated_a_few_times() {
    let mut rig = Rig::new(false);
    let answer = rig.push(1, "x");
    let mut tries = 0;
    while let Some((id, _)) = rig.take().first() {
        tries += 1;
        rig.refuse(*id, ErrorReason::Internal);
        tokio::time::advance(Duration::from_secs(60)).await;
    }
    assert_eq!(tries, FAULTS_MAX);
    assert!(answer.await.unwrap().unwrap_err().outcome_unknown());
}

#[tokio::test(start_paused = true)]
async fn what_was_on_its_way_goes_out_again_in_order() {
    let mut rig = Rig::new(false);
    let _answers = ["a1", "a2"].map(|text| rig.push(1, text));
    let id = rig.take()[0].0;
    rig.queue.disconnected();
    assert!(!rig.queue.answer(id, Ok(SendMessageResponse::default())), "an answer out of an old session");
    let again = rig.take();
    assert_eq!(contents(&again), ["a1"]);
    rig.accept(again[0].0);
    assert_eq!(contents(&rig.take()), ["a2"]);
}

#[tokio::test(start_paused = true)]
async fn unread_answers_are_fetched_by_calls() {
    let mut rig = Rig::new(false);
    let answer = rig.push(1, "a1");
    let _second = rig.push(1, "a2");
    let id = rig.take()[0].0;
    let direct = rig.queue.take_direct(Instant::now(), 10);
    assert_eq!(direct.len(), 1);
    assert_eq!(direct[0].content, "a1");
    assert!(rig.queue.take_direct(Instant::now(), 10).is_empty());
    assert!(!rig.queue.answer(id, Ok(SendMessageResponse::default())));
    let key = (ChannelId(1), "nonce of a1".to_owned());
    let response = SendMessageResponse { duplicate: true, ..Default::default() };
    rig.queue.answer_direct(&key, Ok(response));
    assert!(answer.await.unwrap().unwrap().duplicate);
    rig.queue.answer_direct(&key, Ok(response));
    assert_eq!(contents(&rig.take()), ["a2"]);
}

#[tokio::test(start_paused = true)]
async fn the_end_says_what_may_be_stored() {
    let mut rig = Rig::new(false);
    let sent = rig.push(1, "sent");
    let unsent = rig.push(1, "unsent");
    rig.take();
    rig.queue.close("over");
    assert!(sent.await.unwrap().unwrap_err().outcome_unknown());
    assert!(!unsent.await.unwrap().unwrap_err().outcome_unknown());
    assert_eq!(rig.slots.available_permits(), 100);
    let slot = Arc::clone(&rig.slots).try_acquire_owned().unwrap();
    let error = rig.queue.push(request(1, "late"), slot).unwrap_err();
    assert_eq!(error.kind(), Kind::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_kept_send_waits_for_the_file() {
    let mut rig = Rig::new(true);
    let _answer = rig.push(1, "x");
    assert!(rig.take().is_empty());
    let batch = rig.queue.take_file_batch();
    assert_eq!(batch.sends.len(), 1);
    rig.queue.kept(&batch.sends, Ok(()));
    let id = rig.take()[0].0;
    rig.accept(id);
    let batch = rig.queue.take_file_batch();
    assert!(batch.sends.is_empty());
    assert_eq!(batch.settled, [(ChannelId(1), "nonce of x".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_kept_is_refused() {
    let mut rig = Rig::new(true);
    let answer = rig.push(1, "x");
    let batch = rig.queue.take_file_batch();
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    rig.queue.kept(&batch.sends, Err(Error::storage("outbox", full)));
    let error = answer.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Storage);
    assert!(!error.outcome_unknown());
    assert_eq!(rig.queue.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_restored_send_is_reported() {
    let mut rig = Rig::new(true);
    rig.queue.restore(request(1, "old"), None);
    let id = rig.take()[0].0;
    rig.accept(id);
    let reports = rig.queue.take_reports();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].nonce, "nonce of old");
    assert!(reports[0].outcome.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_is_waited_for_as_told_however_often_and_in_order() {
    let mut rig = Rig::new(false);
    let _answers = ["first", "second"].map(|text| rig.push(1, text));
    for _ in 0..20 {
        let taken = rig.take();
        assert_eq!(contents(&taken), ["first"]);
        let limited = Failure::new(ErrorReason::RateLimited, "no").retry_after(Duration::from_secs(3));
        assert!(rig.queue.answer(taken[0].0, Err(limited)));
        tokio::time::advance(Duration::from_millis(2_999)).await;
        assert!(rig.take().is_empty());
        tokio::time::advance(Duration::from_millis(251)).await;
    }
    let taken = rig.take();
    rig.accept(taken[0].0);
    assert_eq!(contents(&rig.take()), ["second"]);
}
