//! Tables over our own documents.

mod properties;

use super::*;
use crate::finding::{Recognised, fixtures, recognise};
use crate::id::AccountId;

fn finding(text: &str) -> Finding {
    match recognise(text.as_bytes()) {
        Recognised::Findings(mut findings) => findings.remove(0).expect("a good finding"),
        other => panic!("a finding expected: {other:?}"),
    }
}

fn rule(name: &str, on: &[&str], mode: Mode) -> Rule {
    Rule {
        runbook: name.parse().unwrap(),
        hash: Digest::of(name.as_bytes()),
        on: on.iter().map(|pattern| pattern.parse().unwrap()).collect(),
        severity_min: None,
        resource_type: None,
        resource_role: None,
        user_type: None,
        mode,
    }
}

/// Rules as the shipped runbooks have them.
fn rules() -> Vec<Rule> {
    let instance = [
        "Backdoor:EC2/*",
        "CryptoCurrency:EC2/*",
        "UnauthorizedAccess:EC2/*",
        "Execution:Runtime/*",
    ];
    vec![
        Rule {
            severity_min: Some(40),
            resource_type: Some("Instance".to_owned()),
            resource_role: Some("ACTOR".to_owned()),
            ..rule("compromised-instance", &instance, Mode::Contain)
        },
        Rule {
            user_type: Some("IAMUser".to_owned()),
            ..rule("leaked-access-key", &["UnauthorizedAccess:IAMUser/*"], Mode::Contain)
        },
        Rule {
            user_type: Some("AssumedRole".to_owned()),
            ..rule("stolen-role-credentials", &["UnauthorizedAccess:IAMUser/*"], Mode::Approve)
        },
        rule("observe", &["none"], Mode::Observe),
    ]
}

fn policy() -> Policy {
    Policy {
        allowed_accounts: ["111122223333".parse().unwrap()].into(),
        account_modes: [].into(),
        fallback: Some("observe".parse().unwrap()),
    }
}

fn check(what: &str, finding: &Finding, policy: &Policy, runbook: &str, mode: Mode, why: &str) {
    let decision = decide(finding, &rules(), policy);
    let reasons = decision.reasons.join("\n");
    assert_eq!(decision.runbook.map(String::from).as_deref(), Some(runbook), "{what}:\n{reasons}");
    assert_eq!(decision.hash, Some(Digest::of(runbook.as_bytes())), "{what}");
    assert_eq!((decision.mode, decision.acts), (mode, mode != Mode::Observe), "{what}:\n{reasons}");
    assert!(reasons.contains(why), "{what}: {why:?} is not in\n{reasons}");
    assert!(reasons.ends_with(&format!("mode {}", mode.label())), "{what}:\n{reasons}");
}

#[test]
fn our_own_documents_go_to_their_runbooks() {
    use Mode::{Approve, Contain, Observe};
    for (what, text, runbook, mode, why) in [
        (
            "mining",
            fixtures::CRYPTO_MINING_INSTANCE,
            "compromised-instance",
            Contain,
            "compromised-instance: chosen: type CryptoCurrency:EC2/BitcoinTool.B matches \
             CryptoCurrency:EC2/*; severity 8.0 is at least 4.0; resource type is Instance; \
             resource role is ACTOR",
        ),
        (
            "archived",
            fixtures::CRYPTO_MINING_INSTANCE_ARCHIVED,
            "compromised-instance",
            Observe,
            "at most observe: the finding is archived",
        ),
        (
            "exfiltration",
            fixtures::INSTANCE_CREDENTIAL_EXFILTRATION,
            "stolen-role-credentials",
            Approve,
            "leaked-access-key: not chosen: user type is AssumedRole, not IAMUser",
        ),
        (
            "leaked key",
            fixtures::LEAKED_USER_KEY,
            "leaked-access-key",
            Contain,
            "stolen-role-credentials: not chosen: user type is IAMUser, not AssumedRole",
        ),
        (
            "sequence",
            fixtures::ATTACK_SEQUENCE_INSTANCE_GROUP,
            "observe",
            Observe,
            "observe: chosen: no rule fits, it is the fallback",
        ),
        (
            "sample",
            fixtures::SAMPLE_SSH_BRUTE_FORCE,
            "compromised-instance",
            Observe,
            "at most observe: the finding is a sample",
        ),
        (
            "runtime",
            fixtures::RUNTIME_NEW_BINARY,
            "compromised-instance",
            Approve,
            "at most approve: its resource role was assumed",
        ),
        (
            "no severity",
            fixtures::DEGRADED_REEXPORTED,
            "observe",
            Observe,
            "compromised-instance: not chosen: the severity is missing, not at least 4.0",
        ),
        (
            "template",
            fixtures::DEGRADED_TEMPLATE,
            "compromised-instance",
            Approve,
            "at most approve: the finding is degraded: resource.instanceDetails.instanceId holds a placeholder",
        ),
        (
            "masked",
            fixtures::DEGRADED_MASKED_ACCOUNT,
            "leaked-access-key",
            Observe,
            "at most observe: the finding's account is not known",
        ),
    ] {
        check(what, &finding(text), &policy(), runbook, mode, why);
    }
}

#[test]
fn the_strictest_of_everything_is_the_mode() {
    use Mode::{Approve, Contain, Observe};
    let mining = finding(fixtures::CRYPTO_MINING_INSTANCE);
    let account: AccountId = "111122223333".parse().unwrap();
    let with = |change: fn(&mut Finding)| {
        let mut finding = mining.clone();
        change(&mut finding);
        finding
    };
    let account_mode =
        |mode| Policy { account_modes: [(account.clone(), mode)].into(), ..policy() };
    for (what, finding, policy, mode) in [
        ("nothing", mining.clone(), policy(), Contain),
        ("account approve", mining.clone(), account_mode(Approve), Approve),
        ("account observe", mining.clone(), account_mode(Observe), Observe),
        ("account contain", mining.clone(), account_mode(Contain), Contain),
        (
            "not allowed",
            mining.clone(),
            Policy { allowed_accounts: [].into(), ..account_mode(Contain) },
            Observe,
        ),
        ("no account", with(|finding| finding.account = None), policy(), Observe),
        ("no Region", with(|finding| finding.region = None), policy(), Observe),
        ("derived id", with(|finding| finding.id_given = false), policy(), Observe),
        (
            "degraded",
            with(|finding| finding.degraded.push("x is missing".to_owned())),
            policy(),
            Approve,
        ),
    ] {
        check(what, &finding, &policy, "compromised-instance", mode, "");
    }
}

#[test]
fn a_role_that_is_absent_or_strange_is_no_match_but_for_runtime_findings() {
    let mut victim = finding(fixtures::CRYPTO_MINING_INSTANCE);
    for (role, why) in [
        (Some("TARGET"), "compromised-instance: not chosen: resource role is TARGET, not ACTOR"),
        (Some("SOURCE"), "at most approve: the resource role SOURCE is not known"),
        (None, "compromised-instance: not chosen: the resource role is missing, not ACTOR"),
    ] {
        victim.resource_role = role.map(str::to_owned);
        check("role", &victim, &policy(), "observe", Mode::Observe, why);
    }
    let mut runtime = finding(fixtures::RUNTIME_NEW_BINARY);
    runtime.resource_role = Some("TARGET".to_owned());
    let why = "resource role is TARGET, not ACTOR";
    check("a runtime finding with a role", &runtime, &policy(), "observe", Mode::Observe, why);
}

#[test]
fn the_closest_rule_wins() {
    let mining = finding(fixtures::CRYPTO_MINING_INSTANCE);
    let close = |name, on: &[&str]| rule(name, on, Mode::Contain);
    let demanding = |name, on: &[&str]| Rule { severity_min: Some(10), ..close(name, on) };
    for (rules, winner) in [
        (vec![close("a", &["*"]), close("b", &["CryptoCurrency:*"])], "b"),
        (vec![close("a", &["*", "CryptoCurrency:EC2/*"]), close("b", &["CryptoCurrency:*"])], "a"),
        (vec![demanding("a", &["*"]), close("b", &["CryptoCurrency:*"])], "b"),
        (vec![close("a", &["*"]), demanding("b", &["*"])], "b"),
        (vec![close("b", &["*"]), close("a", &["*"])], "a"),
        (vec![close("a", &["Backdoor:*"]), close("b", &["*"])], "b"),
    ] {
        let decision = decide(&mining, &rules, &policy());
        assert_eq!(decision.runbook.unwrap().as_str(), winner, "{:?}", decision.reasons);
        let turned: Vec<Rule> = rules.iter().rev().cloned().collect();
        assert_eq!(decide(&mining, &turned, &policy()).runbook.unwrap().as_str(), winner);
    }
    let decision = decide(&mining, &[close("a", &["*"]), close("b", &["C*"])], &policy());
    assert!(decision.reasons.contains(&"a: not chosen: b fits at least as closely".to_owned()));
}

#[test]
fn without_a_rule_the_fallback_observes_whatever_its_own_mode() {
    let mining = finding(fixtures::CRYPTO_MINING_INSTANCE);
    let none = Policy { fallback: None, ..policy() };
    let decision = decide(&mining, &[], &none);
    assert_eq!((decision.runbook, decision.mode, decision.acts), (None, Mode::Observe, false));
    let bold = [rule("observe", &["none"], Mode::Contain)];
    let decision = decide(&mining, &bold, &policy());
    assert_eq!(decision.hash, Some(Digest::of(b"observe")));
    assert_eq!((decision.mode, decision.acts), (Mode::Observe, false));
    let unlisted = decide(&mining, &[], &policy());
    assert_eq!((unlisted.runbook.unwrap().as_str(), unlisted.hash), ("observe", None));
}

#[test]
fn reasons_keep_hostile_values_short() {
    let mut hostile = finding(fixtures::LEAKED_USER_KEY);
    let key = hostile.access_key.as_mut().unwrap();
    key.user_type = Some("ü".repeat(5000));
    hostile.resource_role = Some("x".repeat(5000));
    hostile.degraded.push("y".repeat(5000));
    for reason in decide(&hostile, &rules(), &policy()).reasons {
        assert!(reason.chars().count() < 500, "{reason}");
    }
}
