//! What tests of attacks on an isolation share.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use super::*;
use crate::clock::Clock as _;
use crate::cloud::faulty::{Calls, Faulty, Plan};
use crate::cloud::sandbox::RegionState;
use crate::id::{AccountId, ApprovalId, Digest};
use crate::run::drive::drive;
use crate::run::lease::Lease;
use crate::run::{Desk, Env};

pub(super) const ISOLATES: &str = "//! Isolates.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
    fn run(case, p) { contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"); }";

/// As [`ISOLATES`], with the instance as a parameter, so that it is the run's target.
pub(super) const ISOLATES_ANY: &str = "//! Isolates.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\", \
    params: #{ instance: #{ type: \"instance-id\", from: \"resource.instanceDetails.instanceId\" } } };\n\
    fn run(case, p) { contain::isolate_instance(p.instance); }";

/// What happens before a call.
pub(super) type Event = Arc<dyn Fn() + Send + Sync>;

pub(super) fn ours() -> AccountId {
    "111122223333".parse().unwrap()
}

/// The groups of each interface; of ours, what they are for.
pub(super) fn groups(sandbox: &Sandbox) -> Vec<Vec<String>> {
    let world = sandbox.snapshot_world();
    let region = world.accounts[&ours()].regions.values().next().unwrap();
    let machine = region.instances.values().next().unwrap();
    let name = |id| {
        let name: &str = &region.groups[id].name;
        let purpose = name.strip_prefix("tourniquet-").and_then(|name| name.split('-').next());
        purpose.map_or_else(|| format!("{id}"), str::to_owned)
    };
    let interfaces = machine.instance.interfaces.iter();
    interfaces.map(|interface| interface.groups.iter().map(name).collect()).collect()
}

pub(super) fn in_the_open(sandbox: &Sandbox) -> bool {
    groups(sandbox).iter().any(|groups| groups.contains(&"transition".to_owned()))
}

/// What somebody in the account does, in the Region of the instance.
pub(super) fn meddle(sandbox: &Sandbox, change: impl FnOnce(&mut RegionState)) {
    sandbox
        .edit(|world| {
            change(world.account_mut(&ours()).unwrap().regions.values_mut().next().unwrap());
        })
        .unwrap();
}

/// The same as an event.
pub(super) fn meddling(
    sandbox: &Sandbox,
    change: impl Fn(&mut RegionState) + Send + Sync + 'static,
) -> Event {
    let theirs = sandbox.clone();
    Arc::new(move || meddle(&theirs, &change))
}

/// GuardDuty's own copy of a finding.
pub(super) fn said(sandbox: &Sandbox, detail: &Value) {
    let id = detail["id"].as_str().unwrap().parse().unwrap();
    meddle(sandbox, |region| {
        region.findings.insert(id, detail.clone());
    });
}

pub(super) fn world() -> (Sandbox, ManualClock) {
    let clock = clock();
    (Sandbox::from_scenario(SCENARIO, Arc::new(clock.clone())).unwrap(), clock)
}

pub(super) async fn lab_on(
    sandbox: &Sandbox,
    clock: ManualClock,
    plan: Plan,
    source: &str,
) -> (Lab, Faulty) {
    let faulty = Faulty::new(Arc::new(sandbox.clone()), plan);
    let library = library_with("probe", source);
    let lab = Lab::new(Arc::new(faulty.clone()), clock, LabSettings { library, ..settings() });
    (lab.await, faulty)
}

pub(super) async fn faulty_lab(plan: Plan, source: &str) -> (Lab, Sandbox, Faulty) {
    let (sandbox, clock) = world();
    let (lab, faulty) = lab_on(&sandbox, clock, plan, source).await;
    (lab, sandbox, faulty)
}

pub(super) async fn isolate(lab: &Lab) -> RunRow {
    let started = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    lab.settle().await;
    run(lab, &started.id).await
}

/// The calls of an undisturbed isolation.
pub(super) async fn calls() -> u64 {
    let (lab, _, faulty) = faulty_lab(Plan::none(), ISOLATES).await;
    isolate(&lab).await;
    faulty.calls()
}

/// The numbers, from 1, of the changes to what has `part` in its name.
pub(super) fn changes_of(sandbox: &Sandbox, part: &str) -> Vec<u64> {
    let made = (1..).zip(sandbox.snapshot_world().mutations);
    made.filter(|(_, made)| made.resource.contains(part)).map(|(n, _)| n).collect()
}

/// Which of an isolation's changes is the `nth` of those of `part`, from 0.
pub(super) async fn change_number(part: &str, nth: usize) -> u64 {
    let (lab, sandbox, _) = faulty_lab(Plan::none(), ISOLATES).await;
    isolate(&lab).await;
    changes_of(&sandbox, part)[nth]
}

/// Counting changes: which is the swap of eni-1 into quarantine.
pub(super) async fn second_swap() -> u64 {
    change_number("eni-0aaaaaaaaaaaaaaa1", 1).await
}

/// A plan that counts changes.
pub(super) fn changes() -> Plan {
    Plan::none().counting(Calls::Changes)
}

pub(super) fn sequence() -> Value {
    let mut found = fixtures::ALL.iter();
    let (_, text) = found.find(|(name, _)| *name == "attack-sequence-instance-group").unwrap();
    serde_json::from_str(text).unwrap()
}

/// An attack sequence about the instance, approved and ready to go.
pub(super) async fn approved_sequence(lab: &Lab) -> RunRow {
    let case = lab.deliver(&sequence().to_string()).await;
    lab.settle().await;
    decide(lab, "grace", true).await.unwrap();
    only_run(lab, &case).await
}

/// Drives everything else that can be driven while one call of a run is under way, once.
#[derive(Clone, Default)]
pub(super) struct Interlude {
    others: Arc<std::sync::Mutex<Option<Others>>>,
    /// Calls since it was armed; 0: it is not.
    seen: Arc<AtomicU64>,
}

struct Others {
    env: Arc<Env>,
    clock: ManualClock,
    /// What a person says yes to before.
    yes: Option<(Desk, ApprovalId, Digest)>,
}

impl Interlude {
    /// From now on.
    pub(super) fn arm(&self, lab: &Lab, yes: Option<(ApprovalId, Digest)>) {
        let yes = yes.map(|(approval, hash)| (lab.desk.clone(), approval, hash));
        let (env, clock) = (lab.env.clone(), lab.clock.clone());
        *self.others.lock().unwrap() = Some(Others { env, clock, yes });
        self.seen.store(1, Ordering::Relaxed);
    }

    /// The event that plays it at whatever call it stands before.
    pub(super) fn event(&self) -> Event {
        let this = self.clone();
        Arc::new(move || this.play())
    }

    /// A plan that plays it at the `n`-th call after it was armed.
    pub(super) fn at_call(&self, n: u64) -> Plan {
        let this = self.clone();
        let event: Event = Arc::new(move || {
            let armed = this.seen.load(Ordering::Relaxed) > 0;
            if armed && this.seen.fetch_add(1, Ordering::Relaxed) == n {
                this.play();
            }
        });
        (1..3000).fold(Plan::none(), |plan, n| plan.before(n, event.clone()))
    }

    fn play(&self) {
        let Some(Others { env, clock, yes }) = self.others.lock().unwrap().take() else { return };
        let handle = tokio::runtime::Handle::current();
        let others = async move {
            if let Some((desk, approval, hash)) = yes {
                let (by, reason) = ("grace".to_owned(), "seen".to_owned());
                let at = clock.now();
                desk.decide(Decide { approval, by, grant: true, reason, hash, at }).await.unwrap();
            }
            // Time stands still: what waits for AWS is left where it is.
            let (stopping, now) = (CancellationToken::new(), clock.now());
            while let Some((run, fence)) = env.store.claim(&env.owner, now).await.unwrap() {
                let lease = Lease::new(fence, env.clock.monotonic());
                Box::pin(drive(&env, &run, &lease, &stopping)).await.unwrap();
            }
        };
        std::thread::spawn(move || handle.block_on(others)).join().unwrap();
    }
}

/// Takes the sessions of the incident's role.
pub(super) const REVOKES: &str = "//! Revokes.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
    fn run(case, p) { contain::revoke_role_sessions(\"web-server\"); }";

/// The attacker takes the deny away, as a session with rights in IAM may until the deny has spread.
pub(super) fn undo_the_deny(sandbox: &Sandbox) {
    sandbox
        .edit(|world| {
            let role = "web-server".parse().unwrap();
            world.account_mut(&ours()).unwrap().roles.get_mut(&role).unwrap().policies.clear();
        })
        .unwrap();
}

/// Whether the role's stolen session is denied everything now.
pub(super) fn is_denied(sandbox: &Sandbox) -> bool {
    let stolen = "ASIAZ7Q2EXAMPLE00001".parse().unwrap();
    !sandbox.attacker().can_call(&ours(), &stolen).allowed
}

/// A run of `source`, driven until it rests for the first time.
pub(super) async fn begun(source: &str) -> (Lab, Sandbox, RunRow) {
    let (lab, sandbox, _) = faulty_lab(Plan::none(), source).await;
    let started = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    drive_once(&lab, &CancellationToken::new()).await.unwrap().unwrap();
    let row = run(&lab, &started.id).await;
    (lab, sandbox, row)
}
