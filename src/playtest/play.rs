//! Playing a case, and comparing.
//!
//! The end is checked from the attacker's side too: what stolen credentials and the instance can
//! still do, not what the timeline says about it.

use std::sync::Arc;

use super::file::CaseFile;
use super::render;
use crate::case::Status;
use crate::change::EcsRef;
use crate::clock::{Clock, ManualClock};
use crate::cloud::sandbox::{Sandbox, World};
use crate::id::{CaseId, Place};
use crate::lab::{Lab, LabSettings};
use crate::routing::Mode;
use crate::store::{Decide, RunKind};

/// Lines of a timeline that one message compares: after a shift, all further lines differ.
const DIFFERENCES_SHOWN: usize = 5;

/// What came of a case.
pub struct Played {
    /// The runs in the order in which they were asked for.
    pub runs: Vec<String>,
    pub status: Status,
    pub timeline: String,
    sandbox: Sandbox,
}

/// Plays the case to its end.
pub async fn play(case: &CaseFile) -> Played {
    let clock = ManualClock::self_advancing(case.at);
    let world = World::build(&case.scenario, clock.now()).unwrap();
    let sandbox = Sandbox::new(world, Arc::new(clock.clone()));
    let settings = LabSettings {
        allowed: case.allowed.iter().cloned().collect(),
        forensics: case.forensics.clone(),
        ..LabSettings::default()
    };
    let lab = Lab::new(Arc::new(sandbox.clone()), clock, settings).await;
    let mut opened: Option<CaseId> = None;
    for finding in case.documents().unwrap_or_else(|error| panic!("{error}")) {
        let accepted = lab.deliver(&finding).await;
        let first = opened.get_or_insert(accepted.clone());
        assert_eq!(*first, accepted, "findings of one file belong to one case");
        lab.settle().await;
    }
    for decision in &case.decisions {
        let pending = lab.env.store.approvals_pending().await.unwrap();
        let asked = pending.first().expect("a decision stands in the file, and nobody is asked");
        let decide = Decide {
            approval: asked.id.clone(),
            by: decision.by.clone(),
            grant: decision.approve,
            reason: "as the case file says".to_owned(),
            hash: asked.hash.clone(),
            at: lab.clock.now(),
        };
        lab.desk.decide(decide).await.unwrap();
        lab.settle().await;
    }
    let opened = opened.expect("a finding opens a case");
    let runs = lab.env.store.runs_of(&opened).await.unwrap();
    if case.undo {
        let acted = runs.iter().find(|run| run.mode != Mode::Observe).expect("a run that acts");
        lab.desk.undo(&acted.id, "undoer".to_owned(), true).await.unwrap();
        lab.settle().await;
    }
    let runs = lab.env.store.runs_of(&opened).await.unwrap();
    let named = runs.iter().map(|run| match run.kind {
        RunKind::Undo => "undo".to_owned(),
        RunKind::Runbook => run.runbook.to_string(),
    });
    let named: Vec<String> = named.collect();
    let row = lab.env.store.case(&opened).await.unwrap().unwrap();
    let played = Played {
        runs: named,
        status: row.status,
        timeline: render::timeline(&lab.entries(&opened).await, case.at),
        sandbox,
    };
    lab.finish().await;
    played
}

/// What is not as the file says.
pub fn differences(case: &CaseFile, played: &Played, timeline: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut check = |what: &str, is: String, expected: String| {
        if is != expected {
            found.push(format!("{what} is {is}, expected {expected}"));
        }
    };
    let expect = &case.expect;
    let runs: Vec<String> = [&expect.runbook].into_iter().chain(&expect.then).cloned().collect();
    check("the runs", played.runs.join(", "), runs.join(", "));
    check("the status", played.status.label().to_owned(), expect.status.clone());
    let world = played.sandbox.snapshot_world();
    check(
        "the number of mutations",
        world.mutations.len().to_string(),
        expect.mutations.to_string(),
    );
    let attacker = played.sandbox.attacker();
    let place = home(case);
    for (keys, allowed) in [(&expect.denied, false), (&expect.working, true)] {
        for key in keys {
            let verdict = attacker.can_call(&place.account, key);
            check(&format!("{key} may call"), verdict.allowed.to_string(), allowed.to_string());
        }
    }
    for (instances, allowed) in [(&expect.cut_off, false), (&expect.connected, true)] {
        for instance in instances {
            let verdict = attacker.can_reach_out(&place, instance);
            check(
                &format!("{instance} reaches out"),
                verdict.allowed.to_string(),
                allowed.to_string(),
            );
        }
    }
    for (users, allowed) in [(&expect.signed_out, false), (&expect.signed_in, true)] {
        for user in users {
            let verdict = attacker.console_login(&place.account, user);
            check(&format!("{user} signs in"), verdict.allowed.to_string(), allowed.to_string());
        }
    }
    for (buckets, allowed) in [(&expect.closed, false), (&expect.open, true)] {
        for bucket in buckets {
            let verdict = attacker.can_read_publicly(&place.account, bucket);
            check(
                &format!("everybody reads {bucket}"),
                verdict.allowed.to_string(),
                allowed.to_string(),
            );
        }
    }
    for (ports, allowed) in [(&expect.shut, false), (&expect.exposed, true)] {
        for text in ports {
            let (instance, port) = text.split_once(':').expect("instance:port");
            let (instance, port) = (instance.parse().unwrap(), port.parse().unwrap());
            let verdict = attacker.can_reach_in(&place, &instance, port);
            check(
                &format!("everybody reaches {text}"),
                verdict.allowed.to_string(),
                allowed.to_string(),
            );
        }
    }
    for (databases, allowed) in [(&expect.unreachable, false), (&expect.reachable, true)] {
        for database in databases {
            let verdict = attacker.can_connect(&place, database);
            check(
                &format!("somebody reaches {database}"),
                verdict.allowed.to_string(),
                allowed.to_string(),
            );
        }
    }
    for (tasks, allowed) in [(&expect.tasks_cut_off, false), (&expect.tasks_connected, true)] {
        for task in tasks {
            let wanted = EcsRef::from_path("ecs-task", task).expect("cluster/id");
            let verdict = attacker.can_reach_out_of_task(&place, &wanted);
            check(
                &format!("task {task} reaches out"),
                verdict.allowed.to_string(),
                allowed.to_string(),
            );
        }
    }
    for (functions, allowed) in [(&expect.throttled, false), (&expect.running, true)] {
        for function in functions {
            let verdict = attacker.can_invoke(&place, function);
            check(&format!("{function} runs"), verdict.allowed.to_string(), allowed.to_string());
        }
    }
    if timeline && played.timeline != expect.timeline {
        let lines =
            played.timeline.lines().zip(expect.timeline.lines().chain(std::iter::repeat("")));
        for (is, expected) in lines.filter(|(is, expected)| is != expected).take(DIFFERENCES_SHOWN)
        {
            found.push(format!("timeline: {is:?}, expected {expected:?}"));
        }
        let (is, expected) = (played.timeline.lines().count(), expect.timeline.lines().count());
        if is != expected {
            found.push(format!("the timeline has {is} lines, expected {expected}"));
        }
    }
    found
}

fn home(case: &CaseFile) -> Place {
    let account = case.scenario.account.first().expect("a scenario has an account");
    Place { account: account.id.clone(), region: account.region.clone() }
}
