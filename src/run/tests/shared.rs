//! A role that other instances use, too, is contained once a person has agreed.

use super::*;
use crate::case::RunState;
use crate::cloud::sandbox::World;

/// Gives the incident's role to a second instance.
fn share(sandbox: &Sandbox) {
    let share = |world: &mut World| {
        let account = world.account_mut(&"111122223333".parse().unwrap()).unwrap();
        for region in account.regions.values_mut() {
            let mut twins: Vec<_> = region.instances.values().cloned().collect();
            for twin in &mut twins {
                twin.instance.id = "i-0bbbbbbbbbbbbbbb1".parse().unwrap();
                twin.instance.interfaces.clear();
                twin.instance.volumes.clear();
            }
            region.instances.extend(twins.into_iter().map(|twin| (twin.instance.id.clone(), twin)));
        }
    };
    sandbox.edit(share).unwrap();
}

fn stolen_works(lab: &Lab, sandbox: &Sandbox) -> bool {
    lab.clock.advance(std::time::Duration::from_secs(60));
    let stolen = "ASIAZ7Q2EXAMPLE00001".parse().unwrap();
    sandbox.attacker().can_call(&"111122223333".parse().unwrap(), &stolen).allowed
}

#[tokio::test]
async fn a_shared_role_waits_for_a_person_and_the_instance_does_not() {
    for grant in [true, false] {
        let (lab, sandbox) = lab().await;
        share(&sandbox);
        let case = lab.deliver(mining()).await;
        lab.settle().await;
        let at = crate::id::Place {
            account: "111122223333".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let reach = sandbox.attacker().can_reach_out(&at, &"i-0a1b2c3d4e5f60718".parse().unwrap());
        assert!(!reach.allowed, "it was isolated at once");
        let asked = lab.env.store.approvals_pending().await.unwrap();
        let [asked] = asked.as_slice() else { panic!("{asked:?}") };
        let question = &asked.question;
        assert!(
            question.contains("1 other instance uses the same role (i-0bbbbbbbbbbbbbbb1)"),
            "{question}"
        );
        assert!(question.contains("contain::revoke_role_sessions"), "{question}");
        assert!(stolen_works(&lab, &sandbox), "nothing was done to the role yet");
        decide(&lab, "bob", grant).await.unwrap();
        lab.settle().await;
        assert_eq!(stolen_works(&lab, &sandbox), !grant);
        let done = only_run(&lab, &case).await;
        let expected = if grant { RunState::Succeeded } else { RunState::Halted };
        assert_eq!((done.state, done.contained), (expected, grant), "{:?}", done.summary);
        assert_eq!(done.summary.unwrap_or_default().contains("others use it, too"), !grant);
        lab.finish().await;
    }
}

#[tokio::test]
async fn a_deployment_may_act_without_asking_and_one_instance_alone_is_no_question() {
    for (shared, confirm_shared_roles) in [(true, false), (false, true)] {
        let (lab, sandbox) = lab_with(LabSettings { confirm_shared_roles, ..settings() }).await;
        if shared {
            share(&sandbox);
        }
        let case = lab.deliver(mining()).await;
        lab.settle().await;
        let done = only_run(&lab, &case).await;
        assert_eq!((done.state, done.contained), (RunState::Succeeded, true), "{:?}", done.summary);
        assert!(!stolen_works(&lab, &sandbox));
        lab.finish().await;
    }
}

#[tokio::test]
async fn a_plan_says_who_else_lives_on_the_role() {
    let (lab, sandbox) = lab().await;
    share(&sandbox);
    let role = serde_json::json!({"role": "web-server"});
    let observed = by_hand("stolen-role-credentials", role, Mode::Observe);
    let observed = lab.desk.start(observed).await.unwrap();
    lab.settle().await;
    let entries = lab.entries(&observed.case).await;
    let plan = entries.iter().find(|entry| entry.kind == "plan.made").unwrap();
    let lines = plan.body["changes"].to_string();
    assert!(lines.contains("2 instances use the same role"), "{lines}");
    assert!(plan.body["does"].to_string().contains("mind"), "{:?}", plan.body);
    lab.finish().await;
}
