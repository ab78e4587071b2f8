//! The property behind claims: whatever three owners do and in whatever order, no two hold one run,
//! no two runs of one target are under way, who lost a lease can't write, and every run ends.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::bed::{at, case_id, finding, on_bed, run_id};
use super::claim::{ask, claimed, event, on_target};
use crate::case::RunEvent;
use crate::id::RunId;
use crate::store::{Fence, LEASE};

/// What the owners do.
#[derive(Debug, Clone)]
enum Move {
    Ask { target: u8 },
    Claim { owner: u8 },
    Renew { pick: prop::sample::Index },
    End { pick: prop::sample::Index, event: u8 },
    Pass { seconds: i64 },
}

fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        2 => (0..3_u8).prop_map(|target| Move::Ask { target }),
        4 => (0..3_u8).prop_map(|owner| Move::Claim { owner }),
        1 => any::<prop::sample::Index>().prop_map(|pick| Move::Renew { pick }),
        2 => (any::<prop::sample::Index>(), 0..4_u8).prop_map(|(pick, event)| Move::End { pick, event }),
        2 => (1..40_i64).prop_map(|seconds| Move::Pass { seconds }),
    ]
}

/// What the property knows of a run.
#[derive(Debug, Clone, Default)]
struct Model {
    target: u8,
    epoch: u64,
    lease_until: i64,
    running: bool,
    over: bool,
}

async fn play(moves: Vec<Move>) {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa")).await.unwrap();
        let mut now = 0;
        let mut runs: BTreeMap<RunId, Model> = BTreeMap::new();
        let mut fences: Vec<Fence> = Vec::new();
        for step in moves {
            match step {
                Move::Ask { target } => {
                    let name = format!("n{:04}", runs.len());
                    ask(bed, "aaaa", on_target(&name, &target.to_string()), now).await;
                    runs.insert(run_id(&name), Model { target, ..Model::default() });
                }
                Move::Claim { owner } => {
                    let Some((id, fence)) = claimed(bed, &owner.to_string(), now).await else {
                        continue;
                    };
                    let before = runs[&id].clone();
                    assert!(
                        !before.over && (!before.running || now >= before.lease_until),
                        "{id} is taken"
                    );
                    assert_eq!(fence.epoch, before.epoch + 1);
                    let started = |m: &Model| m.target == before.target && m.epoch > 0 && !m.over;
                    let others = runs
                        .iter()
                        .filter(|(other, model)| **other != id && started(model))
                        .count();
                    assert_eq!(others, 0, "two runs on one target");
                    let lease_until = now + i64::try_from(LEASE.as_secs()).unwrap();
                    let model = Model { epoch: fence.epoch, lease_until, running: true, ..before };
                    runs.insert(id, model);
                    fences.push(fence);
                }
                Move::Renew { pick } if !fences.is_empty() => {
                    let fence = pick.get(&fences);
                    let model = runs.get_mut(&fence.run).unwrap();
                    let holds = model.running && model.epoch == fence.epoch;
                    assert_eq!(bed.store.renew(fence, at(now)).await.is_ok(), holds);
                    if holds {
                        model.lease_until = now + i64::try_from(LEASE.as_secs()).unwrap();
                    }
                }
                Move::End { pick, event: kind } if !fences.is_empty() => {
                    let fence = pick.get(&fences);
                    let model = runs.get_mut(&fence.run).unwrap();
                    let (kind, wake) = match kind {
                        0 => (RunEvent::Succeeded, None),
                        1 => (RunEvent::Halted, None),
                        2 => (RunEvent::Parked, Some(now + 5)),
                        _ => (RunEvent::Released, None),
                    };
                    let holds = model.running && model.epoch == fence.epoch;
                    let written =
                        bed.apply(&case_id("aaaa"), Some(fence), event(fence, kind, wake)).await;
                    assert_eq!(written.is_ok(), holds, "a lost lease can't write: {written:?}");
                    if holds {
                        model.running = false;
                        model.over = matches!(kind, RunEvent::Succeeded | RunEvent::Halted);
                    }
                }
                Move::Renew { .. } | Move::End { .. } => {}
                Move::Pass { seconds } => now += seconds,
            }
        }
        // Nothing is forgotten: with time, every run ends.
        for _ in 0..runs.len() * 2 {
            now += 60;
            while let Some((_, fence)) = claimed(bed, "last", now).await {
                bed.apply(&case_id("aaaa"), Some(&fence), event(&fence, RunEvent::Succeeded, None))
                    .await
                    .unwrap();
            }
        }
        assert_eq!(bed.store.runs_open().await.unwrap(), []);
    })
    .await;
}

proptest! {
    // Each case is a database with its fsyncs.
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn no_two_owners_hold_a_run_and_no_two_runs_a_target(moves in prop::collection::vec(any_move(), 1..60)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(play(moves));
    }
}
