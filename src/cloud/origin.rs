//! Whether a snapshot that carries our tags can be what a change of ours made. Pure.
//!
//! Whoever may tag can put our tags on any snapshot of the account, so tags alone prove nothing: all
//! that AWS shows and nobody can change later has to fit as well. When it was made, the caller
//! compares, who knows when the change was sent.

use super::{Snapshot, copy_description};
use crate::change::{Change, Kind, Tags};
use crate::id::Place;

/// Why `found` can't be what `change` made; `None` when it can be.
#[must_use]
pub fn unlike(change: &Change, found: &Snapshot) -> Option<String> {
    let (tags, reason) = match &change.kind {
        Kind::CreateSnapshots { volumes, tags, .. } => {
            // A change without a list says nothing about its volumes.
            let known = found.volume.as_ref().is_some_and(|volume| volumes.contains(volume));
            let reason = (!known && !volumes.is_empty()).then(|| match &found.volume {
                Some(volume) => format!("is of {volume}, which was not to be in the set"),
                None => "names no volume".to_owned(),
            });
            (tags, reason)
        }
        Kind::CopySnapshot { source, kms_key, tags, .. } => {
            let key = found.kms_key.as_deref();
            let reason = if !found.encrypted {
                Some("is not encrypted".to_owned())
            } else if found.description != copy_description(source) {
                Some(format!("does not say that it is a copy of {source}"))
            } else if !key.is_some_and(|key| may_be(kms_key, key, &change.at)) {
                Some(format!("is not under {kms_key}"))
            } else {
                None
            };
            (tags, reason)
        }
        _ => return Some("is no snapshot that this change makes".to_owned()),
    };
    if found.owner != change.at.account {
        return Some(format!("belongs to account {}", found.owner));
    }
    if !carries(&found.tags, tags) {
        return Some("lacks some of our tags".to_owned());
    }
    reason
}

fn carries(have: &Tags, wanted: &Tags) -> bool {
    wanted.iter().all(|(key, value)| have.get(key) == Some(value))
}

/// Whether the key that EC2 shows can be the one that was asked for in `at`. Which key an alias means
/// only KMS knows, but it is one of the alias's own account and Region.
fn may_be(asked: &str, shown: &str, at: &Place) -> bool {
    let home = |arn: &str| {
        let mut parts = arn.split(':').skip(3);
        Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
    };
    let last = |key: &str| key.rsplit('/').next().map(str::to_owned);
    if asked == shown {
        return true;
    }
    if asked.contains(":alias/") {
        return home(asked) == home(shown);
    }
    if asked.starts_with("alias/") {
        return home(shown) == Some((at.region.to_string(), at.account.to_string()));
    }
    last(asked) == last(shown)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn change(kind: Value) -> Change {
        let mut change = json!({"at": {"account": "111122223333", "region": "eu-west-1"}});
        change.as_object_mut().unwrap().extend(kind.as_object().unwrap().clone());
        serde_json::from_value(change).unwrap()
    }

    fn snapshot(differing: Value) -> Snapshot {
        let mut found = json!({
            "id": "snap-0000000000000000a", "owner": "111122223333",
            "volume": "vol-0000000000000000a", "state": "completed", "state_message": null,
            "encrypted": true, "kms_key": "arn:aws:kms:eu-west-1:111122223333:key/k-1",
            "size": 8, "started": "2025-03-01T10:00:00Z",
            "description": "Evidence: copy of snap-0000000000000000b", "tags": {"t": "v", "more": ""},
        });
        found.as_object_mut().unwrap().extend(differing.as_object().unwrap().clone());
        serde_json::from_value(found).unwrap()
    }

    #[test]
    fn all_that_can_be_compared_has_to_fit() {
        let set = change(json!({
            "change": "create_snapshots", "instance": "i-0000000000000000a",
            "volumes": ["vol-0000000000000000a"], "exclude_boot": false, "exclude": [],
            "tags": {"t": "v"},
        }));
        let copy = change(json!({
            "change": "copy_snapshot", "source": "snap-0000000000000000b",
            "source_at": {"account": "111122223333", "region": "eu-west-1"},
            "kms_key": "alias/transfer", "tags": {"t": "v"},
        }));
        for (differing, of_set, of_copy) in [
            (json!({}), None, None),
            (json!({"owner": "444455556666"}), Some("444455556666"), Some("444455556666")),
            (json!({"tags": {"t": "other"}}), Some("tags"), Some("tags")),
            (json!({"volume": "vol-0000000000000000b"}), Some("not to be in the set"), None),
            (json!({"volume": null}), Some("names no volume"), None),
            (json!({"encrypted": false}), None, Some("not encrypted")),
            (json!({"description": "Evidence: copy of snap-1"}), None, Some("does not say")),
            (json!({"kms_key": null}), None, Some("not under")),
            (
                json!({"kms_key": "arn:aws:kms:eu-west-1:444455556666:key/k-1"}),
                None,
                Some("not under alias/transfer"),
            ),
        ] {
            for (change, expected) in [(&set, of_set), (&copy, of_copy)] {
                let reason = unlike(change, &snapshot(differing.clone()));
                match expected {
                    None => assert_eq!(reason, None, "{differing}"),
                    Some(part) => {
                        assert!(reason.as_ref().is_some_and(|r| r.contains(part)), "{reason:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_key_is_compared_as_far_as_its_name_tells() {
        let at = change(json!({"change": "delete_login_profile", "user": "u",
            "before": {"created": "", "reset_required": false}}))
        .at;
        let arn = "arn:aws:kms:eu-west-1:111122223333:key/k-1";
        for (asked, shown, expected) in [
            (arn, arn, true),
            ("k-1", arn, true),
            ("k-2", arn, false),
            ("alias/transfer", arn, true),
            ("alias/transfer", "arn:aws:kms:us-east-1:111122223333:key/k-1", false),
            ("alias/transfer", "k-1", false),
            ("arn:aws:kms:eu-west-1:111122223333:alias/transfer", arn, true),
            ("arn:aws:kms:eu-west-1:444455556666:alias/transfer", arn, false),
        ] {
            assert_eq!(may_be(asked, shown, &at), expected, "{asked} {shown}");
        }
    }
}
