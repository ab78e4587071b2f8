//! Findings as GuardDuty holds them: archived or not, and what was said of them.

use serde_json::{Value, json};

use super::refusal::Refused;
use super::world::World;
use crate::change::FindingChange;
use crate::id::Place;

/// `guardduty:{Archive,Unarchive}Findings` or `guardduty:UpdateFindingsFeedback`, for one finding.
pub fn apply(world: &mut World, at: &Place, change: &FindingChange) -> Result<(), Refused> {
    let (id, region) = (change.finding(), world.region_mut(at)?);
    let found = region.findings.get_mut(id).and_then(Value::as_object_mut);
    let service = found.map(|found| found.entry("service").or_insert_with(|| json!({})));
    let Some(service) = service.and_then(Value::as_object_mut) else {
        return Err(Refused::new(
            "BadRequestException",
            format!("The request is rejected because there is no finding {id}."),
        ));
    };
    match change {
        FindingChange::Archived { after, .. } => {
            service.insert("archived".to_owned(), json!(after));
        }
        FindingChange::Feedback { after, .. } => {
            service.insert("userFeedback".to_owned(), json!(after.label()));
        }
    }
    Ok(())
}
