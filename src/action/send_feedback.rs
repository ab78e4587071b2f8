//! Tells GuardDuty whether a finding was useful.
//!
//! What was sent can't be verified as other changes are: GuardDuty's API has a field for it and promises nowhere
//! that it shows there. Where it does, the look is the proof; where it does not, GuardDuty's answer is all there
//! is, and the output says so (`shown`). Where even the answer was lost, nobody knows whether it was sent: the
//! step says that, and whoever sends it again does no harm.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::reads::{Read, any, permissions_for, permissions_to};
use super::{
    Action, Context, LookError, ParamKind, ParamSpec, Params, Settings, Shape, Verdict, gone,
};
use crate::change::{Change, FindingChange, Kind, Permission, Urgency, Usefulness};
use crate::cloud::feedback;
use crate::id::{FindingId, Place};

/// Tells GuardDuty whether a finding was useful. Never stops containment.
pub struct SendFeedback;

const PARAMS: &[ParamSpec] = &[
    ParamSpec { name: "finding", kind: ParamKind::FindingId, required: true, doc: "The finding." },
    ParamSpec {
        name: "feedback",
        kind: ParamKind::Text,
        required: true,
        doc: "`useful` or `not_useful`.",
    },
];

#[async_trait]
impl Action for SendFeedback {
    fn name(&self) -> &'static str {
        "act::send_feedback"
    }

    fn summary(&self) -> &'static str {
        "Tells GuardDuty whether a finding was useful. Never stops containment."
    }

    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("finding", Shape::Text),
            ("feedback", Shape::OneOf(&["useful", "not_useful"])),
            ("shown", Shape::Any),
            ("already", Shape::Any),
        ])
    }

    fn urgency(&self) -> Urgency {
        Urgency::Description
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        said(params)?;
        Ok(format!("finding/{}", params.id::<FindingId>("finding")?))
    }

    fn permissions(&self, at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        let mut needed = permissions_for(&[Read::Finding], at);
        let (finding, after) = (any(""), Usefulness::Useful);
        let send = Kind::Finding(FindingChange::Feedback { finding, before: None, after });
        needed.extend(permissions_to(vec![send], at));
        needed
    }

    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError> {
        let (finding, after): (FindingId, Usefulness) = (params.id("finding")?, said(params)?);
        let Some(found) = context.session.finding(context.at, &finding).await? else {
            return Ok(gone(&format!("finding {finding}"), context.at));
        };
        let shown = feedback(&found);
        let is_shown = shown == Some(after.label());
        let answered = context.applied.iter().any(|applied| applied.receipt.is_some());
        if is_shown || answered {
            return Ok(Verdict::Done(report(context, &finding, after, is_shown)));
        }
        let before = Usefulness::ALL.into_iter().find(|one| shown == Some(one.label()));
        let kind = Kind::Finding(FindingChange::Feedback { finding, before, after });
        Ok(Verdict::Change(vec![vec![Change { at: context.at.clone(), kind }]]))
    }
}

/// What is to be said of it.
fn said(params: &Params) -> Result<Usefulness, LookError> {
    let given = params.text("feedback").unwrap_or_default();
    let known = Usefulness::ALL.into_iter().find(|one| one.word() == given);
    known.ok_or_else(|| LookError::Param {
        name: "feedback".to_owned(),
        reason: "expected useful or not_useful".to_owned(),
    })
}

fn report(context: &Context<'_>, finding: &FindingId, said: Usefulness, is_shown: bool) -> Value {
    json!({
        "finding": finding,
        "feedback": said.word(),
        "shown": is_shown,
        "already": context.applied.is_empty(),
    })
}
