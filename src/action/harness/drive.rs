//! A small executor: what `run` does with an action, without a store.
//!
//! Its records stand for the timeline: they outlive a crash, and everything else does not.

use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::action::{Action, Applied, Context, LookError, Params, Settings, Verdict};
use crate::change::Change;
use crate::clock::{Clock, ManualClock};
use crate::cloud::{Cloud, CloudError, ErrorClass, Receipt, Scope};
use crate::id::{CaseId, Place, RunId};

/// Looks of one drive: the longest case needs about 20.
const LOOKS_MAX: usize = 200;

/// How a recorded change ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Nobody knows.
    Unknown,
    /// AWS confirmed it.
    Happened(Receipt),
    /// AWS refused it: nothing happened.
    Refused,
}

/// An intent with its outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub at: Timestamp,
    pub change: Change,
    pub outcome: Outcome,
}

/// Where a drive dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    BeforeIntent,
    AfterIntent,
    AfterCall,
    AfterOutcome,
}

impl Point {
    pub const ALL: [Self; 4] =
        [Self::BeforeIntent, Self::AfterIntent, Self::AfterCall, Self::AfterOutcome];
}

/// Why a drive ended without output.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    Failed(CloudError),
    Refused(String),
    Param(String),
    Crashed,
    Endless,
}

/// One step of a run.
pub struct Step {
    pub clock: ManualClock,
    pub at: Place,
    pub settings: Settings,
    pub case: CaseId,
    pub run: RunId,
    pub key: String,
    pub requested: Timestamp,
    pub records: Vec<Record>,
    /// An IAM action that the role does not allow, whatever the step's session asks for.
    pub lacks: Option<String>,
}

impl Step {
    fn applied(&self) -> Vec<Applied> {
        let known = self.records.iter().filter(|record| record.outcome != Outcome::Refused);
        known
            .map(|record| Applied {
                at: record.at,
                change: record.change.clone(),
                receipt: match &record.outcome {
                    Outcome::Happened(receipt) => Some(receipt.clone()),
                    Outcome::Unknown | Outcome::Refused => None,
                },
            })
            .collect()
    }

    fn scope(
        &self,
        action: &dyn Action,
        mut permissions: std::collections::BTreeSet<crate::change::Permission>,
    ) -> Scope {
        permissions.retain(|one| Some(&one.action) != self.lacks.as_ref());
        Scope {
            case: self.case.clone(),
            run: Some(self.run.clone()),
            step: self.key.clone(),
            permissions,
            urgency: action.urgency(),
        }
    }

    /// Looks once, with exactly the permissions that the action says it needs.
    pub async fn look(
        &self,
        cloud: &dyn Cloud,
        action: &dyn Action,
        params: &Params,
    ) -> Result<Verdict, LookError> {
        let applied = self.applied();
        let session = cloud.open(self.scope(action, action.permissions(&self.at, &self.settings)));
        let context = Context {
            session: session.as_ref(),
            at: &self.at,
            case: &self.case,
            run: &self.run,
            step: &self.key,
            requested: self.requested,
            now: self.clock.now(),
            applied: &applied,
            settings: &self.settings,
        };
        action.look(&context, params).await
    }

    /// Looks and changes until the action is done; dies at the given point of the `n`-th change
    /// from 1.
    pub async fn drive(
        &mut self,
        cloud: &dyn Cloud,
        action: &dyn Action,
        params: &Params,
        crash: Option<(usize, Point)>,
    ) -> Result<Value, Stop> {
        let mut n = 0;
        for _ in 0..LOOKS_MAX {
            match self.look(cloud, action, params).await {
                Ok(Verdict::Done(output)) => return Ok(output),
                Ok(Verdict::Refuse(reason) | Verdict::Short { reason, .. }) => {
                    return Err(Stop::Refused(reason));
                }
                Ok(Verdict::Wait(time, _)) => {
                    assert!(!time.is_zero(), "a wait of no time is a busy loop");
                    self.clock.advance(time);
                }
                Ok(Verdict::Change(stages) | Verdict::Shared { stages, .. }) => {
                    assert!(
                        !stages.is_empty() && stages.iter().all(|stage| !stage.is_empty()),
                        "nothing to change is not a verdict"
                    );
                    // As the executor: what is refused is left out of the later stages, and keeps
                    // nothing else back.
                    let mut refused = BTreeMap::new();
                    for change in stages.into_iter().flatten() {
                        let resource = change.resource();
                        if refused.contains_key(&resource) {
                            continue;
                        }
                        n += 1;
                        let dies = crash.filter(|(at, _)| *at == n).map(|(_, point)| point);
                        if let Some(error) = self.make(cloud, action, change, dies).await? {
                            refused.insert(resource, error);
                        }
                    }
                    // What is gone shows in the next look.
                    refused.retain(|_, error| error.class != ErrorClass::Gone);
                    refused.into_values().try_for_each(|error| self.bear(error))?;
                }
                Err(LookError::Cloud(error)) => self.bear(error)?,
                Err(LookError::Param { name, reason }) => {
                    return Err(Stop::Param(format!("{name}: {reason}")));
                }
            }
        }
        Err(Stop::Endless)
    }

    /// Makes one change; the error with which AWS refused it, if it did.
    async fn make(
        &mut self,
        cloud: &dyn Cloud,
        action: &dyn Action,
        change: Change,
        dies: Option<Point>,
    ) -> Result<Option<CloudError>, Stop> {
        let die = |point| {
            if dies == Some(point) { Err(Stop::Crashed) } else { Ok(()) }
        };
        // What is not in the action's policy can't be in the step's session either.
        let said = action.permissions(&self.at, &self.settings);
        for needed in change.permissions() {
            assert!(
                said.iter().any(|one| one.covers(&needed)),
                "{} does not say {needed:?}",
                action.name()
            );
        }
        die(Point::BeforeIntent)?;
        let index = self.records.len();
        let at = self.clock.now();
        self.records.push(Record { at, change: change.clone(), outcome: Outcome::Unknown });
        die(Point::AfterIntent)?;
        let session = cloud.open(self.scope(action, change.permissions()));
        let _room = session.admit(std::slice::from_ref(&change)).await;
        let answer = session.apply(&change).await;
        self.clock.advance(Duration::from_millis(200));
        die(Point::AfterCall)?;
        match answer {
            Ok(receipt) => {
                self.records[index].outcome = Outcome::Happened(receipt);
                die(Point::AfterOutcome)?;
                Ok(None)
            }
            Err(error) => {
                if error.class != ErrorClass::InDoubt {
                    self.records[index].outcome = Outcome::Refused;
                }
                die(Point::AfterOutcome)?;
                Ok(Some(error))
            }
        }
    }

    fn bear(&self, error: CloudError) -> Result<(), Stop> {
        match error.class {
            ErrorClass::Throttled
            | ErrorClass::Transient
            | ErrorClass::InDoubt
            | ErrorClass::Conflict => {
                self.clock.advance(Duration::from_secs(1));
                Ok(())
            }
            ErrorClass::Denied | ErrorClass::Gone | ErrorClass::Invalid => Err(Stop::Failed(error)),
        }
    }
}
