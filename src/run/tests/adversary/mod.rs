//! What a hostile reader found: each of these failed when it was written.

mod closed;
mod decided;
mod eighth;
mod falsified;
mod fifth;
mod forged;
mod half_way;
mod in_line;
mod kills;
mod lifted;
mod mends;
mod refused;
mod said;
mod superseded;
mod third;
mod untrue;

use serde_json::json;

use super::siege::*;
use super::*;
use crate::case::{RunState, Status};
use crate::cloud::faulty::{Calls, Fault, Plan};

async fn status(lab: &Lab, case: &CaseId) -> Status {
    lab.env.store.case(case).await.unwrap().unwrap().status
}

async fn pending(lab: &Lab) -> usize {
    lab.env.store.approvals_pending().await.unwrap().len()
}

fn miner() -> Value {
    serde_json::from_str(mining()).unwrap()
}

/// Another finding about the same instance.
fn another(n: u32) -> Value {
    let mut event = miner();
    event["detail"]["id"] = json!(format!("0123456789abcdef0123456789ab{n:04}"));
    event
}

fn later(event: &Value, at: &str, count: u64) -> Value {
    let mut event = event.clone();
    event["detail"]["updatedAt"] = json!(at);
    event["detail"]["service"]["count"] = json!(count);
    event
}

/// The sequence with one more instance.
fn grown() -> Value {
    let mut grown = later(&sequence(), "2026-03-14T11:45:12.000Z", 2);
    let list = &mut grown["detail"]["service"]["detection"]["sequence"]["resources"];
    let mut more = list[0].clone();
    more["uid"] = json!("arn:aws:ec2:eu-west-1:111122223333:instance/i-0fffffffffffffff1");
    list.as_array_mut().unwrap().push(more);
    grown
}

fn confirming() -> LabSettings {
    LabSettings { confirm_findings: true, ..settings() }
}

async fn runs(lab: &Lab, case: &CaseId) -> Vec<String> {
    let runs = lab.env.store.runs_of(case).await.unwrap();
    let words = |run: &RunRow| {
        let state = run.state.label();
        format!(
            "{} {} {state} contained={} {:?}",
            run.runbook,
            run.mode.label(),
            run.contained,
            run.summary
        )
    };
    runs.iter().map(words).collect()
}
