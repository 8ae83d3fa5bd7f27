//! What is refused, and what is left untouched then.

use super::*;

#[tokio::test]
async fn a_target_that_is_not_empty_is_refused() {
    for to in [Place::sqlite(), Place::postgres().await] {
        let from = Place::sqlite();
        let (mut source, mut target) = (from.open().await, to.open().await);
        fill(&source.side.store).await;
        let theirs = fill(&target.side.store).await;
        let refused = run(&mut source.side, &mut target.side).await.unwrap_err();
        assert!(matches!(&refused, MoveError::Foreign(why) if why.contains("channels")), "{refused}");
        let position = target.side.store.log.position(theirs.long).await.unwrap();
        assert_eq!(position.map(|position| position.seq), Some(theirs.head));
        source.close().await;
        target.close().await;
        assert!(to.is_served().await, "it is nobody's half move");
    }
}

#[tokio::test]
async fn messages_in_the_targets_keyspace_are_refused() {
    let (from, to) = (Place::sqlite(), Place::sqlite());
    let (mut source, mut target) = (from.open().await, to.open().await);
    target.side.keyspace = "theirs".to_owned();
    target.side.keyspace_is_empty = false;
    let refused = run(&mut source.side, &mut target.side).await.unwrap_err();
    assert!(matches!(&refused, MoveError::Foreign(why) if why.contains("theirs")), "{refused}");
}

#[tokio::test]
async fn a_target_with_nothing_but_an_open_setup_code_is_taken() {
    let (from, to) = (Place::sqlite(), Place::postgres().await);
    let (mut source, mut target) = (from.open().await, to.open().await);
    let theirs = crate::store::Write::SetSetupCode([1; 32]);
    crate::store::contract::commit(&target.side.store, vec![theirs]).await;
    fill(&source.side.store).await;
    let summary = run(&mut source.side, &mut target.side).await.unwrap();
    assert!(summary.is_equal(), "{summary:#?}");
    source.close().await;
    target.close().await;
}

/// Half of one source and half of another, or of the same one later, are not a whole.
#[tokio::test]
async fn only_the_same_source_goes_on() {
    let (from, to, other) = (Place::sqlite(), Place::postgres().await, Place::sqlite());
    let (mut source, mut target, mut another) = (from.open().await, to.open().await, other.open().await);
    let filled = fill(&source.side.store).await;
    fill(&another.side.store).await;
    break_off(&mut source.side, &mut target.side, 500).await;
    let refused = run(&mut another.side, &mut target.side).await.unwrap_err();
    assert!(matches!(refused, MoveError::OtherMove), "{refused}");
    target.side.keyspace = "elsewhere".to_owned();
    let refused = run(&mut source.side, &mut target.side).await.unwrap_err();
    assert!(matches!(refused, MoveError::OtherMove), "{refused}");
    target.side.keyspace = String::new();
    append(&source.side.store, filled.long, filled.head, vec![create("somebody wrote")]).await;
    let refused = run(&mut source.side, &mut target.side).await.unwrap_err();
    assert!(matches!(refused, MoveError::OtherMove), "{refused}");
    for open in [source, target, another] {
        open.close().await;
    }
    assert!(!to.is_served().await);
}

/// A move that ends is one that compared: what was changed behind its back is found.
#[tokio::test]
async fn a_difference_is_found_and_not_served() {
    let (from, to) = (Place::sqlite(), Place::postgres().await);
    let (mut source, mut target) = (from.open().await, to.open().await);
    let filled = fill(&source.side.store).await;
    break_off(&mut source.side, &mut target.side, 1_500).await;
    let Place::Postgres(url) = &to else { unreachable!() };
    let mut sql = testing_postgres::connect(url).await;
    let spoil = "UPDATE messages SET content = 'spoilt' WHERE message_id = 7";
    let spoilt = sqlx::query(spoil).execute(&mut sql).await.unwrap();
    assert!(spoilt.rows_affected() > 0, "it was written already");
    let summary = run(&mut source.side, &mut target.side).await.unwrap();
    assert!(!summary.is_equal());
    assert_eq!(summary.different, [format!("Channel {}", filled.long.get())]);
    assert!(target.side.tables.mark().await.unwrap().is_some());
    source.close().await;
    target.close().await;
    assert!(!to.is_served().await);
}

#[tokio::test]
async fn a_store_that_somebody_uses_is_refused() {
    let to = Place::postgres().await;
    let Place::Postgres(url) = &to else { unreachable!() };
    let open = to.open().await;
    let second = postgres::archive::Archive::occupy(url).await.err().unwrap();
    assert!(matches!(second, postgres::OpenError::Moving { .. }), "{second}");
    open.close().await;
    let (_, server) = postgres::open(postgres_options(url)).await.unwrap();
    let served = postgres::archive::Archive::occupy(url).await.err().unwrap();
    assert!(matches!(served, postgres::OpenError::InUse { .. }), "{served}");
    server.close().await.unwrap();
    drop(postgres::archive::Archive::occupy(url).await.unwrap());
    // A node whose sessions are not seen, as behind a pooler, is on the list of nodes.
    let mut sql = testing_postgres::connect(url).await;
    let beat =
        "INSERT INTO nodes (id, address, load, expire_time) VALUES (1, 'a:1', 0, clock_timestamp() + interval '1 day')";
    sqlx::query(beat).execute(&mut sql).await.unwrap();
    let listed = postgres::archive::Archive::occupy(url).await.err().unwrap();
    assert!(matches!(listed, postgres::OpenError::InUse { .. }), "{listed}");
}

#[tokio::test]
async fn a_source_that_is_not_there_is_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = directory.path().join("data");
    let missing = sqlite::archive::look_for(&nowhere).unwrap_err();
    assert!(matches!(missing, sqlite::OpenError::Missing { .. }), "{missing}");
    assert!(!nowhere.exists());
    let error = MoveError::Store(End::Source, crate::store::Error::Full);
    assert_eq!(error.to_string(), "source: storage full");
}
