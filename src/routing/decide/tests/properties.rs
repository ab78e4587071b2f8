//! What holds for every finding, rule and policy.

use proptest::prelude::*;

use super::*;
use crate::finding::Severity;

const MODES: [Mode; 3] = [Mode::Observe, Mode::Approve, Mode::Contain];

fn any_finding() -> impl Strategy<Value = Finding> {
    let texts = prop::sample::select(vec![
        fixtures::CRYPTO_MINING_INSTANCE,
        fixtures::LEAKED_USER_KEY,
        fixtures::RUNTIME_NEW_BINARY,
        fixtures::ATTACK_SEQUENCE_INSTANCE_GROUP,
    ]);
    let flags = any::<[bool; 6]>();
    let role = prop::sample::select(vec![None, Some("ACTOR"), Some("TARGET"), Some("SOURCE")]);
    let severity = prop::option::of(0_u16..=100);
    (texts, flags, role, severity).prop_map(|(text, flags, role, severity)| {
        let [sample, archived, account, region, id, degraded] = flags;
        let mut finding = finding(text);
        finding.sample = sample;
        finding.version.archived = archived;
        finding.account = finding.account.filter(|_| account);
        finding.region = finding.region.filter(|_| region);
        finding.id_given = id;
        finding.resource_role = role.map(str::to_owned);
        finding.severity = severity.map(Severity);
        if degraded {
            finding.degraded.push("something is missing".to_owned());
        }
        finding
    })
}

fn any_rules() -> impl Strategy<Value = Vec<Rule>> {
    let pattern = prop::sample::select(vec![
        "*",
        "CryptoCurrency:EC2/*",
        "*:IAMUser/*",
        "Execution:Runtime/*",
        "x",
    ]);
    let some = |values: Vec<&'static str>| prop::option::of(prop::sample::select(values));
    let one = (
        "[a-c]{1,2}",
        prop::collection::vec(pattern, 1..3),
        prop::option::of(0_u16..=100),
        some(vec!["Instance", "AccessKey"]),
        some(vec!["ACTOR", "TARGET"]),
        some(vec!["IAMUser", "AssumedRole"]),
        prop::sample::select(&MODES[..]),
    )
        .prop_map(|(name, on, severity_min, resource_type, resource_role, user_type, mode)| Rule {
            severity_min,
            resource_type: resource_type.map(str::to_owned),
            resource_role: resource_role.map(str::to_owned),
            user_type: user_type.map(str::to_owned),
            ..rule(&name, &on, mode)
        });
    prop::collection::vec(one, 0..6)
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let account: AccountId = "111122223333".parse().unwrap();
    let mode = prop::option::of(prop::sample::select(&MODES[..]));
    let fallback = prop::option::of("[a-d]");
    (any::<bool>(), mode, fallback).prop_map(move |(allowed, mode, fallback)| Policy {
        allowed_accounts: allowed.then(|| account.clone()).into_iter().collect(),
        account_modes: mode.map(|mode| (account.clone(), mode)).into_iter().collect(),
        fallback: fallback.map(|name| name.parse().unwrap()),
    })
}

proptest! {
    #[test]
    fn the_mode_is_never_freer_than_anything_allows(
        finding in any_finding(), rules in any_rules(), policy in any_policy(),
    ) {
        let decision = decide(&finding, &rules, &policy);
        prop_assert_eq!(decision.acts, decision.mode != Mode::Observe && decision.runbook.is_some());
        if decision.mode != Mode::Observe {
            let account = finding.account.clone().expect("an account");
            prop_assert!(policy.allowed_accounts.contains(&account));
            prop_assert!(policy.account_modes.get(&account).is_none_or(|mode| decision.mode <= *mode));
            prop_assert!(finding.region.is_some() && finding.id_given);
            prop_assert!(!finding.sample && !finding.version.archived);
            let name = decision.runbook.clone().expect("a runbook");
            let free_enough = rules.iter().any(|rule| {
                rule.runbook == name
                    && rule.mode >= decision.mode
                    && rule.on.iter().any(|pattern| pattern.matches(&finding.finding_type.0))
                    && rule.severity_min.is_none_or(|least| finding.severity.is_some_and(|severity| severity.0 >= least))
            });
            prop_assert!(free_enough);
        }
        if decision.mode == Mode::Contain {
            prop_assert!(finding.degraded.is_empty());
            prop_assert_ne!(finding.resource_role.as_deref(), Some("SOURCE"));
        }
    }

    #[test]
    fn an_empty_allow_list_never_acts(
        finding in any_finding(), rules in any_rules(), policy in any_policy(),
    ) {
        let policy = Policy { allowed_accounts: [].into(), ..policy };
        prop_assert!(!decide(&finding, &rules, &policy).acts);
    }

    #[test]
    fn the_order_of_rules_changes_nothing(
        finding in any_finding(), mut rules in any_rules(), policy in any_policy(),
    ) {
        // Runbook names are unique in a catalogue.
        rules.sort_by(|a, b| a.runbook.cmp(&b.runbook));
        rules.dedup_by(|a, b| a.runbook == b.runbook);
        let one = decide(&finding, &rules, &policy);
        rules.reverse();
        let other = decide(&finding, &rules, &policy);
        prop_assert_eq!((one.runbook, one.hash, one.mode), (other.runbook, other.hash, other.mode));
    }
}
