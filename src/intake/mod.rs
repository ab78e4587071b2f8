//! The one door: every transport ends in [`accept`].
//!
//! Recognise, decide, store; only then the sender is told. What can't be parsed is kept in
//! quarantine with the reason, of which the people on call are told. Nothing here knows HTTP, SQL or AWS.

mod admit;
mod answer;

use std::sync::Arc;

pub use answer::{Admitted, Answer, IntakeError, Refused};

use crate::clock::Clock;
use crate::finding::{Recognised, Rejection, recognise};
use crate::id::{Digest, Ids};
use crate::routing::Policy;
use crate::run::{Desk, unreadable};
use crate::runbook::Library;
use crate::store::{Store, Unreadable};

/// What the door needs.
pub struct Intake {
    store: Store,
    library: Arc<Library>,
    policy: Policy,
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
    desk: Desk,
}

impl Intake {
    /// A door into `store`; runs are decided by `library` and `policy`, and `desk` is told of them.
    #[must_use]
    pub fn new(
        store: Store,
        library: Arc<Library>,
        policy: Policy,
        clock: Arc<dyn Clock>,
        ids: Arc<Ids>,
        desk: Desk,
    ) -> Self {
        Self { store, library, policy, clock, ids, desk }
    }
}

/// Takes what arrived: when this returns `Ok`, every finding in it is on disk and in a case, and
/// everything else in it is in quarantine.
///
/// # Errors
/// [`IntakeError::NotStored`] when the store did not confirm: nothing may be acknowledged, and the
/// sender is to send again. [`IntakeError::Refused`] when there is no finding in it: it is in
/// quarantine.
pub async fn accept(intake: &Intake, raw: Vec<u8>, source: &str) -> Result<Answer, IntakeError> {
    let findings = match recognise(&raw) {
        Recognised::Ignored { reason } => {
            tracing::info!(source, reason, "a message that is no finding was acknowledged");
            return Ok(Answer { ignored: Some(reason), ..Answer::default() });
        }
        Recognised::Rejected(rejection) => {
            return Err(quarantine(intake, &raw, &rejection, source).await?.into());
        }
        Recognised::Findings(findings) => findings,
    };
    let mut answer = Answer::default();
    for finding in findings {
        match finding {
            Ok(finding) => answer.findings.push(admit::admit(intake, finding, &raw, source).await?),
            Err(rejection) => {
                answer.rejected.push(quarantine(intake, &raw, &rejection, source).await?)
            }
        }
    }
    if answer.findings.iter().any(|admitted| admitted.run.is_some()) {
        intake.desk.wake();
    }
    match (answer.findings.is_empty(), answer.rejected.first()) {
        (true, Some(refused)) => Err(refused.clone().into()),
        _ => Ok(answer),
    }
}

async fn quarantine(
    intake: &Intake,
    raw: &[u8],
    rejection: &Rejection,
    source: &str,
) -> Result<Refused, IntakeError> {
    let tells = unreadable(&Digest::of(raw), rejection.code, &rejection.reason, source);
    let kept = Unreadable {
        raw: raw.to_vec(),
        reason: rejection.reason.clone(),
        code: rejection.code,
        source: source.to_owned(),
        at: intake.clock.now(),
        tells,
    };
    let digest = intake.store.quarantine(kept).await?;
    tracing::warn!(source, code = rejection.code.number, raw = %digest, reason = rejection.reason, "what arrived is in quarantine");
    Ok(Refused { code: rejection.code, reason: rejection.reason.clone(), raw: digest })
}
