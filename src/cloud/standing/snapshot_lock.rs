//! How a snapshot stands towards a lock of it.

use super::{Result, Session, Standing};
use crate::change::SnapshotLock;
use crate::id::Place;

/// A stronger or a longer lock than was asked for is what was asked for.
pub(super) async fn standing(
    session: &dyn Session,
    at: &Place,
    change: &SnapshotLock,
) -> Result<Standing> {
    let held = session.snapshot_lock(at, &change.snapshot).await?;
    Ok(match (held, change.before) {
        (Some(held), _) if change.after.are_met_by(held.mode, held.days) => Standing::After,
        (Some(held), Some(before)) if (held.mode, held.days) == (before.mode, before.days) => {
            Standing::Before
        }
        (Some(held), _) => {
            Standing::Other(format!("locked in {} mode for {} days", held.mode.label(), held.days))
        }
        (None, _) if session.snapshot(at, &change.snapshot).await?.is_none() => Standing::Gone,
        (None, None) => Standing::Before,
        (None, Some(_)) => Standing::Other("not locked".to_owned()),
    })
}
