//! Drawings as snapshots: a whole small case and the awkward entries.

mod again;
mod changes;
mod hostile;
mod observed;
mod undone;

use serde_json::{Value, json};

use super::*;
use crate::id::Digest;

const UNICODE: Style = Style { colour: false, unicode: true, width: None };

/// An entry `millis` after 10:00, by `who`: `""` is the service, `run-…` a run, else a person.
fn entry(millis: i64, who: &str, kind: &str, body: Value) -> Entry {
    let start: Timestamp = "2026-01-03T10:00:00Z".parse().unwrap();
    let actor = match who {
        "" => Actor::Service,
        run if run.starts_with("run-") => Actor::Run(run.parse().unwrap()),
        person => Actor::Person(person.to_owned()),
    };
    Entry {
        case: "case-0001".parse().unwrap(),
        seq: 0,
        at: start.checked_add(jiff::SignedDuration::from_millis(millis)).unwrap(),
        actor,
        kind: kind.to_owned(),
        body: body.as_object().cloned().unwrap_or_default(),
        prev: Digest::zero(),
    }
}

/// An entry of `run-0002`, which needs its id in the body.
fn of_run(millis: i64, kind: &str, mut body: Value) -> Entry {
    body["run"] = json!("run-0002");
    entry(millis, "run-0002", kind, body)
}

fn groups(after: &str) -> Value {
    json!({"at": {"account": "111122223333", "region": "eu-west-1"}, "change": "interface_groups",
        "interface": "eni-0a1b2c3d", "instance": "i-0a1b2c3d", "before": ["sg-0000000a"], "after": [after]})
}

fn whole_case() -> Vec<Entry> {
    let words = "eni-0a1b2c3d of i-0a1b2c3d: security groups sg-0000000a become sg-0000000b";
    let vault = json!({"at": {"account": "999988887777", "region": "eu-west-1"}, "change": "copy_snapshot"});
    vec![
        entry(
            0,
            "",
            "case.opened",
            json!({"title": "An EC2 instance mines coins", "finding_type":
            "CryptoCurrency:EC2/BitcoinTool.B", "severity": "8.0", "account": "111122223333", "region": "eu-west-1",
            "resource": "instance/i-0a1b2c3d", "correlation": "x"}),
        ),
        entry(
            0,
            "",
            "finding.received",
            json!({"finding": "f-1", "disposition": "new", "source": "http:aws",
            "version": {"count": 3, "archived": false}}),
        ),
        entry(
            2,
            "",
            "routing.decided",
            json!({"runbook": "compromised-instance", "mode": "contain", "acts": true,
            "reasons": ["compromised-instance: chosen: type CryptoCurrency:EC2/BitcoinTool.B matches CryptoCurrency:EC2/*; severity 8.0 is at least 4.0",
                "suspected-instance: not chosen: compromised-instance fits at least as closely", "mode contain"]}),
        ),
        entry(
            2,
            "",
            "run.requested",
            json!({"run": "run-0002", "runbook": "compromised-instance", "mode": "contain",
            "params": {"instance": "i-0a1b2c3d"}, "account": "111122223333", "region": "eu-west-1",
            "requested_by": "service", "kind": "runbook"}),
        ),
        of_run(
            210,
            "run.started",
            json!({"facts": "sha256:0", "finding": "confirmed by GuardDuty"}),
        ),
        of_run(
            220,
            "step.requested",
            json!({"step": "1", "name": "look::instance", "args": {"instance": "i-0a1b2c3d"}}),
        ),
        of_run(
            240,
            "step.finished",
            json!({"step": "1", "name": "look::instance", "result": "ok", "output": {}}),
        ),
        of_run(
            250,
            "step.requested",
            json!({"step": "2[0]/1", "name": "contain::isolate_instance",
            "args": {"instance": "i-0a1b2c3d"}, "log": ["isolating first"]}),
        ),
        of_run(
            250,
            "step.requested",
            json!({"step": "2[1]/1", "name": "evidence::snapshot_volumes",
            "args": {"instance": "i-0a1b2c3d", "exclude": []}}),
        ),
        of_run(
            310,
            "change.intent",
            json!({"step": "2[0]/1#1", "words": words, "change": groups("sg-0000000b")}),
        ),
        of_run(
            320,
            "change.intent",
            json!({"step": "2[1]/1#1", "words": "copy snap-0000000a to 999988887777/eu-west-1",
            "change": vault}),
        ),
        of_run(
            352,
            "change.outcome",
            json!({"step": "2[0]/1#1", "result": "ok", "attempts": 1, "millis": 42,
            "receipt": {"request_id": "req-1", "created": null}}),
        ),
        of_run(
            380,
            "change.outcome",
            json!({"step": "2[1]/1#1", "result": "failed", "attempts": 3, "millis": 60,
            "error": {"class": "denied", "operation": "ec2:CopySnapshot", "code": "UnauthorizedOperation",
                "message": "You are not authorized", "request_id": "req-2"}}),
        ),
        of_run(
            390,
            "step.finished",
            json!({"step": "2[0]/1", "name": "contain::isolate_instance", "result": "ok"}),
        ),
        of_run(
            400,
            "evidence.recorded",
            json!({"step": "2[1]/1#evidence1", "evidence": {"kind": "ebs_snapshot",
            "volume": "vol-0000000a", "snapshot": "snap-0000000a", "account": "111122223333", "region": "eu-west-1",
            "copy": {"snapshot": "snap-0000000b", "account": "999988887777", "region": "eu-west-1"}}}),
        ),
        of_run(
            400,
            "step.finished",
            json!({"step": "2[1]/1", "name": "evidence::snapshot_volumes", "result": "failed",
            "error": {"code": "E0505", "class": "denied", "message": "You are not authorized"}}),
        ),
        of_run(
            62_000,
            "run.finished",
            json!({"state": "failed", "summary": "E0505: snapshots", "contained": true,
            "open": ["evidence::snapshot_volumes i-0a1b2c3d"]}),
        ),
        entry(62_000, "", "case.status_changed", json!({"from": "active", "to": "attention"})),
        entry(7_300_000, "ada", "note.added", json!({"text": "copied by hand", "by": "ada"})),
    ]
}

#[test]
fn a_whole_case_is_a_story() {
    insta::assert_snapshot!(timeline(&whole_case(), UNICODE), @r"
    +0.0s   tourniquet ● case opened: An EC2 instance mines coins (CryptoCurrency:EC2/BitcoinTool.B, severity 8.0, instance/i-0a1b2c3d, account 111122223333, eu-west-1)
    +0.0s              ● finding f-1 (it opened this case; seen 3 times by GuardDuty; by http:aws)
    +0.0s              ● routing chose compromised-instance (contain)
                         · compromised-instance: chosen: type CryptoCurrency:EC2/BitcoinTool.B matches CryptoCurrency:EC2/*; severity 8.0 is at least 4.0
                         · suspected-instance: not chosen: compromised-instance fits at least as closely
    +0.0s              ● run 1: compromised-instance (contain) with instance=i-0a1b2c3d in 111122223333/eu-west-1 [run-0002]
    +0.2s   run 1      ● started (the finding: confirmed by GuardDuty)
    +0.2s              ▸ look::instance i-0a1b2c3d
    +0.2s              ✓ look::instance done
    +0.2s                ▸ contain::isolate_instance i-0a1b2c3d
                           · isolating first
    +0.2s                ▸ evidence::snapshot_volumes exclude=[], instance=i-0a1b2c3d
    +0.3s                  → eni-0a1b2c3d of i-0a1b2c3d: security groups sg-0000000a become sg-0000000b ✓ 42 ms, request req-1
    +0.3s                  → copy snap-0000000a to 999988887777/eu-west-1 (in 999988887777/eu-west-1) ✗ denied: UnauthorizedOperation: You are not authorized, 60 ms, 3 attempts, request req-2
    +0.3s                ✓ contain::isolate_instance verified
    +0.4s                  ◆ evidence: vol-0000000a is preserved as snap-0000000a in 111122223333/eu-west-1, copied to snap-0000000b in 999988887777/eu-west-1
    +0.4s                ✗ evidence::snapshot_volumes failed: E0505 (denied): You are not authorized
    +1m02s             ✗ failed: E0505: snapshots (what was contained stays contained)
                         · still open: evidence::snapshot_volumes i-0a1b2c3d
    +1m02s  tourniquet ! case status: attention (was active)
    +2h01m  ada        ✎ copied by hand
    ");
}

#[test]
fn a_narrow_terminal_wraps_at_words_and_ascii_is_enough() {
    let style = Style { colour: false, unicode: false, width: Some(72) };
    let drawn = timeline(&whole_case()[..10], style);
    assert!(drawn.is_ascii() && drawn.lines().all(|line| line.len() <= 72), "{drawn}");
    insta::assert_snapshot!(drawn, @r"
    +0.0s   tourniquet * case opened: An EC2 instance mines coins
                         (CryptoCurrency:EC2/BitcoinTool.B, severity 8.0,
                         instance/i-0a1b2c3d, account 111122223333,
                         eu-west-1)
    +0.0s              * finding f-1 (it opened this case; seen 3 times by
                         GuardDuty; by http:aws)
    +0.0s              * routing chose compromised-instance (contain)
                         . compromised-instance: chosen: type
                           CryptoCurrency:EC2/BitcoinTool.B matches
                           CryptoCurrency:EC2/*; severity 8.0 is at least
                           4.0
                         . suspected-instance: not chosen:
                           compromised-instance fits at least as closely
    +0.0s              * run 1: compromised-instance (contain) with
                         instance=i-0a1b2c3d in 111122223333/eu-west-1
                         [run-0002]
    +0.2s   run 1      * started (the finding: confirmed by GuardDuty)
    +0.2s              - look::instance i-0a1b2c3d
    +0.2s              + look::instance done
    +0.2s                - contain::isolate_instance i-0a1b2c3d
                           . isolating first
    +0.2s                - evidence::snapshot_volumes exclude=[],
                           instance=i-0a1b2c3d
    +0.3s                  > eni-0a1b2c3d of i-0a1b2c3d: security groups
                             sg-0000000a become sg-0000000b (no answer yet)
    ");
}

#[test]
fn people_and_other_ends() {
    let hash = "ab".repeat(32);
    let entries = [
        entry(
            0,
            "ada",
            "run.requested",
            json!({"run": "run-0002", "runbook": "leaked-key", "mode": "approve",
            "params": {}, "account": "111122223333", "region": "eu-west-1", "requested_by": "ada", "kind": "runbook"}),
        ),
        of_run(
            100,
            "plan.made",
            json!({"hash": hash, "changes": ["user ci: access key X Active becomes Inactive", "user ci: console password removed"]}),
        ),
        of_run(
            100,
            "approval.requested",
            json!({"step": "plan", "approval": "apr-0003", "question":
            "Carry out runbook leaked-key as planned?", "hash": hash, "quorum": 2, "expires_at": "2026-01-03T22:00:00Z"}),
        ),
        entry(
            3_700_000,
            "bob",
            "approval.decided",
            json!({"run": "run-0002", "step": "plan@bob", "decision": "approve",
            "by": "bob", "reason": "looks right"}),
        ),
        entry(
            3_800_000,
            "eve",
            "approval.decided",
            json!({"run": "run-0002", "step": "plan@eve", "decision": "deny",
            "by": "eve", "reason": "that is the deploy user"}),
        ),
        of_run(
            3_800_000,
            "step.requested",
            json!({"step": "1", "name": "sleep", "args": {"seconds": 30}}),
        ),
        of_run(
            3_800_000,
            "step.requested",
            json!({"step": "2", "name": "notify", "args": {"channel": "oncall", "message": "hi"}}),
        ),
        of_run(
            3_800_000,
            "guard.tripped",
            json!({"step": "3", "code": "E0502", "reason": "user/ci carries the tag keep"}),
        ),
        of_run(
            3_800_000,
            "step.finished",
            json!({"step": "4", "name": "contain::x", "result": "planned", "planned": ["a becomes b"]}),
        ),
        of_run(
            3_800_000,
            "run.finished",
            json!({"state": "halted", "summary": "E0507: a person said no", "contained": false, "open": []}),
        ),
        entry(
            90_000_000,
            "ada",
            "run.requested",
            json!({"run": "run-0005", "runbook": "leaked-key", "mode": "contain",
            "params": {"of": "run-0002", "revive": true}, "account": "111122223333", "region": "eu-west-1",
            "requested_by": "ada", "kind": "undo", "reason": "the key was never leaked"}),
        ),
        entry(
            90_000_001,
            "run-0005",
            "step.requested",
            json!({"run": "run-0005", "step": "1", "name": "undo::restore",
            "args": {"change": groups("sg-0000000b"), "revive": true}}),
        ),
        entry(
            90_000_002,
            "run-0005",
            "step.finished",
            json!({"run": "run-0005", "step": "1", "name": "undo::restore",
            "result": "ok", "output": {"kept": "snapshots are evidence"}}),
        ),
        entry(
            90_000_003,
            "run-0005",
            "run.finished",
            json!({"run": "run-0005", "state": "succeeded", "summary": "taken back", "open": []}),
        ),
        entry(90_000_004, "", "case.merged", json!({"into": "case-0009", "n": 1})),
        entry(90_000_005, "", "case.opened", json!({"unexpected": true})),
    ];
    insta::assert_snapshot!(timeline(&entries, UNICODE), @r#"
    +0.0s   ada        ● run 1: leaked-key (approve) in 111122223333/eu-west-1 for ada [run-0002]
    +0.1s   run 1      ● plan: 2 things would be done
                         · user ci: access key X Active becomes Inactive
                         · user ci: console password removed
    +0.1s              ? Carry out runbook leaked-key as planned? (2 people must agree) until 2026-01-03 22:00Z (tourniquet approve apr-0003 --reason WHY)
    +1h01m  bob        ✓ approved: looks right
    +1h03m  eve        ✗ denied: that is the deploy user
    +1h03m  run 1      ▸ sleep 30 s
    +1h03m             ▸ notify oncall: hi
    +1h03m             ! a guard stopped this step: E0502: user/ci carries the tag keep
    +1h03m             ● contain::x would do this:
                         · a becomes b
    +1h03m             ✗ halted for a person: E0507: a person said no
    +1d01h  ada        ● run 2: take back what run 1 changed (also what keeps stolen credentials out) in 111122223333/eu-west-1 for ada [run-0005]
                         · because: the key was never leaked
    +1d01h  run 2      ▸ undo::restore eni-0a1b2c3d of i-0a1b2c3d: security groups sg-0000000a become sg-0000000b
    +1d01h             ✓ undo::restore left in place on purpose: snapshots are evidence
    +1d01h             ✓ taken back (but 1 stays in place on purpose)
    +1d01h  tourniquet ● case.merged {"into":"case-0009","n":1}
    +1d01h             ● case.opened {"unexpected":true}
    "#);
}

#[test]
fn times_are_told_in_the_unit_that_fits() {
    let first: Timestamp = "2026-01-03T10:00:00Z".parse().unwrap();
    for (millis, expected) in [
        (0, "+0.0s"),
        (240, "+0.2s"),
        (59_999, "+59.9s"),
        (62_000, "+1m02s"),
        (3_599_999, "+59m59s"),
        (7_380_000, "+2h03m"),
        (176_400_000, "+2d01h"),
        (-1_500, "-1.5s"),
    ] {
        let at = first.checked_add(jiff::SignedDuration::from_millis(millis)).unwrap();
        assert_eq!(since(first, at), expected);
    }
}
