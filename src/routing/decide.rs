//! The decision: the rule that fits most closely, in the strictest mode that anything asks for.

use std::cmp::Reverse;

use super::fit::{Fit, fit, shown};
use super::{Mode, Policy, Rule};
use crate::error::Code;
use crate::finding::Finding;
use crate::id::{Digest, RunbookName};

/// What answers a finding, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The runbook to run; `None` where nothing matches and there is no fallback.
    pub runbook: Option<RunbookName>,
    /// Its source's hash; `None` without a runbook, and for a fallback that is not among the rules.
    pub hash: Option<Digest>,
    /// How far it may go.
    pub mode: Mode,
    /// Whether the run may change anything: `mode` is not observe, and there is a runbook.
    pub acts: bool,
    /// Why nothing acts on a genuine finding; `None` for one that is acted on, and for samples and
    /// archived ones, which nobody needs to hear of.
    pub unanswered: Option<String>,
    /// Why this runbook, why not the ones that nearly matched, and why this mode: a sentence each.
    /// They may repeat hostile text from the finding, at most 200 characters of a value.
    pub reasons: Vec<String>,
}

/// Chooses among `rules` for `finding`. Pure: equal arguments give equal decisions.
///
/// A rule is a candidate when all of its conditions hold. Among candidates the longest matching
/// type pattern wins, then the number of conditions, then the name. The mode is the strictest of
/// the rule's, the account's, and what the state of the finding itself allows.
#[must_use]
pub fn decide(finding: &Finding, rules: &[Rule], policy: &Policy) -> Decision {
    let mut reasons = Vec::new();
    let chosen = choose(finding, rules, &mut reasons);
    let mut limits = finding_limits(finding);
    limits.extend(account_limits(finding, policy));

    let (runbook, hash) = match chosen {
        Some((rule, fit)) => {
            limits.push((rule.mode, format!("{} goes no further by itself", rule.runbook)));
            if fit.role_assumed {
                limits.push((Mode::Approve, "its resource role was assumed".to_owned()));
            }
            (Some(rule.runbook.clone()), Some(rule.hash.clone()))
        }
        None => {
            limits.push((Mode::Observe, "no runbook was written for it".to_owned()));
            match &policy.fallback {
                Some(name) => {
                    reasons.push(format!("{name}: chosen: no rule fits, it is the fallback"))
                }
                None => reasons.push("no rule fits, and there is no fallback".to_owned()),
            }
            let rule = rules.iter().find(|rule| Some(&rule.runbook) == policy.fallback.as_ref());
            (policy.fallback.clone(), rule.map(|rule| rule.hash.clone()))
        }
    };

    let mode = limits.iter().map(|(mode, _)| *mode).min().unwrap_or(Mode::Observe);
    for (limit, why) in limits.iter().filter(|(limit, _)| *limit < Mode::Contain) {
        reasons.push(format!("at most {}: {why}", limit.label()));
    }
    reasons.push(format!("mode {}", mode.label()));
    let acts = runbook.is_some() && mode != Mode::Observe;
    let genuine = !finding.sample && !finding.version.archived;
    let held = limits.iter().filter(|(limit, _)| *limit == Mode::Observe);
    let held: Vec<&str> = held.map(|(_, why)| why.as_str()).collect();
    let unanswered = (genuine && !held.is_empty()).then(|| held.join("; "));
    Decision { runbook, hash, mode, acts, unanswered, reasons }
}

/// The rule that fits most closely. Rules whose types don't match are not worth a reason.
fn choose<'a>(
    finding: &Finding,
    rules: &'a [Rule],
    reasons: &mut Vec<String>,
) -> Option<(&'a Rule, Fit)> {
    let fits: Vec<(&Rule, Fit)> =
        rules.iter().filter_map(|rule| Some((rule, fit(rule, finding)?))).collect();
    let chosen = fits
        .iter()
        .filter(|(_, fit)| fit.unmet.is_empty())
        .max_by_key(|(rule, fit)| (fit.weight, fit.conditions, Reverse(&rule.runbook)))
        .cloned();
    if let Some((rule, fit)) = &chosen {
        reasons.push(format!("{}: chosen: {}", rule.runbook, fit.met.join("; ")));
    }
    for (rule, fit) in &fits {
        match &chosen {
            Some((winner, _)) if std::ptr::eq(*winner, *rule) => {}
            Some((winner, _)) if fit.unmet.is_empty() => reasons.push(format!(
                "{}: not chosen: {} fits at least as closely",
                rule.runbook, winner.runbook
            )),
            _ => reasons.push(format!("{}: not chosen: {}", rule.runbook, fit.unmet.join("; "))),
        }
    }
    chosen
}

/// What the finding itself allows.
fn finding_limits(finding: &Finding) -> Vec<(Mode, String)> {
    let mut limits = Vec::new();
    let mut limit = |mode: Mode, why: &str| limits.push((mode, why.to_owned()));
    if finding.sample {
        limit(Mode::Observe, "the finding is a sample");
    }
    if finding.version.archived {
        limit(Mode::Observe, "the finding is archived");
    }
    if finding.account.is_none() {
        limit(Mode::Observe, "the finding's account is not known");
    }
    if finding.region.is_none() {
        limit(Mode::Observe, "the finding's Region is not known");
    }
    if !finding.id_given {
        limit(Mode::Observe, "the finding has no id of its own");
    }
    if let Some(role) = &finding.resource_role
        && !matches!(role.as_str(), "ACTOR" | "TARGET")
    {
        limit(Mode::Approve, &format!("the resource role {} is not known", shown(role)));
    }
    // Nothing automatic rests on a document that lacks something or was rewritten on its way.
    for note in &finding.degraded {
        limit(Mode::Approve, &format!("the finding is degraded: {}", shown(note)));
    }
    limits
}

/// What the deployment allows in the finding's account.
fn account_limits(finding: &Finding, policy: &Policy) -> Vec<(Mode, String)> {
    let Some(account) = &finding.account else {
        return Vec::new();
    };
    let mut limits = Vec::new();
    if !policy.allowed_accounts.contains(account) {
        limits.push((
            Mode::Observe,
            format!(
                "{}: the account {account} is not on the allow list: look there yourself, or add the \
                 account to the configuration",
                Code::GUARD_ACCOUNT.number
            ),
        ));
    }
    if let Some(mode) = policy.account_modes.get(account) {
        limits.push((*mode, format!("the account {account} allows no more")));
    }
    limits
}

#[cfg(test)]
mod tests;
