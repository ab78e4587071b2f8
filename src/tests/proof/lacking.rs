//! A runbook under exactly its derived policy, and under that policy without any one of its actions.
//!
//! Each of these trials has an account of its own with the same incident, and one service serves them
//! all at once.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::account::Account;
use super::service::{Begun, Service};
use crate::support::{Deployment, text};

/// A runbook and how to prove it.
pub struct Proof {
    pub runbook: &'static str,
    /// The first digits of its accounts, different for each proof.
    pub accounts: &'static str,
    /// Makes an incident that the runbook answers by all of its branches; the finding.
    pub incident: fn(&Account) -> Value,
    /// The case's status when all went well.
    pub status: &'static str,
    /// Actions of the policy without which the incident is contained all the same, and why they are in
    /// the policy: a trial that needs one after all fails the test.
    pub unused: &'static [(&'static str, &'static str)],
    /// Another runbook with the same policy and, after the header, the same script: what that one needs
    /// is tried there, action by action, and here that it is enough.
    pub like: Option<&'static str>,
}

/// One account, whose role lacks an action.
struct Trial {
    lacking: Option<String>,
    begun: Begun,
}

/// The policy that `runbook policy` prints.
pub fn derived(runbook: &str, account: &str) -> Value {
    let deployment = Deployment::bare("[cloud]\nkind = \"aws\"\n");
    let told = deployment.run(&["runbook", "policy", runbook, "--account", account, "--json"]);
    assert!(told.status.success(), "{}", text(&told.stderr));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    told["documents"]["responder"].clone()
}

/// A runbook's script, after its header.
fn script(runbook: &str) -> String {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
    let source = std::fs::read_to_string(folder.join(format!("{runbook}.rhai"))).unwrap();
    source.split_once("\nfn run(").unwrap().1.to_owned()
}

/// The actions of the statements that `wanted` takes by their name.
fn actions(policy: &Value, wanted: fn(&str) -> bool) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().unwrap().iter();
    let wanted = statements.filter(|one| wanted(one["Sid"].as_str().unwrap()));
    let listed = wanted.flat_map(|one| one["Action"].as_array().unwrap());
    listed.map(|action| action.as_str().unwrap().to_owned()).collect()
}

/// The policy without an action; a statement that allows nothing any more is left out.
fn without(policy: &Value, action: &str) -> Value {
    let mut policy = policy.clone();
    let statements = policy["Statement"].as_array_mut().unwrap();
    for statement in statements.iter_mut() {
        statement["Action"].as_array_mut().unwrap().retain(|one| one != action);
    }
    statements.retain(|statement| statement["Action"] != json!([]));
    policy
}

/// The words of each step of a run that failed, by the step's name, and of a run that ended so.
fn failures(timeline: &[Value]) -> Vec<(&str, &str)> {
    let told = timeline.iter().filter_map(|entry| {
        let body = &entry["body"];
        let (name, words) = match entry["kind"].as_str()? {
            // A failure that stops nothing is a part of what the step gives the script.
            "step.finished" if body["result"] == "failed" => {
                let words = [&body["error"]["message"], &body["output"]["failed"]];
                (body["name"].as_str()?, words.into_iter().find(|words| words.is_string())?)
            }
            "run.finished" if body["state"] != "succeeded" => ("the run", &body["summary"]),
            _ => return None,
        };
        Some((name, words.as_str()?))
    });
    told.collect()
}

/// The failures that name a missing action.
fn denials<'a>(timeline: &'a [Value], action: &str) -> Vec<(&'a str, &'a str)> {
    // Whole words: `iam:GetRole` is not what `iam:GetRolePolicy` says.
    let names = |words: &str| {
        words
            .split(|c: char| !c.is_ascii_alphanumeric() && c != ':')
            .any(|word| word.trim_end_matches(':') == action)
    };
    failures(timeline).into_iter().filter(|(_, words)| names(words)).collect()
}

impl Proof {
    /// Makes all trials and holds each against what must come of it; what is wrong.
    pub fn hold(&self) -> Vec<String> {
        let policy = derived(self.runbook, &self.account(0));
        let run = actions(&policy, |name| !name.starts_with("Undo"));
        let all = actions(&policy, |_| true);
        let back: BTreeSet<String> = all.difference(&run).cloned().collect();
        let tried = match self.like {
            None => all,
            Some(other) => {
                assert_eq!(policy, derived(other, &self.account(0)), "{} {other}", self.runbook);
                assert_eq!(script(self.runbook), script(other), "{} {other}", self.runbook);
                BTreeSet::new()
            }
        };

        let made: Vec<_> = std::iter::once(None)
            .chain(tried.into_iter().map(Some))
            .enumerate()
            .map(|(n, lacking)| self.happened(n, lacking, &policy))
            .collect();
        let mut service = Service::start(made.iter().map(|(account, ..)| account));
        let trials: Vec<Trial> = made
            .into_iter()
            .map(|(account, lacking, finding)| {
                let begun = service.send(&account, &finding);
                Trial { lacking, begun }
            })
            .collect();
        let ended = service.over(&trials.iter().map(|trial| &trial.begun).collect::<Vec<_>>());
        let mut wrong = Vec::new();
        for (trial, run) in trials.iter().zip(&ended) {
            wrong.extend(match &trial.lacking {
                Some(action) if !back.contains(action) => {
                    self.is_denied(&service, trial, action, run)
                }
                _ => self.is_contained(&service, trial, run),
            });
        }
        wrong.extend(self.taken_back(&mut service, &trials, &back));
        wrong.into_iter().map(|wrong| format!("{} {wrong}", self.runbook)).collect()
    }

    fn account(&self, n: usize) -> String {
        format!("{}{n:0width$}", self.accounts, width = 12 - self.accounts.len())
    }

    /// An account in which it happened, whose responder lacks an action.
    fn happened(
        &self,
        n: usize,
        lacking: Option<String>,
        policy: &Value,
    ) -> (Account, Option<String>, Value) {
        let id = self.account(n);
        let policy = match &lacking {
            Some(action) => without(policy, action),
            None => policy.clone(),
        };
        let policy = policy.to_string().replace(&self.account(0), &id);
        let mut account = Account::new(&id, &serde_json::from_str(&policy).unwrap());
        account.lacking.clone_from(&lacking);
        let finding = (self.incident)(&account);
        (account, lacking, finding)
    }

    /// Nothing was missing; what is wrong, if it is otherwise.
    fn is_contained(&self, service: &Service, trial: &Trial, run: &Value) -> Option<String> {
        let timeline = service.timeline(&trial.begun);
        let seen = (&run["runbook"], &run["state"], &service.case(&trial.begun)["status"]);
        let expected = (&json!(self.runbook), &json!("succeeded"), &json!(self.status));
        let failures = failures(&timeline);
        (seen != expected || !failures.is_empty()).then(|| {
            let lacking = &trial.lacking;
            format!("lacking {lacking:?}: {seen:?}: {failures:?}: {}", run["summary"])
        })
    }

    /// What needed the action was denied and says so. A description stops nothing; all else leaves the
    /// run to a person, and its case is not contained. What is wrong, if it is otherwise.
    fn is_denied(
        &self,
        service: &Service,
        trial: &Trial,
        action: &str,
        run: &Value,
    ) -> Option<String> {
        let timeline = service.timeline(&trial.begun);
        let denials = denials(&timeline, action);
        if let Some((_, reason)) = self.unused.iter().find(|(unused, _)| *unused == action) {
            let used = (!denials.is_empty())
                .then(|| format!("lacking {action}: used after all ({reason}): {denials:?}"));
            return used.or_else(|| self.is_contained(service, trial, run));
        }
        let case = service.case(&trial.begun);
        let (state, contained) = (run["state"].as_str().unwrap(), run["contained"] == true);
        let summary = run["summary"].as_str().unwrap();
        let described = denials.iter().all(|(step, _)| step.starts_with("act::"));
        let right = !denials.is_empty()
            && match described {
                true => state == "succeeded" && case["status"] == self.status,
                false => {
                    let stopped = matches!(state, "failed" | "halted");
                    stopped
                        && !contained
                        && case["status"] != "contained"
                        && summary.contains(action)
                }
            };
        (!right).then(|| {
            let failures = failures(&timeline);
            format!("lacking {action}: {state}, {}: {summary}: {failures:?}", case["status"])
        })
    }

    /// The undo, with all that the policy allows for it and without any one of it; what is wrong.
    fn taken_back(
        &self,
        service: &mut Service,
        trials: &[Trial],
        back: &BTreeSet<String>,
    ) -> Vec<String> {
        // What changed nothing can't be taken back.
        if self.status != "contained" {
            return Vec::new();
        }
        let concerned =
            |trial: &&Trial| trial.lacking.as_ref().is_none_or(|action| back.contains(action));
        let trials: Vec<&Trial> = trials.iter().filter(concerned).collect();
        let undos: Vec<Begun> = trials.iter().map(|trial| service.undo(&trial.begun)).collect();
        let ended = service.over(&undos.iter().collect::<Vec<_>>());
        let mut wrong = Vec::new();
        for ((trial, undo), run) in trials.iter().zip(&undos).zip(&ended) {
            let timeline = service.timeline(undo);
            let status = &service.case(undo)["status"];
            let needed = trial
                .lacking
                .as_ref()
                .filter(|action| self.unused.iter().all(|(unused, _)| unused != action));
            let right = match needed {
                None => run["state"] == "succeeded" && status == "released",
                Some(action) => {
                    run["state"] != "succeeded"
                        && status != "released"
                        && !denials(&timeline, action).is_empty()
                }
            };
            if !right {
                let (lacking, failures) = (&trial.lacking, failures(&timeline));
                let (state, summary) = (&run["state"], &run["summary"]);
                wrong.push(format!(
                    "undo lacking {lacking:?}: {state}, {status}: {summary}: {failures:?}"
                ));
            }
        }
        wrong
    }
}
