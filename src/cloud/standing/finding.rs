//! How a GuardDuty finding stands towards a change of it.

use serde_json::Value;

use super::{Result, Session, Standing, compare};
use crate::change::FindingChange;
use crate::id::Place;

/// Feedback that GuardDuty does not show may have been sent all the same: nothing but its answer tells.
pub(super) async fn standing(
    session: &dyn Session,
    at: &Place,
    change: &FindingChange,
) -> Result<Standing> {
    let Some(found) = session.finding(at, change.finding()).await? else {
        return Ok(Standing::Gone);
    };
    Ok(match change {
        FindingChange::Archived { before, after, .. } => {
            compare(&is_archived(&found), before, after)
        }
        FindingChange::Feedback { after, .. } if feedback(&found) == Some(after.label()) => {
            Standing::After
        }
        FindingChange::Feedback { .. } => Standing::Unseen,
    })
}

/// Whether a finding is archived, as GuardDuty shows it.
#[must_use]
pub fn is_archived(finding: &Value) -> bool {
    finding.pointer("/service/archived").and_then(Value::as_bool) == Some(true)
}

/// What was said of a finding, as GuardDuty shows it.
#[must_use]
pub fn feedback(finding: &Value) -> Option<&str> {
    finding.pointer("/service/userFeedback").and_then(Value::as_str)
}
