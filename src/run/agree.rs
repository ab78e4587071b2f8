//! Mode `approve`: the plan is made and a person agrees to it before anything is done, and it is made
//! again after the yes. What the plan is, is `plan`'s; how a person is asked, `approve`'s.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::json;

use super::approve::{self, Answer, Question};
use super::drive::{Drive, Driven};
use super::execute::{Executor, StepRun};
use super::journal::{PLAN_STEP, Plan};
use super::plan::{self, Unplanned};
use super::replay::Planned;
use super::script::Script;
use super::shared::{self, SHARED};
use super::step::StepLog;
use super::step_end::{self, cut, cut_at, failed};
use super::tell;
use crate::case::{Against, Because, RunEvent, asks_on};
use crate::change::Change;
use crate::error::Code;
use crate::id::{Digest, InstanceId};
use crate::store::{Effect, SERVICE, Said, StoreError};

/// Plans that a person is asked about: when the world changes that often, a person must look.
const PLANS_MAX: usize = 4;

/// What the timeline says of a plan about which nobody is asked.
const IDLE: &str = "nobody is asked about this plan, because it would change nothing; what is to be changed \
                    in spite of that is asked about first";

/// Characters of a reason that somebody gave for a no or an undo, in a question: the rest stands in its
/// case.
const REASON_MAX: usize = 300;

/// Characters of a call in a question: what stands against it must fit behind.
const CALL_MAX: usize = 600;

impl Executor<'_> {
    /// Before a step's first change: what nobody has agreed to is asked, once. How the step ends or waits
    /// then; `None`: go on. Who agreed to a containment agreed that it holds.
    pub(super) async fn unagreed(
        &self,
        step: &StepLog,
        target: &str,
        stages: &[Vec<Change>],
        users: &BTreeSet<InstanceId>,
    ) -> Result<Option<StepRun>, StoreError> {
        match self.agreed {
            _ if !step.changes.is_empty() || step.origin.is_some() => Ok(None),
            Some(agreed) => self.beyond(agreed, step, stages).await,
            None if step.contains() => self.unruled(step, target, stages, users).await,
            None => Ok(None),
        }
    }

    /// What goes beyond the approved plan: what its script has looked at may have changed since that was
    /// made.
    async fn beyond(
        &self,
        agreed: &Planned,
        step: &StepLog,
        stages: &[Vec<Change>],
    ) -> Result<Option<StepRun>, StoreError> {
        let mut wanted = step_end::touches(stages);
        wanted.insert(plan::call(step));
        wanted.extend(plan::target(step, &self.place()));
        let more: Vec<&String> = match &agreed.scope {
            Some(scope) => wanted.difference(scope).collect(),
            None => wanted.iter().collect(),
        };
        if more.is_empty() {
            return Ok(None);
        }
        let bound =
            json!({"run": self.run.id, "plan": agreed.hash, "step": step.key, "more": more});
        let resources = self.resources(&wanted);
        let list = more.iter().map(|one| one.as_str()).collect::<Vec<_>>().join("; ");
        let beyond = match agreed.is_idle() {
            true => "When the plan was made there was nothing to change; now this step would do",
            false => "Beyond what was approved this step would do",
        };
        let runbook = &self.run.runbook;
        let list = cut_at(&list, CALL_MAX);
        let text = match self.against(&resources).await? {
            Some((_, mind)) => {
                format!("Go on with runbook {runbook}? {beyond}: {list}. Mind: {mind}.")
            }
            None => format!("Go on with runbook {runbook}? {beyond}: {list}"),
        };
        let question = Question {
            step: step.key.as_str(),
            text: &text,
            hash: Digest::of(bound.to_string().as_bytes()),
            quorum: 1,
            within: approve::APPROVAL_WAIT,
        };
        self.asked(step, &question, resources, "it goes beyond the plan").await
    }

    /// Where no plan was approved: what people decided on what the step would change binds it, though
    /// nobody knew when the run began that it would come to that. And what others live on is asked about.
    async fn unruled(
        &self,
        step: &StepLog,
        target: &str,
        stages: &[Vec<Change>],
        users: &BTreeSet<InstanceId>,
    ) -> Result<Option<StepRun>, StoreError> {
        let mut resources = self.resources(&step_end::touches(stages));
        resources.insert(self.run.resource(target));
        // Who starts a run by hand knows what it is for.
        let ruled = match self.run.requested_by == SERVICE {
            true => self.against(&resources).await?,
            false => None,
        };
        // Unless the deployment asks nobody about them.
        let asks = self.env.limits.confirm_shared_roles;
        let met = asks.then(|| shared::others(self.run.target.as_deref(), users)).flatten();
        let (why, mind) = match (ruled, met) {
            (None, None) => return Ok(None),
            (None, Some(others)) => (SHARED, others),
            (Some((because, mind)), None) => (because.why(), mind),
            (Some((because, mind)), Some(others)) => (because.why(), format!("{mind}; {others}")),
        };
        let (runbook, call) = (&self.run.runbook, cut_at(&plan::call(step), CALL_MAX));
        let text = format!("Go on with runbook {runbook}? It would do: {call}. Mind: {mind}.");
        let bound = json!({"run": self.run.id, "step": step.key, "ruled": resources});
        let question = Question {
            step: step.key.as_str(),
            text: &cut(&text),
            hash: Digest::of(bound.to_string().as_bytes()),
            quorum: 1,
            within: approve::APPROVAL_WAIT,
        };
        self.asked(step, &question, resources, why).await
    }

    /// The last of what people said before against changing any of these, in words.
    async fn against(
        &self,
        resources: &BTreeSet<String>,
    ) -> Result<Option<(Because, String)>, StoreError> {
        let now = self.env.clock.now();
        let rulings = self.env.store.rulings(resources, &self.run.case, now).await?;
        let Some((on, because)) = asks_on(&self.run.id, &rulings) else { return Ok(None) };
        let words = self.mind(because.why(), Some(&because)).await?;
        let on_target = self.run.target.as_deref() == Some(on);
        Ok(Some((because, if on_target { words } else { format!("{on}: {words}") })))
    }

    /// What stands against what is asked: who said it, of what, when and why, so that whoever is asked
    /// need not look for it.
    async fn mind(&self, why: &str, because: Option<&Because>) -> Result<String, StoreError> {
        let Some(because) = because else { return Ok(why.to_owned()) };
        let Some(said) = self.env.store.said(because).await? else {
            return Ok(format!("{why} ({})", because.run));
        };
        let Said { case, by, at, reason, done } = said;
        let did = match because.word {
            Against::No => "said no to",
            Against::Undo if done => "took back",
            Against::Undo => "asked to take back",
        };
        let run = &because.run;
        let of = if case == self.run.case { "this case".to_owned() } else { case.to_string() };
        let at = at.strftime("%Y-%m-%d %H:%MZ");
        let reason = match reason {
            Some(reason) => format!("because: {}", cut_at(&reason, REASON_MAX)),
            None => "without a reason".to_owned(),
        };
        Ok(format!("{why}: {by} {did} {run} of {of} at {at}, {reason}"))
    }

    /// Asks, and says how the step ends or waits; `None`: it was answered with yes. A no refuses the whole
    /// step.
    async fn asked(
        &self,
        step: &StepLog,
        question: &Question<'_>,
        resources: BTreeSet<String>,
        why: &str,
    ) -> Result<Option<StepRun>, StoreError> {
        Ok(match approve::ask(self, question).await? {
            Answer::Granted(_) => None,
            Answer::Open(mut open) => {
                if let StepRun::Parked { effects, .. } = open.as_mut()
                    && !effects.is_empty()
                {
                    effects.push(Effect::Asks { step: step.key.to_string(), resources });
                }
                Some(*open)
            }
            Answer::Withdrawn => {
                let reason = format!("{why}, and the question was withdrawn");
                let end = failed(step, Code::APPROVAL_DENIED, "denied", &reason);
                Some(StepRun::Ended { end, drafts: vec![], effects: vec![] })
            }
            Answer::Refused(mut refusal) => {
                refusal.reason = format!("{why}, and {}", refusal.reason);
                let end = refusal.end(step);
                Some(StepRun::Ended { end, drafts: vec![], effects: vec![] })
            }
        })
    }

    /// What a scope touches, as holds name it.
    fn resources(&self, scope: &BTreeSet<String>) -> BTreeSet<String> {
        scope.iter().filter_map(|one| Some(self.run.resource(step_end::touched(one)?))).collect()
    }
}

impl Drive<'_> {
    /// Mode `approve`: the plan is made, shown and approved before anything is done. `None`: go on.
    ///
    /// The plan is made again after the yes: what would go beyond what was approved is asked again. About
    /// a plan that would change nothing nobody is asked, and what is to be changed in spite of that is
    /// asked about at its step.
    pub(super) async fn approve_plan(
        &mut self,
        script: &Script,
    ) -> Result<Option<Driven>, StoreError> {
        if self.log.plans.is_empty() {
            match self.plan(script).await {
                Some(Ok(plan)) => self.keep(plan).await?,
                Some(Err(unplanned)) => return self.unplanned(unplanned).await.map(Some),
                None => return self.release().await.map(Some),
            }
        }
        while let Some(planned) = self.log.plans.last().cloned() {
            // An older version asked about it all the same.
            if planned.is_idle() && !self.is_asked().await? {
                return Ok(None);
            }
            match self.ask_for(&planned).await? {
                // What has begun was approved as it was planned.
                Answer::Granted(_) if !self.log.steps.is_empty() => return Ok(None),
                Answer::Granted(_) => {
                    let plan = match self.plan(script).await {
                        Some(Ok(plan)) => plan,
                        Some(Err(unplanned)) => return self.unplanned(unplanned).await.map(Some),
                        None => return self.release().await.map(Some),
                    };
                    if planned.beyond(&self.planned(&plan)).is_empty() {
                        return Ok(None);
                    }
                    if self.log.plans.len() >= PLANS_MAX {
                        let reason = format!(
                            "{PLANS_MAX} plans were made, and each went beyond the approved one"
                        );
                        return self.halt(Code::APPROVAL_DENIED, &reason).await.map(Some);
                    }
                    self.keep(plan).await?;
                }
                Answer::Refused(refusal) => {
                    return self.halt(refusal.code, &refusal.reason).await.map(Some);
                }
                Answer::Withdrawn => {
                    let by = self.asks_for_more(true).await?;
                    return self.superseded(by.as_ref()).await.map(Some);
                }
                Answer::Open(open) => {
                    if let Some(by) = self.asks_for_more(false).await? {
                        return self.superseded(Some(&by)).await.map(Some);
                    }
                    if let StepRun::Parked { wake_at, drafts, mut effects } = *open {
                        if effects.iter().any(|effect| matches!(effect, Effect::OpenApproval(_))) {
                            effects.extend(self.withdrawals().await?);
                        }
                        effects.push(self.moved(RunEvent::Parked, wake_at));
                        self.executor(&Mutex::default()).write(drafts, effects).await?;
                    }
                    return Ok(Some(Driven::Parked));
                }
            }
        }
        Ok(None)
    }

    /// Follows the script as it would go now. `None`: the process stops; nothing is written, and what is
    /// looked at may be in line for minutes.
    async fn plan(&self, script: &Script) -> Option<Result<Plan, Unplanned>> {
        let none = Mutex::default();
        let executor = self.executor(&none);
        let mut plan = self.stopping.run_until_cancelled(plan::pass(&executor, script)).await?;
        if let Ok(plan) = &mut plan
            && !plan.acts()
        {
            // That it fails, or is so already, needs nobody's yes.
            plan.scope.clear();
        }
        Some(plan)
    }

    fn planned(&self, plan: &Plan) -> Planned {
        Planned { hash: plan::hash(self.run, plan), scope: Some(plan.scope.clone()) }
    }

    /// Writes a plan down, and what it would touch: the answer to its question is about that.
    async fn keep(&mut self, plan: Plan) -> Result<(), StoreError> {
        let planned = self.planned(&plan);
        let now = self.env.clock.now();
        let mut entries = vec![self.writer.plan(now, &planned.hash, &plan)];
        entries.extend(planned.is_idle().then(|| tell::remark(now, IDLE)));
        let resources = self.executor(&Mutex::default()).resources(&plan.scope);
        let step = plan_step(self.log.plans.len() + 1);
        self.write(&mut entries, &mut vec![Effect::Asks { step, resources }]).await?;
        self.log.plans.push(planned);
        Ok(())
    }

    /// There is no plan: later, or never.
    async fn unplanned(&self, unplanned: Unplanned) -> Result<Driven, StoreError> {
        match unplanned {
            Unplanned::Script(error) => self.finish(Some(error), vec![], vec![]).await,
            Unplanned::Later => self.later().await,
        }
    }

    /// What people said before against what is planned. Whoever asked for the run by hand knows it; whoever
    /// is asked does not.
    async fn against(&self, planned: &Planned) -> Result<Option<String>, StoreError> {
        let none = Mutex::default();
        let executor = self.executor(&none);
        let scope = planned.scope.iter().flat_map(|scope| executor.resources(scope));
        let resources = scope.chain(self.run.target.clone()).collect();
        Ok(match (executor.against(&resources).await?, &self.log.asks_because) {
            (None, Some(why)) => Some(executor.mind(why, self.log.asks_after.as_ref()).await?),
            (found, _) => found.map(|(_, words)| words),
        })
    }

    /// Whether people are asked about the last plan, or were.
    async fn is_asked(&self) -> Result<bool, StoreError> {
        let step = plan_step(self.log.plans.len());
        let asked = self.env.store.approvals_of(&self.run.id).await?;
        Ok(asked.iter().any(|row| row.step == step))
    }

    async fn ask_for(&self, planned: &Planned) -> Result<Answer, StoreError> {
        let (plans, runbook) = (&self.log.plans, &self.run.runbook);
        let none = Mutex::default();
        let text = match plans.split_last() {
            Some((_, [.., agreed])) => {
                let more = cut(&agreed.beyond(planned).join("; "));
                format!(
                    "Carry out runbook {runbook} as planned now? Beyond what was approved it would do: {more}"
                )
            }
            _ => match self.against(planned).await? {
                Some(mind) => format!("Carry out runbook {runbook} as planned? Mind: {mind}."),
                None => format!("Carry out runbook {runbook} as planned?"),
            },
        };
        let step = plan_step(plans.len());
        let (hash, within) = (planned.hash.clone(), approve::APPROVAL_WAIT);
        let question = Question { step: &step, text: &text, hash, quorum: 1, within };
        approve::ask(&self.executor(&none), &question).await
    }
}

/// The step under which the `nth` plan, from 1, is asked about.
fn plan_step(nth: usize) -> String {
    if nth > 1 { format!("{PLAN_STEP}-{nth}") } else { PLAN_STEP.to_owned() }
}
