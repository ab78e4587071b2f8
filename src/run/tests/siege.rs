//! What tests of attacks on an isolation share.

use serde_json::json;

use super::*;
use crate::cloud::faulty::{Faulty, Plan};
use crate::id::AccountId;

pub(super) const ISOLATES: &str = "//! Isolates.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
    fn run(case, p) { contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"); }";

pub(super) type Event = Arc<dyn Fn() + Send + Sync>;

pub(super) const ISOLATES_ANY: &str = "//! Isolates.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\", \
    params: #{ instance: #{ type: \"instance-id\", from: \"resource.instanceDetails.instanceId\" } } };\n\
    fn run(case, p) { contain::isolate_instance(p.instance); }";

pub(super) fn ours() -> AccountId {
    "111122223333".parse().unwrap()
}

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

pub(super) fn world() -> (Sandbox, ManualClock) {
    let clock = clock();
    (Sandbox::from_scenario(SCENARIO, Arc::new(clock.clone())).unwrap(), clock)
}

pub(super) async fn isolate(lab: &Lab) -> RunRow {
    let started = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    lab.settle().await;
    run(lab, &started.id).await
}

/// Counting changes: which is the swap of eni-1 into quarantine.
pub(super) async fn second_swap() -> u64 {
    let (sandbox, clock) = world();
    let (lab, _) = lab_on(&sandbox, clock, Plan::none(), ISOLATES).await;
    isolate(&lab).await;
    let world = sandbox.snapshot_world();
    let mut found = (1..)
        .zip(&world.mutations)
        .filter(|(_, made)| made.resource.contains("eni-0aaaaaaaaaaaaaaa1"));
    found.nth(1).unwrap().0
}

pub(super) fn in_the_open(sandbox: &Sandbox) -> bool {
    groups(sandbox).iter().any(|groups| groups.contains(&"transition".to_owned()))
}

pub(super) fn sequence() -> Value {
    let text = fixtures::ALL
        .iter()
        .find(|(name, _)| *name == "attack-sequence-instance-group")
        .map(|(_, text)| *text)
        .unwrap();
    serde_json::from_str(text).unwrap()
}

/// GuardDuty's own copy of a finding.
pub(super) fn said(sandbox: &Sandbox, detail: &Value) {
    sandbox
        .edit(|world| {
            let regions = &mut world.account_mut(&ours()).unwrap().regions;
            let region = regions.get_mut(&"eu-west-1".parse().unwrap()).unwrap();
            region.findings.insert(detail["id"].as_str().unwrap().parse().unwrap(), detail.clone());
        })
        .unwrap();
}
