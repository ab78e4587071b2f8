//! Where a role's trust stands towards a change.

use super::{Standing, compare};
use crate::change::TrustChange;
use crate::cloud::{Result, Session};
use crate::id::Place;

pub(super) async fn standing(
    session: &dyn Session,
    at: &Place,
    change: &TrustChange,
) -> Result<Standing> {
    let TrustChange { role, before, after } = change;
    Ok(match session.role(at, role).await? {
        None => Standing::Gone,
        Some(now) => compare(&now.trust, before, after),
    })
}
