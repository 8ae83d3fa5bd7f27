//! Tests of the resume file.

use super::*;
use guildhall::ChannelId;

fn cursor(channel: u64, seq: u64) -> Cursor {
    Cursor::new(StreamKey::channel(ChannelId(channel)), 7, seq)
}

fn loaded(path: &Path) -> (Vec<Cursor>, Option<u64>) {
    let resume = Resume::open(path).unwrap();
    (resume.load().unwrap(), resume.output())
}

#[test]
fn it_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("resume");
    assert_eq!(loaded(&path), (vec![], None));
    let resume = Resume::open(&path).unwrap();
    resume.save(&cursor(1, 4));
    assert!(resume.is_fresh());
    resume.write(false).unwrap();
    assert!(!resume.is_fresh() && resume.is_changed());
    resume.begin(&cursor(2, 9));
    assert!(resume.is_fresh());
    resume.finish(&cursor(2, 9));
    resume.set_output(77);
    assert!(resume.is_changed());
    resume.write(true).unwrap();
    assert!(!resume.is_changed());
    drop(resume);
    assert_eq!(loaded(&path), (vec![cursor(1, 4), cursor(2, 9)], Some(77)));
}

#[test]
fn what_is_in_work_holds_the_position_back() {
    let mut state = State::default();
    let safe = |state: &State| state.streams.values().next().unwrap().safe();
    // The SDK believes that asking for the next event means that this one is done.
    for seq in [5, 6] {
        state.begin(&cursor(1, seq));
        state.save(&cursor(1, seq));
    }
    assert_eq!(safe(&state), cursor(1, 4));
    state.finish(&cursor(1, 6));
    assert_eq!(safe(&state), cursor(1, 4));
    state.finish(&cursor(1, 5));
    assert_eq!(safe(&state), cursor(1, 6));
    // Not wanted, so never begun.
    state.save(&cursor(1, 9));
    assert_eq!(safe(&state), cursor(1, 9));
}

#[test]
fn half_a_file_is_not_taken_for_a_whole_one() {
    let mut state = State::default();
    state.save(&cursor(1, 5));
    let text = state.text();
    let length = text.len();
    assert!(State::read(&text).is_some());
    for end in 0..length {
        assert_eq!(State::read(&text[..end]), None, "{:?}", &text[..end]);
    }
}

#[test]
fn it_belongs_to_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("resume");
    let first = Resume::open(&path).unwrap();
    assert!(Resume::open(&path).unwrap_err().message().contains("in use"));
    drop(first);
    Resume::open(&path).unwrap();
}

#[test]
fn a_stream_that_is_gone_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("resume");
    let resume = Resume::open(&path).unwrap();
    resume.save(&cursor(1, 5));
    resume.begin(&cursor(1, 6));
    resume.remove(cursor(1, 0).stream);
    resume.finish(&cursor(1, 6));
    assert!(resume.load().unwrap().is_empty());
}
