//! Tests of positions: no event twice, no hole unseen.

use guildhall_proto::ids::ChannelId;

use super::*;

const EPOCH: u64 = 77;
const STREAM: StreamKey = StreamKey::channel(ChannelId(1));

fn at(seq: u64) -> Cursor {
    Cursor::new(STREAM, EPOCH, seq)
}

fn followed(seq: u64) -> Positions {
    let mut positions = Positions::default();
    assert_eq!(positions.begin(at(seq)), Begun::New(at(seq)));
    positions
}

fn hole(verdict: Verdict) -> Fetch {
    let Verdict::Hole(fetch) = verdict else {
        panic!("no hole: {verdict:?}");
    };
    fetch
}

#[test]
fn the_next_is_delivered_and_the_rest_is_not() {
    let mut positions = followed(3);
    assert_eq!(positions.admit(at(4)), Verdict::Deliver);
    assert_eq!(positions.admit(at(4)), Verdict::Repeated);
    assert_eq!(positions.admit(at(1)), Verdict::Repeated);
    assert_eq!(positions.admit(at(5)), Verdict::Deliver);
    assert_eq!(positions.get(STREAM), Some(at(5)));
}

#[test]
fn a_hole_is_read_from_the_log_with_everything_that_comes_meanwhile() {
    let mut positions = followed(3);
    let fetch = hole(positions.admit(at(6)));
    assert_eq!(fetch.after, at(3));
    assert_eq!(positions.admit(at(7)), Verdict::Awaited);
    assert!(positions.is_current(&fetch));
    for seq in 4..=5 {
        assert!(positions.advance(at(seq)));
    }
    assert!(!positions.advance(at(5)), "the log repeats itself");
    let rest = positions.remaining(&fetch).unwrap();
    assert_eq!(rest.after, at(5));
    assert!(positions.advance(at(6)) && positions.advance(at(7)));
    assert_eq!(positions.remaining(&rest), None);
    assert_eq!(positions.admit(at(7)), Verdict::Repeated);
    assert_eq!(positions.admit(at(8)), Verdict::Deliver);
}

#[test]
fn what_the_log_brings_beyond_the_hole_is_not_delivered_again() {
    let mut positions = followed(3);
    let fetch = hole(positions.admit(at(5)));
    for seq in 4..=9 {
        assert!(positions.advance(at(seq)));
    }
    assert_eq!(positions.remaining(&fetch), None);
    for seq in 5..=9 {
        assert_eq!(positions.admit(at(seq)), Verdict::Repeated);
    }
    assert_eq!(positions.admit(at(10)), Verdict::Deliver);
}

#[test]
fn a_hole_that_cannot_be_read_is_skipped_as_a_whole() {
    let mut positions = followed(3);
    let fetch = hole(positions.admit(at(2_000)));
    assert_eq!(positions.admit(at(2_001)), Verdict::Awaited);
    assert_eq!(positions.skip(STREAM), Some(at(2_001)));
    assert!(!positions.is_current(&fetch));
    assert_eq!(positions.admit(at(2_002)), Verdict::Deliver);
}

#[test]
fn another_epoch_is_a_hole_and_never_a_repetition() {
    let mut positions = followed(30);
    let rewound = Cursor::new(STREAM, 78, 4);
    assert_eq!(hole(positions.admit(rewound)).after, at(30));
    assert_eq!(positions.skip(STREAM), Some(rewound));
    let next = Cursor::new(STREAM, 78, 5);
    assert_eq!(positions.admit(next), Verdict::Deliver);
}

#[test]
fn a_session_that_goes_on_elsewhere_is_caught_up_with() {
    let mut positions = followed(3);
    assert_eq!(positions.begin(at(9)), Begun::Followed, "the server knows us");
    positions.detach_all();
    let Begun::Behind(fetch) = positions.begin(at(9)) else {
        panic!("3 to 9 is missing");
    };
    assert_eq!(fetch.after, at(3));
    positions.detach_all();
    assert!(!positions.is_current(&fetch), "the session ended");
    assert_eq!(positions.begin(at(3)), Begun::Followed);
}

#[test]
fn a_new_stream_is_followed_from_its_first_event() {
    let mut positions = Positions::default();
    positions.load(Cursor::beginning(STREAM));
    assert_eq!(positions.admit(at(1)), Verdict::Deliver);
    assert_eq!(positions.get(STREAM), Some(at(1)));

    let mut positions = Positions::default();
    positions.load(Cursor::beginning(STREAM));
    let Begun::Behind(fetch) = positions.begin(at(2)) else {
        panic!("1 and 2 are missing");
    };
    assert_eq!(fetch.after, Cursor::beginning(STREAM));
    assert!(positions.advance(at(1)) && positions.advance(at(2)));
    assert_eq!(positions.remaining(&fetch), None);
}

#[test]
fn an_older_position_does_not_replace_a_newer_one() {
    let mut positions = followed(8);
    positions.load(at(2));
    assert_eq!(positions.get(STREAM), Some(at(8)));
}
