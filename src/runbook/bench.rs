//! A replay of a given length, for benchmarks: one evaluation over `n` recorded steps.

use rhai::Engine;
use serde_json::json;

use super::advance::{Advance, advance};
use super::diagnostic::Diagnostic;
use super::engine::build_engine;
use super::library::{Runbook, compile};
use super::step::{Facts, Recorded, RecordedStep};
use crate::id::RunbookName;
use crate::routing::Mode;

/// A script that asks for `n` steps one after another, all of them recorded.
pub struct Replay {
    engine: Engine,
    runbook: Runbook,
    facts: Facts,
    recorded: Recorded,
}

impl Replay {
    /// Prepares a replay of `steps` steps (at most [`super::limits::STEPS_MAX`]).
    ///
    /// # Errors
    /// When the script does not compile, which would be a defect.
    pub fn new(steps: usize) -> Result<Self, Vec<Diagnostic>> {
        let engine = build_engine();
        let source = format!(
            "//! Replays.\nconst RUNBOOK = #{{ on: [\"*\"] }};\n\
            fn run(case, p) {{ let sum = 0; for n in 0..{steps} {{ sum += sleep(n + 1).waited; }} sum }}"
        );
        let name = "replay".parse::<RunbookName>().map_err(|_| Vec::new())?;
        let runbook = compile(&engine, name, &source)?;
        let recorded = (1..=steps)
            .filter_map(|n| {
                let step = RecordedStep {
                    name: "sleep".to_owned(),
                    args: json!({"seconds": n}),
                    outcome: Some(Ok(json!({"waited": n}))),
                };
                Some((n.to_string().parse().ok()?, step))
            })
            .collect();
        let facts = Facts { case: json!({}), params: serde_json::Map::new(), mode: Mode::Observe };
        Ok(Self { engine, runbook, facts, recorded })
    }

    /// Evaluates once over everything recorded.
    #[must_use]
    pub fn run(&self) -> Advance {
        advance(&self.engine, &self.runbook, &self.facts, &self.recorded)
    }
}

#[cfg(test)]
mod tests {
    use super::{Advance, Replay};
    use serde_json::json;

    #[test]
    fn a_replay_runs_to_its_end() {
        assert_eq!(Replay::new(100).unwrap().run(), Advance::Done(json!(5_050)));
    }
}
