//! What was contained is looked at again: whether it held stands on one line.

use serde_json::{Value, json};

use super::{UNICODE, entry, of_run};
use crate::cli::draw::timeline;
use crate::timeline::Entry;

const REVOKE: &str = "contain::revoke_role_sessions";

fn ended(step: &str, result: &str, output: Value) -> Entry {
    let body = json!({"step": step, "name": REVOKE, "result": result, "output": output});
    of_run(10, "step.finished", body)
}

#[test]
fn a_look_at_what_was_contained_says_whether_it_held() {
    let body = json!({"step": "1~1", "name": REVOKE, "args": {"role": "web"}});
    let entries = [
        entry(
            0,
            "",
            "run.requested",
            json!({"run": "run-0002", "runbook": "r", "mode": "contain", "kind": "runbook",
                "params": {}, "account": "111122223333", "region": "eu-west-1", "requested_by": "ada"}),
        ),
        of_run(10, "step.requested", body),
        ended("1~1", "ok", json!({"undone_meanwhile": false})),
        ended("1~2", "ok", json!({"undone_meanwhile": true})),
        ended("1~3", "failed", json!({"failed": "not looked at again: the run was taken back"})),
    ];
    let drawn = timeline(&entries, UNICODE);
    for words in [
        "will look again: contain::revoke_role_sessions web",
        "contain::revoke_role_sessions still holds",
        "contain::revoke_role_sessions was undone by somebody, and was done again",
        "contain::revoke_role_sessions not looked at again: the run was taken back",
    ] {
        assert!(drawn.contains(words), "{words}: {drawn}");
    }
    assert!(!drawn.contains("failed"), "{drawn}");
}
