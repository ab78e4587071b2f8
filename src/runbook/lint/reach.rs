//! Runbooks that no finding can start: a required parameter that comes from nowhere, or a condition
//! with a value that GuardDuty's findings do not have.
//!
//! Only warnings: people may start a runbook by hand, and tomorrow's finding may have the value.

use rhai::Position;

use super::from::place;
use super::known::help;
use super::warning;
use crate::routing::TypePattern;
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::header::{Header, HeaderParam};
use crate::runbook::literals::key_position;

/// What `resource.resourceType` may be: GuardDuty User Guide, "Finding details", and for what malware
/// scans and AI protection added the blocks of `Resource` in the API Reference; of the last ones the
/// spelling is not documented, so it is taken from the name of the block.
const RESOURCES: &[&str] = &[
    "AccessKey",
    "AttackSequence",
    "BedrockGuardrail",
    "Container",
    "EBSSnapshot",
    "EBSVolume",
    "EC2Image",
    "ECSCluster",
    "EKSCluster",
    "Instance",
    "KubernetesCluster",
    "Lambda",
    "Model",
    "RDSDBInstance",
    "RDSLimitlessDB",
    "RecoveryPoint",
    "S3Bucket",
    "S3Object",
];

/// What `resource.accessKeyDetails.userType` may be: GuardDuty User Guide, "Finding details", and the
/// types of CloudTrail's `userIdentity` element (CloudTrail User Guide), from which GuardDuty has it.
const USERS: &[&str] = &[
    "AWSAccount",
    "AWSService",
    "AssumedRole",
    "Directory",
    "FederatedUser",
    "IAMUser",
    "IdentityCenterUser",
    "Role",
    "Root",
    "SAMLUser",
    "Unknown",
    "WebIdentityUser",
];

/// What a finding's type begins with: GuardDuty User Guide, "GuardDuty finding format" (threat
/// purposes) and the tables of active and retired finding types.
const PURPOSES: &[&str] = &[
    "AttackSequence",
    "Backdoor",
    "Behavior",
    "CredentialAccess",
    "CryptoCurrency",
    "DefenseEvasion",
    "Discovery",
    "Execution",
    "Exfiltration",
    "Impact",
    "InitialAccess",
    "Object",
    "PenTest",
    "Persistence",
    "Policy",
    "PrivilegeEscalation",
    "Recon",
    "ResourceConsumption",
    "Stealth",
    "Trojan",
    "UnauthorizedAccess",
];

/// Warns of what keeps every finding from starting this runbook.
pub(super) fn reach(header: &Header, source: &str) -> Vec<Diagnostic> {
    let mut all = Vec::new();
    if header.on.iter().any(fits_some) {
        all.extend(header.params.iter().filter_map(|param| nowhere(param, source)));
    }
    all.extend(header.on.iter().filter_map(|pattern| purpose(pattern, source)));
    for (key, value, known) in
        [("resource type", &header.resource, RESOURCES), ("user type", &header.user, USERS)]
    {
        let unknown = value.as_deref().filter(|value| !known.contains(value));
        all.extend(unknown.map(|value| {
            let message = format!("GuardDuty's findings have no {key} \"{value}\"");
            warning(message, place(source, value), help(value, known.iter().copied()))
        }));
    }
    all
}

/// Whether a finding can have such a type: each has a colon. `manual`, the type of a case that a
/// person opened, has none.
fn fits_some(pattern: &TypePattern) -> bool {
    pattern.as_str().contains([':', '*'])
}

fn nowhere(param: &HeaderParam, source: &str) -> Option<Diagnostic> {
    if !param.required || param.from.is_some() {
        return None;
    }
    let message = format!(
        "parameter `{}` is required and has no `from`: no finding can start this runbook, but it takes the findings that fit `on` from others",
        param.name
    );
    let help = "give it `from` or `required: false`, or, where only people start the runbook, write \
                `on: [\"manual\"]`";
    Some(warning(message, param_position(source, &param.name), Some(help.to_owned())))
}

fn purpose(pattern: &TypePattern, source: &str) -> Option<Diagnostic> {
    let (purpose, _) = pattern.as_str().split_once(':')?;
    if purpose.contains('*') || PURPOSES.contains(&purpose) {
        return None;
    }
    let message = format!("`on`: GuardDuty's finding types have no purpose `{purpose}`");
    let help = help(purpose, PURPOSES.iter().copied());
    Some(warning(message, place(source, pattern.as_str()), help))
}

fn param_position(source: &str, name: &str) -> Position {
    let found = key_position(source, 1, "params")
        .and_then(|(line, _)| key_position(source, line, name))
        .and_then(|(line, column)| {
            Some(Position::new(u16::try_from(line).ok()?, u16::try_from(column).ok()?))
        });
    found.unwrap_or(Position::NONE)
}
