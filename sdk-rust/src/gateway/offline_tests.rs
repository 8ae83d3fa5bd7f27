//! Tests of the file of unsettled sends.

use std::fs;

use super::*;
use crate::error::Kind;

fn send(channel: u64, content: &str) -> SendMessageRequest {
    SendMessageRequest {
        channel_id: channel,
        content: content.to_owned(),
        nonce: format!("nonce of {content}"),
        reply_to: u64::from(content == "reply"),
    }
}

fn write(file: &mut OfflineFile, sends: &[SendMessageRequest], settled: &[SendMessageRequest]) {
    let batch = FileBatch { sends: sends.to_vec(), settled: settled.iter().map(key).collect() };
    file.write(&batch).unwrap();
}

fn unsettled(file: &OfflineFile) -> Vec<SendMessageRequest> {
    file.unsettled().cloned().collect()
}

#[test]
fn what_is_not_settled_is_there_again_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    let all = ["one", "two", "reply", "line\nbreak \u{1F600}"].map(|text| send(u64::MAX, text));
    let mut file = OfflineFile::open(&path).unwrap();
    write(&mut file, &all, &[]);
    write(&mut file, &[], &all[1..2]);
    drop(file);
    let file = OfflineFile::open(&path).unwrap();
    let expected = [&all[0], &all[2], &all[3]].map(Clone::clone);
    assert_eq!(unsettled(&file), expected);
}

#[test]
fn a_torn_last_line_is_dropped_and_the_file_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    let mut file = OfflineFile::open(&path).unwrap();
    write(&mut file, &[send(1, "one")], &[]);
    drop(file);
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{whole}{{\"send\":{{\"channel_id\":\"1\",\"non")).unwrap();
    let mut file = OfflineFile::open(&path).unwrap();
    write(&mut file, &[send(1, "two")], &[]);
    drop(file);
    let file = OfflineFile::open(&path).unwrap();
    assert_eq!(unsettled(&file), [send(1, "one"), send(1, "two")]);
}

#[test]
fn a_spoiled_line_is_not_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    fs::write(&path, "hello\n{\"settled\":{\"channel_id\":\"1\",\"nonce\":\"n\"}}\n").unwrap();
    let error = OfflineFile::open(&path).unwrap_err();
    assert_eq!(error.kind(), Kind::Storage);
}

#[test]
fn the_file_does_not_grow_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    let mut file = OfflineFile::open(&path).unwrap();
    write(&mut file, &[send(2, "stays")], &[]);
    for round in 0..700 {
        let passing = send(1, &format!("message {round}"));
        write(&mut file, std::slice::from_ref(&passing), &[]);
        write(&mut file, &[], &[passing]);
    }
    let lines = fs::read_to_string(&path).unwrap().lines().count();
    assert!(lines <= LINES_MIN + 1, "{lines} lines");
    drop(file);
    assert_eq!(unsettled(&OfflineFile::open(&path).unwrap()), [send(2, "stays")]);
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    let _file = OfflineFile::open(&path).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
