//! Every kind of entry is drawn, and none of them can command a terminal.

use serde_json::{Value, json};

use super::*;
use crate::timeline::Kind;

fn entry(seconds: i64, actor: Value, kind: &str, body: Value) -> Entry {
    let opened: Timestamp = "2026-01-03T10:00:00Z".parse().unwrap();
    let at = opened + SignedDuration::from_secs(seconds);
    let zero = "0".repeat(64);
    let value = json!({"case": "case-0001", "seq": 0, "at": at, "actor": actor, "kind": kind, "body": body, "prev": zero});
    serde_json::from_value(value).unwrap()
}

fn service() -> Value {
    json!({"type": "service"})
}

fn run() -> Value {
    json!({"type": "run", "name": "run-0002"})
}

#[test]
fn a_person_understands_a_timeline() {
    let entries = [
        entry(
            0,
            service(),
            "case.opened",
            json!({"title": "Mining on i-0abc", "finding_type": "CryptoCurrency:EC2/BitcoinTool.B!DNS", "severity": "8.0", "account": "111122223333", "region": "eu-west-1", "resource": "instance/i-0abc"}),
        ),
        entry(
            0,
            service(),
            "routing.decided",
            json!({"runbook": "compromised-instance", "mode": "contain", "reasons": ["its type is CryptoCurrency:EC2/*"]}),
        ),
        entry(
            1,
            service(),
            "run.requested",
            json!({"run": "run-0002", "kind": "runbook", "runbook": "compromised-instance", "mode": "contain", "params": {"instance": "i-0abc"}}),
        ),
        entry(
            2,
            run(),
            "step.requested",
            json!({"run": "run-0002", "step": "2[0]/0", "name": "contain::isolate_instance", "args": {"instance": "i-0abc"}}),
        ),
        entry(
            3,
            run(),
            "change.intent",
            json!({"run": "run-0002", "step": "2[0]/0#1", "words": "eni-1: security groups sg-1 become sg-2"}),
        ),
        entry(
            4,
            run(),
            "change.outcome",
            json!({"run": "run-0002", "step": "2[0]/0#1", "result": "ok", "receipt": {"request_id": "req-1"}, "attempts": 2, "millis": 120}),
        ),
        entry(
            5,
            run(),
            "change.outcome",
            json!({"result": "failed", "error": {"class": "denied", "code": "UnauthorizedOperation", "message": "no"}, "attempts": 1, "millis": 9}),
        ),
        entry(
            75,
            run(),
            "approval.requested",
            json!({"approval": "apr-0003", "question": "Isolate it?", "quorum": 2, "expires_at": "2026-01-03T11:00:00Z"}),
        ),
        entry(
            3700,
            json!({"type": "person", "name": "ada"}),
            "approval.decided",
            json!({"decision": "approve", "by": "ada", "reason": "it mines"}),
        ),
        entry(
            3701,
            run(),
            "guard.tripped",
            json!({"step": "3", "code": "E0502", "reason": "the target is protected"}),
        ),
        entry(
            3702,
            run(),
            "evidence.recorded",
            json!({"run": "run-0002", "step": "4#evidence1", "evidence": {"kind": "snapshot", "snapshot": "snap-1"}}),
        ),
        entry(
            3703,
            run(),
            "step.finished",
            json!({"step": "4", "name": "evidence::snapshot_volumes", "result": "failed", "error": {"code": "E0505", "message": "AWS refused"}}),
        ),
        entry(
            3704,
            run(),
            "run.finished",
            json!({"state": "halted", "summary": "a guard stopped it", "contained": true, "open": ["snapshots"]}),
        ),
        entry(
            90_000,
            service(),
            "case.status_changed",
            json!({"from": "active", "to": "attention"}),
        ),
    ];
    insta::assert_snapshot!(timeline(&entries).join("\n"), @r#"
       +0.000 s  tourniquet     ◆ case opened: Mining on i-0abc
                                  CryptoCurrency:EC2/BitcoinTool.B!DNS · severity 8.0 · 111122223333 · eu-west-1 · instance/i-0abc
       +0.000 s  tourniquet     ▸ routing: compromised-instance, mode contain
                                  its type is CryptoCurrency:EC2/*
       +1.000 s  tourniquet     ▸ run 0002 requested: compromised-instance, mode contain
                                  instance=i-0abc
       +2.000 s  run 0002       ○ contain::isolate_instance instance=i-0abc  · 2[0]/0
       +3.000 s  run 0002       → eni-1: security groups sg-1 become sg-2  · 2[0]/0#1
       +4.000 s  run 0002       ✓ AWS confirmed it (request req-1, 120 ms, 2 attempts)  · 2[0]/0#1
       +5.000 s  run 0002       ✗ AWS refused it: UnauthorizedOperation: no (9 ms)
    +1 min 15 s  run 0002       ? a person is asked: Isolate it?
                                  apr-0003: 2 people must say yes, until 2026-01-03T11:00:00Z
     +1 h 1 min  ada            ✓ approved by ada: it mines
     +1 h 1 min  run 0002       ■ stopped by a guard, E0502: the target is protected  · 3
     +1 h 1 min  run 0002       ◇ evidence: snapshot: snapshot=snap-1  · 4#evidence1
     +1 h 1 min  run 0002       ✗ evidence::snapshot_volumes failed: E0505: AWS refused  · 4
     +1 h 1 min  run 0002       ✗ run halted, containment verified: a guard stopped it
                                  still open: snapshots
       +1 d 1 h  tourniquet     ◆ case needs a person's attention (was active)
    "#);
}

#[test]
fn every_kind_is_drawn_even_without_a_body() {
    for kind in Kind::ALL {
        let lines = draw(
            &entry(0, service(), kind.label(), json!({})),
            "2026-01-03T10:00:00Z".parse().unwrap(),
        );
        assert!(lines[0].trim().len() > TIME_WIDTH, "{kind:?}: {lines:?}");
    }
    let lines = draw(
        &entry(0, service(), "newer.kind", json!({"a": 1})),
        "2026-01-03T10:00:00Z".parse().unwrap(),
    );
    assert!(lines[0].contains("newer.kind: {\"a\":1}"), "{lines:?}");
}

#[test]
fn hostile_words_stay_on_their_line() {
    let title = "x\u{1b}[31m\r\n+0 s  admin  ✓ approved";
    let lines = draw(
        &entry(0, service(), "case.opened", json!({"title": title})),
        "2026-01-03T10:00:00Z".parse().unwrap(),
    );
    assert!(
        lines
            .iter()
            .all(|line| !line.contains(['\u{1b}', '\r', '\n'])),
        "{lines:?}"
    );
}
