//! Whether a run that was taken back may be taken back once more: what was kept in place then may keep out
//! nothing that still lives.

use jiff::Timestamp;

use super::Env;
use super::record;
use super::undo;
use crate::store::{RunRow, StoreError};

/// Why a run that was taken back is not taken back once more; `None`: something that was kept in place
/// has outlived what it keeps out.
///
/// # Errors
/// When the store can't be read.
pub async fn taken_back_before(env: &Env, of: &RunRow) -> Result<Option<String>, StoreError> {
    Ok(match kept_until(env, of).await? {
        Some(until) if until <= env.clock.now() => None,
        Some(until) => Some(format!(
            "the run was taken back before, but for what keeps stolen credentials out: that is safe to take \
             back from {until}, and before that only with --revive"
        )),
        None => Some("the run was taken back before".to_owned()),
    })
}

/// From when on the first of what an undo of the run kept may be taken back for nothing; `None`: nothing
/// of it ever may, or the run holds none of it any more.
async fn kept_until(env: &Env, of: &RunRow) -> Result<Option<Timestamp>, StoreError> {
    let held = env.store.holds_of(&of.id).await?;
    if held.is_empty() {
        return Ok(None);
    }
    let log = match record::log_of(env, &of.case, &of.id).await {
        Ok(log) => log,
        Err(record::RecordError::Store(error)) => return Err(error),
        // What can't be read gives nothing back.
        Err(_) => return Ok(None),
    };
    let kept = undo::restores(&log, false, true);
    let still = kept.iter().filter(|restore| {
        let resource = restore.done.subject().map(|subject| of.resource(&subject.path()));
        resource.is_some_and(|resource| held.iter().any(|hold| hold.resource == resource))
    });
    Ok(still.filter_map(|restore| restore.safe_from).min())
}
