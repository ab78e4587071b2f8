//! What an undo left behind, and the order in which branches are told.

use serde_json::{Value, json};

use super::{UNICODE, entry, of_run};
use crate::cli::draw::{leftovers, timeline};
use crate::timeline::Entry;

/// An undo whose steps ended with these outputs.
fn undo(outputs: &[Value]) -> Vec<Entry> {
    let asked = json!({"run": "run-0002", "runbook": "leaked-key", "mode": "contain", "params": {"of": "run-0001"},
        "account": "111122223333", "region": "eu-west-1", "requested_by": "ada", "kind": "undo"});
    let mut entries = vec![entry(0, "ada", "run.requested", asked)];
    entries.extend(outputs.iter().enumerate().map(|(n, output)| {
        let body = json!({"step": (n + 1).to_string(), "name": "undo::restore", "result": "ok", "output": output});
        of_run(10, "step.finished", body)
    }));
    let end =
        json!({"state": "succeeded", "summary": "taken back", "contained": false, "open": []});
    entries.push(of_run(20, "run.finished", end));
    entries
}

#[test]
fn an_undo_says_at_its_end_what_a_person_must_do() {
    let password =
        "user ci: console password removed: the password is gone: \u{1b}[2Jcreate a new one";
    let entries = undo(&[
        json!({"by_hand": password}),
        json!({"kept": "snapshots of vol-1 of i-1: snapshots are evidence"}),
        json!({"kept": "new security group q in vpc-1: it may hold others"}),
        json!({"restored": "user ci: access key X Active becomes Inactive"}),
    ]);
    insta::assert_snapshot!(timeline(&entries, UNICODE), @r"
    +0.0s   ada        ● run 1: take back what run 2 changed in 111122223333/eu-west-1 for ada [run-0002]
    +0.0s   run 1      ! undo::restore to be done by hand: user ci: console password removed: the password is gone: create a new one
    +0.0s              ✓ undo::restore left in place on purpose: snapshots of vol-1 of i-1: snapshots are evidence
    +0.0s              ✓ undo::restore left in place on purpose: new security group q in vpc-1: it may hold others
    +0.0s              ✓ undo::restore taken back
    +0.0s              ! taken back (but 1 thing must be done by hand, 2 stay in place on purpose)
                         · by hand: user ci: console password removed: the password is gone: create a new one
    ");
    let left = leftovers(&entries);
    assert_eq!(left["run-0002"].by_hand, [password]);
    assert_eq!((left.len(), left["run-0002"].kept.len()), (1, 2));
}

#[test]
fn an_undo_that_took_everything_back_says_no_more_than_that() {
    let entries = undo(&[json!({"restored": "a became b"}), json!({"gone": "i-1: tags"})]);
    assert!(timeline(&entries, UNICODE).ends_with("✓ taken back\n"));
    assert!(leftovers(&entries).is_empty());
}

#[test]
fn time_never_runs_backwards_in_a_drawing() {
    // As a run writes them: the end of the quick branch goes out with what the slow one does next.
    let finished = |millis, branch: &str, name: &str| {
        of_run(millis, "step.finished", json!({"step": branch, "name": name, "result": "ok"}))
    };
    let change = |millis, n: usize| {
        let body = json!({"step": format!("2[0]/1#{n}"), "words": format!("change {n}")});
        of_run(millis, "change.intent", body)
    };
    let entries = [
        change(100, 1),
        change(900, 2),
        finished(200, "2[1]/1", "contain::revoke_role_sessions"),
        finished(950, "2[0]/1", "contain::isolate_instance"),
    ];
    insta::assert_snapshot!(timeline(&entries, UNICODE), @r"
    +0.0s   run 1          → change 1 (no answer yet)
    +0.1s                ✓ contain::revoke_role_sessions verified
    +0.8s                  → change 2 (no answer yet)
    +0.8s                ✓ contain::isolate_instance verified
    ");
}
