//! Findings that are accepted together: what they come to is what they would come to one by one.

use futures::future::join_all;
use proptest::prelude::*;
use serde_json::json;
use sqlx::{AssertSqlSafe, Row as _};

use super::bed::{Bed, at, case_id, finding, note, on_bed, run_id};
use super::writer::while_busy;
use crate::case::{Disposition, Status};
use crate::id::Digest;
use crate::routing::Mode;
use crate::store::accept::Accepted;
use crate::store::{Acceptance, Commit, Effect, Store, StoreError};

/// Hands all of `deliveries` in while the writer is busy, in their order.
async fn together(
    store: &Store,
    deliveries: impl IntoIterator<Item = Acceptance>,
) -> Vec<Result<Accepted, StoreError>> {
    let before = store.commits();
    let waiting = join_all(deliveries.into_iter().map(|delivery| store.accept(delivery)));
    let answers = while_busy(store, waiting).await;
    assert_eq!(store.commits() - before, 2, "one commit for the holder, one for the group");
    answers
}

/// What each was accepted as.
fn labels(answers: &[Result<Accepted, StoreError>]) -> Vec<&str> {
    let label = |answer: &Result<Accepted, StoreError>| {
        answer.as_ref().map_or("failed", |accepted| accepted.disposition.label())
    };
    answers.iter().map(label).collect()
}

#[tokio::test]
async fn a_group_of_new_findings_is_a_case_and_a_run_each() {
    on_bed(async |bed| {
        let names: Vec<String> = (0..200).map(|n| format!("a{n:03}")).collect();
        let answers =
            together(&bed.store, names.iter().map(|name| finding(name).with_run(name))).await;
        for (name, answer) in names.iter().zip(answers) {
            let accepted = answer.unwrap();
            assert_eq!((accepted.disposition, accepted.seen), (Disposition::New, 1));
            assert_eq!((accepted.case, accepted.run), (case_id(name), Some(run_id(name))));
            let case = bed.store.case(&case_id(name)).await.unwrap().unwrap();
            assert_eq!((case.status, case.findings, case.length), (Status::Active, 1, 5));
            assert_eq!(bed.store.runs_of(&case.id).await.unwrap().len(), 1);
            let document = bed.store.finding_document(&case.id).await.unwrap().unwrap();
            assert_eq!(document["id"], name.as_str());
        }
    })
    .await;
}

#[tokio::test]
async fn the_same_finding_twice_in_a_group_is_one_case_and_one_run() {
    on_bed(async |bed| {
        let mut again = finding("aaaa").with_run("bbbb");
        again.case = case_id("bbbb");
        let group = [finding("aaaa").with_run("aaaa"), finding("cccc"), again];
        let answers = together(&bed.store, group).await;
        assert_eq!(labels(&answers), ["new", "new", "duplicate"]);
        let again = answers[2].as_ref().unwrap();
        assert_eq!((&again.case, &again.run, again.seen), (&case_id("aaaa"), &None, 2));
        assert_eq!(bed.store.case(&case_id("bbbb")).await.unwrap(), None);
        assert_eq!(bed.store.runs_open().await.unwrap().len(), 1);
        assert_eq!(bed.store.case(&case_id("aaaa")).await.unwrap().unwrap().deliveries, 2);
    })
    .await;
}

#[tokio::test]
async fn a_finding_and_its_versions_in_a_group_keep_their_order() {
    on_bed(async |bed| {
        let versions = [5, 9, 2, 9, 10].map(|minutes| finding("aaaa").version(minutes));
        let answers = together(&bed.store, versions).await;
        assert_eq!(labels(&answers), ["new", "updated", "stale", "duplicate", "updated"]);
        let seen: Vec<u64> = answers.iter().map(|answer| answer.as_ref().unwrap().seen).collect();
        assert_eq!(seen, [1, 2, 3, 4, 5]);
        let case = bed.store.case(&case_id("aaaa")).await.unwrap().unwrap();
        assert_eq!((case.deliveries, case.last_finding_at), (5, at(600)));
        let document = bed.store.finding_document(&case.id).await.unwrap().unwrap();
        assert_eq!(document["version"], 10);
    })
    .await;
}

#[tokio::test]
async fn a_finding_joins_the_case_that_one_before_it_in_the_group_opened() {
    on_bed(async |bed| {
        let mut joining = finding("bbbb").with_run("bbbb");
        joining.correlation = finding("aaaa").correlation;
        joining.run.as_mut().unwrap().params = json!({"instance": "aaaa"});
        let answers = together(&bed.store, [finding("aaaa").with_run("aaaa"), joining]).await;
        assert_eq!(labels(&answers), ["new", "joined"]);
        assert_eq!(answers[1].as_ref().unwrap().run, None, "the case has one for this instance");
        assert_eq!(bed.store.runs_of(&case_id("aaaa")).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_stored_fails_alone() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa")).await.unwrap();
        // Found before anything is written,
        let mut decimal = finding("bbbb");
        decimal.reasons = json!({"score": 7.5});
        let mut unpinned = finding("cccc").with_run("cccc");
        unpinned.run.as_mut().unwrap().hash = Digest::zero();
        // and by the database: the case's id is in use, the run's is used twice.
        let mut taken = finding("dddd");
        taken.case = case_id("aaaa");
        let group = [
            finding("eeee").with_run("eeee"),
            decimal,
            taken,
            finding("ffff").with_run("eeee"),
            unpinned,
            finding("gggg").with_run("gggg"),
        ];
        let answers = together(&bed.store, group).await;
        assert_eq!(labels(&answers), ["new", "failed", "failed", "failed", "failed", "new"]);
        assert!(matches!(answers[1], Err(StoreError::Seal(_))));
        for refused in &answers[2..5] {
            assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
        }
        for (name, stored) in [("bbbb", false), ("ffff", false), ("eeee", true), ("gggg", true)] {
            assert_eq!(bed.store.case(&case_id(name)).await.unwrap().is_some(), stored, "{name}");
        }
        let raw = Digest::of(&finding("ffff").raw);
        assert_eq!(bed.store.blob(&raw).await.unwrap(), None, "nothing is left of it");
        assert_eq!(bed.store.runs_open().await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_write_beside_a_group_fails_alone_and_lets_the_group_stand() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa")).await.unwrap();
        let large = Commit {
            case: case_id("aaaa"),
            fence: None,
            entries: vec![note(&"x".repeat(70_000))],
            effects: vec![],
        };
        let beside = bed.store.commit(large);
        let group = join_all(["bbbb", "cccc"].map(|name| bed.store.accept(finding(name))));
        let waiting = futures::future::join(beside, group);
        let (beside, group) = while_busy(&bed.store, waiting).await;
        assert!(matches!(beside, Err(StoreError::Seal(_))));
        assert_eq!(labels(&group), ["new", "new"]);
        assert!(bed.store.case(&case_id("cccc")).await.unwrap().is_some());
    })
    .await;
}

/// One of few findings, in one of few versions, with or without a run, on one of few resources.
fn delivery() -> impl Strategy<Value = (usize, i64, Option<bool>, usize, bool)> {
    (0..5_usize, 0..4_i64, proptest::option::of(any::<bool>()), 0..4_usize, any::<bool>())
}

fn deliver(n: usize, what: (usize, i64, Option<bool>, usize, bool)) -> Acceptance {
    let (which, minutes, run, resource, archived) = what;
    let mut incoming = finding(&format!("f{which:03}")).version(minutes * 900);
    incoming.case = case_id(&format!("n{n:03}"));
    incoming.version.archived = archived;
    incoming.severity = Some(10 * u16::try_from(resource + which).unwrap());
    incoming.correlation = format!("111122223333/instance/r{resource}");
    if let Some(acts) = run {
        incoming = incoming.with_run(&format!("n{n:03}"));
        let run = incoming.run.as_mut().unwrap();
        run.params = json!({"instance": resource});
        (run.mode, run.target) = match acts {
            true => (Mode::Contain, Some(format!("r{resource}"))),
            false => (Mode::Observe, None),
        };
    }
    incoming
}

/// Everything that the database holds, but for the order in which it came.
async fn picture(bed: &Bed) -> Vec<String> {
    let mut picture = Vec::new();
    for table in ["blobs", "cases", "heads", "entries", "findings", "finding_versions", "runs"] {
        let statement = AssertSqlSafe(format!("SELECT * FROM {table}"));
        let rows = sqlx::query(statement).fetch_all(bed.store.readers()).await.unwrap();
        let cell = |row: &sqlx::any::AnyRow, n: usize| {
            row.try_get::<Option<String>, _>(n)
                .map(|text| format!("{text:?}"))
                .or_else(|_| row.try_get::<Option<i64>, _>(n).map(|number| format!("{number:?}")))
                .unwrap_or_else(|_| format!("{:?}", row.get::<Option<Vec<u8>>, _>(n)))
        };
        let line = |row: &sqlx::any::AnyRow| {
            let cells: Vec<_> = (0..row.len()).map(|n| cell(row, n)).collect();
            format!("{table}: {}", cells.join(" "))
        };
        picture.extend(rows.iter().map(line));
    }
    picture.sort_unstable();
    picture
}

/// Closes the first case of a bed that can be closed, as a person does.
async fn close_one(bed: &Bed) {
    for case in bed.store.cases(Default::default(), None, 10).await.unwrap().items {
        let mut entry = note("closed");
        entry.at = at(3600);
        let effects = vec![Effect::CloseCase { closed: true }];
        let commit = Commit { case: case.id, fence: None, entries: vec![entry], effects };
        match bed.store.commit(commit).await {
            Ok(_) => return,
            Err(error) => assert!(matches!(error, StoreError::Conflict(_)), "{error:?}"),
        }
    }
}

type What = (usize, i64, Option<bool>, usize, bool);

/// Delivers `first` one by one to two beds, and `then` one by one to one of them and together to the
/// other.
fn come_to_the_same(first: &[What], then: &[What]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(on_bed(async |alone| {
        on_bed(async |grouped| {
            let first: Vec<_> =
                first.iter().enumerate().map(|(n, what)| deliver(n, *what)).collect();
            let then: Vec<_> =
                then.iter().enumerate().map(|(n, what)| deliver(100 + n, *what)).collect();
            for bed in [&*alone, &*grouped] {
                for delivery in &first {
                    bed.store.accept(delivery.clone()).await.unwrap();
                }
                close_one(bed).await;
            }
            let mut one_by_one = Vec::new();
            for delivery in &then {
                one_by_one.push(alone.store.accept(delivery.clone()).await);
            }
            assert_eq!(together(&grouped.store, then).await, one_by_one);
            let (grouped, alone) = (picture(grouped).await, picture(alone).await);
            let odd = grouped.iter().filter(|line| !alone.contains(line));
            assert_eq!(odd.collect::<Vec<_>>(), Vec::<&String>::new(), "only in the group");
            assert_eq!(grouped.len(), alone.len());
        })
        .await;
    }));
}

/// The second delivery gives the first one's key back to an older case, although it has another key
/// itself.
#[test]
fn a_case_that_a_group_reopens_is_found_by_its_own_key() {
    let what = |which, minutes, resource| (which, minutes, None, resource, false);
    come_to_the_same(&[what(4, 0, 2)], &[what(0, 0, 2), what(4, 1, 0), what(1, 0, 2)]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_group_comes_to_what_its_findings_come_to_one_by_one(
        first in proptest::collection::vec(delivery(), 0..6),
        then in proptest::collection::vec(delivery(), 1..14),
    ) {
        come_to_the_same(&first, &then);
    }
}
