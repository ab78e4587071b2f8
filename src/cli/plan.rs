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

#[derive(Deserialize)]
struct Line {
    does: Does,
    words: String,
}

impl Plan {
    /// Reads a plan; nothing of it where there is none.
    #[must_use]
    pub fn of(body: &Map<String, Value>) -> Self {
        let read = |key: &str| body.get(key).cloned().unwrap_or_default();
        let lines = match serde_json::from_value::<Vec<Line>>(read("lines")) {
            Ok(lines) => lines.into_iter().map(|line| (Some(line.does), line.words)).collect(),
            Err(_) => {
                let does = body.get("does").and_then(Value::as_array).cloned().unwrap_or_default();
                let does = does.into_iter().map(|does| serde_json::from_value(does).ok());
                let words = body.get("changes").and_then(Value::as_array);
                let words = words.into_iter().flatten().filter_map(Value::as_str);
                let does = does.chain(std::iter::repeat(None));
                does.zip(words).map(|(does, words)| (does, words.to_owned())).collect()
            }
        };
        let more = body.get("more").and_then(Value::as_u64).unwrap_or(0);
        Self { lines, more, counts: serde_json::from_value(read("counts")).ok() }
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
        let mut parts = vec![match count(Does::Change) {
            0 => "nothing would be changed".to_owned(),
            1 => "1 change would be made".to_owned(),
            n => format!("{n} changes would be made"),
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
        for (body, head, first) in [
            (entry, "1 change would be made; 1 refused; 1 already so", Some(Does::Change)),
            (answer, "nothing would be changed; 1 refused", Some(Does::Refused)),
            (many, "200 changes would be made; 2 would fail", Some(Does::Change)),
            (earlier, "2 things would be done", None),
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
