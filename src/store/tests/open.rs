//! Opening: what is refused, and in which words.

use std::fs;

use super::bed::{at, case_id, finding, note, on_bed, run_id};
use crate::store::writer::Turn;
use crate::store::{Acceptance, Commit, Effect, NewMessage, Store, StoreError};

/// Why `url` can't be opened.
async fn refusal(url: &str) -> String {
    match Store::open(url).await {
        Ok(_) => panic!("{url} was opened"),
        Err(error @ StoreError::Open { .. }) => error.to_string(),
        Err(other) => panic!("{url}: {other:?}"),
    }
}

#[tokio::test]
async fn a_place_that_can_not_be_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().display();
    fs::write(folder.path().join("file"), "no database, but a letter to a friend".repeat(100))
        .unwrap();
    for (url, words) in [
        (format!("sqlite://{here}/missing/x.db"), "there is no folder "),
        (format!("sqlite://{here}/x.db?mode=rw"), "No such file or directory"),
        (format!("sqlite://{here}"), "Is a directory"),
        (format!("sqlite://{here}/file/x.db"), "Not a directory"),
        (format!("sqlite://{here}/file"), "no database"),
        (format!("sqlite://{here}/x.db?mode=ro"), "only ?mode=rwc and ?mode=rw"),
        ("sqlite://".to_owned(), "names no file"),
        ("sqlite:///proc/x.db".to_owned(), "can't open the database /proc/x.db"),
        ("postgres://user:secret@host/db".to_owned(), "only sqlite://<path> is built in"),
    ] {
        let said = refusal(&url).await;
        assert!(said.contains(words), "{url}: {said}");
        // Only what is in the file is found when it is opened.
        if words != "no database" {
            let checked = Store::check(&url).unwrap_err().to_string();
            assert!(checked.contains(words), "{url}: {checked}");
        }
        assert!(!said.contains("secret"));
    }
}

#[test]
fn a_look_at_a_place_leaves_nothing_there() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/x.db", folder.path().display());
    assert_eq!(Store::check(&url), Ok(()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    fs::write(folder.path().join("x.db"), "kept").unwrap();
    assert_eq!(Store::check(&format!("{url}?mode=rw")), Ok(()));
    assert_eq!(fs::read(folder.path().join("x.db")).unwrap(), b"kept");
    assert_eq!(Store::check("sqlite::memory:"), Ok(()));
}

#[tokio::test]
async fn odd_but_lawful_paths_are_opened() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a b.db", "100%.db", "hash#.db", "ü.db", "a'b.db"] {
        let store =
            Store::open(&format!("sqlite://{}/{name}", folder.path().display())).await.unwrap();
        store.accept(finding("aaaa")).await.unwrap();
        store.close().await;
        assert!(folder.path().join(name).exists(), "{name}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5, "nothing else was made");
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_their_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa")).await.unwrap();
        // As an earlier version made it.
        let lock = format!("{}.lock", bed.path().display());
        drop(bed.store.lock_for_serving().unwrap());
        assert_eq!(fs::metadata(&lock).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&lock, fs::Permissions::from_mode(0o644)).unwrap();
        drop(bed.store.lock_for_serving().unwrap());
        for suffix in ["", "-wal", "-shm", ".lock"] {
            let path = format!("{}{suffix}", bed.path().display());
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_memory_database_is_whole_and_gone_with_its_store() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    store.accept(finding("aaaa")).await.unwrap();
    store.ping().await.unwrap();
    assert!(store.case(&case_id("aaaa")).await.unwrap().is_some());
    let path = store.path().to_owned();
    let other = Store::open("sqlite::memory:").await.unwrap();
    assert_eq!(other.case(&case_id("aaaa")).await.unwrap(), None, "each is its own");
    store.close().await;
    drop(store);
    assert!(!path.exists());
}

#[tokio::test]
async fn one_process_serves() {
    on_bed(async |bed| {
        let lock = bed.store.lock_for_serving().unwrap();
        let beside = Store::open(&bed.url()).await.unwrap();
        let refused = beside.lock_for_serving().unwrap_err();
        assert!(refused.to_string().contains("another `tourniquet serve`"), "{refused}");
        beside.accept(finding("aaaa")).await.unwrap();
        assert!(
            bed.store.case(&case_id("aaaa")).await.unwrap().is_some(),
            "other commands work beside it"
        );
        drop(lock);
        beside.lock_for_serving().unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_newer_or_changed_schema_is_refused() {
    for (change, words) in [
        ("UPDATE _sqlx_migrations SET version = 99 WHERE version = 2", "newer Tourniquet"),
        (
            "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1",
            "not the one of this program",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/x.db", folder.path().display());
        let store = Store::open(&url).await.unwrap();
        let changed = store.write(Turn::Next, move |connection| {
            Box::pin(async move {
                sqlx::query(change).execute(connection).await?;
                Ok(())
            })
        });
        changed.await.unwrap();
        store.close().await;
        let said = refusal(&url).await;
        assert!(said.contains(words), "{said}");
    }
}

/// The schema before a message could be about no case.
#[tokio::test]
async fn messages_of_an_older_schema_are_still_to_be_sent() {
    on_bed(async |bed| {
        let (case, fence) = bed.running("aaaa").await;
        let message = NewMessage {
            id: "run-aaaa".to_owned(),
            run: Some(run_id("aaaa")),
            channel: "oncall".to_owned(),
            text: "look at it".to_owned(),
            at: at(0),
        };
        bed.apply(&case, Some(&fence), vec![Effect::Tell(message)]).await.unwrap();
        let tells = Some("nothing acts on it".to_owned());
        bed.store.accept(Acceptance { tells, ..finding("bbbb") }).await.unwrap();
        for statement in [
            "ALTER TABLE messages RENAME TO newer",
            "DROP INDEX messages_due",
            include_str!("../migrations/0007_messages.sql").split("-- The highest").next().unwrap(),
            "INSERT INTO messages (id, case_id, run, channel, text, created_at, attempts, due_at) \
             SELECT id, case_id, run, channel, text, created_at, attempts, due_at FROM newer",
            "DROP TABLE newer",
            "DROP TABLE unreadable",
            "DELETE FROM _sqlx_migrations WHERE version IN (8, 11)",
        ] {
            let older = bed.store.write(Turn::Next, move |connection| {
                Box::pin(async move {
                    sqlx::raw_sql(statement).execute(connection).await?;
                    Ok(())
                })
            });
            older.await.unwrap();
        }
        bed.reopen().await;
        let kept = bed.store.claim_messages(at(1), at(61), 8, 8).await.unwrap();
        let kept: Vec<_> =
            kept.into_iter().map(|kept| (kept.case, kept.text, kept.gathered)).collect();
        let forged = (Some(case_id("bbbb")), "nothing acts on it".to_owned(), true);
        assert_eq!(kept, [forged, (Some(case), "look at it".to_owned(), false)]);
    })
    .await;
}

#[tokio::test]
async fn a_damaged_file_is_reported_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let url = format!("sqlite://{}", path.display());
    let store = Store::open(&url).await.unwrap();
    store.accept(finding("aaaa")).await.unwrap();
    let entries = (0..200).map(|_| note(&"x".repeat(500))).collect();
    let commit = Commit { case: case_id("aaaa"), fence: None, entries, effects: vec![] };
    store.commit(commit).await.unwrap();
    store.close().await;

    let mut bytes = fs::read(&path).unwrap();
    // The first page, which holds the schema, stays; what follows becomes nonsense.
    bytes[4096..].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let error = match Store::open(&url).await {
        Err(error) => error,
        Ok(store) => store.entries(&case_id("aaaa"), 0, 1000).await.unwrap_err(),
    };
    assert!(
        matches!(&error, StoreError::Corrupt(_)) || error.to_string().contains("damaged"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_value_that_this_program_does_not_write_is_corrupt() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa")).await.unwrap();
        let set = async |statement: &'static str| {
            let done = bed.store.write(Turn::Next, move |connection| {
                Box::pin(async move {
                    sqlx::query(statement).execute(connection).await?;
                    Ok(())
                })
            });
            done.await.unwrap();
        };
        set("UPDATE cases SET status = 'fine'").await;
        let read = bed.store.case(&case_id("aaaa")).await;
        assert_eq!(read, Err(StoreError::Corrupt("status holds \"fine\"".to_owned())));
        set("UPDATE cases SET status = 'open'").await;
        set("UPDATE blobs SET bytes = x'00'").await;
        let read = bed.store.finding_document(&case_id("aaaa")).await;
        assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?} {}", at(0));
    })
    .await;
}
