//! The checker finds each anomaly by its name in a history that is sound but for that one fault.

use super::{Ack, Anomaly, History, Logged, Reader, Seen};

fn nonce(seq: u64) -> String {
    format!("nonce-{seq}")
}

fn text(seq: u64) -> String {
    format!("text {seq}")
}

fn created(seq: u64) -> Seen {
    Seen::Created { seq, nonce: nonce(seq), content: text(seq) }
}

/// Four messages, all sent, acknowledged, logged and shown to two readers, the second of which came late.
fn sound() -> History {
    let reader = |name: &str, from: u64| Reader {
        name: name.to_owned(),
        from,
        complete: true,
        seen: (from + 1..=4).map(created).collect(),
    };
    History {
        sends: (1..=4).map(|seq| (nonce(seq), text(seq))).collect(),
        acks: (1..=4).map(|seq| Ack { nonce: nonce(seq), message_id: seq }).collect(),
        log: (1..=4).map(|seq| Logged { message_id: seq, nonce: nonce(seq), content: text(seq) }).collect(),
        readers: vec![reader("a", 0), reader("b", 2)],
    }
}

#[track_caller]
fn assert_found(history: &History, expected: &[Anomaly]) {
    assert_eq!(history.anomalies(), expected);
}

fn a() -> String {
    "a".to_owned()
}

#[test]
fn a_sound_history_has_no_anomalies() {
    sound().assert_sound();
    assert_eq!(sound().counts().to_string(), "4 sent, 4 acknowledged, 4 in the log, shown to readers: [4, 2]");
}

#[test]
fn what_was_never_acknowledged_may_be_stored_or_not() {
    let mut history = sound();
    history.acks.remove(1);
    history.sends.insert(nonce(9), text(9));
    history.assert_sound();
}

#[test]
fn a_repeated_send_may_be_acknowledged_again() {
    let mut history = sound();
    history.acks.push(Ack { nonce: nonce(2), message_id: 2 });
    history.assert_sound();
}

#[test]
fn lost_is_found() {
    let mut history = sound();
    history.acks.push(Ack { nonce: nonce(9), message_id: 9 });
    assert_found(&history, &[Anomaly::Lost { nonce: nonce(9), message_id: 9 }]);
}

#[test]
fn lost_to_another_message_is_found() {
    let mut history = sound();
    history.acks.push(Ack { nonce: nonce(9), message_id: 3 });
    assert_found(&history, &[Anomaly::Lost { nonce: nonce(9), message_id: 3 }]);
}

#[test]
fn duplicate_in_the_log_is_found() {
    let mut history = sound();
    history.log.push(Logged { message_id: 5, nonce: nonce(4), content: text(4) });
    history.readers.clear();
    assert_found(&history, &[Anomaly::Duplicate { reader: None, seq: 5, first: 4 }]);
}

#[test]
fn duplicate_in_the_acknowledgements_is_found() {
    let mut history = sound();
    history.acks.push(Ack { nonce: nonce(2), message_id: 3 });
    let expected =
        [Anomaly::Lost { nonce: nonce(2), message_id: 3 }, Anomaly::Duplicate { reader: None, seq: 3, first: 2 }];
    assert_found(&history, &expected);
}

#[test]
fn duplicate_at_a_reader_is_found() {
    let mut history = sound();
    history.readers[0].seen.push(created(3));
    assert_found(&history, &[Anomaly::Duplicate { reader: Some(a()), seq: 3, first: 3 }]);
}

#[test]
fn skipped_is_found() {
    let mut history = sound();
    history.readers[0].complete = false;
    history.readers[0].seen.remove(1);
    assert_found(&history, &[Anomaly::Skipped { reader: a(), from: 2, to: 2 }]);
}

#[test]
fn skipped_before_the_first_event_is_found() {
    let mut history = sound();
    history.readers[0].complete = false;
    history.readers[0].seen.remove(0);
    assert_found(&history, &[Anomaly::Skipped { reader: a(), from: 1, to: 1 }]);
}

#[test]
fn a_resync_excuses_what_lies_before_it_and_nothing_else() {
    let mut history = sound();
    history.readers[0].seen.splice(0..2, [Seen::Resync { seq: 2 }]);
    history.assert_sound();
    history.readers[0].seen.pop();
    assert_found(&history, &[Anomaly::Unobserved { reader: a(), seq: 4 }]);
}

#[test]
fn out_of_order_at_a_reader_is_found() {
    let mut history = sound();
    history.readers[0].seen.swap(1, 2);
    let expected =
        [Anomaly::Skipped { reader: a(), from: 2, to: 2 }, Anomaly::OutOfOrder { reader: Some(a()), seq: 2, after: 3 }];
    assert_found(&history, &expected);
}

#[test]
fn out_of_order_in_the_log_is_found() {
    let mut history = sound();
    history.log.swap(1, 2);
    assert_found(&history, &[Anomaly::OutOfOrder { reader: None, seq: 2, after: 3 }]);
}

#[test]
fn unobserved_is_found() {
    let mut history = sound();
    history.readers[1].seen.pop();
    assert_found(&history, &[Anomaly::Unobserved { reader: "b".to_owned(), seq: 4 }]);
    history.readers[1].complete = false;
    history.assert_sound();
}

#[test]
fn phantom_at_a_reader_is_found() {
    let mut history = sound();
    history.readers[0].seen.push(created(5));
    assert_found(&history, &[Anomaly::Phantom { reader: Some(a()), seq: 5 }]);
}

#[test]
fn phantom_in_the_log_is_found() {
    let mut history = sound();
    history.sends.remove(&nonce(2));
    assert_found(&history, &[Anomaly::Phantom { reader: None, seq: 2 }]);
}

#[test]
fn a_deleted_message_is_a_place_without_text() {
    let mut history = sound();
    history.log.remove(1);
    history.acks.remove(1);
    history.readers[0].seen[1] = Seen::Created { seq: 2, nonce: nonce(2), content: String::new() };
    history.readers[0].seen.push(Seen::Other { seq: 5 });
    history.assert_sound();
}

#[test]
fn altered_is_found() {
    let mut history = sound();
    history.readers[0].seen[2] = Seen::Created { seq: 3, nonce: nonce(3), content: text(4) };
    assert_found(&history, &[Anomaly::Altered { reader: Some(a()), seq: 3 }]);

    let mut history = sound();
    history.log[3].content = "something else".to_owned();
    history.readers.clear();
    assert_found(&history, &[Anomaly::Altered { reader: None, seq: 4 }]);
}
