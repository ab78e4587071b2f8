//! A plan for people: what it comes to in one sentence, and its lines. Only changes are counted as
//! deeds: what is refused, is so already, or is only said stands beside them, named as what it is.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::table::Tone;
use crate::run::Does;

/// A plan as an entry of the timeline or an answer of the service holds it. Its texts may hold what an
/// attacker wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The lines, and what each is about; `None`: an earlier version did not say.
    pub lines: Vec<(Option<Does>, String)>,
    /// Lines that the entry had no room for.
    pub more: u64,
    counts: Option<BTreeMap<Does, u64>>,
}

impl Plan {
    /// Reads a plan; nothing of it where there is none.
    #[must_use]
    pub fn of(body: &Map<String, Value>) -> Self {
        let list = |key: &str| body.get(key).and_then(Value::as_array).map(Vec::as_slice);
        let words = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let lines = match list("lines") {
            Some(lines) => {
                lines.iter().map(|line| (about(&line["does"]), words(&line["words"]))).collect()
            }
            None => {
                let does = list("does").unwrap_or_default().iter().map(about);
                let does = does.chain(std::iter::repeat(None));
                does.zip(list("changes").unwrap_or_default())
                    .map(|(does, line)| (does, words(line)))
                    .collect()
            }
        };
        let more = body.get("more").and_then(Value::as_u64).unwrap_or(0);
        let counts = body.get("counts").and_then(Value::as_object).map(|counts| {
            let count = |(does, n): (&String, &Value)| {
                Some((about(&Value::from(does.as_str()))?, n.as_u64()?))
            };
            counts.iter().filter_map(count).collect()
        });
        Self { lines, more, counts }
    }

    /// How many changes, and beside them what is refused, fails or is so already.
    #[must_use]
    pub fn head(&self) -> String {
        let Some(counts) = &self.counts else {
            return match self.lines.len() {
                0 => "nothing would be changed".to_owned(),
                1 => "1 thing would be done".to_owned(),
                n => format!("{n} things would be done"),
            };
        };
        let count = |does: Does| counts.get(&does).copied().unwrap_or(0);
        let mut parts = vec![match (count(Does::Change), count(Does::Later)) {
            (0, 0) => "nothing would be changed".to_owned(),
            (1, 0) => "1 change would be made".to_owned(),
            (n, 0) => format!("{n} changes would be made"),
            // How many can't be told yet, and what they are for stands in the lines.
            (1, _) => "1 change would be made, and then more (·)".to_owned(),
            (n, _) => format!("{n} changes would be made, and then more (·)"),
        }];
        for (does, words) in [
            (Does::Refused, "refused"),
            (Does::Fail, "would fail"),
            (Does::Wait, "would wait"),
            (Does::Already, "already so"),
        ] {
            if count(does) > 0 {
                parts.push(format!("{} {words}", count(does)));
            }
        }
        parts.join("; ")
    }

    /// The words of each line.
    #[must_use]
    pub fn words(&self) -> Vec<&str> {
        self.lines.iter().map(|(_, words)| words.as_str()).collect()
    }
}

/// What a line is about; one that only a later version knows is no change.
fn about(label: &Value) -> Option<Does> {
    Some(Does::deserialize(label).unwrap_or(Does::Later))
}

/// The mark before a line, and its colour: an arrow stands before changes alone.
#[must_use]
pub fn mark(does: Option<Does>, unicode: bool) -> (char, Tone) {
    match does {
        None | Some(Does::Change) if unicode => ('→', Tone::Plain),
        None | Some(Does::Change) => ('>', Tone::Plain),
        Some(Does::Refused | Does::Fail) if unicode => ('✗', Tone::Bad),
        Some(Does::Refused | Does::Fail) => ('x', Tone::Bad),
        Some(Does::Already) => ('=', Tone::Dim),
        Some(Does::Ask | Does::Wait) => ('?', Tone::Warn),
        Some(Does::Mind) => ('!', Tone::Warn),
        Some(Does::Later | Does::Say | Does::Sleep) if unicode => ('·', Tone::Dim),
        Some(Does::Later | Does::Say | Does::Sleep) => ('.', Tone::Dim),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_changes_are_counted_as_deeds() {
        let entry = json!({"changes": ["a becomes b", "x: refused: no", "y: already so"],
            "does": ["change", "refused", "already"],
            "counts": {"change": 1, "refused": 1, "already": 1, "say": 4}, "more": 0});
        let answer = json!({"lines": [{"does": "refused", "words": "x: refused: no"}],
            "counts": {"refused": 1}});
        let many = json!({"changes": ["a becomes b"], "does": ["change"],
            "counts": {"change": 200, "fail": 2}, "more": 199});
        let earlier = json!({"changes": ["a becomes b", "x: would be refused: no"]});
        let later = json!({"lines": [{"does": "muse", "words": "thinks"}],
            "counts": {"change": 1, "muse": 7}});
        for (body, head, first) in [
            (entry, "1 change would be made; 1 refused; 1 already so", Some(Does::Change)),
            (answer, "nothing would be changed; 1 refused", Some(Does::Refused)),
            (many, "200 changes would be made; 2 would fail", Some(Does::Change)),
            (earlier, "2 things would be done", None),
            (later, "1 change would be made, and then more (·)", Some(Does::Later)),
        ] {
            let plan = Plan::of(body.as_object().unwrap());
            assert_eq!((plan.head().as_str(), plan.lines[0].0), (head, first), "{body}");
            let expected = body["changes"].as_array().map_or(1, Vec::len);
            assert_eq!(plan.words().len(), expected);
        }
        assert_eq!(Plan::of(&Map::new()).head(), "nothing would be changed");
    }

    #[test]
    fn an_arrow_stands_before_changes_alone() {
        let all = [
            Does::Change,
            Does::Later,
            Does::Already,
            Does::Refused,
            Does::Wait,
            Does::Fail,
            Does::Mind,
            Does::Say,
            Does::Ask,
            Does::Sleep,
        ];
        for does in all {
            let arrow = [mark(Some(does), true).0, mark(Some(does), false).0] == ['→', '>'];
            assert_eq!(arrow, does == Does::Change, "{does:?}");
        }
    }
}
