//! Tests of the cursor file.

use std::fs;
use std::time::Duration;

use guildhall_proto::ids::{ChannelId, StreamKey};

use super::{Cursor, CursorStore, FileCursors};
use crate::error::Kind;

fn cursor(channel: u64, seq: u64) -> Cursor {
    Cursor::new(StreamKey::channel(ChannelId(channel)), 9, seq)
}

#[test]
fn what_was_saved_is_there_after_the_store_was_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cursors");
    let store = FileCursors::open(&path).unwrap();
    for seq in 1..=1_000 {
        store.save(&cursor(1, seq));
    }
    store.save(&cursor(2, 5));
    store.save(&cursor(3, 1));
    store.remove(StreamKey::channel(ChannelId(3)));
    drop(store);
    assert_eq!(fs::read_to_string(&path).unwrap(), "channel:1:9:1000\nchannel:2:9:5\n");
    let again = FileCursors::open(&path).unwrap();
    assert_eq!(again.load().unwrap(), [cursor(1, 1_000), cursor(2, 5)]);
}

#[test]
fn without_an_interval_every_save_is_written_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cursors");
    let store = FileCursors::open(&path).unwrap().write_interval(Duration::ZERO);
    for seq in 1..=3 {
        store.save(&cursor(1, seq));
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("channel:1:9:{seq}\n"));
    }
}

#[test]
fn within_an_interval_only_the_first_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cursors");
    let store = FileCursors::open(&path).unwrap().write_interval(Duration::from_secs(3600));
    store.save(&cursor(1, 1));
    let first = until(|| fs::read_to_string(&path).ok());
    store.save(&cursor(1, 2));
    assert_eq!(fs::read_to_string(&path).unwrap(), first);
    store.flush().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "channel:1:9:2\n");
}

/// Waits for the writer's thread.
fn until<T>(mut probe: impl FnMut() -> Option<T>) -> T {
    for _ in 0..10_000 {
        if let Some(found) = probe() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("never came");
}

#[test]
fn a_file_of_something_else_is_not_taken_for_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cursors");
    fs::write(&path, "channel:1:9:7\nhello\n").unwrap();
    let error = FileCursors::open(&path).unwrap_err();
    assert_eq!(error.kind(), Kind::Storage);
    assert!(error.to_string().contains("hello"), "{error}");
}

#[test]
fn a_file_has_one_user_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cursors");
    let store = FileCursors::open(&path).unwrap();
    let error = FileCursors::open(&path).unwrap_err();
    assert!(error.to_string().contains("in use"), "{error}");
    drop(store);
    FileCursors::open(&path).unwrap();
}
