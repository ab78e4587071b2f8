//! Guards: checked by the executor immediately before a step's first change, never by scripts.
//!
//! The check is pure; what it needs to know was looked up by the caller.

use std::collections::BTreeSet;

use super::Limits;
use super::step::StepLog;
use crate::action::Settings;
use crate::change::{Change, Kind, Tags};
use crate::error::Code;
use crate::id::AccountId;
use crate::routing::Mode;

/// Why nothing may be changed.
pub(super) enum Barred {
    /// A guard says no.
    Trip(Trip),
    /// What the guards must know can't be read now.
    Later,
}

impl From<Trip> for Barred {
    fn from(trip: Trip) -> Self {
        Self::Trip(trip)
    }
}

/// What a guard sees.
pub struct Situation<'a> {
    /// The account that the run acts in.
    pub account: &'a AccountId,
    /// How far the run may go.
    pub mode: Mode,
    /// What the step contains or preserves, as `type/id`.
    pub target: &'a str,
    /// The target's tags, read now.
    pub tags: &'a Tags,
    /// The changes that are about to be made.
    pub changes: &'a [Change],
    /// Targets that this run has changed before.
    pub changed: &'a BTreeSet<String>,
}

/// A guard that stopped a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trip {
    /// Its number.
    pub code: Code,
    /// Why, in words.
    pub reason: String,
}

fn trip(code: Code, reason: impl Into<String>) -> Trip {
    Trip { code, reason: reason.into() }
}

/// Checks every guard.
///
/// # Errors
/// The first guard that trips.
pub fn check(limits: &Limits, settings: &Settings, situation: &Situation<'_>) -> Result<(), Trip> {
    let forensics = settings.forensics.as_ref().map(|forensics| &forensics.account);
    if let Some(off_list) = limits.off_list(situation.account) {
        return Err(trip(Code::GUARD_ACCOUNT, off_list));
    }
    let most = limits.mode(situation.account);
    if situation.mode > most {
        return Err(trip(
            Code::GUARD_ACCOUNT,
            format!("account {} allows mode {} at most", situation.account, most.label()),
        ));
    }
    if forensics == Some(situation.account) {
        return Err(trip(Code::GUARD_PROTECTED, "the forensics account is never contained"));
    }
    if situation.target.split_once('/').is_none_or(|(kind, id)| kind.is_empty() || id.is_empty()) {
        return Err(trip(
            Code::GUARD_LIMIT,
            "the step names no target: an empty selector selects nothing",
        ));
    }
    for change in situation.changes {
        let evidence = matches!(
            change.kind,
            Kind::CopySnapshot { .. } | Kind::SnapshotLock(_) | Kind::Tags { .. }
        );
        if change.at.account != *situation.account
            && !(evidence && forensics == Some(&change.at.account))
        {
            return Err(trip(
                Code::GUARD_ACCOUNT,
                format!(
                    "a change in account {} does not belong to this run: {}",
                    change.at.account,
                    change.words()
                ),
            ));
        }
    }
    if let Some(name) = situation.target.strip_prefix("role/")
        && settings.protected_roles.contains(name)
    {
        return Err(trip(Code::GUARD_PROTECTED, format!("role {name} is on the protected list")));
    }
    if is_protected(&limits.protected_tag, situation.tags) {
        return Err(trip(
            Code::GUARD_PROTECTED,
            format!("{} carries the tag {}", situation.target, limits.protected_tag),
        ));
    }
    let mut targets = situation.changed.clone();
    targets.insert(situation.target.to_owned());
    if targets.len() > limits.targets_per_run as usize {
        return Err(trip(
            Code::GUARD_LIMIT,
            format!(
                "the run would change {} targets; {} are allowed",
                targets.len(),
                limits.targets_per_run
            ),
        ));
    }
    Ok(())
}

fn is_protected(tag: &str, tags: &Tags) -> bool {
    match tag.split_once('=') {
        _ if tag.is_empty() => false,
        Some((key, value)) => tags.get(key).is_some_and(|found| found == value),
        None => tags.contains_key(tag),
    }
}

/// Whether the guards have not seen yet what the changes touch: before a step's first change, and before the
/// first of something that the step was not called with, such as a database's cluster, which it may come
/// to only later.
pub(super) fn is_unguarded(step: &StepLog, target: &str, stages: &[Vec<Change>]) -> bool {
    let seen: BTreeSet<String> =
        step.changes.iter().filter_map(|log| Some(log.change.subject()?.path())).collect();
    let subjects = stages.iter().flatten().filter_map(Change::subject);
    let mut paths = subjects.map(|subject| subject.path());
    step.changes.is_empty() || paths.any(|path| path != target && !seen.contains(&path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Forensics;
    use crate::change::Taggable;
    use crate::id::Place;

    #[test]
    fn each_guard_stops_what_it_is_for_and_nothing_else() {
        let ours: AccountId = "111122223333".parse().unwrap();
        let other: AccountId = "444455556666".parse().unwrap();
        let vault: AccountId = "999988887777".parse().unwrap();
        let limits = Limits {
            allowed_accounts: [ours.clone(), vault.clone()].into(),
            targets_per_run: 2,
            protected_tag: "keep=yes".to_owned(),
            confirm_findings: false,
            confirm_shared_roles: true,
            account_modes: Default::default(),
            further_regions: Default::default(),
        };
        let settings = Settings {
            forensics: Some(Forensics {
                account: vault.clone(),
                kms_key: "alias/vault".into(),
                transfer_kms_key: "alias/transfer".into(),
            }),
            protected_roles: ["responder".to_owned()].into(),
            lock: None,
        };
        let tag = |account: &AccountId| Change {
            at: Place { account: account.clone(), region: "eu-west-1".parse().unwrap() },
            kind: Kind::Tags {
                resource: Taggable::Role("web".parse().unwrap()),
                before: Tags::new(),
                after: Tags::from([("a".to_owned(), "b".to_owned())]),
            },
        };
        let none = BTreeSet::new();
        let two = BTreeSet::from(["instance/a".to_owned(), "instance/b".to_owned()]);
        let open = Tags::from([("keep".to_owned(), "no".to_owned())]);
        let kept = Tags::from([("keep".to_owned(), "yes".to_owned())]);
        for (account, target, tags, change, changed, expected) in [
            (&ours, "instance/i-1", &open, &ours, &none, None),
            (&ours, "instance/a", &open, &vault, &two, None),
            (&other, "instance/i-1", &open, &other, &none, Some(Code::GUARD_ACCOUNT)),
            (&ours, "instance/i-1", &open, &other, &none, Some(Code::GUARD_ACCOUNT)),
            (&vault, "instance/i-1", &open, &vault, &none, Some(Code::GUARD_PROTECTED)),
            (&ours, "role/responder", &open, &ours, &none, Some(Code::GUARD_PROTECTED)),
            (&ours, "instance/i-1", &kept, &ours, &none, Some(Code::GUARD_PROTECTED)),
            (&ours, "instance/c", &open, &ours, &two, Some(Code::GUARD_LIMIT)),
            (&ours, "instance/", &open, &ours, &none, Some(Code::GUARD_LIMIT)),
            (&ours, "", &open, &ours, &none, Some(Code::GUARD_LIMIT)),
        ] {
            let changes = [tag(change)];
            let situation = Situation {
                account,
                mode: Mode::Contain,
                target,
                tags,
                changes: &changes,
                changed,
            };
            let tripped = check(&limits, &settings, &situation).err().map(|trip| trip.code);
            assert_eq!(tripped, expected, "{account} {target} {tags:?}");
        }
    }
}
