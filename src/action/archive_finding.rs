//! Puts a finding into GuardDuty's archive, out of the list of what is current.
//!
//! A description: it stops nothing and hides what people may still want to see, so that the shipped runbooks do
//! not archive what they contained; whoever closes the case does. Only the administrator account of an
//! organisation may archive (GuardDuty API, ArchiveFindings): in a member account GuardDuty refuses, and the run
//! goes on.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::creation::age;
use super::params::FINDING;
use super::reads::{Read, any, permissions_for, permissions_to};
use super::{Action, Context, LookError, ParamSpec, Params, Settings, Shape, Verdict, gone};
use crate::change::{Change, FindingChange, Kind, Permission, Urgency};
use crate::cloud::is_archived;
use crate::id::{FindingId, Place};

/// Archives a finding in GuardDuty. Never stops containment.
pub struct ArchiveFinding;

/// How long GuardDuty may show a finding as it was after it has answered. It names no bound; twice a minute is
/// more than anybody has to wait for a description.
const SHOWN_WITHIN: Duration = Duration::from_secs(30);

/// Time between two looks until then.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What archiving does and does not do (GuardDuty User Guide, "Working with findings").
const STILL_COUNTED: &str = "GuardDuty goes on to count what it sees under an archived finding and sends its later \
    versions; a suppression rule is what keeps new ones from coming.";

#[async_trait]
impl Action for ArchiveFinding {
    fn name(&self) -> &'static str {
        "act::archive_finding"
    }

    fn summary(&self) -> &'static str {
        "Archives a finding in GuardDuty. Never stops containment."
    }

    fn params(&self) -> &'static [ParamSpec] {
        FINDING
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("finding", Shape::Text),
            ("archived", Shape::Any),
            ("already", Shape::Any),
            ("notes", Shape::List(&Shape::Text)),
        ])
    }

    fn urgency(&self) -> Urgency {
        Urgency::Description
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        Ok(format!("finding/{}", params.id::<FindingId>("finding")?))
    }

    fn permissions(&self, at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        let mut needed = permissions_for(&[Read::Finding], at);
        needed.extend(permissions_to(vec![archive(any(""))], at));
        needed
    }

    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError> {
        let id: FindingId = params.id("finding")?;
        let Some(found) = context.session.finding(context.at, &id).await? else {
            return Ok(gone(&format!("finding {id}"), context.at));
        };
        if is_archived(&found) {
            return Ok(Verdict::Done(report(context, &id)));
        }
        let answered = context.applied.iter().rev().find(|applied| applied.receipt.is_some());
        if answered.is_some_and(|applied| age(applied.at, context.now) < SHOWN_WITHIN) {
            let reason = format!("GuardDuty does not show {id} as archived yet");
            return Ok(Verdict::Wait(LOOK_EVERY, reason));
        }
        let change = Change { at: context.at.clone(), kind: archive(id) };
        Ok(Verdict::Change(vec![vec![change]]))
    }
}

fn archive(finding: FindingId) -> Kind {
    Kind::Finding(FindingChange::Archived { finding, before: false, after: true })
}

fn report(context: &Context<'_>, id: &FindingId) -> Value {
    json!({
        "finding": id,
        "archived": true,
        "already": context.applied.is_empty(),
        "notes": [STILL_COUNTED],
    })
}
