//! What a person says to one question of a run, beside its other questions and whatever becomes of it.

use super::bed::{at, case_id, on_bed, run_id};
use super::decide::{question, yes};
use super::decided::{accepted, asks};
use crate::case::RunEvent;
use crate::error::Code;
use crate::routing::Mode;
use crate::store::{ApprovalRow, Decide, Effect};

const I1: &str = "111122223333/instance/i-1";
const I2: &str = "111122223333/instance/i-2";

fn names(step: &str, resource: &str) -> Effect {
    Effect::Asks { step: step.to_owned(), resources: [resource.to_owned()].into() }
}

fn over(run: &str, code: Option<Code>) -> Effect {
    let event = if code.is_some() { RunEvent::Halted } else { RunEvent::Succeeded };
    let code = code.map(|code| code.number.to_owned());
    Effect::Run { run: run_id(run), event, wake_at: None, contained: true, summary: None, code }
}

/// Two questions of one run: yes to one instance, and, after somebody else has said no to that one in
/// its own case, yes to another instance.
#[tokio::test]
async fn a_yes_to_another_question_overrules_no_later_no() {
    on_bed(async |bed| {
        let (case, fence) = bed.running("aaaa").await;
        let first = ApprovalRow { expires_at: None, ..question(&case, &fence, 1) };
        let other =
            ApprovalRow { id: "apr-0002".parse().unwrap(), step: "4".to_owned(), ..first.clone() };
        let said = vec![
            names("3", I1),
            names("4", I2),
            Effect::OpenApproval(first),
            Effect::OpenApproval(other),
            Effect::Decide(yes("bob")),
        ];
        bed.apply(&case, Some(&fence), said).await.unwrap();
        // Another run, on the first instance, was denied since.
        bed.store.accept(asks("bbbb", I1, 0)).await.unwrap();
        let (_, theirs) = bed.store.claim("owner", at(1)).await.unwrap().unwrap();
        assert_eq!(theirs.run, run_id("bbbb"));
        let no_to = ApprovalRow {
            id: "apr-0003".parse().unwrap(),
            expires_at: None,
            ..question(&case_id("bbbb"), &theirs, 1)
        };
        let no = Decide { approval: no_to.id.clone(), grant: false, at: at(20), ..yes("carol") };
        let said = vec![
            Effect::OpenApproval(no_to),
            Effect::Decide(no),
            over("bbbb", Some(Code::APPROVAL_DENIED)),
        ];
        bed.apply(&case_id("bbbb"), Some(&theirs), said).await.unwrap();
        assert_eq!(accepted(bed, asks("cccc", I1, 1)).await, Mode::Approve, "carol said no");
        // Bob agrees to the other instance.
        let more = Decide { approval: "apr-0002".parse().unwrap(), at: at(30), ..yes("bob") };
        bed.apply(&case, Some(&fence), vec![Effect::Decide(more), over("aaaa", None)])
            .await
            .unwrap();
        assert_eq!(accepted(bed, asks("dddd", I1, 1)).await, Mode::Approve, "bob spoke of i-2");
    })
    .await;
}

/// The same, where the first question was about the target of its run, and the other was not.
#[tokio::test]
async fn a_yes_to_another_question_is_none_to_the_target() {
    for (named, expected) in [(I2, Mode::Approve), ("aaaa", Mode::Contain)] {
        on_bed(async |bed| {
            let (case, fence) = bed.running("aaaa").await;
            let first = ApprovalRow { expires_at: None, ..question(&case, &fence, 1) };
            let (id, step) = ("apr-0002".parse().unwrap(), "4".to_owned());
            let other = ApprovalRow { id, step, ..first.clone() };
            let said = vec![
                names("3", "aaaa"),
                names("4", named),
                Effect::OpenApproval(first),
                Effect::OpenApproval(other),
                Effect::Decide(yes("bob")),
                Effect::Run {
                    run: fence.run.clone(),
                    event: RunEvent::Parked,
                    wake_at: None,
                    contained: false,
                    summary: None,
                    code: None,
                },
            ];
            bed.apply(&case, Some(&fence), said).await.unwrap();
            bed.store.accept(asks("bbbb", "aaaa", 0)).await.unwrap();
            let no_to = ApprovalRow {
                id: "apr-0003".parse().unwrap(),
                case: case_id("bbbb"),
                run: run_id("bbbb"),
                expires_at: None,
                ..question(&case, &fence, 1)
            };
            let (approval, at) = (no_to.id.clone(), at(20));
            let no = Decide { approval, grant: false, at, ..yes("carol") };
            let said = vec![Effect::OpenApproval(no_to), Effect::Decide(no)];
            bed.apply(&case_id("bbbb"), None, said).await.unwrap();
            let more = Decide { approval: "apr-0002".parse().unwrap(), ..yes("bob") };
            bed.apply(&case, None, vec![Effect::Decide(more)]).await.unwrap();
            assert_eq!(accepted(bed, asks("cccc", "aaaa", 1)).await, expected, "{named}");
        })
        .await;
    }
}

/// A question of a run was answered with no; the run goes on with other things, for hours.
#[tokio::test]
async fn a_no_to_a_step_binds_while_its_run_goes_on() {
    on_bed(async |bed| {
        let (case, fence) = bed.running("aaaa").await;
        let row = ApprovalRow { expires_at: None, ..question(&case, &fence, 1) };
        let no = Decide { grant: false, ..yes("bob") };
        let said = vec![names("3", I1), Effect::OpenApproval(row), Effect::Decide(no)];
        bed.apply(&case, Some(&fence), said).await.unwrap();
        assert_eq!(accepted(bed, asks("bbbb", I1, 1)).await, Mode::Approve);
    })
    .await;
}

/// The same, where the run came to its end with another number.
#[tokio::test]
async fn a_no_to_a_step_binds_whatever_its_run_ended_with() {
    on_bed(async |bed| {
        let (case, fence) = bed.running("aaaa").await;
        let row = ApprovalRow { expires_at: None, ..question(&case, &fence, 1) };
        let no = Decide { grant: false, ..yes("bob") };
        let said = vec![
            names("3", I1),
            Effect::OpenApproval(row),
            Effect::Decide(no),
            over("aaaa", Some(Code::ACTION_FAILED)),
        ];
        bed.apply(&case, Some(&fence), said).await.unwrap();
        assert_eq!(accepted(bed, asks("bbbb", I1, 1)).await, Mode::Approve);
    })
    .await;
}

/// A person said no to what is to be done to a user; an attack sequence names it as its actor.
#[tokio::test]
async fn a_no_binds_a_sequence_whose_actor_is_called_like_an_instance() {
    on_bed(async |bed| {
        for (name, user) in [("a", "robot"), ("b", "i-robot")] {
            let run = format!("{name}aaa");
            let target = format!("111122223333/user/{user}");
            bed.store.accept(asks(&run, &target, 0)).await.unwrap();
            let (row, fence) = bed.store.claim("owner", at(1)).await.unwrap().unwrap();
            assert_eq!(row.id, run_id(&run));
            let denied = vec![over(&run, Some(Code::APPROVAL_DENIED))];
            bed.apply(&case_id(&run), Some(&fence), denied).await.unwrap();
            let mut sequence = asks(&format!("{name}bbb"), "111122223333/attack-sequence/s", 1);
            sequence.run.as_mut().unwrap().named = [format!("IAMUser/{user}")].into();
            assert_eq!(accepted(bed, sequence).await, Mode::Approve, "{user}");
            // What was asked for must not be claimed in the next round.
            let (row, fence) = bed.store.claim("owner", at(2 * 3_600)).await.unwrap().unwrap();
            let case = row.case.clone();
            let id = row.id.to_string();
            let ended = over(id.trim_start_matches("run-"), None);
            bed.apply(&case, Some(&fence), vec![ended]).await.unwrap();
        }
    })
    .await;
}
