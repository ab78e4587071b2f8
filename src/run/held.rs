//! Who else holds what an undo would give back. Last contained, first released: what a later run found
//! may be what the earlier one had made.

use serde_json::Value;

use super::Env;
use super::execute::Executor;
use crate::id::RunId;
use crate::store::{HoldRow, StoreError};

/// Why the run can't be taken back now: what would be given back is held by a later run, too. Asked
/// when an undo is requested, and again when it begins. Without `revive` nothing of roles and users is
/// given back, so who else holds them does not matter.
///
/// # Errors
/// When the store can't be read.
pub async fn held_later(env: &Env, of: &RunId, revive: bool) -> Result<Option<String>, StoreError> {
    let identity = |resource: &str| {
        resource.split('/').nth(1).is_some_and(|kind| kind == "role" || kind == "user")
    };
    let later = env.store.held_later(of).await?;
    let held = later.iter().find(|other| revive || !identity(&other.resource));
    let how = |other: &HoldRow| match identity(&other.resource) {
        true => ", with --revive, too: without that, what keeps stolen credentials out stays held",
        false => "",
    };
    Ok(held.map(|other| format!("{}{}", words_of(other), how(other))))
}

/// The same of one resource, when its turn has come: another run may have come to hold it since.
///
/// # Errors
/// When the store can't be read.
pub async fn came_to_hold(
    executor: &Executor<'_>,
    resource: &str,
) -> Result<Option<String>, StoreError> {
    let of = executor.run.params.get("of").and_then(Value::as_str);
    let Some(of) = of.and_then(|of| of.parse::<RunId>().ok()) else {
        return Ok(None);
    };
    let resource = executor.run.resource(resource);
    let later = executor.env.store.held_later(&of).await?;
    Ok(later.iter().find(|other| other.resource == resource).map(words_of))
}

fn words_of(other: &HoldRow) -> String {
    let HoldRow { resource, case, run, .. } = other;
    format!("{resource} is also held by case {case}: take run {run} back first")
}
