//! A run that only observes: nothing in its drawing reads as if it had been done.

use serde_json::{Value, json};

use super::{UNICODE, entry, of_run};
use crate::cli::draw::{Drawer, timeline};
use crate::timeline::Entry;

fn run_in(mode: &str) -> Vec<Entry> {
    let asked = |step: &str, name: &str, args: Value| {
        of_run(10, "step.requested", json!({"step": step, "name": name, "args": args}))
    };
    let ended = |step: &str, name: &str, planned: Value, does: Value| {
        let body = json!({"step": step, "name": name, "result": "planned", "planned": planned, "does": does});
        of_run(10, "step.finished", body)
    };
    let isolate = "contain::isolate_instance";
    vec![
        entry(
            0,
            "",
            "run.requested",
            json!({"run": "run-0002", "runbook": "r", "mode": mode, "kind": "runbook",
                "params": {}, "account": "111122223333", "region": "eu-west-1", "requested_by": "ada"}),
        ),
        asked("1", "look::instance", json!({"instance": "i-1"})),
        of_run(
            10,
            "step.finished",
            json!({"step": "1", "name": "look::instance", "result": "ok", "output": {}}),
        ),
        asked("2", "approve", json!({"question": "Isolate i-1?"})),
        ended("2", "approve", json!(["would ask a person: Isolate i-1?"]), json!(["ask"])),
        asked("3", isolate, json!({"instance": "i-1"})),
        ended(
            "3",
            isolate,
            json!(["contain::isolate_instance i-1: already so, nothing to change"]),
            json!(["already"]),
        ),
        asked("4", isolate, json!({"instance": "i-2"})),
        ended(
            "4",
            isolate,
            json!(["contain::isolate_instance i-2: refused: it is protected"]),
            json!(["refused"]),
        ),
        asked("5", isolate, json!({"instance": "i-3"})),
        ended("5", isolate, json!(["eni-3 of i-3: security groups a become b"]), json!(["change"])),
        asked("6", "sleep", json!({"seconds": 30})),
        ended("6", "sleep", json!(["would sleep 30 s"]), json!(["sleep"])),
        asked("7", "notify", json!({"channel": "oncall", "message": "i-3 is isolated"})),
        ended("7", "notify", json!(["would say to oncall: i-3 is isolated"]), json!(["say"])),
        of_run(
            20,
            "plan.made",
            json!({"hash": "ab", "changes": ["would ask a person: Isolate i-1?",
                "contain::isolate_instance i-1: already so, nothing to change",
                "contain::isolate_instance i-2: refused: it is protected",
                "eni-3 of i-3: security groups a become b"],
                "does": ["ask", "already", "refused", "change"],
                "counts": {"ask": 1, "already": 1, "refused": 1, "change": 1, "say": 1, "sleep": 1}, "more": 2}),
        ),
        of_run(
            20,
            "run.finished",
            json!({"state": "succeeded", "summary": "observed; nothing was changed", "open": [],
                "result": {"note": "i-3\u{1b}[2J", "n": 1}}),
        ),
    ]
}

#[test]
fn what_was_not_done_reads_as_what_would_be() {
    insta::assert_snapshot!(timeline(&run_in("observe"), UNICODE), @r#"
    +0.0s   tourniquet ● run 1: r (observe) in 111122223333/eu-west-1 for ada [run-0002]
    +0.0s   run 1      ▸ look::instance i-1
    +0.0s              ✓ look::instance done
    +0.0s              ▸ would ask: Isolate i-1?
    +0.0s              ● approve nobody was asked, because this run only observes
    +0.0s              ▸ would do: contain::isolate_instance i-1
    +0.0s              ● contain::isolate_instance i-1: already so, nothing to change
    +0.0s              ▸ would do: contain::isolate_instance i-2
    +0.0s              ! contain::isolate_instance i-2: refused: it is protected
    +0.0s              ▸ would do: contain::isolate_instance i-3
    +0.0s              ● contain::isolate_instance would do this:
                         · eni-3 of i-3: security groups a become b
    +0.0s              ▸ would sleep 30 s
    +0.0s              ● sleep did not sleep, because this run only observes
    +0.0s              ▸ would say to oncall: i-3 is isolated
    +0.0s              ● notify not sent, because this run only observes
    +0.0s              ● plan: 1 change would be made; 1 refused; 1 already so
                         · would ask a person: Isolate i-1?
                         · contain::isolate_instance i-1: already so, nothing to change
                         · contain::isolate_instance i-2: refused: it is protected
                         · eni-3 of i-3: security groups a become b
                         · and 2 more that are not listed here
    +0.0s              ✓ observed; nothing was changed
                         · returned: {"n":1,"note":"i-3\u001b[2J"}
    "#);
}

#[test]
fn a_drawing_that_grows_remembers_the_mode_and_another_mode_has_no_would() {
    for (mode, would) in [("observe", 6), ("approve", 0), ("contain", 0)] {
        let mut drawer = Drawer::new(UNICODE);
        let entries = run_in(mode);
        let asked = entries.chunks(1).filter(|part| part[0].kind == "step.requested");
        let begun = drawer.draw(&entries[..1]);
        let drawn: String = asked.map(|part| drawer.draw(part)).collect();
        assert_eq!(drawn.matches("would ").count(), would, "{begun}{drawn}");
    }
}
