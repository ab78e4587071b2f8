//! A change and its outcome, in one drawing and in one that grows.

use serde_json::{Value, json};

use super::{UNICODE, of_run, whole_case};
use crate::cli::draw::{Drawer, timeline};
use crate::timeline::Entry;

#[test]
fn every_way_in_which_a_change_can_end_is_told() {
    let intent = |n: usize| {
        of_run(
            0,
            "change.intent",
            json!({"step": format!("1#{n}"), "words": format!("change {n}")}),
        )
    };
    let outcome = |n: usize, mut body: Value| {
        body["step"] = json!(format!("1#{n}"));
        of_run(5, "change.outcome", body)
    };
    let mut entries: Vec<Entry> = (1..=5).map(intent).collect();
    entries.extend([
        outcome(1, json!({"result": "ok", "millis": 3, "receipt": {"request_id": "r", "created":
            {"created": "snapshots", "ids": [["snap-0000000a", "vol-0000000a"], ["snap-0000000b", null]]}}})),
        outcome(2, json!({"result": "observed", "attempts": 2, "millis": 3})),
        outcome(3, json!({"result": "not_happened"})),
        outcome(4, json!({"result": "unknown"})),
        outcome(6, json!({"result": "ok", "millis": 1})),
    ]);
    insta::assert_snapshot!(timeline(&entries, UNICODE), @r"
    +0.0s   run 1        → change 1 ✓ snap-0000000a, snap-0000000b, 3 ms, request r
    +0.0s                → change 2 ✓ the answer was lost; a look shows that it happened, 3 ms, 2 attempts
    +0.0s                → change 3 ✗ the answer was lost; a look shows that it did not happen
    +0.0s                → change 4 ✗ nobody knows whether it happened: look in CloudTrail
    +0.0s                → change 5 (no answer yet)
    +0.0s                → a change ✓ 1 ms
    ");
}

#[test]
fn a_drawing_that_grows_tells_an_outcome_when_it_comes() {
    let mut drawer = Drawer::new(UNICODE);
    let entries = whole_case();
    let parts: Vec<String> = entries.chunks(1).map(|part| drawer.draw(part)).collect();
    assert!(parts[9].contains("no answer yet"), "{}", parts[9]);
    assert!(
        parts[11].contains("eni-0a1b2c3d of i-0a1b2c3d") && parts[11].contains("✓ 42 ms"),
        "{}",
        parts[11]
    );
    assert_eq!(parts.iter().filter(|part| part.is_empty()).count(), 0);
}
