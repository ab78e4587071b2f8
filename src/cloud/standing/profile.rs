//! Which instance profile an instance has now.

use super::{Standing, compare};
use crate::change::{ProfileChange, ProfileUse};
use crate::cloud::{Result, Session};
use crate::id::Place;

/// A terminated instance has none any more, and gets none.
pub(super) async fn standing(
    session: &dyn Session,
    at: &Place,
    change: &ProfileChange,
) -> Result<Standing> {
    let found = session.instance(at, &change.instance).await?;
    let Some(found) = found.filter(|found| found.state != "terminated") else {
        return Ok(Standing::Gone);
    };
    let arn = |profile: &Option<ProfileUse>| profile.as_ref().map(|one| one.arn.to_string());
    Ok(compare(&found.profile_arn, &arn(&change.before), &arn(&change.after)))
}
