//! The shipped runbooks compile without a warning and ask for what they should, in order.

mod function;
mod principal;

use serde_json::json;

use super::*;
use crate::action::find;
use crate::change::Urgency;
use crate::finding::{Recognised, recognise};
use crate::routing::{Policy, decide};

pub(super) const I1: &str = "i-0123456789abcdef0";
const I2: &str = "i-0fedcba9876543210";

fn library() -> Library {
    Library::embedded_with(&ENGINE).unwrap()
}

pub(super) fn runbook(name: &str) -> Arc<Runbook> {
    library().get(&name.parse().unwrap()).unwrap()
}

fn case(finding: Value) -> Value {
    json!({"id": "case-0001", "title": "T", "account": "111122223333", "region": "eu-west-1", "severity": "8.0", "type": "X:Y/Z", "finding": finding})
}

/// Runs the runbook as the driver would, the parameters taken from the finding.
pub(super) fn check(name: &str, finding: Value, look: Value, wanted: &[&str]) -> Advance {
    let runbook = runbook(name);
    let params = runbook.header.check_params(runbook.header.params_from(&finding)).unwrap();
    let facts = Facts { case: case(finding), params, mode: Mode::Contain };
    let (end, asked) = drive(&runbook, &facts, |step| {
        Ok(if step.name.starts_with("look::") { look.clone() } else { json!({}) })
    });
    let asked: Vec<_> = asked.iter().map(|step| format!("{} {}", step.key, step.name)).collect();
    assert_eq!(asked, wanted, "{name}");
    end
}

fn instance_finding() -> Value {
    json!({"resource": {"resourceType": "Instance", "instanceDetails": {"instanceId": I1}}})
}

#[test]
fn all_compile_without_a_warning() {
    let library = library();
    assert_eq!(library.iter().count(), 13);
    for runbook in library.iter() {
        assert!(runbook.warnings.is_empty(), "{}: {:?}", runbook.name, runbook.warnings);
        assert!(!runbook.header.summary.is_empty());
    }
    let fallbacks = library.iter().filter(|runbook| runbook.header.fallback);
    let names: Vec<_> = fallbacks.map(|runbook| runbook.name.as_str()).collect();
    assert_eq!(names, ["observe"]);
    assert_eq!(library.rules().len(), 12);
}

#[test]
fn they_answer_the_findings_they_are_for() {
    let rules = library().rules();
    for (finding_type, wanted) in [
        ("Backdoor:EC2/C&CActivity.B!DNS", &["compromised-instance", "suspected-instance"][..]),
        ("UnauthorizedAccess:EC2/TorRelay", &["compromised-instance", "suspected-instance"]),
        (
            "Impact:EC2/MaliciousDomainRequest.Custom",
            &["compromised-instance", "suspected-instance"],
        ),
        ("Impact:EC2/PortSweep", &["compromised-instance", "suspected-instance"]),
        ("Execution:EC2/MaliciousFile", &["suspected-instance"]),
        ("Execution:EC2/SuspiciousFile", &["suspected-instance"]),
        // What is found on a copy is no running instance.
        ("Execution:EC2/MaliciousFile!Snapshot", &[]),
        // Brute force and probes: the instance may be the victim, and is never isolated.
        ("Impact:EC2/WinRMBruteForce", &["exposed-port"]),
        ("UnauthorizedAccess:EC2/SSHBruteForce", &["exposed-port"]),
        ("UnauthorizedAccess:EC2/RDPBruteForce", &["exposed-port"]),
        ("Recon:EC2/PortProbeUnprotectedPort", &["exposed-port"]),
        ("Recon:EC2/PortProbeEMRUnprotectedPort", &["exposed-port"]),
        (
            "CredentialAccess:IAMUser/AnomalousBehavior",
            &["federated-user", "leaked-access-key", "root-user", "stolen-role-credentials"],
        ),
        ("Policy:IAMUser/RootCredentialUsage", &["root-user"]),
        ("Policy:IAMUser/ShortTermRootCredentialUsage", &["root-user"]),
        ("Policy:S3/BucketAnonymousAccessGranted", &["public-bucket"]),
        ("CredentialAccess:RDS/AnomalousBehavior.SuccessfulLogin", &["database-login"]),
        ("Execution:Runtime/NewBinaryExecuted", &["compromised-task"]),
        ("Execution:ECS/MaliciousFile", &["compromised-task"]),
        ("Discovery:RDS/TorIPCaller", &["database-login"]),
        ("Backdoor:Lambda/C&CActivity.B", &["compromised-function"]),
        ("CryptoCurrency:Lambda/BitcoinTool.B", &["compromised-function"]),
        ("Trojan:Lambda/BlackholeTraffic", &["compromised-function"]),
        ("UnauthorizedAccess:Lambda/MaliciousIPCaller.Custom", &["compromised-function"]),
        // Of the malware scan of a function, should there be one, nothing is known.
        ("Execution:Lambda/MaliciousFile", &[]),
        ("AttackSequence:EC2/CompromisedInstanceGroup", &["attack-sequence"]),
        ("AttackSequence:S3/CompromisedData", &[]),
    ] {
        let found: Vec<_> = rules
            .iter()
            .filter(|rule| rule.on.iter().any(|on| on.matches(finding_type)))
            .map(|rule| rule.runbook.as_str())
            .collect();
        assert_eq!(found, wanted, "{finding_type}");
    }
}

#[test]
fn a_compromised_instance_is_isolated_before_anyone_is_told() {
    let end = check(
        "compromised-instance",
        instance_finding(),
        json!({"id": I1, "role": "web", "tags": {}}),
        &[
            "1 look::instance",
            "2[0]/1 contain::isolate_instance",
            "2[1]/1 evidence::snapshot_volumes",
            "2[2]/1 contain::revoke_role_sessions",
            "2[3]/1 contain::replace_instance_profile",
            "2[4]/1 act::enter_standby",
            "2[5]/1 act::guard_instance",
            "2[0]/2 notify",
            "2[4]/2 act::leave_load_balancers",
            "3 act::tag_resource",
            "4 notify",
        ],
    );
    assert_eq!(end, Advance::Done(json!({"instance": I1, "role": "web"})));
    check(
        "compromised-instance",
        instance_finding(),
        json!({"id": I1, "role": null}),
        &[
            "1 look::instance",
            "2[0]/1 contain::isolate_instance",
            "2[1]/1 evidence::snapshot_volumes",
            "2[2]/1 contain::replace_instance_profile",
            "2[3]/1 act::enter_standby",
            "2[4]/1 act::guard_instance",
            "2[0]/2 notify",
            "2[3]/2 act::leave_load_balancers",
            "3 act::tag_resource",
            "4 notify",
        ],
    );
}

#[test]
fn an_instance_that_is_gone_is_no_success() {
    for name in ["compromised-instance", "suspected-instance"] {
        for look in [
            Value::Null,
            json!({"id": I1, "state": "terminated", "role": "web"}),
            json!({"id": I1, "state": "shutting-down", "role": "web"}),
        ] {
            let end = check(name, instance_finding(), look, &["1 look::instance"]);
            assert!(
                matches!(&end, Advance::Failed(error) if error.message.contains("look for what runs now")),
                "{end:?}"
            );
        }
    }
}

#[test]
fn a_suspected_instance_is_contained_word_for_word_like_a_compromised_one() {
    let body = |name| {
        let source = runbook(name).source.clone();
        source[source.find("fn run(").unwrap()..].to_owned()
    };
    assert_eq!(body("compromised-instance"), body("suspected-instance"));
    let types = |name| runbook(name).header.on.clone();
    let suspected = types("suspected-instance");
    assert!(types("compromised-instance").iter().all(|on| suspected.contains(on)));
    assert_eq!(runbook("suspected-instance").header.mode, Mode::Approve);
}

/// An instance that acts is contained at once; otherwise a person is asked; a victim is left alone.
#[test]
fn the_role_in_the_finding_decides_whether_a_person_is_asked() {
    let rules = library().rules();
    let policy = Policy {
        allowed_accounts: ["111122223333".parse().unwrap()].into(),
        fallback: "observe".parse().ok(),
        ..Policy::default()
    };
    let (acts, asks, closes, watches) = (
        ("compromised-instance", Mode::Contain),
        ("suspected-instance", Mode::Approve),
        ("exposed-port", Mode::Approve),
        ("observe", Mode::Observe),
    );
    for (finding_type, role, (name, mode)) in [
        ("CryptoCurrency:EC2/BitcoinTool.B", json!("ACTOR"), acts),
        ("CryptoCurrency:EC2/BitcoinTool.B", json!("TARGET"), asks),
        ("CryptoCurrency:EC2/BitcoinTool.B", Value::Null, asks),
        ("Impact:EC2/AbusedDomainRequest.Reputation", json!("ACTOR"), acts),
        ("Impact:EC2/AbusedDomainRequest.Reputation", json!("TARGET"), asks),
        ("Impact:EC2/PortSweep", json!("ACTOR"), acts),
        ("UnauthorizedAccess:EC2/TorRelay", json!("TARGET"), asks),
        ("Execution:EC2/MaliciousFile", json!("TARGET"), asks),
        ("Execution:EC2/SuspiciousFile", Value::Null, asks),
        ("Impact:EC2/WinRMBruteForce", json!("TARGET"), closes),
        ("UnauthorizedAccess:EC2/SSHBruteForce", json!("TARGET"), closes),
        // Who guesses passwords has no port that is open.
        ("UnauthorizedAccess:EC2/SSHBruteForce", json!("ACTOR"), watches),
        ("Recon:EC2/PortProbeUnprotectedPort", json!("TARGET"), closes),
        ("Recon:EC2/PortProbeEMRUnprotectedPort", json!("TARGET"), closes),
    ] {
        let mut document: Value =
            serde_json::from_str(crate::finding::fixtures::CRYPTO_MINING_INSTANCE).unwrap();
        document["detail"]["type"] = json!(finding_type);
        document["detail"]["service"]["resourceRole"] = role.clone();
        let Recognised::Findings(findings) = recognise(document.to_string().as_bytes()) else {
            panic!("{finding_type} is not recognised");
        };
        let decision = decide(findings[0].as_ref().unwrap(), &rules, &policy);
        let runbook = decision.runbook.as_ref().map(|name| name.as_str());
        assert_eq!(
            (runbook, decision.mode),
            (Some(name), mode),
            "{finding_type} {role}: {:?}",
            decision.reasons
        );
    }
}

#[test]
fn a_crown_jewel_needs_two_people_first() {
    let runbook = runbook("compromised-instance");
    let facts = Facts {
        case: case(instance_finding()),
        params: runbook.header.params_from(&instance_finding()),
        mode: Mode::Contain,
    };
    let (end, asked) = drive(&runbook, &facts, |step| match step.name.as_str() {
        "look::instance" => Ok(json!({"role": "web", "tags": {"criticality": "crown-jewel"}})),
        "approve" => Err(StepFailure {
            code: "E0507".into(),
            class: "denied".into(),
            message: "bob said no".into(),
        }),
        _ => Ok(json!({})),
    });
    assert_eq!(
        asked[1].args,
        json!({"question": format!("Isolate the crown jewel {I1}?"), "quorum": 2, "within_seconds": 1800})
    );
    assert_eq!(asked.len(), 2, "nothing is done without them: {:?}", shown(&asked));
    assert!(matches!(end, Advance::Failed(error) if error.message == "bob said no"));
}

#[test]
fn telling_and_tagging_never_fail_a_run_and_containment_always_does() {
    let runbook = runbook("compromised-instance");
    let facts = Facts {
        case: case(instance_finding()),
        params: runbook.header.params_from(&instance_finding()),
        mode: Mode::Contain,
    };
    let run = |broken: &str| {
        drive(&runbook, &facts, |step| match step.name.as_str() {
            "look::instance" => Ok(json!({"role": "web"})),
            name if name == broken => Err(failure("broken")),
            _ => Ok(json!({})),
        })
    };
    for broken in ["act::tag_resource", "notify"] {
        assert!(matches!(run(broken).0, Advance::Done(_)), "{broken}");
    }
    for broken in [
        "contain::isolate_instance",
        "contain::replace_instance_profile",
        "contain::revoke_role_sessions",
        "evidence::snapshot_volumes",
    ] {
        let (end, asked) = run(broken);
        assert!(matches!(end, Advance::Failed(_)), "{broken}");
        let contained = asked
            .iter()
            .filter(|step| {
                find(&step.name).is_some_and(|action| action.urgency() == Urgency::Containment)
            })
            .count();
        assert_eq!(contained, 3, "the others went on without {broken}");
    }
}

#[test]
fn an_attack_sequence_fans_out_once_for_each_target() {
    let instance = |id: &str| json!({"uid": format!("arn:aws:ec2:eu-west-1:111122223333:instance/{id}"), "resourceType": "EC2_INSTANCE"});
    let actor = |name: &str, kind: &str| json!({"id": name, "user": {"name": name, "type": kind}});
    let finding = json!({"service": {"detection": {"sequence": {
        "resources": [instance(I1), {"uid": "arn:aws:s3:::b", "resourceType": "S3_BUCKET"}, instance(I2), instance(I1)],
        "actors": [actor("bob", "IAMUser"), {"id": "process", "process": {"name": "sh"}}, actor("ci-admin", "AssumedRole"), actor("bob", "IAMUser"), actor("x", "AWSService")],
    }}}});
    let runbook = runbook("attack-sequence");
    let facts = Facts { case: case(finding), params: serde_json::Map::new(), mode: Mode::Contain };
    let (end, asked) = drive(&runbook, &facts, |_| Ok(json!({})));
    assert!(matches!(end, Advance::Done(_)), "{end:?}");
    let asked = shown(&asked);
    assert_eq!(
        asked[..12],
        [
            format!("1[0]/1 look::instance {{\"instance\":\"{I1}\"}}"),
            format!("1[1]/1 look::instance {{\"instance\":\"{I2}\"}}"),
            "1[2]/1 contain::disable_access_keys {\"user\":\"bob\"}".to_owned(),
            "1[3]/1 contain::revoke_role_sessions {\"role\":\"ci-admin\"}".to_owned(),
            format!("1[0]/2[0]/1 contain::isolate_instance {{\"instance\":\"{I1}\"}}"),
            format!("1[0]/2[1]/1 evidence::snapshot_volumes {{\"instance\":\"{I1}\"}}"),
            format!("1[0]/2[2]/1 contain::replace_instance_profile {{\"instance\":\"{I1}\"}}"),
            format!("1[0]/2[3]/1 act::enter_standby {{\"instance\":\"{I1}\"}}"),
            format!("1[1]/2[0]/1 contain::isolate_instance {{\"instance\":\"{I2}\"}}"),
            format!("1[1]/2[1]/1 evidence::snapshot_volumes {{\"instance\":\"{I2}\"}}"),
            format!("1[1]/2[2]/1 contain::replace_instance_profile {{\"instance\":\"{I2}\"}}"),
            format!("1[1]/2[3]/1 act::enter_standby {{\"instance\":\"{I2}\"}}"),
        ]
    );
    assert_eq!(asked.len(), 17);

    for empty in [
        json!({}),
        json!({"service": {"detection": {"sequence": {"resources": [], "actors": []}}}}),
    ] {
        let end = check("attack-sequence", empty, json!({}), &[]);
        assert!(
            matches!(end, Advance::Failed(error) if error.message.contains("names no instance"))
        );
    }
}

#[test]
fn what_nobody_answers_is_only_looked_at() {
    let end = check(
        "observe",
        instance_finding(),
        json!({"state": "running"}),
        &["1 look::instance", "2 notify"],
    );
    assert!(matches!(end, Advance::Done(value) if value["state"] == "running"
        && value["note"].as_str().unwrap().ends_with(&format!("a person decides. {I1} is running."))));
    let end = check("observe", instance_finding(), Value::Null, &["1 look::instance", "2 notify"]);
    assert!(
        matches!(end, Advance::Done(value) if value["note"].as_str().unwrap().contains("is not in"))
    );
    // Whatever the finding names, what it has to say is a step, and so in the timeline.
    let end = check("observe", json!({}), json!({}), &["1 notify"]);
    assert!(matches!(end, Advance::Done(value) if value["state"].is_null()));
    assert!(runbook("observe").actions_used().is_empty());
}
