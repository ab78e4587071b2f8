//! How a Lambda function stands towards a change of it.

use super::{Standing, compare};
use crate::change::FunctionChange;
use crate::cloud::{Result, Session};
use crate::id::Place;

/// What is about to be on counts as on, and what is about to be off as off: to call again would do nothing.
pub(super) async fn standing(
    session: &dyn Session,
    at: &Place,
    change: &FunctionChange,
) -> Result<Standing> {
    Ok(match change {
        FunctionChange::Concurrency { function, before, after } => {
            match session.function(at, function).await? {
                None => Standing::Gone,
                Some(now) => compare(&now.concurrency, before, after),
            }
        }
        FunctionChange::EventSource { function, mapping, before, after } => {
            let found = session.function(at, function).await?;
            let source = found.and_then(|now| now.sources.into_iter().find(|s| s.id == *mapping));
            match source.map(|source| (source.polling(), source.state)) {
                None => Standing::Gone,
                Some((Some(now), _)) => compare(&now, before, after),
                Some((None, state)) => Standing::Other(state),
            }
        }
    })
}
