//! The fold: a run's entries, read back into what the driver works with. Pure.
//!
//! Live code and recovery use the same fold: what is not in the timeline did not happen.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use thiserror::Error;

use super::journal::PLAN_STEP;
use super::step::{ChangeLog, Origin, StepLog};
use super::step_end::undone;
use crate::case::Because;
use crate::id::{Digest, RunId};
use crate::runbook::{Recorded, RecordedStep, StepKey};
use crate::timeline::{Entry, Kind};

/// A run, as its timeline tells it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunLog {
    /// The pinned facts' digest, once the run was started.
    pub facts: Option<Digest>,
    /// The hash of each plan that was made, in order: another one where the world changed before the
    /// approved one was begun.
    pub plans: Vec<Planned>,
    /// Steps in the order in which they were asked for.
    pub steps: Vec<StepLog>,
    /// Whether a guard stopped something.
    pub tripped: bool,
    /// Why a genuine finding is only looked at.
    pub unanswered: Option<String>,
    /// What people said before, because of which it may not go further than to ask.
    pub asks_because: Option<String>,
    /// To which run they said it. `None`, too, where an older version asked for this one.
    pub asks_after: Option<Because>,
}

/// A plan that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// What an approval of it is bound to.
    pub hash: Digest,
    /// What it is about; `None`: too much for an entry.
    pub scope: Option<BTreeSet<String>>,
}

impl Planned {
    /// Whether it would change nothing: nobody is asked about it.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.scope.as_ref().is_some_and(BTreeSet::is_empty)
    }

    /// What `now` would do beyond this plan; empty: whoever agreed to this has agreed to that.
    #[must_use]
    pub fn beyond(&self, now: &Self) -> Vec<String> {
        match (&self.scope, &now.scope) {
            _ if self.hash == now.hash => Vec::new(),
            (Some(agreed), Some(now)) => now.difference(agreed).cloned().collect(),
            _ => vec!["more than one entry holds".to_owned()],
        }
    }
}

/// An entry that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("entry {seq} does not fit the run: {reason}")]
pub struct Unfit {
    /// Its place.
    pub seq: u64,
    /// Why.
    pub reason: String,
}

impl RunLog {
    /// Folds the entries of a case, in order; those of other runs are passed over.
    ///
    /// # Errors
    /// When an entry of this run refers to a step or change that was never asked for.
    pub fn fold<'a>(
        run: &RunId,
        entries: impl IntoIterator<Item = &'a Entry>,
    ) -> Result<Self, Unfit> {
        let mut log = Self::default();
        for entry in entries {
            if entry.body.get("run").and_then(Value::as_str) == Some(run.as_str()) {
                log.take(entry).map_err(|reason| Unfit { seq: entry.seq, reason })?;
            }
        }
        Ok(log)
    }

    fn take(&mut self, entry: &Entry) -> Result<(), String> {
        let body = &entry.body;
        match entry.kind() {
            Some(Kind::RunRequested) => {
                self.unanswered = text(body, "unanswered").ok().map(str::to_owned);
                self.asks_because = text(body, "asks_because").ok().map(str::to_owned);
                self.asks_after = parse(body, "asks_after").ok();
            }
            Some(Kind::RunStarted) => self.facts = Some(digest(text(body, "facts")?)?),
            Some(Kind::PlanMade) => {
                let hash = digest(text(body, "hash")?)?;
                let scope = match body.get("scope") {
                    None | Some(Value::Null) => None,
                    Some(_) => Some(parse(body, "scope")?),
                };
                self.plans.push(Planned { hash, scope });
            }
            Some(Kind::StepRequested) => {
                let (key, name) = (step_key(text(body, "step")?)?, text(body, "name")?.to_owned());
                let args = body.get("args").cloned().unwrap_or_default();
                let origin = self.origin(&key);
                self.steps.push(StepLog { origin, ..StepLog::asked(key, name, args, entry.at) });
            }
            Some(Kind::ChangeIntent) => {
                let (key, n) = change_key(text(body, "step")?)?;
                let change = parse(body, "change")?;
                let step = self.step_mut(&key)?;
                if n != step.changes.len() + 1 {
                    return Err(format!("change {n} of step {key} is out of order"));
                }
                step.changes.push(ChangeLog { change, intended: entry.at, outcome: None });
            }
            Some(Kind::ChangeOutcome) => {
                let (key, n) = change_key(text(body, "step")?)?;
                let outcome = serde_json::from_value(Value::Object(body.clone()))
                    .map_err(|e| e.to_string())?;
                let step = self.step_mut(&key)?;
                let change = n.checked_sub(1).and_then(|n| step.changes.get_mut(n));
                change
                    .ok_or_else(|| format!("change {n} of step {key} was never intended"))?
                    .outcome = Some(outcome);
            }
            Some(Kind::StepFinished) => {
                let key = step_key(text(body, "step")?)?;
                let end = serde_json::from_value(Value::Object(body.clone()))
                    .map_err(|e| e.to_string())?;
                self.step_mut(&key)?.end = Some(end);
            }
            Some(Kind::GuardTripped) => self.tripped = true,
            _ => {}
        }
        Ok(())
    }

    fn step_mut(&mut self, key: &StepKey) -> Result<&mut StepLog, String> {
        self.steps
            .iter_mut()
            .find(|step| step.key == *key)
            .ok_or_else(|| format!("step {key} was never asked for"))
    }

    /// What a step of this key goes on from; `None`: it is a step of the script.
    fn origin(&self, key: &StepKey) -> Option<Origin> {
        let (of, _) = key.looks_again()?;
        let looks = |step: &&StepLog| step.key.looks_again().is_some_and(|(again, _)| again == of);
        let before = || self.steps.iter().filter(|step| step.key == of || looks(step));
        let applied = before().flat_map(StepLog::own).collect();
        let found = before().filter(looks).filter_map(|step| step.end.as_ref().map(undone));
        let (requested, looks) = (self.step(&of)?.requested, found.collect());
        Some(Origin { requested, applied, looks })
    }

    /// The step with this key.
    #[must_use]
    pub fn step(&self, key: &StepKey) -> Option<&StepLog> {
        self.steps.iter().find(|step| step.key == *key)
    }

    /// What the script sees. A step whose output is a blob must have been loaded before.
    #[must_use]
    pub fn recorded(&self) -> Recorded {
        let mut recorded = Recorded::default();
        for step in self.steps.iter().filter(|step| step.key.looks_again().is_none()) {
            recorded.insert(
                step.key.clone(),
                RecordedStep {
                    name: step.name.clone(),
                    args: step.args.clone(),
                    outcome: step.end.as_ref().map(|end| match &end.error {
                        Some(error) => Err(error.clone()),
                        None => Ok(end.output.clone().unwrap_or_default()),
                    }),
                },
            );
        }
        recorded
    }
}

fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    body.get(name).and_then(Value::as_str).ok_or_else(|| format!("{name} is missing"))
}

fn parse<T: serde::de::DeserializeOwned>(
    body: &Map<String, Value>,
    name: &str,
) -> Result<T, String> {
    let value = body.get(name).cloned().unwrap_or_default();
    serde_json::from_value(value).map_err(|error| format!("{name}: {error}"))
}

fn digest(text: &str) -> Result<Digest, String> {
    text.trim_start_matches("sha256:")
        .parse()
        .map_err(|error: crate::id::IdError| error.to_string())
}

fn step_key(text: &str) -> Result<StepKey, String> {
    debug_assert_ne!(text, PLAN_STEP, "the plan is no step of the script");
    text.parse().map_err(|_| format!("{text:?} is no step key"))
}

fn change_key(text: &str) -> Result<(StepKey, usize), String> {
    let (key, n) = text.split_once('#').ok_or_else(|| format!("{text:?} is no change key"))?;
    Ok((step_key(key)?, n.parse().map_err(|_| format!("{text:?} is no change key"))?))
}
