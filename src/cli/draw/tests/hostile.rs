//! Whatever an attacker writes into an entry, the terminal stays ours.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{UNICODE, entry};
use crate::cli::draw::{Style, timeline};
use crate::sanitise::is_harmful;
use crate::timeline::{Entry, Kind};

#[test]
fn colour_is_only_what_we_say_ourselves() {
    let colour = Style { colour: true, ..UNICODE };
    let hostile =
        entry(0, "", "case.opened", json!({"title": "\u{1b}[31mred\u{1b}]0;owned\u{7}\u{202e}"}));
    let drawn = timeline(std::slice::from_ref(&hostile), colour);
    assert!(drawn.contains("\u{1b}[1mred\u{1b}[0m"), "{drawn:?}");
    assert!(
        !drawn.contains("\u{1b}[31m") && !drawn.contains("owned") && !drawn.contains('\u{202e}'),
        "{drawn:?}"
    );
    assert!(!timeline(&[hostile], UNICODE).contains('\u{1b}'));
}

/// Any JSON, with hostile text in it.
fn any_body() -> impl Strategy<Value = Value> {
    let text = "(\\PC|[\u{0}-\u{9f}]|\u{1b}\\[31m|\u{202e}|[a-z]{90}){0,30}";
    let leaf = prop_oneof![
        text.prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,5}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    let key = prop::sample::select(vec![
        "run",
        "step",
        "title",
        "finding",
        "disposition",
        "version",
        "runbook",
        "mode",
        "reasons",
        "params",
        "kind",
        "state",
        "summary",
        "open",
        "name",
        "args",
        "result",
        "output",
        "error",
        "planned",
        "words",
        "change",
        "receipt",
        "evidence",
        "question",
        "approval",
        "decision",
        "text",
        "from",
        "to",
        "changes",
        "does",
        "counts",
        "more",
        "log",
        "code",
        "reason",
        "millis",
        "expires_at",
    ]);
    prop::collection::btree_map(key, value, 0..10).prop_map(|map| {
        Value::Object(map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    })
}

proptest! {
    // Each case makes a handful of entries, which is slow to generate without optimisation.
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_entry_is_drawn_harmless_and_inside_the_terminal(
        kinds in prop::collection::vec(0..=Kind::ALL.len(), 1..6),
        bodies in prop::collection::vec(any_body(), 6),
        who in "(\\PC|\u{1b}\\[31m|\n){1,30}",
        width in prop::option::of(1_u16..120),
    ) {
        let entries: Vec<Entry> = kinds.iter().zip(bodies).map(|(kind, body)| {
            let kind = Kind::ALL.get(*kind).map_or("else.\u{1b}[2J", |kind| kind.label());
            entry(0, &format!("p{who}"), kind, body)
        }).collect();
        let drawn = timeline(&entries, Style { colour: false, unicode: true, width });
        prop_assert!(!drawn.chars().any(|c| c != '\n' && is_harmful(c)), "{drawn:?}");
        // Eight levels of indentation and the least room for words are the widest that a line can get.
        if let Some(width) = width {
            let most = usize::from(width).max(19 + 12 + 4 + 24);
            prop_assert!(drawn.lines().all(|line| line.chars().count() <= most), "{drawn}");
        }
    }
}
