//! Takes a step's changes back: the first `before` and the last `after` of each attribute, swapped.

use std::collections::BTreeSet;

use super::drive::{Outcome, Record};
use crate::change::{Change, Inverse, Kind, Tags};
use crate::cloud::{Cloud, Scope, Standing, standing};

/// The changes that records come to, in order, one per attribute.
pub fn fold(records: &[Record]) -> Vec<Change> {
    let mut folded: Vec<Change> = Vec::new();
    for record in records.iter().filter(|record| record.outcome != Outcome::Refused) {
        let merged = folded.iter_mut().any(|earlier| merge(earlier, &record.change));
        if !merged {
            folded.push(record.change.clone());
        }
    }
    folded
}

/// Joins `later` into `earlier` when both are about the same attribute.
fn merge(earlier: &mut Change, later: &Change) -> bool {
    if earlier.at != later.at || earlier.resource() != later.resource() {
        return false;
    }
    if let (Kind::Task(first), Kind::Task(last)) = (&earlier.kind, &later.kind) {
        let joined = first.clone().and(last.clone());
        return joined.map(|joined| earlier.kind = Kind::Task(joined)).is_some();
    }
    match (&mut earlier.kind, &later.kind) {
        (Kind::InterfaceGroups { after, .. }, Kind::InterfaceGroups { after: last, .. }) => {
            after.clone_from(last);
        }
        (Kind::SnapshotSharing { after, .. }, Kind::SnapshotSharing { after: last, .. }) => {
            after.clone_from(last);
        }
        (Kind::RolePolicy { after, .. }, Kind::RolePolicy { after: last, .. })
        | (Kind::UserPolicy { after, .. }, Kind::UserPolicy { after: last, .. }) => {
            after.clone_from(last);
        }
        (Kind::Trust(first), Kind::Trust(last)) => *first = first.clone().and(last.clone()),
        (Kind::AccessKey { after, .. }, Kind::AccessKey { after: last, .. }) => *after = *last,
        // Two changes of one resource's tags touch different keys: each is taken back for itself.
        (Kind::Tags { before, after, .. }, Kind::Tags { before: b, after: a, .. }) => {
            let keys = |one: &Tags, other: &Tags| -> BTreeSet<String> {
                one.keys().chain(other.keys()).cloned().collect()
            };
            if keys(before, after) != keys(b, a) {
                return false;
            }
            after.clone_from(a);
        }
        _ => return false,
    }
    true
}

/// Takes back what may be taken back, by the rule of compare-and-set; the number of changes made.
pub async fn undo(cloud: &dyn Cloud, scope: &Scope, records: &[Record]) -> usize {
    let mut made = 0;
    for change in fold(records).iter().rev() {
        let (Inverse::Change(inverse) | Inverse::Revives(inverse, _)) = change.inverse() else {
            continue;
        };
        let session = cloud.open(scope.clone());
        match standing(session.as_ref(), &inverse).await.unwrap() {
            Standing::After => {}
            Standing::Before => {
                let permissions = inverse.permissions();
                let session = cloud.open(Scope { permissions, ..scope.clone() });
                session.apply(&inverse).await.unwrap();
                made += 1;
            }
            other => panic!("{} stands {other:?}", inverse.words()),
        }
    }
    made
}
