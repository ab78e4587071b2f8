//! How well one rule fits one finding: every condition, met or not, in words.
//!
//! Says nothing about accounts or modes of the deployment.

use crate::finding::Finding;

use super::Rule;

/// Characters of a value from the finding that a reason repeats.
const SHOWN_MAX: usize = 200;

/// A rule whose type pattern matches the finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fit {
    /// How much of the type the best matching pattern fixes.
    pub weight: usize,
    /// How many conditions the rule has besides its types.
    pub conditions: usize,
    /// The conditions that hold, the type first.
    pub met: Vec<String>,
    /// The conditions that don't.
    pub unmet: Vec<String>,
    /// Whether the rule demands a role that this finding can't have, so that a person must look.
    pub role_assumed: bool,
}

/// How `rule` fits `finding`; `None` where none of its type patterns matches.
pub(super) fn fit(rule: &Rule, finding: &Finding) -> Option<Fit> {
    let finding_type = &finding.finding_type.0;
    let pattern = rule
        .on
        .iter()
        .filter(|pattern| pattern.matches(finding_type))
        .max_by_key(|pattern| pattern.weight())?;
    let mut fit = Fit {
        weight: pattern.weight(),
        conditions: 0,
        met: vec![format!("type {} matches {pattern}", shown(finding_type))],
        unmet: Vec::new(),
        role_assumed: false,
    };
    if let Some(least) = rule.severity_min {
        let least_words = format!("{}.{}", least / 10, least % 10);
        match finding.severity {
            Some(severity) if severity.0 >= least => {
                fit.holds(format!("severity {severity} is at least {least_words}"));
            }
            Some(severity) => fit.fails(format!("severity {severity} is below {least_words}")),
            None => fit.fails(format!("the severity is missing, not at least {least_words}")),
        }
    }
    if let Some(wanted) = &rule.resource_type {
        fit.same("resource type", finding.resource_type.as_deref(), wanted);
    }
    match (&rule.resource_role, &finding.resource_role) {
        (Some(wanted), None) if is_runtime(finding_type) => {
            fit.role_assumed = true;
            fit.holds(format!("runtime findings carry no resource role; {wanted} is assumed"));
        }
        (Some(wanted), found) => fit.same("resource role", found.as_deref(), wanted),
        (None, _) => {}
    }
    if let Some(wanted) = &rule.user_type {
        let found = finding.access_key.as_ref().and_then(|key| key.user_type.as_deref());
        fit.same("user type", found, wanted);
    }
    Some(fit)
}

impl Fit {
    fn holds(&mut self, reason: String) {
        self.conditions += 1;
        self.met.push(reason);
    }

    fn fails(&mut self, reason: String) {
        self.conditions += 1;
        self.unmet.push(reason);
    }

    fn same(&mut self, what: &str, found: Option<&str>, wanted: &str) {
        match found {
            Some(found) if found == wanted => self.holds(format!("{what} is {wanted}")),
            Some(found) => self.fails(format!("{what} is {}, not {wanted}", shown(found))),
            None => self.fails(format!("the {what} is missing, not {wanted}")),
        }
    }
}

/// GuardDuty doesn't fill `resourceRole` in runtime findings (User Guide, Runtime Monitoring).
fn is_runtime(finding_type: &str) -> bool {
    finding_type.contains(":Runtime/")
}

/// A value from the finding, short enough for a reason.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
