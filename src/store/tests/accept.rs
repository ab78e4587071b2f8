//! Findings in: dispositions, counts, what is written and what is not.

use futures::future::join_all;
use serde_json::json;

use super::bed::{at, case_id, finding, note, on_bed, run, run_id};
use super::claim::event;
use crate::case::{Disposition, RunEvent, Status};
use crate::id::Digest;
use crate::routing::Mode;
use crate::store::{Acceptance, Commit, Effect, NewRun, RunKind, StoreError};
use crate::timeline::Kind;

#[tokio::test]
async fn a_finding_opens_a_case_and_starts_its_run() {
    on_bed(async |bed| {
        let accepted = bed.store.accept(finding("aaaa").with_run("aaaa")).await.unwrap();
        assert_eq!(accepted.disposition, Disposition::New);
        assert_eq!(accepted.run, Some(run_id("aaaa")));
        assert_eq!(
            bed.kinds(&accepted.case).await,
            [
                "case.opened",
                "finding.received",
                "routing.decided",
                "run.requested",
                "case.status_changed"
            ]
        );
        let case = bed.store.case(&accepted.case).await.unwrap().unwrap();
        assert_eq!(case.status, Status::Active);
        assert_eq!((case.severity, case.findings, case.length), (Some(75), 1, 5));
        assert_eq!((case.opened_at, case.last_finding_at, case.contained_at), (at(0), at(0), None));

        let opened = &bed.bodies(&accepted.case, Kind::CaseOpened).await[0];
        assert_eq!(opened["severity"], "7.5");
        let received = &bed.bodies(&accepted.case, Kind::FindingReceived).await[0];
        assert_eq!(
            received["version"],
            json!({"updated_at": "2026-01-03T10:00:00Z", "count": 1, "archived": false})
        );
        let raw: Digest =
            received["raw"].as_str().unwrap().strip_prefix("sha256:").unwrap().parse().unwrap();
        assert_eq!(bed.store.blob(&raw).await.unwrap().unwrap(), finding("aaaa").raw);
        assert_eq!(bed.bodies(&accepted.case, Kind::RoutingDecided).await[0]["disposition"], "new");

        let stored = bed.store.run(&run_id("aaaa")).await.unwrap().unwrap();
        let asked = run("aaaa");
        assert_eq!(
            (stored.kind, stored.params, stored.target),
            (RunKind::Runbook, asked.params, asked.target)
        );
        assert_eq!(bed.store.blob(&asked.hash).await.unwrap().unwrap(), asked.source.into_bytes());
    })
    .await;
}

#[tokio::test]
async fn versions_update_the_case_and_never_start_a_second_run() {
    on_bed(async |bed| {
        let first = finding("aaaa").version(5);
        bed.store.accept(first.clone().with_run("aaaa")).await.unwrap();
        let mut rising = finding("aaaa").version(9).with_run("bbbb");
        rising.severity = Some(90);
        let mut falling = finding("aaaa").version(10).with_run("cccc");
        falling.severity = Some(20);
        for (incoming, expected, seen, last_minute) in [
            (first.clone(), "duplicate", 2, 5),
            (finding("aaaa").version(2).with_run("dddd"), "stale", 3, 5),
            (rising, "updated", 4, 9),
            (first.with_run("eeee"), "duplicate", 5, 9),
            (falling, "updated", 6, 10),
        ] {
            let accepted = bed.store.accept(incoming).await.unwrap();
            assert_eq!(accepted.disposition.label(), expected);
            assert_eq!(
                (accepted.seen, accepted.run, &accepted.case),
                (seen, None, &case_id("aaaa"))
            );
            let case = bed.store.case(&case_id("aaaa")).await.unwrap().unwrap();
            assert_eq!((case.deliveries, case.last_finding_at), (seen, at(last_minute * 60)));
        }
        let case = bed.store.case(&case_id("aaaa")).await.unwrap().unwrap();
        assert_eq!(case.severity, Some(90), "severity only rises");
        assert_eq!(bed.store.runs_of(&case.id).await.unwrap().len(), 1);
        assert_eq!(
            bed.bodies(&case.id, Kind::FindingReceived).await.len(),
            4,
            "duplicates are only counted"
        );
        let document = bed.store.finding_document(&case.id).await.unwrap().unwrap();
        assert_eq!(document["version"], 10, "the newest version of the first finding");
    })
    .await;
}

#[tokio::test]
async fn an_update_starts_what_the_case_never_had_and_nothing_twice() {
    on_bed(async |bed| {
        let observed = NewRun { mode: Mode::Observe, target: None, ..run("seen") };
        let mut first = finding("aaaa");
        first.run = Some(observed);
        bed.store.accept(first).await.unwrap();
        // It rises: now a runbook wants to act.
        let risen = bed.store.accept(finding("aaaa").version(2).with_run("aaaa")).await.unwrap();
        assert_eq!((risen.disposition.label(), risen.run), ("updated", Some(run_id("aaaa"))));
        let decided = bed.bodies(&case_id("aaaa"), Kind::RoutingDecided).await;
        assert_eq!(decided.last().unwrap()["disposition"], "updated");
        let (_, seen) = bed.store.claim("owner", at(60)).await.unwrap().unwrap();
        bed.apply(&case_id("aaaa"), Some(&seen), event(&seen, RunEvent::Succeeded, None))
            .await
            .unwrap();
        let (_, fence) = bed.store.claim("owner", at(60)).await.unwrap().unwrap();
        assert_eq!(fence.run, run_id("aaaa"));
        // Halted by a person: no later version starts it again.
        bed.apply(&case_id("aaaa"), Some(&fence), event(&fence, RunEvent::Halted, None))
            .await
            .unwrap();
        let more = bed.store.accept(finding("aaaa").version(3).with_run("bbbb")).await.unwrap();
        assert_eq!((more.disposition.label(), more.run), ("updated", None));
        assert_eq!(bed.bodies(&case_id("aaaa"), Kind::RoutingDecided).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_goes_on_after_a_person_closed_its_case_opens_it_again() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa")).await.unwrap();
        let case = case_id("aaaa");
        let close = async || {
            let mut closed = note("closed");
            closed.at = at(600);
            let effects = vec![Effect::CloseCase { closed: true }];
            let commit = Commit { case: case.clone(), fence: None, entries: vec![closed], effects };
            bed.store.commit(commit).await.unwrap();
        };
        close().await;
        let archived = |minutes| {
            let mut incoming = finding("aaaa").version(minutes);
            incoming.version.archived = true;
            incoming
        };
        for (incoming, expected, status) in [
            // GuardDuty saw this before the case was closed, and told it late.
            (finding("aaaa").version(9), "updated", Status::Closed),
            (archived(11), "updated", Status::Closed),
            (finding("aaaa").version(12), "reopened", Status::Open),
            (finding("aaaa").version(13), "updated", Status::Open),
        ] {
            let accepted = bed.store.accept(incoming).await.unwrap();
            assert_eq!(accepted.disposition.label(), expected);
            assert_eq!(bed.store.case(&case).await.unwrap().unwrap().status, status);
        }
        close().await;
        let with_run = finding("aaaa").version(14).with_run("aaaa");
        assert_eq!(bed.store.accept(with_run).await.unwrap().run, Some(run_id("aaaa")));
    })
    .await;
}

#[tokio::test]
async fn a_run_answers_for_other_findings_from_its_confirmation_to_its_end() {
    on_bed(async |bed| {
        let asked = |name: &str, run: &str, seen: i64| {
            let mut incoming = finding(name).with_run(run);
            incoming.correlation = finding("aaaa").correlation;
            incoming.seen_at = Some(at(seen));
            let run = incoming.run.as_mut().unwrap();
            (run.params, run.confirmed) = (json!({"instance": "aaaa"}), false);
            incoming
        };
        let start = async |incoming| bed.store.accept(incoming).await.unwrap().run.is_some();
        assert!(start(asked("aaaa", "aaaa", 0)).await);
        let case = case_id("aaaa");
        let (_, fence) = bed.store.claim("owner", at(1)).await.unwrap().unwrap();
        assert!(start(asked("bbbb", "bbbb", 0)).await, "the first may be a forgery");
        bed.apply(&case, Some(&fence), vec![Effect::Confirm]).await.unwrap();
        assert!(!start(asked("cccc", "cccc", 9)).await);
        bed.apply(&case, Some(&fence), event(&fence, RunEvent::Succeeded, None)).await.unwrap();
        let runs = bed.store.earlier_runs(&case).await.unwrap();
        let first = runs.iter().find(|run| run.id == fence.run).unwrap();
        assert_eq!((first.confirmed, first.ended_at), (true, Some(at(0))));
        assert!(!start(asked("dddd", "dddd", -1)).await);
        assert!(start(asked("eeee", "eeee", 9)).await, "it goes on after the run has ended");
    })
    .await;
}

#[tokio::test]
async fn another_finding_joins_and_starts_only_what_the_case_has_no_run_for() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa").with_run("aaaa")).await.unwrap();
        let joining = |name: &str, run_name: &str, edit: fn(&mut Acceptance)| {
            let mut incoming = finding(name).with_run(run_name);
            incoming.correlation = finding("aaaa").correlation;
            edit(&mut incoming);
            incoming
        };
        for (incoming, started) in [
            (
                joining("bbbb", "bbb1", |a| a.run.as_mut().unwrap().target = Some("aaaa".into())),
                true,
            ),
            (
                joining("cccc", "ccc1", |a| {
                    a.run.as_mut().unwrap().params = json!({"instance": "aaaa"})
                }),
                false,
            ),
            (joining("dddd", "ddd1", |a| a.run.as_mut().unwrap().target = None), true),
            (
                joining("eeee", "eee1", |a| {
                    a.run.as_mut().unwrap().runbook = "disable".parse().unwrap()
                }),
                true,
            ),
        ] {
            let name = incoming.finding_id.clone();
            let accepted = bed.store.accept(incoming).await.unwrap();
            assert_eq!(accepted.disposition, Disposition::Joined(case_id("aaaa")), "{name}");
            assert_eq!(accepted.run.is_some(), started, "{name}");
        }
        assert_eq!(bed.store.runs_of(&case_id("aaaa")).await.unwrap().len(), 4);
        let document = bed.store.finding_document(&case_id("aaaa")).await.unwrap().unwrap();
        assert_eq!(document["id"], "aaaa", "the first finding's, not a joined one's");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_deliveries_at_once_are_one_case_and_one_run() {
    on_bed(async |bed| {
        let deliveries = (0..100).map(|n| {
            let mut incoming = finding("aaaa").with_run(&format!("aaa{n:03}"));
            incoming.case = case_id(&format!("aaa{n:03}"));
            let store = bed.store.clone();
            tokio::spawn(async move { store.accept(incoming).await.unwrap() })
        });
        let accepted: Vec<_> = join_all(deliveries).await.into_iter().map(Result::unwrap).collect();
        let case = accepted[0].case.clone();
        assert!(accepted.iter().all(|accepted| accepted.case == case));
        assert_eq!(accepted.iter().filter(|accepted| accepted.run.is_some()).count(), 1);
        assert_eq!(accepted.iter().map(|accepted| accepted.seen).max(), Some(100));
        assert_eq!(bed.store.cases(Default::default(), None, 10).await.unwrap().items.len(), 1);
        assert_eq!(bed.store.runs_open().await.unwrap().len(), 1);
        assert_eq!(bed.store.case(&case).await.unwrap().unwrap().deliveries, 100);
    })
    .await;
}

#[tokio::test]
async fn hostile_values_are_stored_and_break_nothing() {
    on_bed(async |bed| {
        let mut incoming = finding("aaaa");
        incoming.title = "'); DROP TABLE cases; -- \u{0} 🦀".repeat(2000);
        incoming.finding_type = "x".repeat(100_000);
        incoming.resource = Some("y".repeat(100_000));
        incoming.correlation = "z".repeat(100_000);
        incoming.version.count = u64::MAX;
        incoming.account = None;
        incoming.region = None;
        incoming.severity = None;
        let accepted = bed.store.accept(incoming.clone()).await.unwrap();
        let case = bed.store.case(&accepted.case).await.unwrap().unwrap();
        assert_eq!(case.title.chars().count(), 512);
        assert_eq!((case.account, case.region, case.severity), (None, None, None));
        incoming.severity = Some(10);
        incoming.version.content = Digest::of(b"other");
        let updated = bed.store.accept(incoming).await.unwrap();
        assert_eq!(updated.disposition, Disposition::Updated(accepted.case.clone()));
        assert_eq!(bed.store.case(&accepted.case).await.unwrap().unwrap().severity, Some(10));
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_behind() {
    on_bed(async |bed| {
        let mut decimal = finding("aaaa");
        decimal.reasons = json!({"score": 7.5});
        assert!(matches!(bed.store.accept(decimal).await, Err(StoreError::Seal(_))));
        let mut unpinned = finding("aaaa").with_run("aaaa");
        unpinned.run.as_mut().unwrap().hash = Digest::zero();
        assert!(matches!(bed.store.accept(unpinned).await, Err(StoreError::Conflict(_))));
        assert_eq!(bed.store.case(&case_id("aaaa")).await.unwrap(), None);
        let raw = Digest::of(&finding("aaaa").raw);
        assert_eq!(bed.store.blob(&raw).await.unwrap(), None);
        let accepted = bed.store.accept(finding("aaaa")).await.unwrap();
        assert_eq!((accepted.disposition, accepted.seen), (Disposition::New, 1));
    })
    .await;
}
