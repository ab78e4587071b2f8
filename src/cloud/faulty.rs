//! Faults on the way to any cloud: throttling, lost answers, refusals, things that vanish.
//!
//! A plan decides by the number of the call, so that the same plan on the same calls gives the same
//! faults. Nothing here knows what the calls do, except whether they change something, and which
//! operations of AWS they take: `limits` throttles those as AWS does.

mod limits;
mod plan;
mod session;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use limits::{Call, Limits};
pub use plan::{Calls, Fault, Plan};

use super::{Cloud, CloudError, ErrorClass, Result, Scope, Session};
use crate::id::Place;
use session::FaultySession;

/// One fault that a call met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// The number of the call.
    pub call: u64,
    /// `service:Operation`.
    pub operation: String,
    /// What went wrong.
    pub fault: Fault,
}

/// A cloud behind a bad connection. Clones count together.
#[derive(Clone)]
pub struct Faulty {
    inner: Arc<dyn Cloud>,
    road: Arc<Road>,
}

struct Road {
    plan: Plan,
    log: Mutex<(u64, Vec<Met>)>,
}

impl Faulty {
    /// `inner`, with the faults of `plan`.
    #[must_use]
    pub fn new(inner: Arc<dyn Cloud>, plan: Plan) -> Self {
        Self { inner, road: Arc::new(Road { plan, log: Mutex::new((0, Vec::new())) }) }
    }

    /// How many calls were counted.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.road.lock().0
    }

    /// The faults that were met, in order.
    #[must_use]
    pub fn met(&self) -> Vec<Met> {
        self.road.lock().1.clone()
    }
}

impl Cloud for Faulty {
    fn open(&self, scope: Scope) -> Arc<dyn Session> {
        let inner = self.inner.open(scope.clone());
        Arc::new(FaultySession { inner, road: self.road.clone(), scope })
    }

    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn visible_within(&self) -> Duration {
        self.inner.visible_within()
    }

    fn spreads_within(&self) -> [Duration; 2] {
        self.inner.spreads_within()
    }
}

impl Road {
    fn lock(&self) -> std::sync::MutexGuard<'_, (u64, Vec<Met>)> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call that takes `operations`, the first of which names it, and says what goes wrong
    /// with which of them.
    async fn meet<'a>(
        &self,
        who: (&Scope, &Place),
        operations: &[&'a str],
        kind: Calls,
    ) -> Option<(&'a str, Fault)> {
        let operation = operations.first()?;
        if let Some(fault) = self.planned(operation, kind) {
            return Some((operation, fault));
        }
        let refused = self.throttled(who, operations).await?;
        Some((refused, Fault::Throttled))
    }

    /// Which of `operations` the limits refuse.
    async fn throttled<'a>(
        &self,
        who: (&Scope, &Place),
        operations: &[&'a str],
    ) -> Option<&'a str> {
        let limits = self.plan.limits.as_ref()?;
        for operation in operations {
            if !limits.allow(who.0, operation, who.1).await {
                return Some(operation);
            }
        }
        None
    }

    /// Further operations of a call that was counted.
    async fn limited(&self, who: (&Scope, &Place), operations: &[&str]) -> Result<()> {
        match self.throttled(who, operations).await {
            None => Ok(()),
            Some(operation) => Err(error(operation, Fault::Throttled)),
        }
    }

    fn planned(&self, operation: &str, kind: Calls) -> Option<Fault> {
        if self.plan.counted != Calls::All && self.plan.counted != kind {
            return None;
        }
        let (n, fault) = {
            let mut log = self.lock();
            log.0 += 1;
            let n = log.0;
            let met = u64::try_from(log.1.len()).unwrap_or(u64::MAX);
            let fault = self.plan.fault(n, met);
            if let Some(fault) = fault {
                log.1.push(Met { call: n, operation: operation.to_owned(), fault });
            }
            (n, fault)
        };
        if let Some(event) = self.plan.events.get(&n) {
            event();
        }
        fault
    }

    /// A read; `absent` is its answer when the target is not there. A read has no effect, so that
    /// a lost one may simply be asked again.
    async fn read<T>(
        &self,
        who: (&Scope, &Place),
        operations: &[&str],
        absent: impl FnOnce() -> Result<T> + Send,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        match self.meet(who, operations, Calls::Reads).await {
            None => call.await,
            Some((_, Fault::Gone)) => absent(),
            Some((operation, Fault::LostRequest | Fault::LostAnswer)) => {
                Err(error(operation, Fault::Transient))
            }
            Some((operation, fault)) => Err(error(operation, fault)),
        }
    }
}

fn error(operation: &str, fault: Fault) -> CloudError {
    let (class, code) = match fault {
        Fault::Throttled if operation.starts_with("ec2:") => {
            (ErrorClass::Throttled, "RequestLimitExceeded")
        }
        Fault::Throttled => (ErrorClass::Throttled, "Throttling"),
        Fault::Transient => (ErrorClass::Transient, "InternalError"),
        Fault::LostRequest | Fault::LostAnswer => (ErrorClass::InDoubt, "NoAnswer"),
        Fault::Denied if operation.starts_with("ec2:") => {
            (ErrorClass::Denied, "UnauthorizedOperation")
        }
        Fault::Denied => (ErrorClass::Denied, "AccessDenied"),
        Fault::Gone if operation.starts_with("iam:") => (ErrorClass::Gone, "NoSuchEntity"),
        Fault::Gone => (ErrorClass::Gone, "InvalidID.NotFound"),
    };
    CloudError::new(class, operation, code, format!("a planned fault: {}", fault.label()))
}
