//! What people decided binds findings of other cases.

use serde_json::json;

use super::bed::{Bed, at, case_id, finding, on_bed, run, run_id};
use super::decide::{question, yes};
use super::group::together;
use crate::case::RunEvent;
use crate::error::Code;
use crate::id::RunId;
use crate::routing::Mode;
use crate::store::{Acceptance, ApprovalRow, Decide, Effect, Fence, NewRun, RunKind};

/// Ends the run that is running, as people had it.
async fn end(bed: &Bed, name: &str, effects: Vec<Effect>, code: Option<Code>) {
    let (case, fence) = bed.running(name).await;
    let event = if code.is_some() { RunEvent::Halted } else { RunEvent::Succeeded };
    let (run, code) = (fence.run.clone(), code.map(|code| code.number.to_owned()));
    let over = Effect::Run { run, event, wake_at: None, contained: true, summary: None, code };
    bed.apply(&case, Some(&fence), [effects, vec![over]].concat()).await.unwrap();
}

/// A finding on a resource of its own whose run would act on `target`, `hours` later.
pub fn asks(name: &str, target: &str, hours: i64) -> Acceptance {
    let mut incoming = finding(name).version(hours * 60).with_run(name);
    incoming.run.as_mut().unwrap().target = Some(target.to_owned());
    incoming
}

async fn mode(bed: &Bed, run: &RunId) -> Mode {
    bed.store.run(run).await.unwrap().unwrap().mode
}

pub async fn accepted(bed: &Bed, incoming: Acceptance) -> Mode {
    let run = bed.store.accept(incoming).await.unwrap().run.unwrap();
    mode(bed, &run).await
}

#[tokio::test]
async fn a_no_binds_in_other_cases_for_a_day_after_the_last_finding_of_its_own() {
    on_bed(async |bed| {
        end(bed, "aaaa", vec![], Some(Code::APPROVAL_DENIED)).await;
        assert_eq!(accepted(bed, asks("bbbb", "aaaa", 23)).await, Mode::Approve);
        assert_eq!(accepted(bed, asks("cccc", "other", 23)).await, Mode::Contain);
        assert_eq!(accepted(bed, asks("dddd", "aaaa", 25)).await, Mode::Contain);
        let decided = bed.bodies(&case_id("bbbb"), crate::timeline::Kind::RoutingDecided).await;
        assert!(decided[0]["reasons"].to_string().contains("said no"), "{decided:?}");
        // Its case goes on in the same group: then it binds, as it would one by one.
        let group = [finding("aaaa").version(25 * 60), asks("eeee", "aaaa", 25)];
        assert!(together(&bed.store, group).await.iter().all(Result::is_ok));
        assert_eq!(mode(bed, &run_id("eeee")).await, Mode::Approve);
    })
    .await;
}

/// A question was answered with no 30 hours after the last finding of its case.
#[tokio::test]
async fn a_no_binds_for_a_day_after_it_was_said() {
    on_bed(async |bed| {
        let fence = Fence { run: run_id("aaaa"), owner: "owner".to_owned(), epoch: 1 };
        let row = ApprovalRow { expires_at: None, ..question(&case_id("aaaa"), &fence, 1) };
        let no = Decide { grant: false, at: at(30 * 3600), ..yes("bob") };
        let said = vec![Effect::OpenApproval(row), Effect::Decide(no)];
        end(bed, "aaaa", said, Some(Code::APPROVAL_DENIED)).await;
        assert_eq!(accepted(bed, asks("bbbb", "aaaa", 31)).await, Mode::Approve);
        assert_eq!(accepted(bed, asks("cccc", "aaaa", 53)).await, Mode::Approve);
        assert_eq!(accepted(bed, asks("dddd", "aaaa", 55)).await, Mode::Contain);
    })
    .await;
}

#[tokio::test]
async fn an_undo_binds_for_all_that_its_run_ever_held() {
    on_bed(async |bed| {
        let (resource, run_of) = ("instance".to_owned(), run_id("aaaa"));
        let (step, run_id) = ("1".to_owned(), run_of.clone());
        let hold = Effect::Hold { resource: resource.clone(), run: run_id, step };
        end(bed, "aaaa", vec![hold], None).await;
        assert_eq!(accepted(bed, asks("bbbb", "instance", 1)).await, Mode::Contain);
        let undo = NewRun {
            kind: RunKind::Undo,
            params: json!({"of": run_of, "revive": false}),
            target: None,
            ..run("undo")
        };
        bed.apply(&case_id("aaaa"), None, vec![Effect::CreateRun(undo)]).await.unwrap();
        assert_eq!(accepted(bed, asks("cccc", "instance", 1)).await, Mode::Approve, "under way");
        let unhold = Effect::Unhold { resource, run: run_of.clone() };
        let released = vec![unhold, Effect::Released { run: run_of.clone() }];
        bed.apply(&case_id("aaaa"), None, released).await.unwrap();
        assert!(bed.store.holds_of(&run_of).await.unwrap().is_empty());
        assert_eq!(accepted(bed, asks("dddd", "instance", 1)).await, Mode::Approve, "done");
    })
    .await;
}

/// A question names what it asks to have changed: its answer is about that, in an attack sequence, too.
#[tokio::test]
async fn an_answer_binds_for_what_the_question_named() {
    for (grant, code, expected) in
        [(false, Some(Code::APPROVAL_DENIED), Mode::Approve), (true, None, Mode::Contain)]
    {
        on_bed(async |bed| {
            let fence = Fence { run: run_id("aaaa"), owner: "owner".to_owned(), epoch: 1 };
            let row = question(&case_id("aaaa"), &fence, 1);
            let named = |step: &str, id: &str| Effect::Asks {
                step: step.to_owned(),
                resources: [format!("111122223333/instance/{id}")].into(),
            };
            let asked = vec![named("3", "i-1"), named("4", "i-2"), Effect::OpenApproval(row)];
            let said = Effect::Decide(Decide { grant, ..yes("bob") });
            end(bed, "aaaa", [asked, vec![said]].concat(), code).await;
            assert_eq!(accepted(bed, asks("bbbb", "111122223333/instance/i-1", 1)).await, expected);
            let other = asks("cccc", "111122223333/instance/i-2", 1);
            assert_eq!(accepted(bed, other).await, Mode::Contain, "nobody was asked about it");
            let sequence = |name: &str, id: &str| {
                let mut incoming = asks(name, "111122223333/attack-sequence/s", 1);
                let arn = format!("arn:aws:ec2:eu-west-1:111122223333:instance/{id}");
                incoming.run.as_mut().unwrap().named = [arn].into();
                incoming
            };
            assert_eq!(accepted(bed, sequence("dddd", "i-1")).await, expected);
            assert_eq!(accepted(bed, sequence("eeee", "i-2")).await, Mode::Contain);
        })
        .await;
    }
}

#[tokio::test]
async fn a_run_tells_what_nothing_acts_on() {
    on_bed(async |bed| {
        let tells = |name: &str, severity, why: Option<&str>| {
            let mut incoming = finding(name).with_run(name);
            incoming.severity = severity;
            let run = incoming.run.as_mut().unwrap();
            (run.mode, run.target) = (Mode::Observe, None);
            run.unanswered = why.map(str::to_owned);
            incoming
        };
        for (name, severity, why, told) in [
            ("aaaa", Some(75), Some("off the list"), Some(2)),
            ("bbbb", None, Some("off the list"), Some(0)),
            ("cccc", Some(75), None, None),
        ] {
            bed.store.accept(tells(name, severity, why)).await.unwrap();
            let runs = bed.store.earlier_runs(&case_id(name)).await.unwrap();
            assert_eq!(runs[0].told, told, "{name}");
        }
        let acts = bed.store.accept(finding("dddd").with_run("dddd")).await.unwrap();
        assert_eq!(bed.store.earlier_runs(&acts.case).await.unwrap()[0].told, None);
    })
    .await;
}
