//! Keeps a Lambda function from being invoked: no execution is reserved for it, which is also its limit, and
//! what Lambda reads for it is read no more (Lambda Developer Guide, "Configuring reserved concurrency":
//! "set the reserved concurrency to zero"). An undo gives it the reservation that it had, or none, and turns on
//! the event sources that were on.
//!
//! Its code, its triggers and its role stay as they are. Its environment variables, which may hold secrets, are
//! never told.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::params::FUNCTION;
use super::reads::{Read, any, any_uuid, permissions_for, permissions_to};
use super::{
    Action, Applied, Context, LookError, ParamSpec, Params, Settings, Shape, Verdict, gone,
};
use crate::change::{Change, FunctionChange, Kind, Permission, Polling, Urgency};
use crate::cloud::{EventSource, Function};
use crate::id::{EventSourceId, FunctionName, Place};

/// Keeps a function from being invoked.
pub struct ThrottleFunction;

/// The wait while Lambda turns an event source off: seconds as a rule, and nobody promises how many.
const SETTLES: Duration = Duration::from_secs(5);

/// What throttling does not stop (Lambda Developer Guide, "Configuring reserved concurrency").
const NOT_STOPPED: &str = "Executions in flight go on, 15 minutes at most. What the function's role was \
    given works outside of it, too, until its sessions are revoked.";

/// What becomes of events meanwhile (Lambda Developer Guide, "How Lambda handles errors and retries with
/// asynchronous invocation").
const EVENTS: &str = "Synchronous calls are refused (429). Asynchronous events are tried again for up to six \
    hours and are then dropped, or go to the dead-letter queue where there is one; messages of a queue and \
    records of a stream pile up until they expire. What piled up is processed after an undo.";

/// What others may have left.
const TRIGGERS: &str = "Its triggers (rules, schedules, notifications, APIs) and URLs are still there: they \
    call it in vain until the undo.";

/// What the policy of the function means.
const PUBLIC: &str = "Its resource policy lets everybody call it: correct that before the undo.";

#[async_trait]
impl Action for ThrottleFunction {
    fn name(&self) -> &'static str {
        "contain::throttle_function"
    }

    fn summary(&self) -> &'static str {
        "Keeps a Lambda function from being invoked, and turns its event sources off."
    }

    fn params(&self) -> &'static [ParamSpec] {
        FUNCTION
    }

    fn output(&self) -> Shape {
        const SOURCE: Shape =
            Shape::Fields(&[("id", Shape::Text), ("source", Shape::Text), ("before", Shape::Text)]);
        Shape::Fields(&[
            ("function", Shape::Text),
            ("role", Shape::Text),
            ("code_sha256", Shape::Text),
            ("before", Shape::Any),
            ("sources", Shape::List(&SOURCE)),
            ("public", Shape::Any),
            ("already", Shape::Any),
            ("notes", Shape::List(&Shape::Text)),
        ])
    }

    fn urgency(&self) -> Urgency {
        Urgency::Containment
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        Ok(format!("function/{}", params.id::<FunctionName>("function")?))
    }

    fn permissions(&self, at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        let mut needed = permissions_for(&[Read::Function], at);
        let function = any("");
        let throttled = FunctionChange::Concurrency { function, before: None, after: Some(0) };
        let unread = switch(any(""), any_uuid());
        needed.extend(permissions_to(vec![Kind::Function(throttled), Kind::Function(unread)], at));
        needed
    }

    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError> {
        let name: FunctionName = params.id("function")?;
        let Some(now) = context.session.function(context.at, &name).await? else {
            return Ok(gone(&format!("Lambda function {name}"), context.at));
        };
        if context.settings.protected_roles.contains(now.role.as_str()) {
            return Ok(Verdict::Refuse(format!(
                "function {name} runs in the role {}, which is on the protected list",
                now.role
            )));
        }
        let changes = missing(context.at, &now);
        if !changes.is_empty() {
            return Ok(Verdict::Change(vec![changes]));
        }
        // One that is being deleted comes to nothing by itself.
        let done = [Polling::Off.label(), "Deleting"];
        let mut sources = now.sources.iter();
        Ok(match sources.find(|source| !done.contains(&source.state.as_str())) {
            None => Verdict::Done(report(context, &now)),
            Some(source) => {
                let EventSource { id, state, .. } = source;
                Verdict::Wait(SETTLES, format!("event source mapping {id} of {name} is {state}"))
            }
        })
    }
}

fn switch(function: FunctionName, mapping: EventSourceId) -> FunctionChange {
    FunctionChange::EventSource { function, mapping, before: Polling::On, after: Polling::Off }
}

/// Independent of each other. What is on its way from one state to another is left alone: AWS refuses to
/// change it before it is there.
fn missing(at: &Place, now: &Function) -> Vec<Change> {
    let function = now.name.clone();
    let throttle =
        FunctionChange::Concurrency { function, before: now.concurrency, after: Some(0) };
    let throttle = (now.concurrency != Some(0)).then_some(throttle);
    let on = now.sources.iter().filter(|source| source.state == Polling::On.label());
    let switches = on.map(|source| switch(now.name.clone(), source.id.clone()));
    let all = throttle.into_iter().chain(switches);
    all.map(|change| Change { at: at.clone(), kind: Kind::Function(change) }).collect()
}

fn report(context: &Context<'_>, now: &Function) -> Value {
    let changed = |applied: &Applied| match &applied.change.kind {
        Kind::Function(change) => Some(change.clone()),
        _ => None,
    };
    let changes: Vec<FunctionChange> = context.applied.iter().filter_map(changed).collect();
    let first = changes.iter().find_map(|change| match change {
        FunctionChange::Concurrency { before, .. } => Some(*before),
        FunctionChange::EventSource { .. } => None,
    });
    let turned_off = |id: &EventSourceId| {
        let is = |change: &FunctionChange| matches!(change, FunctionChange::EventSource { mapping, .. } if mapping == id);
        changes.iter().any(is)
    };
    let sources: Vec<Value> = now
        .sources
        .iter()
        .map(|source| {
            let on = turned_off(&source.id).then_some(Polling::On.label());
            let before = on.unwrap_or(&source.state);
            json!({"id": source.id, "source": source.source, "before": before})
        })
        .collect();
    let mut notes = vec![NOT_STOPPED, EVENTS, TRIGGERS];
    notes.extend(now.public.then_some(PUBLIC));
    json!({
        "function": now.name,
        "role": now.role,
        "code_sha256": now.code_sha256,
        "before": first.unwrap_or(now.concurrency),
        "sources": sources,
        "public": now.public,
        "already": context.applied.is_empty(),
        "notes": notes,
    })
}
