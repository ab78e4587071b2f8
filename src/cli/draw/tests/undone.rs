//! What an undo left behind, and the order in which branches are told.

use serde_json::{Value, json};

use super::{UNICODE, entry, of_run};
use crate::cli::draw::{Drawer, timeline, undone};
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
    let all = undone(&entries);
    assert_eq!(all["run-0002"].by_hand, [password]);
    assert_eq!((all.len(), all["run-0002"].kept.len()), (1, 2));
}

#[test]
fn an_undo_that_took_everything_back_says_no_more_than_that() {
    let entries = undo(&[json!({"restored": "a became b"}), json!({"gone": "i-1: tags"})]);
    assert!(timeline(&entries, UNICODE).ends_with("✓ taken back\n"));
    let all = undone(&entries);
    assert_eq!((all["run-0002"].words(), all["run-0002"].stays()), (None, None));
    assert_eq!(all["run-0002"].given_back, ["a became b"]);
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

/// An undo of these changes, whose steps ended with these outputs.
fn undo_of(steps: &[(Value, Value)]) -> Vec<Entry> {
    let mut entries = undo(&[]);
    entries.pop();
    for (n, (change, output)) in steps.iter().enumerate() {
        let step = (n + 1).to_string();
        let args = json!({"change": change, "revive": false});
        let asked = json!({"step": step, "name": "undo::restore", "args": args});
        let ended =
            json!({"step": step, "name": "undo::restore", "result": "ok", "output": output});
        entries.push(of_run(10, "step.requested", asked));
        entries.push(of_run(10, "step.finished", ended));
    }
    entries
}

#[test]
fn what_was_given_back_is_told_by_how_it_is_again_and_what_stays_by_its_sort() {
    let change = |mut change: Value| {
        change["at"] = json!({"account": "111122223333", "region": "eu-west-1"});
        change
    };
    let groups = change(json!({"change": "interface_groups", "interface": "eni-0000000a",
        "instance": "i-0000000a", "before": ["sg-0000000a"], "after": ["sg-0000000b"]}));
    let rules =
        change(json!({"change": "group_rules", "group": "sg-0000000b", "direction": "egress",
        "effect": "revoke", "rules": []}));
    let sharing = change(json!({"change": "snapshot_sharing", "snapshot": "snap-0000000a",
        "before": ["999988887777"], "after": []}));
    let deny = change(json!({"change": "role_policy", "role": "web", "policy": "TourniquetDeny",
        "before": null, "after": null}));
    let kept = json!({"kept": "left in place (role web: inline policy P is put in place). If \
        `tourniquet undo --revive` took it back, too: old sessions work again", "revivable": true,
        "safe_from": "2026-03-14T21:27:42Z"});
    let entries = undo_of(&[
        (groups, json!({"restored": "as it was"})),
        (rules.clone(), json!({"kept": "rules"})),
        (rules, json!({"kept": "rules"})),
        (sharing, json!({"kept": "evidence"})),
        (deny, kept),
    ]);
    let undone = undone(&entries).remove("run-0002").unwrap();
    assert_eq!(undone.given_back, ["eni-0000000a of i-0000000a has its groups sg-0000000a again"]);
    assert_eq!(
        undone.stays().unwrap(),
        "4 stay on purpose: 2 groups and rules, 1 evidence, 1 deny"
    );
    assert_eq!(
        undone.kept[3].what,
        "role web: inline policy P is put in place; without that, old sessions work again"
    );
    assert!(undone.revivable() && undone.value()["stays"][3]["revivable"] == true);
    assert_eq!(undone.safe_from(), Some("2026-03-14T21:27:42Z"));
    assert_eq!(undone.value()["stays"][3]["safe_from"], "2026-03-14T21:27:42Z");
    assert_eq!(undone.value()["stays"][0]["safe_from"], Value::Null);
    let brief = Drawer::new(UNICODE).brief().draw(&entries);
    assert!(!brief.contains("undo::restore") && brief.contains("take back"), "{brief}");
}
