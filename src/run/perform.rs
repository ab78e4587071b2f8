//! One step, by its kind: a query, an action, a question, a sleep, a message, or an undo's change.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::approve;
use super::attempt::{Passing, Patience, READ_PATIENCE};
use super::execute::{Executor, StepRun};
use super::line::told;
use super::outcome::{StepEnd, StepResult};
use super::step::StepLog;
use super::step_end::{MESSAGE_MAX, failed, look_failed, plan_of, planned_end, succeeded};
use super::taken_back::TakenBack;
use super::undo;
use crate::action::{self, LookError, Params};
use crate::change::Urgency;
use crate::error::Code;
use crate::notify::{Message, NotifyError};
use crate::routing::Mode;
use crate::sanitise::sanitise;
use crate::store::{Effect, NewMessage, StoreError};

/// Performs a step, or goes on with one that was begun.
///
/// # Errors
/// When the timeline can't be written or the lease is lost.
pub async fn perform(
    executor: &Executor<'_>,
    step: StepLog,
    mode: Mode,
) -> Result<StepRun, StoreError> {
    let observes = mode == Mode::Observe;
    if let Some(action) = action::find(&step.name) {
        if observes {
            return Ok(plan_action(executor, action, &step).await);
        }
        if let Some(not_yet) = executor.not_yet(&step) {
            return Ok(not_yet);
        }
        let name = step.name.clone();
        let key = step.key.clone();
        let mut run = executor.action(action, step).await?;
        executor.tell_of_undone(&key, &mut run).await;
        return Ok(if action.urgency() == Urgency::Description {
            never_raises(run, &name, key.as_str())
        } else {
            run
        });
    }
    if let Some(query) = action::find_query(&step.name) {
        return Ok(read(executor, query, &step).await);
    }
    match step.name.as_str() {
        "approve" if observes => {
            Ok(ended(planned(&step, json!({"approved": true, "planned": true}))))
        }
        "approve" => approve::perform(executor, &step).await,
        "sleep" if observes => Ok(ended(planned(&step, Value::Null))),
        "sleep" => Ok(sleep(executor, &step)),
        "notify" if observes => Ok(ended(would_notify(executor, &step))),
        "notify" => Ok(notify(executor, &step).await),
        undo::RESTORE => undo::restore(executor, step).await,
        other => {
            let text = format!("this version of Tourniquet knows no step {other}");
            Ok(ended(failed(&step, Code::DIVERGED, "unknown", &text)))
        }
    }
}

fn ended(end: StepEnd) -> StepRun {
    StepRun::Ended { end, drafts: vec![], effects: vec![] }
}

async fn plan_action(
    executor: &Executor<'_>,
    action: &dyn action::Action,
    step: &StepLog,
) -> StepRun {
    match executor.planned(action, step).await {
        Ok(verdict) => ended(plan_of(action, &executor.env.settings, step, &verdict)),
        Err(error) => given_up(executor, step, &error),
    }
}

/// What can't be read now may be readable later; nothing is done before it is.
fn given_up(executor: &Executor<'_>, step: &StepLog, error: &LookError) -> StepRun {
    if error.may_pass() && executor.age(step) < READ_PATIENCE {
        return executor.rest(1, vec![]);
    }
    ended(look_failed(step, error))
}

fn planned(step: &StepLog, output: Value) -> StepEnd {
    planned_end(step, output, vec![told(step)])
}

/// A tag that fails never stops isolation: the failure is in the timeline, and the script sees a
/// value instead of an error.
fn never_raises(run: StepRun, name: &str, key: &str) -> StepRun {
    match run {
        StepRun::Ended { mut end, drafts, effects } => {
            if let Some(error) = end.error.take() {
                tracing::warn!(step = key, name, code = %error.code, "a description step failed; the run goes on");
                end.output = Some(json!({"failed": error.message, "code": error.code}));
                end.result = StepResult::Failed;
            }
            StepRun::Ended { end, drafts, effects }
        }
        parked @ StepRun::Parked { .. } => parked,
    }
}

async fn read(executor: &Executor<'_>, query: &dyn action::Query, step: &StepLog) -> StepRun {
    let params =
        match Params::check(query.params(), step.args.as_object().cloned().unwrap_or_default()) {
            Ok(params) => params,
            Err(error) => return ended(look_failed(step, &error)),
        };
    let at = executor.place();
    let session = executor.session(step, query.permissions(&at));
    let mut patience = Patience::default();
    loop {
        match query.read(session.as_ref(), &at, &params).await {
            Ok(output) => return ended(succeeded(step, output)),
            Err(error) if patience.again(executor.env.clock.as_ref(), &error).await => {}
            Err(error) => return given_up(executor, step, &error),
        }
    }
}

fn sleep(executor: &Executor<'_>, step: &StepLog) -> StepRun {
    let seconds = step.args.get("seconds").and_then(Value::as_i64).unwrap_or(0);
    let wake_at =
        step.requested.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
    if executor.env.clock.now() >= wake_at {
        return ended(succeeded(step, Value::Null));
    }
    StepRun::Parked { wake_at: Some(wake_at), drafts: vec![], effects: vec![] }
}

/// What would be said, and that it would not arrive where that is known.
fn would_notify(executor: &Executor<'_>, step: &StepLog) -> StepEnd {
    let mut line = told(step);
    let channel = step.args.get("channel").and_then(Value::as_str).unwrap_or_default();
    if let Some(error) = executor.env.notifier.unknown(channel) {
        line.words.push_str(&format!(" (it would not be sent: {error})"));
    }
    planned_end(step, json!({"sent": false}), vec![line])
}

/// Sends a message. What the channel's webhook does not take goes to the outbox, with the step's end:
/// a run that contained something must not be the only one that knows.
async fn notify(executor: &Executor<'_>, step: &StepLog) -> StepRun {
    let text =
        |name: &str| step.args.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut said = text("message");
    // The run goes on with its evidence; that something is isolated is not so any more.
    let taken_back = executor.taken_back != TakenBack::No;
    if taken_back {
        said =
            format!("(The run was taken back meanwhile, so this may not be so any more.) {said}");
    }
    let said = sanitise(&said, MESSAGE_MAX);
    let (case, run) = (executor.run.case.clone(), executor.run.id.clone());
    // The step may be performed again after a crash.
    let id = format!("{run}/{}", step.key);
    let channel = text("channel");
    let message = Message { id, case: Some(case), run: Some(run), text: said };
    let error = match executor.env.notifier.send(&channel, &message).await {
        Ok(delivery) => {
            let mut output = json!({"sent": true, "how": delivery.label()});
            if taken_back {
                // Not what the step asked for: the timeline says what people were told.
                output["said"] = json!(message.text);
            }
            return ended(succeeded(step, output));
        }
        Err(error) => error,
    };
    tracing::warn!(case = %executor.run.case, run = %executor.run.id, step = %step.key, error = %error, "a notification was not delivered");
    let (reason, effects) = match error {
        // Nothing that comes later gives it a channel of this name.
        NotifyError::NoChannel { .. } => (error.to_string(), vec![]),
        _ => {
            let Message { id, run, text, .. } = message;
            let at = executor.env.clock.now();
            let later = Effect::Tell(NewMessage { id, run, channel, text, at });
            (format!("{error}; it is tried again for a day"), vec![later])
        }
    };
    let output = json!({"sent": false, "reason": reason});
    let end = StepEnd { result: StepResult::Failed, ..succeeded(step, output) };
    StepRun::Ended { end, drafts: vec![], effects }
}
