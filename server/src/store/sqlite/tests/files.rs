//! The data directory and its files: what is kept, and who is refused.

use std::path::Path;

use super::{eventually, fresh, on_writer, open_at, options};
use crate::store::contract::{append, channel, create, delete, edit};
use crate::store::sqlite::{OpenError, Options, open};

/// Why it cannot be opened.
async fn refusal(options: Options) -> OpenError {
    match open(options).await {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn everything_is_kept() {
    let (store, (sqlite, directory)) = fresh().await;
    let channel = channel(&store).await;
    append(&store, channel, 0, vec![create("a"), create("b"), edit(1, "c"), delete(2)]).await;
    let records = store.log.read(channel, 0, 10).await.unwrap();
    let position = store.log.position(channel).await.unwrap();
    sqlite.close().await.unwrap();
    let data = directory.path().join("data");
    assert!(!data.join("guildhall.db-wal").exists(), "the log was not worked in");
    let (store, sqlite) = open_at(directory.path()).await;
    assert_eq!(store.log.read(channel, 0, 10).await.unwrap(), records);
    assert_eq!(store.log.position(channel).await.unwrap(), position);
    sqlite.integrity_check().await.unwrap();
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let (_store, (sqlite, directory)) = fresh().await;
    let error = refusal(options(directory.path())).await;
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(error.to_string().contains(&directory.path().display().to_string()), "{error}");
    // Dropped, not closed: the files are let go of soon.
    drop(sqlite);
    eventually("the lock is free", async || match open(options(directory.path())).await {
        Ok(_) => true,
        Err(error) => {
            assert!(matches!(error, OpenError::Locked { .. }), "{error}");
            false
        }
    })
    .await;
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (_store, (sqlite, directory)) = fresh().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'later', TRUE, x'00', 0)";
    on_writer(&sqlite, newer).await.unwrap();
    sqlite.close().await.unwrap();
    let error = refusal(options(directory.path())).await;
    assert!(matches!(error, OpenError::Newer { version: 9999, .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_file_is_refused() {
    let (_store, (sqlite, directory)) = fresh().await;
    sqlite.close().await.unwrap();
    std::fs::write(directory.path().join("data/guildhall.db"), [b'x'; 8192]).unwrap();
    let error = refusal(options(directory.path())).await;
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn a_place_that_is_no_directory_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for path in [file.path().to_owned(), file.path().join("below")] {
        let error = refusal(Options { path, read_connections: 1 }).await;
        assert!(matches!(error, OpenError::Directory { .. }), "{error}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_read_only_directory_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o500)).unwrap();
    if std::fs::write(directory.path().join("probe"), "").is_ok() {
        eprintln!("skipped: this user may write everywhere; see a_read_only_disk_is_refused");
        return;
    }
    let error = refusal(options(directory.path())).await;
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error}");
}

/// For the user whom no mode stops.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_read_only_disk_is_refused() {
    struct Mounted<'p>(&'p Path);
    impl Drop for Mounted<'_> {
        fn drop(&mut self) {
            let _ = std::process::Command::new("umount").arg(self.0).status();
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let mount = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "ro,size=64k", "tmpfs"])
        .arg(directory.path())
        .output();
    if !mount.is_ok_and(|mount| mount.status.success()) {
        eprintln!("skipped: this user may not mount");
        return;
    }
    let _mounted = Mounted(directory.path());
    let error = refusal(options(directory.path())).await;
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let (_store, (_sqlite, directory)) = fresh().await;
    let data = directory.path().join("data");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for name in ["guildhall.db", "guildhall.db-wal", "guildhall.lock"] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
}
