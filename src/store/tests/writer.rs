//! Group commit, and what is left after a failure.

use std::thread;

use fail::FailScenario;
use futures::future::{join, join_all};
use sqlx::AssertSqlSafe;
use tokio::sync::oneshot;

use super::bed::{Bed, case_id, commit, finding, note, on_bed};
use crate::store::writer::Turn;
use crate::store::{Store, StoreError};

/// Runs one statement as a job of the writer.
async fn execute(store: &Store, statement: String) -> Result<(), StoreError> {
    store
        .write(Turn::Next, move |connection| {
            Box::pin(async move {
                sqlx::query(AssertSqlSafe(statement)).execute(connection).await?;
                Ok(())
            })
        })
        .await
}

/// Holds the writer in one transaction until `others` are all handed in, then lets it go on.
pub async fn while_busy<T>(store: &Store, others: impl Future<Output = T>) -> T {
    let (begin, begun) = oneshot::channel::<()>();
    let (free, busy) = oneshot::channel::<()>();
    let hold = store.write(Turn::Next, |_| {
        Box::pin(async move {
            let _ = begin.send(());
            let _ = busy.await;
            Ok(())
        })
    });
    let rest = async move {
        begun.await.unwrap();
        let release = async move {
            let _ = free.send(());
        };
        // The others are polled first. Unconstrained, or tokio would interrupt their handing in.
        tokio::task::unconstrained(join(others, release)).await.0
    };
    let (held, result) = join(hold, rest).await;
    held.unwrap();
    result
}

#[tokio::test]
async fn writes_that_wait_together_share_one_commit() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa")).await.unwrap();
        let before = bed.store.commits();
        let writes = join_all(
            (0..200)
                .map(|n| bed.store.commit(commit(&case_id("aaaa"), vec![note(&n.to_string())]))),
        );
        let results = while_busy(&bed.store, writes).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(bed.store.commits() - before, 2, "one for the holder, one for all 200");
        assert_eq!(bed.store.head(&case_id("aaaa")).await.unwrap().unwrap().length, 203);
    })
    .await;
}

#[tokio::test]
async fn a_job_that_fails_fails_alone() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa")).await.unwrap();
        let before = bed.store.commits();
        let writes = join_all((0..20).map(|n| {
            // Every second one inserts a note and then something that can't be stored.
            let second = if n % 2 == 0 { note("fine") } else { note(&"x".repeat(70_000)) };
            bed.store.commit(commit(&case_id("aaaa"), vec![note(&n.to_string()), second]))
        }));
        let results = while_busy(&bed.store, writes).await;
        assert_eq!(bed.store.commits() - before, 2);
        for (n, result) in results.iter().enumerate() {
            assert_eq!(result.is_ok(), n % 2 == 0, "{result:?}");
        }
        assert_eq!(bed.store.head(&case_id("aaaa")).await.unwrap().unwrap().length, 3 + 20);
    })
    .await;
}

#[tokio::test]
async fn a_job_that_panics_takes_no_one_down_for_good() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa")).await.unwrap();
        let panics = bed.store.write::<(), _>(Turn::Next, |_| Box::pin(async { panic!("a bug") }));
        let beside = bed.store.commit(commit(&case_id("aaaa"), vec![note("beside it")]));
        let (panicked, beside) = while_busy(&bed.store, join(panics, beside)).await;
        assert!(matches!(panicked, Err(StoreError::Unavailable(_))));
        assert!(matches!(beside, Err(StoreError::Unavailable(_))), "not acknowledged, so not done");
        bed.store.commit(commit(&case_id("aaaa"), vec![note("later")])).await.unwrap();
        assert_eq!(bed.store.head(&case_id("aaaa")).await.unwrap().unwrap().length, 4);
    })
    .await;
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_the_process_is_gone() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa").with_run("aaaa")).await.unwrap();
        let head = bed.store.head(&case_id("aaaa")).await.unwrap();
        bed.reopen().await;
        assert_eq!(bed.store.head(&case_id("aaaa")).await.unwrap(), head);
        assert_eq!(bed.store.runs_open().await.unwrap().len(), 1);
    })
    .await;
}

/// Lets the writer of this test, and no other test's, die at `point`.
fn die_at(point: &str) {
    let here = thread::current().id();
    fail::cfg_callback(point, move || {
        if thread::current().id() == here {
            panic!("the process died here");
        }
    })
    .unwrap();
}

#[tokio::test]
async fn a_crash_around_the_commit_leaves_all_or_nothing() {
    for (point, stored) in [("store::before_commit", false), ("store::after_commit", true)] {
        on_bed(async |bed| {
            let scenario = FailScenario::setup();
            die_at(point);
            let answer = bed.store.accept(finding("aaaa").with_run("aaaa")).await;
            assert!(
                matches!(answer, Err(StoreError::Unavailable(_))),
                "not acknowledged at {point}"
            );
            scenario.teardown();
            let gone = bed.store.ping().await;
            assert!(matches!(gone, Err(StoreError::Unavailable(_))), "the writer is gone");

            bed.reopen().await;
            assert_eq!(
                bed.store.case(&case_id("aaaa")).await.unwrap().is_some(),
                stored,
                "{point}"
            );
            // The sender tries again, as after any answer that is no success.
            let again = bed.store.accept(finding("aaaa").with_run("bbbb")).await.unwrap();
            assert_eq!(again.disposition.label(), if stored { "duplicate" } else { "new" });
            assert_eq!(bed.store.runs_open().await.unwrap().len(), 1, "one run, either way");
        })
        .await;
    }
}

/// Leaves the file no room to grow, until the writer's connection is another.
async fn fill(bed: &Bed) {
    // The pragma takes no less than the present size, so 1 is "not one page more".
    execute(&bed.store, "PRAGMA max_page_count = 1".into()).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_nothing_is_half_done() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa")).await.unwrap();
        fill(bed).await;
        let head = bed.store.head(&case_id("aaaa")).await.unwrap();
        let mut large = finding("bbbb");
        large.raw = vec![b'x'; 1 << 20];
        let full = Err(StoreError::Unavailable("the disk is full".into()));
        assert_eq!(bed.store.accept(large.clone()).await, full);
        // The writer has a new connection now, and the limit was the old one's.
        fill(bed).await;
        // Entries until the last page is full: what is acknowledged stands, what is not is not there.
        let mut acknowledged = 0;
        let mut error = None;
        while error.is_none() {
            assert!(acknowledged < 10_000, "the file has no room to grow");
            let entries = (0..10).map(|_| note(&"y".repeat(1000))).collect();
            match bed.store.commit(commit(&case_id("aaaa"), entries)).await {
                Ok(_) => acknowledged += 10,
                Err(refused) => error = Some(refused),
            }
        }
        assert_eq!(error, Some(StoreError::Unavailable("the disk is full".into())));
        let length = bed.store.head(&case_id("aaaa")).await.unwrap().unwrap().length;
        assert_eq!(length, head.unwrap().length + acknowledged);
        assert_eq!(bed.store.case(&case_id("bbbb")).await.unwrap(), None);

        bed.reopen().await;
        let accepted = bed.store.accept(large).await.unwrap();
        assert_eq!(
            accepted.disposition.label(),
            "new",
            "with room again, all is as if never tried"
        );
    })
    .await;
}

#[tokio::test]
async fn a_disk_that_is_full_is_known_until_there_is_room_again() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa")).await.unwrap();
        bed.store.ping().await.unwrap();
        fill(bed).await;
        let mut large = finding("bbbb");
        large.raw = vec![b'x'; 1 << 20];
        bed.store.accept(large.clone()).await.unwrap_err();
        assert!(bed.store.fails_to_write());
        for _ in 0..2 {
            // A failure may take the connection, and the limit with it.
            fill(bed).await;
            assert!(matches!(bed.store.ping().await, Err(StoreError::Unavailable(_))));
        }
        // What needs no room goes in, and proves nothing.
        fill(bed).await;
        let again = bed.store.accept(finding("aaaa")).await;
        assert!(again.is_ok() && bed.store.fails_to_write(), "{again:?}");
        execute(&bed.store, "PRAGMA max_page_count = 1000000".into()).await.unwrap();
        assert!(bed.store.fails_to_write());
        bed.store.ping().await.unwrap();
        assert!(!bed.store.fails_to_write(), "there is room again");
        bed.store.accept(large).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn closing_carries_out_what_waits_and_refuses_the_rest() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa")).await.unwrap();
        let write = bed.store.commit(commit(&case_id("aaaa"), vec![note("last")]));
        let (written, ()) = join(write, bed.store.close()).await;
        written.unwrap();
        let late = bed.store.commit(commit(&case_id("aaaa"), vec![note("late")])).await;
        assert!(matches!(late, Err(StoreError::Unavailable(_))));
        assert!(bed.store.case(&case_id("aaaa")).await.is_err());
        let log = bed.path().with_extension("db-wal");
        assert!(!log.exists(), "the last connection folds the log into the file");
        bed.reopen().await;
        assert_eq!(bed.store.head(&case_id("aaaa")).await.unwrap().unwrap().length, 4);
    })
    .await;
}

#[tokio::test]
async fn reads_go_on_while_a_write_is_under_way() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa")).await.unwrap();
        let case = while_busy(&bed.store, bed.store.case(&case_id("aaaa"))).await;
        assert_eq!(case.unwrap().unwrap().length, 3);
    })
    .await;
}

#[tokio::test]
async fn what_comes_from_outside_goes_first_and_the_rest_gets_on() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa")).await.unwrap();
        let before = bed.store.commits();
        let (case, store) = (case_id("aaaa"), bed.store.clone());
        let notes =
            join_all((0..40).map(|n| store.commit(commit(&case, vec![note(&n.to_string())]))));
        let outside = async {
            let accepted = bed.store.accept(finding("bbbb")).await;
            (accepted, bed.store.commits())
        };
        let (notes, (accepted, commits)) = while_busy(&bed.store, join(notes, outside)).await;
        assert!(accepted.is_ok() && notes.iter().all(Result::is_ok));
        // The holder's, and one that the finding shared with some of the notes that came before it.
        assert_eq!(commits - before, 2);
        assert_eq!(bed.store.commits() - before, 3, "the other notes follow");
    })
    .await;
}
