//! Faults on the way to any cloud: throttling, lost answers, refusals, things that vanish.
//!
//! A plan decides by the number of the call, so that the same plan on the same calls gives the same
//! faults. Nothing here knows what the calls do, except whether they change something.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{
    Cloud, CloudError, ErrorClass, Identity, Instance, Receipt, Result, Role, Scope, SecurityGroup,
    Session, Snapshot, User, Volume,
};
use crate::change::{Change, Document, Taggable, Tags};
use crate::id::{
    AccessKeyId, AccountId, FindingId, GroupId, InstanceId, Place, RoleName, SnapshotId, UserName,
    VolumeId, VpcId,
};

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// AWS says: too many calls. Nothing happens.
    Throttled,
    /// AWS fails. Nothing happens.
    Transient,
    /// The request is lost on the way. Nothing happens, and the caller can't know.
    LostRequest,
    /// The answer is lost on the way back. It happened, and the caller can't know.
    LostAnswer,
    /// AWS says: not allowed. Nothing happens.
    Denied,
    /// The target is not there (any more): a change is refused, a read finds nothing.
    Gone,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 6] = [
        Self::Throttled,
        Self::Transient,
        Self::LostRequest,
        Self::LostAnswer,
        Self::Denied,
        Self::Gone,
    ];

    /// Its name in test reports.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Transient => "transient",
            Self::LostRequest => "lost_request",
            Self::LostAnswer => "lost_answer",
            Self::Denied => "denied",
            Self::Gone => "gone",
        }
    }
}

/// Which calls count, and so may be hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Calls {
    /// Reads and changes.
    #[default]
    All,
    /// Changes only.
    Changes,
    /// Reads only.
    Reads,
}

/// What happens outside just before a call, such as the instance being terminated.
pub type Event = Arc<dyn Fn() + Send + Sync>;

/// Which calls go wrong.
#[derive(Clone, Default)]
pub struct Plan {
    counted: Calls,
    at: BTreeMap<u64, Fault>,
    events: BTreeMap<u64, Event>,
    seeded: Option<Seeded>,
}

#[derive(Clone)]
struct Seeded {
    seed: u64,
    per_mille: u16,
    faults: Vec<Fault>,
    most: u64,
}

impl Plan {
    /// Nothing goes wrong.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Counts only these calls.
    #[must_use]
    pub fn counting(mut self, counted: Calls) -> Self {
        self.counted = counted;
        self
    }

    /// The `n`-th counted call, from 1, meets `fault`.
    #[must_use]
    pub fn at(mut self, n: u64, fault: Fault) -> Self {
        self.at.insert(n, fault);
        self
    }

    /// Just before the `n`-th counted call, from 1, `event` happens outside.
    #[must_use]
    pub fn before(mut self, n: u64, event: Event) -> Self {
        self.events.insert(n, event);
        self
    }

    /// Each counted call meets one of `faults` with a chance of `per_mille` in 1,000, decided by
    /// `seed` and the call's number; after `most` faults no more.
    #[must_use]
    pub fn seeded(mut self, seed: u64, per_mille: u16, faults: &[Fault], most: u64) -> Self {
        self.seeded = Some(Seeded {
            seed,
            per_mille,
            faults: faults.to_vec(),
            most,
        });
        self
    }

    fn fault(&self, n: u64, met: u64) -> Option<Fault> {
        if let Some(fault) = self.at.get(&n) {
            return Some(*fault);
        }
        let seeded = self.seeded.as_ref()?;
        let count = u64::try_from(seeded.faults.len())
            .ok()
            .filter(|count| *count > 0)?;
        let random = mix(seeded.seed ^ mix(n));
        if met >= seeded.most || random % 1000 >= u64::from(seeded.per_mille) {
            return None;
        }
        let chosen = usize::try_from((random / 1000) % count).ok()?;
        seeded.faults.get(chosen).copied()
    }
}

/// SplitMix64's output function: every bit of the input reaches every bit of the output.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

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
        Self {
            inner,
            road: Arc::new(Road {
                plan,
                log: Mutex::new((0, Vec::new())),
            }),
        }
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
        Arc::new(FaultySession {
            inner: self.inner.open(scope),
            road: self.road.clone(),
        })
    }

    fn name(&self) -> &'static str {
        self.inner.name()
    }
}

impl Road {
    fn lock(&self) -> std::sync::MutexGuard<'_, (u64, Vec<Met>)> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and says what goes wrong with it.
    fn meet(&self, operation: &str, kind: Calls) -> Option<Fault> {
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
                log.1.push(Met {
                    call: n,
                    operation: operation.to_owned(),
                    fault,
                });
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
        operation: &str,
        absent: impl FnOnce() -> Result<T> + Send,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        match self.meet(operation, Calls::Reads) {
            None => call.await,
            Some(Fault::Gone) => absent(),
            Some(Fault::LostRequest | Fault::LostAnswer) => Err(error(operation, Fault::Transient)),
            Some(fault) => Err(error(operation, fault)),
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
    CloudError::new(
        class,
        operation,
        code,
        format!("a planned fault: {}", fault.label()),
    )
}

struct FaultySession {
    inner: Arc<dyn Session>,
    road: Arc<Road>,
}

#[async_trait]
impl Session for FaultySession {
    async fn identity(&self, at: &Place) -> Result<Identity> {
        let operation = "sts:GetCallerIdentity";
        // Somebody always calls, so nothing can be absent here.
        self.road
            .read(
                operation,
                || Err(error(operation, Fault::Denied)),
                self.inner.identity(at),
            )
            .await
    }

    async fn instance(&self, at: &Place, id: &InstanceId) -> Result<Option<Instance>> {
        self.road
            .read(
                "ec2:DescribeInstances",
                || Ok(None),
                self.inner.instance(at, id),
            )
            .await
    }

    async fn groups_for(
        &self,
        at: &Place,
        vpc: &VpcId,
        purpose: &str,
    ) -> Result<Vec<SecurityGroup>> {
        let call = self.inner.groups_for(at, vpc, purpose);
        self.road
            .read("ec2:DescribeSecurityGroups", || Ok(Vec::new()), call)
            .await
    }

    async fn groups(&self, at: &Place, ids: &[GroupId]) -> Result<Vec<SecurityGroup>> {
        self.road
            .read(
                "ec2:DescribeSecurityGroups",
                || Ok(Vec::new()),
                self.inner.groups(at, ids),
            )
            .await
    }

    async fn volumes(&self, at: &Place, ids: &[VolumeId]) -> Result<Vec<Volume>> {
        self.road
            .read(
                "ec2:DescribeVolumes",
                || Ok(Vec::new()),
                self.inner.volumes(at, ids),
            )
            .await
    }

    async fn snapshots_tagged(&self, at: &Place, key: &str, value: &str) -> Result<Vec<Snapshot>> {
        let call = self.inner.snapshots_tagged(at, key, value);
        self.road
            .read("ec2:DescribeSnapshots", || Ok(Vec::new()), call)
            .await
    }

    async fn snapshot(&self, at: &Place, id: &SnapshotId) -> Result<Option<Snapshot>> {
        self.road
            .read(
                "ec2:DescribeSnapshots",
                || Ok(None),
                self.inner.snapshot(at, id),
            )
            .await
    }

    async fn snapshot_sharing(
        &self,
        at: &Place,
        id: &SnapshotId,
    ) -> Result<Option<BTreeSet<AccountId>>> {
        let call = self.inner.snapshot_sharing(at, id);
        self.road
            .read("ec2:DescribeSnapshotAttribute", || Ok(None), call)
            .await
    }

    async fn is_default_key(&self, at: &Place, key: &str) -> Result<bool> {
        self.road
            .read(
                "ec2:GetEbsDefaultKmsKeyId",
                || Ok(false),
                self.inner.is_default_key(at, key),
            )
            .await
    }

    async fn role(&self, at: &Place, name: &RoleName) -> Result<Option<Role>> {
        self.road
            .read("iam:GetRole", || Ok(None), self.inner.role(at, name))
            .await
    }

    async fn profile_role(&self, at: &Place, profile_arn: &str) -> Result<Option<RoleName>> {
        let call = self.inner.profile_role(at, profile_arn);
        self.road
            .read("iam:GetInstanceProfile", || Ok(None), call)
            .await
    }

    async fn role_policy(
        &self,
        at: &Place,
        role: &RoleName,
        policy: &str,
    ) -> Result<Option<Document>> {
        self.road
            .read(
                "iam:GetRolePolicy",
                || Ok(None),
                self.inner.role_policy(at, role, policy),
            )
            .await
    }

    async fn key_owner(&self, at: &Place, key: &AccessKeyId) -> Result<Option<UserName>> {
        self.road
            .read(
                "iam:GetAccessKeyLastUsed",
                || Ok(None),
                self.inner.key_owner(at, key),
            )
            .await
    }

    async fn user(&self, at: &Place, name: &UserName) -> Result<Option<User>> {
        self.road
            .read("iam:GetUser", || Ok(None), self.inner.user(at, name))
            .await
    }

    async fn user_policy(
        &self,
        at: &Place,
        user: &UserName,
        policy: &str,
    ) -> Result<Option<Document>> {
        self.road
            .read(
                "iam:GetUserPolicy",
                || Ok(None),
                self.inner.user_policy(at, user, policy),
            )
            .await
    }

    async fn tags(&self, at: &Place, resource: &Taggable) -> Result<Option<Tags>> {
        self.road
            .read(
                "ec2:DescribeTags",
                || Ok(None),
                self.inner.tags(at, resource),
            )
            .await
    }

    async fn finding(&self, at: &Place, id: &FindingId) -> Result<Option<serde_json::Value>> {
        self.road
            .read(
                "guardduty:GetFindings",
                || Ok(None),
                self.inner.finding(at, id),
            )
            .await
    }

    async fn apply(&self, change: &Change) -> Result<Receipt> {
        let operation = change.operation();
        match self.road.meet(operation, Calls::Changes) {
            None => self.inner.apply(change).await,
            Some(Fault::LostAnswer) => {
                // A refusal is an answer too, and is lost as well.
                let _lost = self.inner.apply(change).await;
                Err(error(operation, Fault::LostAnswer))
            }
            Some(fault) => Err(error(operation, fault)),
        }
    }
}
